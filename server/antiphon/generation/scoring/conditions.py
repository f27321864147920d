"""What the score model is told: per step where it is and which chord sounds, per loop what is wanted.

Everything is a number from about -1 to 1. What is unknown is 0, with a flag beside it where 0 could be meant, so that
each wish can be left out: in training by chance, and for guidance (Ho and Salimans, "Classifier-free diffusion
guidance", 2022) all at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.score import ONE_VOICE, ChordSpan
from antiphon.domain.theory import METERS, MODES, Key, Meter
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.gliding import glide_share
from antiphon.generation.scoring.grid import LANES, PITCHED, THRESHOLD, WRITTEN, Grid
from antiphon.generation.scoring.ladder import DEGREES, degree_of, ladder
from antiphon.generation.styles import BASS_BEHAVIOURS, CHORD_BEHAVIOURS, LEAD_BEHAVIOURS

Features = NDArray[np.float32]

#: The styles whose names the model knows, in the order of its inputs. Weights are bound to it: add new ones at the end.
KNOWN_STYLES = (
    "ambient", "cinematic", "dnb", "downtempo", "dub", "funk", "hiphop", "house", "jazz", "lofi", "synthwave", "techno",
    "trap",
)  # fmt: skip
_BEHAVIOURS = {"bass": BASS_BEHAVIOURS, "chords": CHORD_BEHAVIOURS, "lead": LEAD_BEHAVIOURS}
_MODES = tuple(MODES)
_PLACE = 21
_CHORD = 5 * DEGREES + 3
#: Features per step, those of the chord last.
STEP_FEATURES = _PLACE + _CHORD


def place_features(frame: Frame) -> Features:
    """Where each step lies: metric weight, phase in the felt bar, bar of the phrase. float32 (steps, 21)."""
    rows = np.zeros((frame.total_steps, _PLACE), dtype=np.float32)
    for step, row in enumerate(rows):
        bar, inside = divmod(step, frame.bar_steps)
        row[frame.weight(step)] = 1.0
        for order in range(1, 5):
            angle = 2.0 * math.pi * order * inside / frame.bar_steps
            row[3 + 2 * order : 5 + 2 * order] = math.cos(angle), math.sin(angle)
        row[13 + bar % 4] = 1.0
        row[17] = step == 0
        row[18] = bar == frame.felt_bars - 1
        # A phrase is closed only where all of its four bars are there.
        row[19] = bar % 4 == 3 and (bar + 1) * frame.bar_steps <= frame.total_steps
        row[20] = inside / frame.bar_steps
    return rows


def chord_features(key: Key, chords: tuple[ChordSpan, ...], frame: Frame) -> Features:
    """Which rungs are chord tones, the root, the bass, the next bass, how the ladder is bent; the last column says that
    the chords are known. float32 (steps, 38)."""
    rows = np.zeros((frame.total_steps, _CHORD), dtype=np.float32)
    starts = [round(span.onset_beats / frame.step_beats) for span in chords]
    ends = [*starts[1:], frame.total_steps]
    for span, following, start, end in zip(chords, [*chords[1:], chords[0]], starts, ends, strict=True):
        chord, inside = span.chord, rows[start:end]
        for pitch in chord.pitch_classes:
            inside[:, degree_of(pitch, key, chord)] = 1.0
        inside[:, DEGREES + degree_of(chord.root, key, chord)] = 1.0
        inside[:, 2 * DEGREES + degree_of(chord.bass, key, chord)] = 1.0
        inside[:, 3 * DEGREES + degree_of(following.chord.bass, key, following.chord)] = 1.0
        inside[:, 4 * DEGREES : 5 * DEGREES] = np.subtract(ladder(key, chord), MODES[key.mode])
        since = np.arange(end - start)
        inside[:, -3], inside[:, -2], inside[:, -1] = 1.0 / (1.0 + since), 1.0 / (end - start - since), 1.0
    return rows


def step_features(key: Key, chords: tuple[ChordSpan, ...], frame: Frame) -> Features:
    """All features per step, float32 (steps, STEP_FEATURES)."""
    return np.concatenate((place_features(frame), chord_features(key, chords, frame)), axis=1)


def without_chords(steps: Features) -> Features:
    """The same with the chords unknown."""
    return np.concatenate((steps[..., :_PLACE], np.zeros_like(steps[..., _PLACE:])), axis=-1)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of a loop. What a stem isn't named in is left to the model. `energies` and `loudness` are 0 to 1,
    `densities` notes or strokes per felt bar, `registers` semitones, `glides` how likely a note glides, 0 to 1."""

    bpm: float
    swing: float
    frame: Frame
    key: Key | None
    loudness: float | None
    styles: Mapping[str, str] = field(default_factory=dict)
    behaviours: Mapping[str, str] = field(default_factory=dict)
    energies: Mapping[str, float] = field(default_factory=dict)
    densities: Mapping[str, float] = field(default_factory=dict)
    registers: Mapping[str, int] = field(default_factory=dict)
    glides: Mapping[str, float] = field(default_factory=dict)


def wishes_of(genome: Genome, frame: Frame) -> Wishes:
    """What a genome asks for; how many notes that makes is left to the model."""
    return Wishes(
        bpm=genome.bpm,
        swing=frame.swing,
        frame=frame,
        key=genome.key,
        loudness=genome.energy,
        styles={genes.stem: genes.style for genes in genome.stems},
        behaviours={genes.stem: genes.behaviour for genes in genome.stems if genes.behaviour},
        energies={genes.stem: min(1.0, max(0.0, genome.energy + genes.density)) for genes in genome.stems},
        registers={genes.stem: genes.register for genes in genome.stems if genes.stem in PITCHED},
        glides={genes.stem: glide_share(genes) for genes in genome.stems if genes.stem in ONE_VOICE},
    )


def measured_densities(grid: Grid, frame: Frame) -> dict[str, float]:
    """Notes or strokes per felt bar of each stem in a picture."""
    bars = frame.total_steps / frame.bar_steps
    return {stem: float((grid[:, lanes] > THRESHOLD).sum() / bars) for stem, lanes in LANES.items()}


def _one_of(name: str | None, names: Sequence[str]) -> list[float]:
    return [float(name == each) for each in names]


def _maybe(value: float | None) -> list[float]:
    return [0.0, 0.0] if value is None else [value, 1.0]


def _groups(wishes: Wishes) -> dict[str, list[float]]:
    """The wishes as numbers, by what may be left out together."""
    frame, key = wishes.frame, wishes.key
    rate = wishes.bpm / 60.0 / frame.step_beats
    groups = {
        "frame": [
            math.log2(wishes.bpm / 110.0), math.log2(rate / 8.0), wishes.swing, float(frame.swing_unit_steps == 2),
            float(frame.blurred), float(frame.compound), math.log2(frame.total_steps / 64.0) / 2.0,
            math.log2(frame.bar_steps / 16.0), *_one_of(frame.meter.name, METERS),
        ],
        "key": [
            *_one_of(key.mode if key else None, _MODES),
            *(float(key is not None and key.tonic == n) for n in range(12)),
        ],
        "loudness": _maybe(wishes.loudness),
    }  # fmt: skip
    for stem in WRITTEN:
        density = wishes.densities.get(stem)
        groups[f"{stem} energy"] = _maybe(wishes.energies.get(stem))
        groups[f"{stem} density"] = _maybe(None if density is None else math.log2(1.0 + density) / 4.0)
        groups[f"{stem} style"] = _one_of(wishes.styles.get(stem), KNOWN_STYLES)
        if stem in PITCHED:
            groups[f"{stem} register"] = [wishes.registers.get(stem, 0) / 7.0]
            groups[f"{stem} behaviour"] = _one_of(wishes.behaviours.get(stem), _BEHAVIOURS[stem])
    # What came after score-1 stands last, so that older weights know where the rest is.
    return groups | {f"{stem} glide": _maybe(wishes.glides.get(stem)) for stem in ONE_VOICE}


def loop_features(wishes: Wishes) -> Features:
    """The wishes as one vector, float32 (LOOP_FEATURES,)."""
    return np.array([value for group in _groups(wishes).values() for value in group], dtype=np.float32)


def _slices() -> dict[str, slice]:
    frame = Frame(Meter(4, 4), 1, 120.0, 0.25, 16, (0, 4, 8, 12), (8,), 0.0, 1)
    slices, start = {}, 0
    for name, group in _groups(Wishes(120.0, 0.0, frame, None, None)).items():
        slices[name] = slice(start, start + len(group))
        start += len(group)
    return slices


#: Where each group of wishes stands in the loop's vector.
LOOP_SLICES = _slices()
LOOP_FEATURES = max(group.stop for group in LOOP_SLICES.values())
#: How often a training example is not told a group, by the group's last word.
_LEFT_OUT = {"loudness": 0.1, "energy": 0.2, "density": 0.7, "style": 0.1, "behaviour": 0.35, "glide": 0.1}


def unguided(loop: Features) -> Features:
    """Only what the grid itself is made of: the other side of guidance."""
    return np.where(np.arange(LOOP_FEATURES) < LOOP_SLICES["frame"].stop, loop, np.float32(0.0))


def thinned(loop: Features, rng: np.random.Generator) -> Features:
    """The wishes as a training example is told them: groups left out by chance, the styles now and then all at once."""
    told, mute = loop.copy(), rng.random() < 0.1
    for name, group in LOOP_SLICES.items():
        word = name.split()[-1]
        if word in _LEFT_OUT and (rng.random() < _LEFT_OUT[word] or (mute and word in ("style", "behaviour"))):
            told[group] = 0.0
    return told
