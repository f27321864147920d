"""Parts that a model has written, and which of their steps still stand.

What is written stays, note for note, until something makes it wrong. Other genes of the part, another key or another
grid want the whole of it anew; other chords those steps at which they sound; a twist its half bars. Until the model has
written these, the grammar's notes for the same genes stand in for them, so that children can be bred and compared by
the hundred with no model at hand; no loop is sounded before all is written.
"""

from __future__ import annotations

import hashlib

from antiphon.domain.composers import MODEL
from antiphon.domain.genome import Genome, StemGenes, Stroke
from antiphon.domain.score import STRUCK_STEMS, ChordSpan
from antiphon.domain.theory import Chord
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.twist import twisted_steps

#: A part is written anew where its energy has moved by more than this since: less is not worth other notes.
ENERGY_STEP = 0.1


def part_energy(genome: Genome, genes: StemGenes) -> float:
    """How many notes a part shall have, 0 to 1."""
    return min(1.0, max(0.0, genome.energy + genes.density))


def is_modelled(genes: StemGenes) -> bool:
    """Whether the model writes the part. What somebody brought nobody writes."""
    return genes.composer == MODEL and genes.given is None


def harmony_of(genome: Genome, stem: str) -> tuple[ChordSpan, ...]:
    """The chords that a part is written to; drums know none."""
    return () if stem in STRUCK_STEMS else genome.chords


def origin_of(genome: Genome, genes: StemGenes, frame: Frame) -> str:
    """A name for all that the whole of a part is written for: its own genes, its key, its grid."""
    key = "" if genes.stem in STRUCK_STEMS else genome.key.name
    about = (genes.stem, genes.seed, genes.style, genes.behaviour, genes.register, key, genome.meter.name)
    grid = (genome.bars, frame.step_beats, frame.swing_unit_steps)
    return hashlib.blake2b(repr((about, grid)).encode(), digest_size=8).hexdigest()


def chord_at(chords: tuple[ChordSpan, ...], frame: Frame, step: float) -> Chord:
    """The chord that sounds at a step, counted round the loop."""
    beats = (step % frame.total_steps + 1e-6) * frame.step_beats
    return next((span.chord for span in reversed(chords) if span.onset_beats <= beats), chords[0].chord)


def twist_steps(genes: StemGenes, frame: Frame) -> list[tuple[int, frozenset[int]]]:
    """The seed of each twist that is not yet written, and the steps that it tells anew."""
    told = ((twist.seed, twisted_steps(frame, twist)) for twist in genes.twists)
    return [(seed, frozenset(filter(tells, range(frame.total_steps)))) for seed, tells in told]


def open_steps(genome: Genome, genes: StemGenes, frame: Frame) -> frozenset[int]:
    """The steps of a part that the model has still to write; none where all of it stands."""
    every, part = frozenset(range(frame.total_steps)), genes.written
    if part is None or part.origin != origin_of(genome, genes, frame):
        return every
    if abs(part.energy - part_energy(genome, genes)) > ENERGY_STEP:
        return every
    harmony = harmony_of(genome, genes.stem)
    others = frozenset(
        step for step in every
        if part.chords != harmony and chord_at(part.chords, frame, step) != chord_at(harmony, frame, step)
    )  # fmt: skip
    return others.union(*(steps for _, steps in twist_steps(genes, frame)))


def standing(genes: StemGenes, opened: frozenset[int]) -> list[Stroke]:
    """What a part has outside the steps that are open."""
    return [stroke for stroke in genes.written.strokes if stroke.step not in opened] if genes.written else []
