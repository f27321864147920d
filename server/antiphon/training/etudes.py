"""Études: scores for practice.

They wander wider than the composing grammar, so that the sound model knows every register, note length and drum before
it is asked for them; and they do not change when the grammar does.
"""

from __future__ import annotations

import numpy as np

from antiphon.domain.score import CORE_STEMS, DRUM_PITCHES, PERCUSSION_PITCHES, Note, Score, StemScore
from antiphon.domain.theory import MODES, Key, Meter
from antiphon.domain.timbres import timbres_of

#: In the corpus's own order, which its random streams depend on.
ETUDE_STEMS = (*CORE_STEMS, "percussion", "texture")
_METERS = (Meter(4, 4), Meter(4, 4), Meter(4, 4), Meter(3, 4), Meter(6, 8))
#: How likely a stroke is on the beat, its half and its quarters, per kind of drum.
_STROKES = {
    "kick": (0.7, 0.25, 0.12), "snare": (0.4, 0.08, 0.08), "clap": (0.25, 0.05, 0.02), "closed_hat": (0.8, 0.75, 0.4),
    "open_hat": (0.05, 0.25, 0.05), "rim": (0.15, 0.15, 0.1), "shaker": (0.5, 0.5, 0.4), "low_tom": (0.1, 0.1, 0.1),
    "mid_tom": (0.1, 0.1, 0.1), "high_tom": (0.1, 0.1, 0.1), "ride": (0.7, 0.4, 0.05), "crash": (0.05, 0.0, 0.0),
    "pedal_hat": (0.4, 0.1, 0.0), "conga": (0.3, 0.3, 0.2), "cowbell": (0.3, 0.1, 0.05),
}  # fmt: skip


def _velocity(rng: np.random.Generator, centre: float) -> int:
    return int(np.clip(rng.normal(centre, 14.0), 18, 127))


def _steps(rng: np.random.Generator, beats: float, swing: float) -> list[tuple[float, int]]:
    """Sixteenths of the loop: (onset in beats, 0 beat | 1 half | 2 quarter of a beat)."""
    found = []
    for step in range(round(beats * 4)):
        late = swing / 12.0 if step % 2 else 0.0
        found.append((step / 4 + late + float(rng.normal(0.0, 0.003)) * (step > 0), (0, 2, 1, 2)[step % 4]))
    return found


def _drums(rng: np.random.Generator, beats: float, swing: float) -> list[Note]:
    kinds = list(_STROKES)
    always = ["kick", "snare" if rng.random() < 0.7 else "clap", "closed_hat" if rng.random() < 0.8 else "ride"]
    extra = [kinds[i] for i in rng.choice(len(kinds), int(rng.integers(0, 5)), replace=False)]
    notes = []
    for kind in dict.fromkeys(always + extra):
        density, level = rng.uniform(0.4, 1.3), rng.uniform(60, 115)
        # A pattern of two bars' worth, repeated, as music does; now and then a stroke is added or dropped.
        pattern = {i: rng.random() < _STROKES[kind][(0, 2, 1, 2)[i % 4]] * density for i in range(32)}
        for index, (onset, weight) in enumerate(_steps(rng, beats, swing)):
            if pattern[index % 32] != (rng.random() < 0.06):
                velocity = _velocity(rng, level * (1.0, 0.85, 0.7)[weight])
                notes.append(Note(onset, 0.2, DRUM_PITCHES[kind], velocity))
    return notes


def _line(
    rng: np.random.Generator, beats: float, swing: float, scale: tuple[int, ...], low: int, high: int, density: float
) -> list[Note]:
    """One voice: mostly steps, sometimes leaps, rests and long notes; never two notes at once."""
    ladder = [pitch for pitch in range(low, high) if pitch % 12 in scale]
    place, level = float(rng.integers(len(ladder))), rng.uniform(65, 112)
    legato, onsets = rng.uniform(0.25, 1.0), _steps(rng, beats, swing)
    chosen = [onset for onset, weight in onsets if rng.random() < density * (1.0, 0.7, 0.4)[weight]]
    notes = []
    for index, onset in enumerate(chosen):
        until = chosen[index + 1] if index + 1 < len(chosen) else beats
        place = float(np.clip(place + rng.choice([-4, -2, -1, -1, 0, 1, 1, 2, 4]), 0, len(ladder) - 1))
        duration = max(0.08, (until - onset) * (legato if rng.random() < 0.8 else rng.uniform(0.2, 1.0)))
        notes.append(Note(onset, duration, ladder[int(place)], _velocity(rng, level)))
    return notes


def _chords(rng: np.random.Generator, beats: float, swing: float, scale: tuple[int, ...]) -> list[Note]:
    """Three to five notes of the scale, stacked in thirds or wider, held, or struck in rhythm."""
    length = float(rng.choice([1.0, 2.0, 3.0, 4.0, 6.0]))
    rhythm = [o for o, w in _steps(rng, length, swing) if rng.random() < (0.4, 0.4, 0.15)[w]]
    held, level, notes, at = rng.random() < 0.5, rng.uniform(55, 105), [], 0.0
    ladder = [pitch for pitch in range(45, 82) if pitch % 12 in scale]
    while at < beats - 0.01:
        root, gaps = int(rng.integers(0, 12)), rng.choice([2, 2, 2, 3, 1, 4], 4)
        degrees = [root, *(root + np.cumsum(gaps))][: int(rng.integers(3, 6))]
        pitches = sorted({ladder[min(d, len(ladder) - 1)] for d in degrees})
        for onset in [0.0] if held or not rhythm else rhythm:
            duration = length * rng.uniform(0.8, 1.0) if held else float(rng.choice([0.15, 0.25, 0.5, 0.9]))
            if at + onset < beats:
                notes += [Note(at + max(0.0, onset), duration, pitch, _velocity(rng, level)) for pitch in pitches]
        at += length
    return notes


def _percussion(rng: np.random.Generator, beats: float, swing: float) -> list[Note]:
    """Two to four hand drums, each with a rhythm of its own that turns round every bar or two."""
    kinds = rng.choice(list(PERCUSSION_PITCHES), int(rng.integers(2, 5)), replace=False)
    notes = []
    for kind in kinds:
        turn, density, level = int(rng.choice([6, 8, 12, 16, 32])), rng.uniform(0.1, 0.6), rng.uniform(50, 105)
        pattern = rng.random(turn) < density * np.where(np.arange(turn) % 2, 0.7, 1.0)
        for index, (onset, weight) in enumerate(_steps(rng, beats, swing)):
            if pattern[index % turn]:
                notes.append(
                    Note(onset, 0.2, PERCUSSION_PITCHES[kind], _velocity(rng, level * (1.0, 0.9, 0.8)[weight]))
                )
    return notes


def _texture(rng: np.random.Generator, beats: float, scale: tuple[int, ...]) -> list[Note]:
    """One or two long tones of the scale at a time, low or in the middle."""
    ladder = [pitch for pitch in range(38, 72) if pitch % 12 in scale]
    notes, at = [], 0.0
    while at < beats - 0.5:
        length = float(rng.choice([2.0, 4.0, 6.0, 8.0, 12.0]))
        pitches = rng.choice(ladder, int(rng.integers(1, 3)), replace=False)
        notes += [Note(at, min(length, beats - at) * 0.98, int(pitch), _velocity(rng, 80)) for pitch in pitches]
        at += length
    return notes


def _tidy(notes: list[Note], beats: float) -> tuple[Note, ...]:
    """In order of onset, inside the loop, no note struck while the same pitch still sounds."""
    last: dict[int, int] = {}
    kept: list[Note] = []
    for note in sorted(notes, key=lambda n: (n.onset_beats, n.pitch)):
        if not 0.0 <= note.onset_beats < beats:
            continue
        index = last.get(note.pitch)
        if index is not None:
            before = kept[index]
            gap = note.onset_beats - before.onset_beats
            if gap < 0.05:
                continue
            if gap < before.duration_beats:
                kept[index] = Note(before.onset_beats, gap * 0.97, before.pitch, before.velocity)
        last[note.pitch] = len(kept)
        kept.append(note)
    return tuple(kept)


def etude(seed: int, tempi_bpm: tuple[float, float] = (56.0, 200.0)) -> Score:
    """Étude number `seed`: random tempo (between `tempi_bpm`, evenly in octaves), key, meter, texture and timbres;
    about 13 seconds, at most 12 bars, all four stems, often with percussion and texture."""
    rng = np.random.default_rng(seed)
    meter, mode = _METERS[rng.integers(len(_METERS))], list(MODES)[rng.integers(len(MODES))]
    key, bpm = Key(int(rng.integers(12)), mode), float(np.exp(rng.uniform(*np.log(tempi_bpm))))
    bars = int(np.clip(round(13.0 / (float(meter.beats_per_bar) * 60 / bpm)), 2, 12))
    beats, swing = float(meter.beats_per_bar * bars), float(rng.choice([0.0, 0.0, 0.3, 0.6, 1.0]))
    parts = {
        "drums": _drums(rng, beats, swing),
        "bass": _line(rng, beats, swing, key.scale, 26, 53, rng.uniform(0.15, 0.7)),
        "chords": _chords(rng, beats, swing, key.scale),
        "lead": _line(rng, beats, swing, key.scale, 57, 93, rng.uniform(0.15, 0.65)),
        "percussion": _percussion(rng, beats, swing) if rng.random() < 0.6 else [],
        "texture": _texture(rng, beats, key.scale) if rng.random() < 0.5 else [],
    }
    timbres = {stem: str(rng.choice([timbre.name for timbre in timbres_of(stem)])) for stem in ETUDE_STEMS}
    stems = tuple(StemScore(stem, timbres[stem], _tidy(parts[stem], beats)) for stem in ETUDE_STEMS)
    return Score(bpm, meter, bars, key, (), swing, "etude", seed, stems)
