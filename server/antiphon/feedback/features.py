"""A loop as numbers, for models of taste: its genes and what they make it play, in groups that people can name.

The groups ("feel", "harmony", "rhythm of the bass" …) are what a taste model weighs, and what it names when it is asked
why. Sounds come in as genes (timbre, colours, noise), and as measured or foretold ("brightness"), where that is known.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.composers import MODEL
from antiphon.domain.genome import Genome, NoiseRecipe, StemGenes
from antiphon.domain.score import STEMS, Note, Score, StemScore
from antiphon.domain.theory import MODES
from antiphon.domain.timbres import COLOURS, TIMBRES

Vector = NDArray[np.float64]
SLOTS = 16
#: Stems whose notes are strokes: what matters is which instrument is struck, not a pitch.
STROKES = ("drums", "percussion")
_NOISE_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Described:
    """Some loops: `groups` maps a group's name to its columns, float64 (loops, columns of the group); `heard` are those
    that tell how loops sound, as measured or foretold."""

    groups: Mapping[str, Vector]
    heard: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(next(iter(self.groups.values())))


def describe(loops: Sequence[tuple[Genome, Score]], heard: Mapping[str, Vector] | None = None) -> Described:
    """Describe loops by genome and score, and by groups of how they sound, (loops, columns) each, if any."""
    rows = [_groups(genome, score) for genome, score in loops]
    names = list(rows[0]) if rows else []
    groups = {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}
    return Described(groups | dict(heard or {}), frozenset(heard or ()))


def some_of(described: Described, places: NDArray[np.intp]) -> Described:
    """The loops at some places, in that order."""
    return Described({name: columns[places] for name, columns in described.groups.items()}, described.heard)


def _groups(genome: Genome, score: Score) -> dict[str, list[float]]:
    heard = {stem.stem: stem for stem in score.stems}
    groups = {"feel": _feel(genome, score), "harmony": _harmony(score), "noise": _noise(genome)}
    for name in STEMS:
        stem = heard.get(name)
        genes = next((each for each in genome.stems if each.stem == name), None)
        groups[f"rhythm of the {name}"] = _rhythm(stem, score)
        groups[f"notes of the {name}"] = _strokes(stem) if name in STROKES else _pitches(stem, score)
        groups[f"sound of the {name}"] = _sound(name, genes if stem is not None else None)
        groups[f"manner of the {name}"] = _manner(genes if stem is not None else None)
    return groups


def _feel(genome: Genome, score: Score) -> list[float]:
    style = _hashed(f"style {genome.style}", 8)
    return [
        2.0 * math.log2(score.bpm), genome.swing, 2.0 * genome.energy, float(score.meter.beats_per_bar) / 2,
        math.log2(score.bars), *style,
    ]  # fmt: skip


def _harmony(score: Score) -> list[float]:
    """The mode, chord tones and roots counted from the tonic by duration, chords a bar, notes a chord."""
    tones, roots = np.zeros(12), np.zeros(12)
    size = 0.0
    for span in score.chords:
        share = span.duration_beats / float(score.beats)
        tones[[(pitch - score.key.tonic) % 12 for pitch in span.chord.pitch_classes]] += share
        roots[(span.chord.root - score.key.tonic) % 12] += share
        size += share * len(span.chord.pitch_classes)
    mode = [float(score.key.mode == name) for name in MODES]
    return [*mode, *tones, *roots, len(score.chords) / score.bars, size]


def _rhythm(stem: StemScore | None, score: Score) -> list[float]:
    """Where in the bar is played and how hard, how much, how long, how far off the beat."""
    profile = np.zeros(SLOTS)
    if stem is None or not stem.notes:
        return [*profile, 0.0, 0.0, 0.0, 0.0, 0.0]
    bar = float(score.meter.beats_per_bar)
    for note in stem.notes:
        profile[round(note.onset_beats % bar / bar * SLOTS) % SLOTS] += note.velocity / 127 / score.bars
    places = {round(note.onset_beats * 4) for note in stem.notes}
    off = sum(place % 4 != 0 for place in places) / len(places)
    held = float(np.mean([note.duration_beats for note in stem.notes]))
    hard = np.array([note.velocity for note in stem.notes]) / 127
    busy = math.log1p(len(places) / float(score.beats))
    return [
        *np.sqrt(profile),
        2.0 * busy,
        2.0 * off,
        math.log2(held + 0.1),
        2.0 * float(hard.mean()),
        4.0 * float(hard.std()),
    ]


def _pitches(stem: StemScore | None, score: Score) -> list[float]:
    """Pitch classes from the tonic, register, range, steps, how many voices."""
    chroma = np.zeros(12)
    if stem is None or not stem.notes:
        return [*chroma, 0.0, 0.0, 0.0, 0.0, 0.0]
    for note in stem.notes:
        chroma[(note.pitch - score.key.tonic) % 12] += note.duration_beats
    pitches = np.array([note.pitch for note in stem.notes], dtype=np.float64)
    line = np.array([max(group) for group in _together(stem.notes)], dtype=np.float64)
    steps = np.diff(line)
    turns = float((np.sign(steps[1:]) != np.sign(steps[:-1])).mean()) if len(steps) > 1 else 0.0
    size = float(np.abs(steps).mean()) if len(steps) else 0.0
    return [
        *np.sqrt(chroma / max(chroma.sum(), 1e-9)), float(pitches.mean()) / 6, float(np.ptp(pitches)) / 12, size / 4,
        turns, len(stem.notes) / len(line),
    ]  # fmt: skip


def _together(notes: Sequence[Note]) -> list[list[int]]:
    """Pitches that begin together."""
    found: dict[int, list[int]] = {}
    for note in notes:
        found.setdefault(round(note.onset_beats * 4), []).append(note.pitch)
    return list(found.values())


def _strokes(stem: StemScore | None) -> list[float]:
    """How much of the playing each instrument does, by General MIDI percussion number in bins."""
    share = np.zeros(16)
    for note in stem.notes if stem is not None else ():
        share[note.pitch % 16] += note.velocity
    return list(np.sqrt(share / max(share.sum(), 1.0)))


def _sound(stem: str, genes: StemGenes | None) -> list[float]:
    names = [timbre.name for timbre in TIMBRES if timbre.stem == stem]
    if genes is None:
        return [0.0] * (len(names) + len(COLOURS) + 3)
    colours = [float(colour in genes.colours) for colour in COLOURS]
    # Loops from before there were such genes stand where most stems do.
    place = [
        0.0 if genes.level_lu is None else (genes.level_lu + 8.0) / 6.0,
        0.5 if genes.width is None else genes.width,
    ]
    return [*(float(genes.timbre == name) for name in names), *colours, float(genes.engine == "sampler"), *place]


def _manner(genes: StemGenes | None) -> list[float]:
    """The style and behaviour in which a part is played, its density and register, and who writes it."""
    if genes is None:
        return [0.0] * 19
    manner = _hashed(f"behaviour {genes.stem} {genes.behaviour}", 8)
    modelled = float(genes.composer == MODEL)
    return [*_hashed(f"style {genes.style}", 8), *manner, 2.0 * genes.density, genes.register / 6, modelled]


def _noise(genome: Genome) -> list[float]:
    """The noises in few dimensions: inner products come out nearly as those of the noises themselves (Johnson &
    Lindenstrauss, 1984)."""
    found = np.zeros(_NOISE_WIDTH)
    for stem in genome.playing:
        found += _projected(genome.genes(stem).noise) / len(genome.playing)
    return list(found)


def _projected(recipe: NoiseRecipe) -> Vector:
    return np.asarray(sum(weight * np.array(_hashed(f"noise {seed}", _NOISE_WIDTH)) for seed, weight in recipe.parts))


@lru_cache(maxsize=20_000)
def _hashed(name: str, width: int) -> tuple[float, ...]:
    """A direction of length 1 that belongs to a name, nearly at right angles to that of any other."""
    drawn = random.Random(name)
    values = [drawn.gauss(0.0, 1.0) for _ in range(width)]
    length = math.sqrt(sum(value * value for value in values))
    return tuple(value / length for value in values)
