"""How far two loops are from each other as plans: what is played, by what, from which noise.

Measured on the scores rather than on the genes, because a gene may be loud or silent. Rhythms, pitch classes and chords
are laid on a grid of 16 slots a bar and compared by Ruzicka's coefficient (the weighted Jaccard; for rhythms see
Toussaint, "A comparison of rhythmic similarity measures", ISMIR 2004).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from antiphon.domain.genome import Genome, NoiseRecipe
from antiphon.domain.score import STRUCK_STEMS, Score, StemScore
from antiphon.evolution.noise import angle
from antiphon.evolution.scores import score_of

Grid = NDArray[np.float64]
SLOTS = 16
_GLIDING = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """One stem. `onsets` (pitches or 1, slots): velocities; `chroma` (12, slots): what sounds, None for strokes."""

    onsets: Grid
    chroma: Grid | None
    centre: float
    timbre: str
    noise: NoiseRecipe


@dataclass(frozen=True, slots=True)
class Features:
    """What the distance looks at. `harmony` (12, slots): the chord tones."""

    bpm: float
    swing: float
    energy: float
    preset: str | None
    harmony: Grid
    parts: Mapping[str, Part]


def features(genome: Genome) -> Features:
    """Compose the genome's score and lay it on the grid."""
    score = score_of(genome)
    harmony, scale = np.zeros((12, SLOTS * score.bars)), _slots_per_beat(score)
    for span in score.chords:
        first, last = round(span.onset_beats * scale), round((span.onset_beats + span.duration_beats) * scale)
        harmony[np.ix_([*span.chord.pitch_classes], range(first, last))] = 1.0
    parts = {stem.stem: _part(score, stem, genome.genes(stem.stem).noise) for stem in score.stems}
    return Features(genome.bpm, genome.swing, genome.energy, genome.preset, harmony, parts)


def _slots_per_beat(score: Score) -> float:
    return SLOTS / float(score.meter.beats_per_bar)


def _part(score: Score, stem: StemScore, noise: NoiseRecipe) -> Part:
    slots, scale, struck = SLOTS * score.bars, _slots_per_beat(score), stem.stem in STRUCK_STEMS
    onsets, chroma = np.zeros((128 if struck else 1, slots)), np.zeros((12, slots))
    for note in stem.notes:
        first = round(note.onset_beats * scale)
        row = note.pitch if struck else 0
        # What glides in is less of a beat than what is struck, so a line that slides is another rhythm.
        strength = note.velocity / 127 * (_GLIDING if note.glide else 1.0)
        onsets[row, first % slots] = max(onsets[row, first % slots], strength)
        last = max(first + 1, round((note.onset_beats + note.duration_beats) * scale))
        chroma[note.pitch % 12, np.arange(first, last) % slots] = 1.0
    centre = float(np.mean([note.pitch for note in stem.notes])) if stem.notes else 60.0
    return Part(onsets, None if struck else chroma, centre, stem.timbre, noise)


def _ruzicka(first: Grid, second: Grid) -> float:
    """0 for equal grids, 1 for grids with nothing in common; the shorter one is repeated."""
    slots = max(first.shape[1], second.shape[1])
    if first.shape[1] != second.shape[1]:
        first, second = (np.resize(grid.T, (slots, grid.shape[0])).T for grid in (first, second))
    union = np.maximum(first, second).sum()
    return float(1.0 - np.minimum(first, second).sum() / union) if union else 0.0


def _part_distance(first: Part | None, second: Part | None) -> float:
    if first is None or second is None:
        return 1.0
    sound = 0.5 * (first.timbre != second.timbre) + 0.5 * angle(first.noise, second.noise) / (math.pi / 2)
    rhythm = _ruzicka(first.onsets, second.onsets)
    if first.chroma is None or second.chroma is None:
        return 0.7 * rhythm + 0.3 * sound
    register = min(1.0, abs(first.centre - second.centre) / 12.0)
    return 0.3 * rhythm + 0.3 * _ruzicka(first.chroma, second.chroma) + 0.1 * register + 0.3 * sound


def between(first: Features, second: Features) -> float:
    """The distance of two loops whose features are known: 0 for the same plan, 1 for nothing in common."""
    stems = sorted({*first.parts, *second.parts})
    parts = [_part_distance(first.parts.get(stem), second.parts.get(stem)) for stem in stems]
    feel = (
        min(1.0, abs(math.log2(first.bpm / second.bpm)))
        + abs(first.swing - second.swing)
        + abs(first.energy - second.energy)
        + (first.preset != second.preset)
    ) / 4.0
    return float(0.7 * np.mean(parts) + 0.2 * _ruzicka(first.harmony, second.harmony) + 0.1 * feel)


def distance(first: Genome, second: Genome) -> float:
    """How far two loops are from each other, 0 to 1."""
    return between(features(first), features(second))


def table(plans: Sequence[Features]) -> Grid:
    """The distance of every loop from every other (`between`), float64 (loops, loops), at once and so much sooner.

    Loops of different lengths are all repeated up to the longest.
    """
    count = len(plans)
    total, counted = np.zeros((count, count)), np.zeros((count, count))
    for stem in sorted({stem for plan in plans for stem in plan.parts}):
        have = np.array([stem in plan.parts for plan in plans])
        either = have[:, None] | have[None, :]
        far = np.ones((count, count))
        far[np.ix_(have, have)] = _part_table([plan.parts[stem] for plan in plans if stem in plan.parts])
        total += far * either
        counted += either
    parts = total / np.maximum(counted, 1.0)
    harmony = _ruzicka_table([plan.harmony for plan in plans])
    found = 0.7 * parts + 0.2 * harmony + 0.1 * _feel_table(plans)
    np.fill_diagonal(found, 0.0)
    return found


def _part_table(parts: Sequence[Part]) -> Grid:
    timbres = np.array([part.timbre for part in parts])
    other = (timbres[:, None] != timbres[None, :]).astype(np.float64)
    found: Grid = 0.15 * other + 0.15 * _angle_table([part.noise for part in parts])
    rhythm = _ruzicka_table([part.onsets for part in parts])
    chromas = [part.chroma for part in parts if part.chroma is not None]
    if not chromas:
        return np.asarray(found + 0.7 * rhythm)
    centres = np.array([part.centre for part in parts])
    register = np.minimum(1.0, np.abs(centres[:, None] - centres[None, :]) / 12.0)
    return np.asarray(found + 0.3 * rhythm + 0.3 * _ruzicka_table(chromas) + 0.1 * register)


def _ruzicka_table(grids: Sequence[Grid]) -> Grid:
    slots = max(grid.shape[1] for grid in grids)
    rows = np.array([np.resize(grid.T, (slots, grid.shape[0])).ravel() for grid in grids])
    rows = rows[:, rows.any(axis=0)]
    if not rows.size:
        return np.zeros((len(grids), len(grids)))
    apart, sums = cdist(rows, rows, "cityblock"), rows.sum(1)
    union = sums[:, None] + sums[None, :] + apart
    return np.asarray(np.where(union > 0, 2.0 * apart / np.where(union > 0, union, 1.0), 0.0))


def _angle_table(recipes: Sequence[NoiseRecipe]) -> Grid:
    """Angles of noises as shares of a right angle."""
    places = {source: place for place, source in enumerate({s: None for r in recipes for s, _ in r.parts})}
    weights = np.zeros((len(recipes), len(places)))
    for row, recipe in enumerate(recipes):
        for source, weight in recipe.parts:
            weights[row, places[source]] += weight
    return np.asarray(np.arccos(np.clip(weights @ weights.T, -1.0, 1.0)) / (math.pi / 2))


def _feel_table(plans: Sequence[Features]) -> Grid:
    def apart(values: Sequence[float]) -> Grid:
        column = np.array(values)
        return np.asarray(np.abs(column[:, None] - column[None, :]))

    presets = np.array([plan.preset or "" for plan in plans])
    other = (presets[:, None] != presets[None, :]).astype(np.float64)
    tempo = np.minimum(1.0, apart([math.log2(plan.bpm) for plan in plans]))
    swing, energy = apart([plan.swing for plan in plans]), apart([plan.energy for plan in plans])
    return np.asarray((tempo + swing + energy + other) / 4.0)
