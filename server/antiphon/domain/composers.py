"""Composers: what writes a stem's notes. `grammar` composes by rule and seed, `model` is the score model, which writes
a part to go with the others."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from antiphon.domain.genome import Genome, StemGenes
from antiphon.domain.score import CORE_STEMS, STEMS
from antiphon.errors import OutOfRange

GRAMMAR, MODEL = "grammar", "model"
COMPOSERS = (GRAMMAR, MODEL)
#: What sidecars say of a stem whose notes somebody brought.
GIVEN = "given"
#: The stems that the score model writes; the others are the grammar's, played to the drums that there are.
MODEL_STEMS = CORE_STEMS
#: The composer of each stem that a person has chosen, as (stem, composer) pairs in the order of the stems.
Composers = tuple[tuple[str, str], ...]


def parse_composers(text: str) -> Composers:
    """Read `model`, `grammar`, or `bass:model drums:grammar`; empty: nothing is chosen.

    `model` for all stems means those that the model writes. Raises OutOfRange that says how composers are written, or
    which stems the model writes.
    """
    chosen: dict[str, str] = {}
    for word in re.split(r"[\s,;]+", text.strip().lower()):
        if not word:
            continue
        stem, colon, composer = word.partition(":")
        if not colon:
            stem, composer = "", word
        if composer not in COMPOSERS:
            raise OutOfRange(f"there is no composer {composer[:40]!r}{_hint(composer, COMPOSERS)}; {_HOW}")
        if stem and stem not in STEMS:
            raise OutOfRange(f"there is no stem {stem[:40]!r}{_hint(stem, STEMS)}; {_HOW}")
        if stem and composer == MODEL:
            check_model_writes([stem])
        chosen |= dict.fromkeys([stem] if stem else STEMS if composer == GRAMMAR else MODEL_STEMS, composer)
    return tuple((stem, chosen[stem]) for stem in STEMS if stem in chosen)


def check_composed(composers: Composers, stems: Sequence[str]) -> None:
    """Raises OutOfRange where the model is asked for, and none of the stems is one that it writes. No stems: those that
    the style has, and some of these it writes always."""
    if stems and MODEL in dict(composers).values():
        check_model_writes(stems)


def check_model_writes(stems: Sequence[str]) -> None:
    """Raises OutOfRange where none of some stems is one that the score model writes."""
    if not {*stems} & {*MODEL_STEMS}:
        raise OutOfRange(
            f"the score model does not write {' or '.join(stems)}: it writes {', '.join(MODEL_STEMS)}; ask for one of "
            "these too, or leave the composer to the grammar, which plays the others to the model's drums"
        )


def composers_of(genome: Genome) -> Mapping[str, str]:
    """Who wrote each stem that plays: `grammar`; `model score-2`, with the version that did; or `given beat.mid`, with
    the file that was brought."""
    return {genes.stem: _composer_of(genes) for genes in genome.stems if genes.stem in genome.playing}


def _composer_of(genes: StemGenes) -> str:
    if genes.given is not None:
        return f"{GIVEN} {genes.given.name}"
    if genes.written is not None and genes.composer == MODEL:
        return f"{MODEL} {genes.written.version}"
    return GRAMMAR


_HOW = f"write {' or '.join(COMPOSERS)} for all stems, or `bass:model drums:grammar` for some"


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
