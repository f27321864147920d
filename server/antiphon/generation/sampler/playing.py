"""The sampler: a score played by synthesis and recordings, note by note, on the loop's circle. No neural network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.glides import struck_notes
from antiphon.domain.score import Note, StemScore
from antiphon.errors import BackendFailed
from antiphon.generation.bends import Phrase, lagging, phrases, pitch_curve
from antiphon.generation.sampler import kits, recordings, textures, voices
from antiphon.generation.sampler.colours import coloured
from antiphon.generation.sound.source import add_on_circle

RATE_HZ = 44100
NO_COLOURS: Mapping[str, float] = MappingProxyType({})
_REFERENCE_RMS = {"drums": 0.22, "bass": 0.20, "chords": 0.09, "lead": 0.13, "percussion": 0.15, "texture": 0.07}
_REFERENCE_PITCH = {"drums": 36, "bass": 40, "chords": 60, "lead": 72, "percussion": 63, "texture": 50}
#: Plays the notes of a timbre: (timbre, notes, frames per beat, frames of the circle) → float32 (frames,).
Player = Callable[[str, tuple[Note, ...], float, int], NDArray[np.float32]]


def _wave(timbre: str, note: Note, frames_per_beat: float) -> NDArray[np.float64]:
    """One note of a timbre with its tail."""
    loudness = (note.velocity / 127.0) ** 1.4
    if timbre in kits.KITS:
        return np.asarray(kits.stroke(timbre, note.pitch) * loudness)
    if timbre in recordings.RECORDED_KITS:
        return np.asarray(recordings.stroke(timbre, note.pitch) * loudness)
    # Durations in steps of 256 frames (6 ms) let repeated notes come from the cache.
    duration = max(256, 256 * round(note.duration_beats * frames_per_beat / 256))
    if timbre in textures.TEXTURES:
        return np.asarray(textures.note(timbre, note.pitch, duration) * loudness)
    if timbre in recordings.RECORDED_INSTRUMENTS:
        return np.asarray(recordings.note(timbre, note.pitch, duration) * loudness)
    if timbre in voices.VOICES:
        return voices.note(timbre, note.pitch, min(8, max(1, round(note.velocity / 127.0 * 8))), duration)
    raise BackendFailed(f"the sampler has no sound called {timbre!r}: choose another timbre, or the neural engine")


def _phrase_wave(timbre: str, phrase: Phrase, frames_per_beat: float) -> NDArray[np.float64]:
    """Notes that glide into each other, with the tail of the last."""
    duration = max(256, round(phrase.duration_beats * frames_per_beat))
    sound = voices if timbre in voices.VOICES else recordings
    total = duration + sound.release_frames(timbre)
    pitches = pitch_curve(timbre, phrase, frames_per_beat, total, RATE_HZ)
    if sound is voices:
        struck = [max(1.0, min(8.0, round(note.velocity / 127.0 * 8))) / 8.0 for note in phrase.notes]
        velocities = lagging(timbre, phrase, [struck[0], *struck], frames_per_beat, total, RATE_HZ)
        return voices.line(timbre, pitches, velocities, duration)
    loudness = (phrase.notes[-1].velocity / 127.0) ** 1.4
    return np.asarray(recordings.ended(timbre, recordings.slide(timbre, pitches), duration) * loudness)


def play(timbre: str, notes: tuple[Note, ...], frames_per_beat: float, circle_frames: int) -> NDArray[np.float32]:
    """Notes on a circle of `circle_frames` at RATE_HZ, as loud as they come. Raises BackendFailed."""
    circle = np.zeros(circle_frames, dtype=np.float32)
    for phrase in phrases(timbre, notes):
        note = phrase.notes[0]
        wave = _phrase_wave(timbre, phrase, frames_per_beat) if phrase.glides else _wave(timbre, note, frames_per_beat)
        add_on_circle(circle, wave.astype(np.float32), round(note.onset_beats * frames_per_beat))
    return circle


def forget_notes() -> None:
    """Let go of the notes that were kept for the next time that they are played: up to a gigabyte and a half after
    hundreds of songs, in each of which other notes are played."""
    for kept in (voices.note, textures.note, recordings.note):
        kept.cache_clear()


@cache
def level(stem: str, timbre: str, player: Player = play) -> float:
    """Gain that brings a reference note of the timbre to its stem's level, so that timbres can be exchanged."""
    # Textures need time to rise.
    beats = 4.0 if stem == "texture" else 1.0
    note = Note(0.0, beats, _REFERENCE_PITCH[stem], 100)
    wave = player(timbre, (note,), RATE_HZ / 2, 4 * RATE_HZ)
    powers = np.square(wave[: int(beats * RATE_HZ) // 2]).reshape(-1, 2205).mean(1)
    return float(_REFERENCE_RMS[stem] / np.sqrt(powers.max() + 1e-12))


def play_stem(
    stem: StemScore,
    frames_per_beat: float,
    circle_frames: int,
    colours: Mapping[str, float] = NO_COLOURS,
    seed: int = 0,
    player: Player = play,
) -> NDArray[np.float32]:
    """One stem on its circle, at its stem's level, in its colours (with how strongly each holds).

    Returns float32 (circle_frames,), peaks below one. `seed` decides what is random in the colours. Raises
    BackendFailed for a timbre that has no sound here.
    """
    wave = player(stem.timbre, stem.notes, frames_per_beat, circle_frames)
    wave = wave * np.float32(level(stem.stem, stem.timbre, player))
    wave = in_colours(wave, stem, frames_per_beat, colours, seed)
    return wave * headroom(wave)


def in_colours(
    wave: NDArray[np.float32], stem: StemScore, frames_per_beat: float, colours: Mapping[str, float], seed: int
) -> NDArray[np.float32]:
    """A stem's wave (frames,) with its colours on it: the same seed, the same chances."""
    if not colours or not stem.notes:
        return wave
    onsets = np.array([round(note.onset_beats * frames_per_beat) for note in struck_notes(stem)], dtype=np.int64)
    rng = np.random.default_rng((seed, 7, tuple(_REFERENCE_RMS).index(stem.stem)))
    return coloured(wave.astype(np.float64), onsets, colours, rng).astype(np.float32)


def headroom(wave: NDArray[np.float32]) -> np.float32:
    """The gain, at most one, that keeps a wave below full scale."""
    peak = float(np.abs(wave).max(initial=0.0))
    return np.float32(min(1.0, 0.98 / peak) if peak > 0 else 1.0)
