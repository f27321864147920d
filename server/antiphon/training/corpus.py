"""The corpus: études rendered by synthesis, recorded strokes and sound font, deterministic by seed.

Every song is rendered on its circle (tails wrap round to the start), at a tempo nudged by less than half a per cent so
that the circle is a whole number of latent frames; so a training window may begin anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Note, Score, StemScore
from antiphon.generation.sound.roll import circle_latent_frames
from antiphon.generation.sound.source import add_on_circle
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ
from antiphon.training import kits, oneshots, soundfont, textures, voices
from antiphon.training.colours import coloured, draw_words
from antiphon.training.etudes import ETUDE_STEMS, etude

#: Raised whenever a song of the same seed would sound different; stored in the weights' metadata.
CORPUS_VERSION = 2
#: Songs from this seed on are never trained on.
HELD_OUT_SEED = 1_000_000
_REFERENCE_RMS = {"drums": 0.22, "bass": 0.20, "chords": 0.09, "lead": 0.13, "percussion": 0.15, "texture": 0.07}
_REFERENCE_PITCH = {"drums": 36, "bass": 40, "chords": 60, "lead": 72, "percussion": 63, "texture": 50}


@dataclass(frozen=True, slots=True)
class Song:
    """A score and its stems: float32 (stems, frames) at MODEL_RATE_HZ, frames a multiple of LATENT_HOP_FRAMES; `words`
    are the sound words of each stem, with how strongly each holds."""

    score: Score
    audio: NDArray[np.float32]
    words: tuple[Mapping[str, float], ...]


def song_score(seed: int) -> Score:
    """The score of song number `seed`, its tempo nudged so that the circle is a whole number of latent frames."""
    score = etude(seed)
    exact_bpm = float(score.beats) * 60.0 * MODEL_RATE_HZ / (circle_latent_frames(score) * LATENT_HOP_FRAMES)
    return replace(score, bpm=exact_bpm)


def _note(timbre: str, note: Note, frames_per_beat: float) -> NDArray[np.float64]:
    """One note by synthesis or from a recording."""
    loudness = (note.velocity / 127.0) ** 1.4
    if timbre in kits.KITS:
        return np.asarray(kits.stroke(timbre, note.pitch) * loudness)
    if timbre in oneshots.ONESHOTS:
        return np.asarray(oneshots.stroke(timbre, note.pitch) * loudness)
    # Durations in steps of 256 frames (6 ms) let repeated notes come from the cache.
    duration = max(256, 256 * round(note.duration_beats * frames_per_beat / 256))
    if timbre in textures.TEXTURES:
        return np.asarray(textures.note(timbre, note.pitch, duration) * loudness)
    return voices.note(timbre, note.pitch, min(8, max(1, round(note.velocity / 127.0 * 8))), duration)


def _raw_stem(timbre: str, notes: tuple[Note, ...], frames_per_beat: float, circle_frames: int) -> NDArray[np.float32]:
    circle = np.zeros(circle_frames, dtype=np.float32)
    if timbre in soundfont.PROGRAMS:
        add_on_circle(circle, soundfont.render_notes(timbre, notes, frames_per_beat).astype(np.float32), 0)
        return circle
    for note in notes:
        wave = _note(timbre, note, frames_per_beat)
        add_on_circle(circle, wave.astype(np.float32), round(note.onset_beats * frames_per_beat))
    return circle


@cache
def _level(stem: str, timbre: str) -> float:
    """Gain that brings a reference note of the timbre to its stem's level, so that timbres can be exchanged."""
    # Textures need time to rise.
    beats = 4.0 if stem == "texture" else 1.0
    note = Note(0.0, beats, _REFERENCE_PITCH[stem], 100)
    wave = _raw_stem(timbre, (note,), MODEL_RATE_HZ / 2, 4 * MODEL_RATE_HZ)
    powers = np.square(wave[: int(beats * MODEL_RATE_HZ) // 2]).reshape(-1, 2205).mean(1)
    return float(_REFERENCE_RMS[stem] / np.sqrt(powers.max() + 1e-12))


def render_stem(
    stem: StemScore,
    frames_per_beat: float,
    circle_frames: int,
    words: Mapping[str, float] = MappingProxyType({}),
    seed: int = 0,
) -> NDArray[np.float32]:
    """One stem on its circle, coloured by its sound words: float32 (circle_frames,), peaks below one."""
    gain = np.float32(_level(stem.stem, stem.timbre))
    wave = _raw_stem(stem.timbre, stem.notes, frames_per_beat, circle_frames) * gain
    if words and stem.notes:
        onsets = np.array([round(note.onset_beats * frames_per_beat) for note in stem.notes], dtype=np.int64)
        rng = np.random.default_rng((seed, 7, ETUDE_STEMS.index(stem.stem)))
        wave = coloured(wave.astype(np.float64), onsets, words, rng).astype(np.float32)
    peak = float(np.abs(wave).max(initial=0.0))
    return wave * np.float32(min(1.0, 0.98 / peak)) if peak > 0 else wave


def song_words(seed: int) -> tuple[Mapping[str, float], ...]:
    """The sound words of every stem of song number `seed`."""
    rng = np.random.default_rng((seed, 5))
    return tuple(draw_words(rng) for _ in ETUDE_STEMS)


def render_song(seed: int) -> Song:
    """Compose and render song number `seed`."""
    score = song_score(seed)
    frames = circle_latent_frames(score) * LATENT_HOP_FRAMES
    per_beat = frames / float(score.beats)
    words = song_words(seed)
    stems = [render_stem(stem, per_beat, frames, said, seed) for stem, said in zip(score.stems, words, strict=True)]
    return Song(score, np.stack(stems), words)
