"""Random scores, and a small synthesizer that plays them on their circle: tones for pitches, bursts for drums."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import CORE_STEMS, ChordSpan, Note, Score, StemScore, loop_frames
from antiphon.domain.theory import MODES, Chord, Key, parse_meter

Audio = NDArray[np.float32]
METERS = ("3/4", "4/4", "6/8")
TIMBRES = {"drums": "kit_909", "bass": "bass_fm", "chords": "chords_stab", "lead": "lead_pluck"}


def random_score(seed: int, bars: int | None = None, bpm: float | None = None, meter: str | None = None) -> Score:
    """A score in a random key, tempo and meter, with notes of the key on a sixteenth grid in all four stems."""
    rng = np.random.default_rng(seed)
    meter_ = parse_meter(meter or METERS[rng.integers(3)])
    bars = int(bars or rng.integers(1, 5))
    key = Key(int(rng.integers(12)), list(MODES)[rng.integers(2)])
    tempo = float(bpm or round(rng.uniform(60, 180), 2))
    beats = float(meter_.beats_per_bar * bars)
    chords = tuple(
        ChordSpan(float(meter_.beats_per_bar * bar), float(meter_.beats_per_bar), Chord(key.tonic, "", key.tonic))
        for bar in range(bars)
    )
    stems = tuple(StemScore(stem, TIMBRES[stem], _notes(stem, key, beats, rng)) for stem in CORE_STEMS)
    return Score(tempo, meter_, bars, key, chords, 0.0, "test", seed, stems)


def _notes(stem: str, key: Key, beats: float, rng: np.random.Generator) -> tuple[Note, ...]:
    if stem == "drums":
        hats = [Note(place / 2, 0.25, 42, int(rng.integers(60, 100))) for place in range(int(2 * beats))]
        hits = [Note(float(beat), 0.25, 36 if beat % 2 == 0 else 38, 110) for beat in range(int(beats))]
        return tuple(sorted(hats + hits, key=lambda note: note.onset_beats))
    octave = {"bass": 36, "chords": 60, "lead": 72}[stem]
    found: list[Note] = []
    place = 0.0
    while place < beats:
        length = min(float(rng.choice([0.5, 1.0, 1.5])), beats - place)
        found.extend(
            Note(place, length * 0.9, octave + int(pitch_class), int(rng.integers(70, 120)))
            for pitch_class in rng.choice(key.scale, 3 if stem == "chords" else 1, replace=False)
        )
        place += length
    return tuple(found)


def play(score: Score, sample_rate: int = 44100, seed: int = 0) -> dict[str, Audio]:
    """Stems of the score, mono (1, frames), periodic."""
    frames = loop_frames(score.beats, score.bpm, sample_rate)
    return {part.stem: _stem(part, score, frames, sample_rate, seed) for part in score.stems}


def _stem(part: StemScore, score: Score, frames: int, rate: int, seed: int) -> Audio:
    rng = np.random.default_rng(seed)
    circle = np.zeros(frames)
    for note in part.notes:
        start = round(note.onset_beats * 60.0 / score.bpm * rate)
        length = round(note.duration_beats * 60.0 / score.bpm * rate)
        wave = _stroke(note, rate, rng) if part.stem == "drums" else _tone(note, length, rate)
        np.add.at(circle, (start + np.arange(len(wave))) % frames, wave)
    return (0.5 * circle / np.abs(circle).max()).astype(np.float32)[None, :]


def _tone(note: Note, length: int, rate: int) -> NDArray[np.float64]:
    release = int(0.05 * rate)
    time = np.arange(length + release) / rate
    hz = 440.0 * 2.0 ** ((note.pitch - 69) / 12.0)
    wave = sum(np.sin(2 * np.pi * hz * k * time) / k for k in range(1, 7) if hz * k < 0.4 * rate)
    envelope = np.minimum(1.0, time / 0.003) * np.exp(-time / 0.8)
    envelope[length:] *= np.linspace(1.0, 0.0, release)
    return np.asarray(wave * envelope * (note.velocity / 127.0))


def _stroke(note: Note, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    decay = {36: 0.12, 38: 0.08}.get(note.pitch, 0.03)
    time = np.arange(int(6 * decay * rate)) / rate
    envelope = np.minimum(1.0, time / 0.0005) * np.exp(-time / decay) * (note.velocity / 127.0)
    if note.pitch == 36:
        return np.asarray(np.sin(2 * np.pi * (50 * time + 8 * (1 - np.exp(-time / 0.02)))) * envelope * 1.5)
    return np.asarray(rng.standard_normal(len(time)) * envelope * 0.3)


def total(stems: Mapping[str, Audio]) -> NDArray[np.float64]:
    """The sum of stems in double precision."""
    return np.sum([audio.astype(np.float64) for audio in stems.values()], axis=0)
