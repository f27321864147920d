"""Scores written by the model: from genomes, with parts that are given left note for note as they are.

The model writes four stems; percussion and texture are composed by the grammar beside it, to the drums that it wrote.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from antiphon.domain.genome import Genome, Stroke
from antiphon.domain.score import DRUM_PITCHES, ONE_VOICE, Note, Score, StemScore
from antiphon.generation.grammar.composer import express, stem_notes
from antiphon.generation.grammar.finish import strokes_to_notes
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.groove import GroovePlan, Hit
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.grammar.written import standing, twist_steps
from antiphon.generation.scoring.conditions import measured_densities, wishes_of
from antiphon.generation.scoring.grid import WRITTEN, Grid, grid_to_strokes, score_to_grid, stretched, with_glides
from antiphon.generation.scoring.sampling import DEFAULT_GUIDANCE, DEFAULT_STEPS, Canvas, NotesPipeline, OnStep
from antiphon.generation.styles import get_style

#: Loops that go through the model together.
_BATCH = 16


@dataclass(frozen=True, slots=True)
class Commission:
    """A loop to be written: its genome, the notes of the stems that are there already and shall stay, how many notes or
    strokes per felt bar are wanted, and how many gliding notes in all. Of stems in `opened` what stands written outside
    these steps stays too."""

    genome: Genome
    given: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)
    densities: Mapping[str, float] = field(default_factory=dict)
    opened: Mapping[str, frozenset[int]] = field(default_factory=dict)
    glides: Mapping[str, float] = field(default_factory=dict)


def _score(genome: Genome, frame: Frame, notes: Mapping[str, tuple[Note, ...]]) -> Score:
    """The score with these notes; a stem that has none in `notes` is silent."""
    return Score(
        bpm=genome.bpm, meter=genome.meter, bars=genome.bars, key=genome.key, chords=genome.chords, swing=frame.swing,
        style=genome.style, seed=genome.seed,
        stems=tuple(
            StemScore(genes.stem, genes.timbre, notes.get(genes.stem, ()), genes.colours)
            for genes in genome.stems
            if genes.stem in genome.playing
        ),
    )  # fmt: skip


def asked_densities(genome: Genome) -> dict[str, float]:
    """How many notes or strokes per felt bar each stem that plays shall have: as many as the grammar, asked the same,
    would write, and of what is written already as many as there are."""
    genome = with_known(genome)
    frame = frame_of(genome)
    found = measured_densities(score_to_grid(express(genome), frame), frame)
    return {stem: found[stem] for stem in WRITTEN if stem in genome.playing}


def with_known(genome: Genome) -> Genome:
    """The loop with all of its given parts playing: the others know them, also where they are not heard."""
    known = {*genome.playing, *(part.stem for part in genome.given)}
    return replace(genome, playing=tuple(genes.stem for genes in genome.stems if genes.stem in known))


def asked_glides(genome: Genome) -> dict[str, float]:
    """How many notes of each one-voice stem that plays shall glide: as many as in the grammar's part, asked the same,
    would, and of what is written already as many as do."""
    heard = {part.stem: part.notes for part in express(genome).stems}
    return {stem: float(sum(note.glide for note in heard[stem])) for stem in ONE_VOICE if stem in heard}


def known_to(pipeline: NotesPipeline, commission: Commission) -> Commission:
    """The commission without what the weights know nothing of: of those from before glides none are asked."""
    return commission if pipeline.knows_glides else replace(commission, glides={})


def canvas_of(commission: Commission) -> Canvas:
    """What the model is asked for."""
    genome = commission.genome
    frame = frame_of(genome)
    # Also stems that are not playing can be given: a bass may follow drums that nobody hears.
    heard = replace(genome, playing=tuple(genes.stem for genes in genome.stems))
    known = tuple(stem for stem in WRITTEN if stem in commission.given)
    partly = {stem: steps for stem, steps in commission.opened.items() if len(steps) < frame.total_steps}
    kept = {stem: standing(genome.genes(stem), steps) for stem, steps in partly.items()}
    there = {**commission.given, **{stem: strokes_to_notes(part, frame, stem) for stem, part in kept.items()}}
    return Canvas(
        frame=frame, key=genome.key, chords=genome.chords,
        wishes=replace(wishes_of(genome, frame), densities=commission.densities),
        seeds={genes.stem: genes.seed for genes in genome.stems},
        given=score_to_grid(_score(heard, frame, there), frame) if there else None, known=known, opened=partly,
        passages=tuple(
            (stem, seed, told & steps)
            for stem, steps in commission.opened.items()
            for seed, told in twist_steps(genome.genes(stem), frame)
        ),
    )  # fmt: skip


def notes_of(picture: Grid, commission: Commission, frame: Frame) -> dict[str, tuple[Note, ...]]:
    """The notes of all stems: given ones untouched, the others as the picture shows them."""
    genome = commission.genome
    notes = dict(commission.given)
    for genes in genome.stems:
        if genes.stem in WRITTEN and genes.stem not in notes:
            strokes = strokes_of(picture, genome, genes.stem, frame, commission.glides.get(genes.stem))
            notes[genes.stem] = strokes_to_notes(strokes, frame, genes.stem)
    groove = _groove_of(notes.get("drums", ()), frame)
    for genes in genome.stems:
        if genes.stem not in notes and genes.stem in genome.playing:
            notes[genes.stem] = stem_notes(genome, genes.stem, groove)
    return notes


def strokes_of(
    picture: Grid, genome: Genome, stem: str, frame: Frame, glides: float | None = None
) -> tuple[Stroke, ...]:
    """One stem of a picture, struck no more unevenly than the players of its style do, with so many notes gliding;
    None: with those that the picture has."""
    style = get_style(genome.genes(stem).style)
    largest = min(style.humanise_beats, 0.02) * min(1.0, frame.step_beats / 0.25)
    strokes = grid_to_strokes(picture, frame, genome.key, genome.chords, stem, largest)
    return with_glides(strokes, picture, stem, glides) if stem in ONE_VOICE else strokes


def _groove_of(drums: Sequence[Note], frame: Frame) -> GroovePlan:
    """Drums as the grammar knows them: which is struck on which step."""
    names = {pitch: name for name, pitch in DRUM_PITCHES.items()}
    hits = [
        Hit(round(stretched(frame, note.onset_beats)) % frame.total_steps, names[note.pitch], note.velocity / 127.0)
        for note in drums
        if note.pitch in names
    ]
    return GroovePlan(tuple(sorted(hits, key=lambda hit: (hit.step, hit.drum))), ())


def write_scores(
    pipeline: NotesPipeline,
    commissions: Sequence[Commission],
    steps: int = DEFAULT_STEPS,
    guidance: float = DEFAULT_GUIDANCE,
    on_step: OnStep | None = None,
) -> list[Score]:
    """The scores of some commissions, in their order; loops of one length go through the model together."""
    commissions = [known_to(pipeline, commission) for commission in commissions]
    canvases = [canvas_of(commission) for commission in commissions]
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, canvas in enumerate(canvases):
        by_length[canvas.frame.total_steps].append(index)
    batches = [same[at : at + _BATCH] for same in by_length.values() for at in range(0, len(same), _BATCH)]
    scores: dict[int, Score] = {}
    for batch in batches:
        for index, picture in zip(
            batch, pipeline([canvases[index] for index in batch], steps, guidance, on_step), strict=True
        ):
            commission, frame = commissions[index], canvases[index].frame
            scores[index] = _score(commission.genome, frame, notes_of(picture, commission, frame))
    return [scores[index] for index in range(len(commissions))]
