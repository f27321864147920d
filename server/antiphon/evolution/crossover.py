"""Crossover of whole musical parts: the groove of one, the harmony of the other, each stem from one of both.

Parts are exchanged whole, as Waschka ("Composing with genetic algorithms", 2007) and Biles do, because half a bass
line of each is no bass line. The child lies in the first parent's tempo, meter and bars, and in one key throughout: the
stems are composed anew on its harmony from the genes they come with.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from antiphon.domain.genome import Genome
from antiphon.domain.given import pitched
from antiphon.domain.reference import united
from antiphon.evolution.chance import chance, pick
from antiphon.evolution.harmony import fitted
from antiphon.evolution.noise import slerp
from antiphon.generation.grammar.genesis import with_all_stems

FEEL, HARMONY, PRESET = "feel", "harmony", "preset"


def cross(first: Genome, second: Genome, mix: float, rng: np.random.Generator, stems: tuple[str, ...] = ()) -> Genome:
    """A child of two: each part comes from the second parent with probability `mix`, at least one from either parent
    (but for a `mix` of 0 or 1, which is the one or the other in the first one's frame). Noises are mixed by SLERP.

    With `stems` exactly these come from the second parent, sound and all, and everything else from the first.
    """
    first, second = with_all_stems(first), with_all_stems(second)
    # Whatever the child takes of either: a licence is never lost on the way.
    first = replace(first, references=united(first.references, second.references))
    if stems:
        child = first.with_only(*(second.genes(stem) for stem in stems))
        return replace(child, playing=_in_order(first, {*first.playing, *stems}))
    taken = _taken_from_second(first, second, mix, rng)
    child = _shared(first, second, mix, taken)
    for stem in (genes.stem for genes in first.stems):
        source = second if stem in taken and stem in second.playing else first
        noise = slerp(first.genes(stem).noise, second.genes(stem).noise, mix)
        child = child.with_genes(replace(source.genes(stem), noise=noise))
    heard = {stem for stem in first.playing if stem not in taken or stem in second.playing}
    heard |= {stem for stem in second.playing if stem in taken}
    return replace(child, playing=_in_order(first, heard or {*first.playing}))


def _taken_from_second(first: Genome, second: Genome, mix: float, rng: np.random.Generator) -> set[str]:
    """The parts that come from the second parent."""
    stems = [genes.stem for genes in first.stems if genes.stem in {*first.playing, *second.playing}]
    held = _held(first, second)
    parts = [part for part in (FEEL, HARMONY, PRESET, *stems) if part not in held]
    taken = {part for part in parts if chance(rng, mix)}
    both = [HARMONY, *(stem for stem in stems if stem in first.playing and stem in second.playing)]
    audible = [part for part in both if part not in held]
    if 0 < mix < 1 and audible and not taken & {*audible}:
        taken.add(pick(rng, audible))
    if 0 < mix < 1 and taken >= {*audible} and len(audible) > 1:
        taken.remove(pick(rng, audible))
    return taken


def _held(first: Genome, second: Genome) -> set[str]:
    """What chance leaves with the first parent, because somebody brought notes: those parts, the feel that they are
    played with, and the harmony that they have; nor does it bring given tones into another harmony."""
    held = {part.stem for part in first.given} | {part.stem for part in pitched(second.given)}
    held |= {FEEL} if first.given else set()
    return held | ({HARMONY} if pitched(first.given) else set())


def _shared(first: Genome, second: Genome, mix: float, taken: set[str]) -> Genome:
    """What all stems of the child share."""
    feel = second if FEEL in taken else first
    harmony = second if HARMONY in taken else first
    preset = second if PRESET in taken else first
    return replace(
        first, kick=None, answered=None, style=feel.style, swing=feel.swing,
        energy=(1.0 - mix) * first.energy + mix * second.energy,
        key=harmony.key, chords=fitted(harmony.chords, harmony.meter, first.meter, first.bars), preset=preset.preset,
        fixed=_fixed(first, second, taken), avoided=tuple(dict.fromkeys((*first.avoided, *second.avoided))),
    )  # fmt: skip


def _fixed(first: Genome, second: Genome, taken: set[str]) -> tuple[str, ...]:
    """What a person asked for of the parts that the child has."""
    part_of = {"key": HARMONY, "chords": HARMONY, "preset": PRESET, "swing": FEEL}
    names = dict.fromkeys((*first.fixed, *second.fixed))

    def source(name: str) -> Genome:
        return second if part_of.get(name, name.split()[-1]) in taken else first

    return tuple(name for name in names if name in source(name).fixed)


def _in_order(genome: Genome, stems: set[str]) -> tuple[str, ...]:
    return tuple(genes.stem for genes in genome.stems if genes.stem in stems)
