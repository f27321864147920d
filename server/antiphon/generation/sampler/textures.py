"""Textures: sounds without a beat, that lie under everything else. By synthesis, deterministic."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from antiphon.generation.sound.source import pitch_hz

Wave = NDArray[np.float64]
RATE_HZ = 44100
_RELEASE_S = 0.6


def _band(wave: Wave, low_hz: float, high_hz: float) -> Wave:
    return np.asarray(sosfilt(butter(2, (low_hz, high_hz), "bandpass", fs=RATE_HZ, output="sos"), wave))


def _swell(frames: int, total: int) -> Wave:
    """Rises over a third of the note, falls after it."""
    t = np.arange(total)
    rise = np.minimum(1.0, t / max(1.0, frames / 3.0))
    fall = np.exp(-np.maximum(t - frames, 0) / (_RELEASE_S / 3.0 * RATE_HZ))
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2 * fall)


def _air(pitch: int, frames: int, total: int) -> Wave:
    """Wind: noise in a band that moves up and down around the note's fourth octave above."""
    noise = np.random.default_rng(pitch).standard_normal(total)
    centre = min(5000.0, pitch_hz(pitch) * 8.0)
    low, high = _band(noise, centre * 0.4, centre), _band(noise, centre, min(16000.0, centre * 2.5))
    sway = 0.5 + 0.5 * np.sin(2 * np.pi * 0.21 * np.arange(total) / RATE_HZ)
    return np.asarray((low * (1 - sway) + high * sway) * _swell(frames, total) * 2.0)


def _vinyl(pitch: int, frames: int, total: int) -> Wave:
    """Hiss and crackle of a record."""
    rng = np.random.default_rng(pitch)
    hiss = _band(rng.standard_normal(total), 2000.0, 9000.0) * 0.1
    clicks = np.zeros(total)
    places = rng.integers(total, size=int(total / RATE_HZ * 14))
    clicks[places] = rng.standard_normal(places.size) * rng.random(places.size) ** 2 * 4.0
    gate = np.minimum(1.0, np.minimum(np.arange(total), total - np.arange(total)) / 2000.0)
    return np.asarray((hiss + _band(clicks, 700.0, 7000.0)) * gate)


def _rain(pitch: int, frames: int, total: int) -> Wave:
    """Drops: short bands of noise, high and many, at random."""
    rng = np.random.default_rng(pitch)
    wave = np.zeros(total + 4000)
    for start in rng.integers(max(1, total), size=int(total / RATE_HZ * 40)):
        hz, length = rng.uniform(1800.0, 7500.0), 1500
        t = np.arange(length) / RATE_HZ
        wave[start : start + length] += (
            rng.random() ** 2 * np.sin(2 * np.pi * hz * t * (1 + 3 * t)) * np.exp(-t / 0.004)
        )
    return np.asarray(wave[:total] * _swell(frames, total) * 0.8)


def _drone(pitch: int, frames: int, total: int) -> Wave:
    """Low partials that beat slowly against each other."""
    t = np.arange(total) / RATE_HZ
    wave = np.zeros(total)
    for order in range(1, 9):
        beating = 0.6 + 0.4 * np.sin(2 * np.pi * (0.13 + 0.07 * order) * t + order)
        wave += beating * np.sin(2 * np.pi * pitch_hz(pitch) * order * (1 + 0.0004 * order) * t + order**2) / order
    return np.asarray(wave * _swell(frames, total) * 0.5)


def _glass(pitch: int, frames: int, total: int) -> Wave:
    """A rubbed glass: the fundamental and a few high partials, trembling."""
    t = np.arange(total) / RATE_HZ
    tremble = 1.0 + 0.25 * np.sin(2 * np.pi * 4.7 * t)
    tones = sum(np.sin(2 * np.pi * pitch_hz(pitch) * 2 * order * t) / order**1.3 for order in (1, 2, 3, 5))
    return np.asarray(tones * tremble * _swell(frames, total) * 0.5)


TEXTURES: dict[str, Callable[[int, int, int], Wave]] = {
    "texture_air": _air, "texture_vinyl": _vinyl, "texture_rain": _rain, "texture_drone": _drone,
    "texture_glass": _glass,
}  # fmt: skip


@lru_cache(maxsize=256)
def note(texture: str, pitch: int, duration_frames: int) -> Wave:
    """One long note with its release, float64 (frames,)."""
    total = duration_frames + int(_RELEASE_S * 2 * RATE_HZ)
    wave = TEXTURES[texture](pitch, duration_frames, total)
    wave[-800:] *= np.linspace(1.0, 0.0, 800)
    return wave
