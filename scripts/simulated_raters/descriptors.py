"""What simulated audiences listen for: descriptors of a score as music psychology has them.

They are computed here from the notes, by code that the server doesn't use and in terms that its taste model doesn't
know, so that the model can't win by having been given the answer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Note, Score

Vector = NDArray[np.float64]
#: In the order of the vector.
NAMES = (
    "syncopation", "events per second", "unevenness of rhythm", "roughness", "pitch-class entropy", "harmonic distance",
    "melodic step", "turns of melody", "pitch centroid", "low end", "repetition", "dynamic contrast", "voices",
    "backbeat", "rests", "legato",
)  # fmt: skip
_GRID = 4  # slots a quarter note


def _roughness_of_intervals() -> Vector:
    """Roughness of two tones of six harmonics so many semitones apart (Sethares, "Local consonance", 1993), float64
    (61,)."""
    partials = 220.0 * np.arange(1, 7)
    loudness = 0.88 ** np.arange(6)
    found = np.zeros(61)
    for semitones in range(61):
        other = partials * 2 ** (semitones / 12)
        low, gap = np.minimum.outer(partials, other), np.abs(np.subtract.outer(partials, other))
        x = 0.24 * gap / (0.0207 * low + 18.96)
        found[semitones] = (np.minimum.outer(loudness, loudness) * (np.exp(-3.51 * x) - np.exp(-5.75 * x))).sum()
    return found


_ROUGHNESS = _roughness_of_intervals()


def describe(score: Score) -> Vector:
    """The score's descriptors, float64 (16,), in units of their own (`NAMES`)."""
    drums = [note for stem in score.stems if stem.stem in ("drums", "percussion") for note in stem.notes]
    tones = [note for stem in score.stems if stem.stem not in ("drums", "percussion", "texture") for note in stem.notes]
    top = next((stem.notes for name in ("lead", "chords", "bass") for stem in score.stems if stem.stem == name), ())
    roll = _roll(tones, float(score.beats))
    return np.array([
        _syncopation(score), (len(drums) + len(tones)) / score.duration_s,
        _unevenness(top, float(score.beats)), _roughness(roll), _entropy(tones), _harmonic_distance(score),
        *_melody(top), _centroid(tones), _low_end(drums, tones), _repetition([*drums, *tones], float(score.beats)),
        float(np.std([note.velocity for note in (*drums, *tones)])) if drums or tones else 0.0,
        float(roll.sum(0).mean()), _backbeat(drums), float((roll.sum(0) == 0).mean()), _legato(top, float(score.beats)),
    ])  # fmt: skip


def _roll(notes: list[Note], beats: float) -> Vector:
    """Which pitches sound, (128, slots) of 0 and 1, round the loop."""
    slots = round(beats * _GRID)
    roll = np.zeros((128, slots))
    for note in notes:
        first = round(note.onset_beats * _GRID)
        roll[note.pitch, np.arange(first, first + max(1, round(note.duration_beats * _GRID))) % slots] = 1.0
    return roll


def _syncopation(score: Score) -> float:
    """Velocity on weak places whose stronger neighbour stays empty in the same part, a beat and part (after
    Longuet-Higgins & Lee, "The rhythmic interpretation of monophonic music", 1984)."""
    slots, bar = round(float(score.beats) * _GRID), max(1, round(float(score.meter.beats_per_bar) * _GRID))
    weight = np.array([_metrical_weight(slot % bar) for slot in range(slots)])
    found = 0.0
    for stem in score.stems:
        load = np.zeros(slots)
        for note in stem.notes:
            load[round(note.onset_beats * _GRID) % slots] += note.velocity / 127
        found += float((np.maximum(0.0, np.roll(weight, -1) - weight) * load * (np.roll(load, -1) < 0.2)).sum())
    return found / float(score.beats) / max(1, len(score.stems))


def _metrical_weight(slot: int) -> float:
    return 4.0 if slot == 0 else 3.0 if slot % 8 == 0 else 2.0 if slot % 4 == 0 else 1.0 if slot % 2 == 0 else 0.0


def _gaps(notes: tuple[Note, ...], beats: float) -> Vector:
    onsets = np.unique([round(note.onset_beats, 2) for note in notes])
    return np.diff(onsets, append=onsets[:1] + beats) if len(onsets) else np.array([beats])


def _unevenness(notes: tuple[Note, ...], beats: float) -> float:
    """The normalised pairwise variability index of the gaps between onsets (Grabe & Low, 2002), 0 to 2."""
    gaps = _gaps(notes, beats)
    if len(gaps) < 2:
        return 0.0
    return float(np.mean(2 * np.abs(np.diff(gaps)) / (gaps[1:] + gaps[:-1])))


def _roughness(roll: Vector) -> float:
    """The mean roughness of what sounds together, on every eighth."""
    found = []
    for column in roll.T[::2]:
        pitches = np.flatnonzero(column)
        found.append(np.triu(_ROUGHNESS[np.minimum(60, np.abs(np.subtract.outer(pitches, pitches)))], 1).sum())
    return float(np.mean(found)) if found else 0.0


def _entropy(tones: list[Note]) -> float:
    """Entropy of pitch classes by duration, in bits."""
    held = np.zeros(12)
    for note in tones:
        held[note.pitch % 12] += note.duration_beats
    share = held[held > 0] / held.sum() if held.sum() else np.ones(1)
    return float(-(share * np.log2(share)).sum())


def _harmonic_distance(score: Score) -> float:
    """How far chord roots lie from the tonic on the circle of fifths, by duration."""
    steps = [((span.chord.root - score.key.tonic) * 7) % 12 for span in score.chords]
    far = [min(step, 12 - step) for step in steps]
    return float(np.average(far, weights=[span.duration_beats for span in score.chords]))


def _melody(notes: tuple[Note, ...]) -> tuple[float, float]:
    """The mean melodic step in semitones, and how often the melody turns."""
    steps = np.diff([note.pitch for note in notes])
    moves = steps[steps != 0]
    turns = float((np.sign(moves[1:]) != np.sign(moves[:-1])).mean()) if len(moves) > 1 else 0.0
    return (float(np.abs(steps).mean()) if len(steps) else 0.0), turns


def _centroid(tones: list[Note]) -> float:
    held = [note.duration_beats * note.velocity for note in tones]
    return float(np.average([note.pitch for note in tones], weights=held)) if tones else 60.0


def _low_end(drums: list[Note], tones: list[Note]) -> float:
    """The share of loudness in kick, toms and tones below C3."""
    low = float(sum(note.velocity for note in drums if note.pitch in (35, 36, 41, 43, 45)))
    low += sum(note.velocity * math.sqrt(note.duration_beats) for note in tones if note.pitch < 48)
    total = sum(note.velocity for note in drums) + sum(n.velocity * math.sqrt(n.duration_beats) for n in tones)
    return low / total if total else 0.0


def _repetition(notes: list[Note], beats: float) -> float:
    """How alike the halves of the loop are: the share of (place, pitch) that they have in common."""
    half = beats / 2
    places = [(round((note.onset_beats % half) * _GRID), note.pitch, note.onset_beats >= half) for note in notes]
    first, second = ({place[:2] for place in places if place[2] is late} for late in (False, True))
    return len(first & second) / max(1, len(first | second))


def _backbeat(drums: list[Note]) -> float:
    """The share of snare and clap that falls on beats two and four."""
    strokes = [note for note in drums if note.pitch in (37, 38, 39, 40)]
    on_it = sum(note.velocity for note in strokes if abs(note.onset_beats % 2 - 1) < 0.15)
    return on_it / max(1, sum(note.velocity for note in strokes))


def _legato(notes: tuple[Note, ...], beats: float) -> float:
    """How much of the gap to the next onset a note fills, 0 to 2."""
    held = float(np.mean([note.duration_beats for note in notes])) if notes else 0.0
    return min(2.0, held / float(_gaps(notes, beats).mean()))
