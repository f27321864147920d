"""The MIDI files that a request brings, as a wish: which stem each is for, and what the parts may decide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from antiphon.domain.given import PartWish
from antiphon.domain.reading import PromptReading
from antiphon.domain.score import STEMS
from antiphon.errors import InvalidRequest, OutOfRange

if TYPE_CHECKING:
    from antiphon.control.command_values import Generate

#: A stem in front of a file: `drums:beat.mid`, or as command lines have it, `drums=beat.mid`.
_NAMED = re.compile(r"([A-Za-z]+)\s*[:=]\s*(.+)")


def parse_part(text: str, near: str | None) -> tuple[str, str]:
    """A part as (stem, file), the stem `""` where none is said; `near` is the stem that an unknown word before the file
    is like. Raises OutOfRange for such a word, and where there is no file."""
    named = _NAMED.fullmatch(text)
    if named and named[1].lower() in STEMS:
        return named[1].lower(), named[2]
    if not text or text.rstrip(":= ").lower() in STEMS:
        raise OutOfRange("part has no file: write STEM:FILE, as drums:beat.mid, or drums:upload:ID")
    if named and near is not None:
        raise OutOfRange(f"there is no stem {named[1][:40]!r}: did you mean {near!r}? (stems: {', '.join(STEMS)})")
    return "", text


def word_before(text: str) -> str:
    """The word in front of a file that could be meant as a stem; empty where there is none."""
    named = _NAMED.fullmatch(text)
    return named[1] if named and named[1] != "upload" and len(named[1]) > 2 else ""


def part_wish_of(asked: Generate, read: PromptReading) -> PartWish | None:
    """The parts of a request; what neither its keys nor its prompt say is theirs to decide.

    Raises InvalidRequest where a stem is given twice.
    """
    if not asked.parts:
        return None
    said = [stem for stem, _ in asked.parts if stem]
    twice = next((stem for stem in said if said.count(stem) > 1), None)
    if twice is not None:
        raise InvalidRequest(f"part {twice} is given twice: bring one file for each stem")
    is_said = {
        "bpm": asked.bpm is not None or read.tempo_bpm is not None,
        "meter": asked.meter is not None or read.meter is not None,
        "bars": asked.bars is not None or read.bars is not None,
        # Named chords say what key they are in.
        "key": asked.key is not None or read.key is not None or asked.chords is not None,
        "chords": asked.chords is not None,
    }
    return PartWish(asked.parts, tuple(name for name, said in is_said.items() if not said), asked.licence)
