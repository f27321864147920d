"""Drum kits by synthesis, after the circuits of the classic machines: swept sines, filtered noise, metal by squares.

Ours alone, so there is no licence to ask; deterministic, so that a corpus can be made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

Wave = NDArray[np.float64]
RATE_HZ = 44100


@dataclass(frozen=True, slots=True)
class Kit:
    """What distinguishes one machine from another. Times in seconds, frequencies in Hz."""

    kick_hz: float
    kick_sweep: float
    kick_decay_s: float
    kick_click: float
    snare_hz: float
    snare_decay_s: float
    snare_noise: float
    hat_decay_s: float
    hat_low_hz: float
    drive: float = 0.0
    bits: int = 0
    top_hz: float = 20000.0
    length: float = 1.0


KITS = {
    "kit_808": Kit(48.0, 1.8, 0.55, 0.15, 175.0, 0.16, 0.55, 0.045, 7000.0, drive=0.4),
    "kit_909": Kit(54.0, 4.2, 0.22, 0.6, 205.0, 0.14, 0.9, 0.06, 8000.0, drive=1.0),
    "kit_dusty": Kit(62.0, 2.6, 0.16, 0.4, 190.0, 0.13, 0.8, 0.05, 5000.0, drive=2.0, bits=8, top_hz=7500.0),
    "kit_minimal": Kit(58.0, 2.2, 0.10, 0.9, 330.0, 0.05, 0.5, 0.022, 9000.0, length=0.5),
}


def _time(seconds: float) -> Wave:
    return np.arange(int(seconds * RATE_HZ)) / RATE_HZ


def _noise(seconds: float, seed: int) -> Wave:
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE_HZ))


def _band(wave: Wave, low_hz: float | None, high_hz: float | None, order: int = 2) -> Wave:
    if low_hz is not None:
        wave = sosfilt(butter(order, low_hz, "highpass", fs=RATE_HZ, output="sos"), wave)
    if high_hz is not None and high_hz < 19000.0:
        wave = sosfilt(butter(order, high_hz, "lowpass", fs=RATE_HZ, output="sos"), wave)
    return np.asarray(wave)


def _swept(hz: float, sweep: float, sweep_s: float, decay_s: float, seconds: float) -> Wave:
    """A sine that falls from (1 + sweep) × hz to hz, as a struck membrane does."""
    t = _time(seconds)
    phase = 2 * np.pi * hz * (t + sweep * sweep_s * (1.0 - np.exp(-t / sweep_s)))
    return np.asarray(np.sin(phase) * np.exp(-t / decay_s))


def _metal(seconds: float, decay_s: float, low_hz: float) -> Wave:
    """Six detuned squares through a high-pass: the cymbal circuit of the TR-808."""
    t = _time(seconds)
    squares = sum(np.sign(np.sin(2 * np.pi * hz * t)) for hz in (800.0, 540.0, 522.7, 369.6, 304.4, 205.3))
    return _band(np.asarray(squares) / 6.0 + 0.3 * _noise(seconds, 5), low_hz, None, 4) * np.exp(-t / decay_s)


def _kick(kit: Kit) -> Wave:
    seconds = min(1.2, kit.kick_decay_s * 5)
    body = _swept(kit.kick_hz, kit.kick_sweep, 0.022, kit.kick_decay_s, seconds)
    click = _band(_noise(seconds, 1), 1500.0, 9000.0) * np.exp(-_time(seconds) / 0.004)
    return body + 0.35 * kit.kick_click * click


def _snare(kit: Kit) -> Wave:
    seconds = 0.5 * kit.length
    tone = _swept(kit.snare_hz, 0.7, 0.012, kit.snare_decay_s * 0.6, seconds)
    rattle = _band(_noise(seconds, 2), 1200.0, 10000.0) * np.exp(-_time(seconds) / kit.snare_decay_s)
    return 0.6 * tone + 0.5 * kit.snare_noise * rattle


def _clap(kit: Kit) -> Wave:
    seconds = 0.45 * kit.length
    t = _time(seconds)
    strokes = sum(np.where(t >= at, np.exp(-(t - at) / 0.006), 0.0) for at in (0.0, 0.011, 0.023))
    tail = np.where(t >= 0.03, np.exp(-(t - 0.03) / (0.09 * kit.length)), 0.0)
    return _band(_noise(seconds, 3), 900.0, 5000.0) * (strokes + 0.8 * tail) * 0.5


def _rim(kit: Kit) -> Wave:
    t = _time(0.12)
    return np.asarray((np.sin(2 * np.pi * 1700 * t) + np.sin(2 * np.pi * 480 * t)) * np.exp(-t / 0.012)) * 0.5


def _tom(hz: float) -> Callable[[Kit], Wave]:
    return lambda kit: 0.8 * _swept(hz, 0.6, 0.04, 0.16 * kit.length, 0.8 * kit.length)


def _hat(scale: float, level: float) -> Callable[[Kit], Wave]:
    def stroke(kit: Kit) -> Wave:
        decay_s = kit.hat_decay_s * scale
        return level * _metal(min(1.6, decay_s * 6), decay_s, kit.hat_low_hz)

    return stroke


def _shaker(kit: Kit) -> Wave:
    t = _time(0.16)
    swell = np.minimum(t / 0.025, 1.0) * np.exp(-np.maximum(t - 0.025, 0.0) / 0.03)
    return np.asarray(_band(_noise(0.16, 7), 5000.0, 14000.0) * swell * 0.35)


def _conga(kit: Kit) -> Wave:
    return 0.7 * _swept(210.0, 0.25, 0.015, 0.11 * kit.length, 0.6 * kit.length)


def _cowbell(kit: Kit) -> Wave:
    t = _time(0.4)
    tones = np.sign(np.sin(2 * np.pi * 540 * t)) + np.sign(np.sin(2 * np.pi * 800 * t))
    return _band(tones, 500.0, 5000.0) * (0.6 * np.exp(-t / 0.02) + 0.4 * np.exp(-t / 0.1)) * 0.3


_DRUMS: dict[int, Callable[[Kit], Wave]] = {
    36: _kick, 37: _rim, 38: _snare, 39: _clap, 42: _hat(1.0, 0.8), 44: _hat(0.7, 0.6), 46: _hat(5.0, 0.8),
    45: _tom(95.0), 47: _tom(135.0), 50: _tom(190.0), 49: _hat(14.0, 0.9), 51: _hat(7.0, 0.5), 70: _shaker,
    63: _conga, 56: _cowbell,
}  # fmt: skip


def _colour(wave: Wave, kit: Kit) -> Wave:
    """Drive, word length and band limit of the machine's output stage."""
    if kit.drive:
        wave = np.tanh(wave * (1 + kit.drive)) / np.tanh(1 + kit.drive)
    if kit.bits:
        steps = 2.0 ** (kit.bits - 1)
        wave = np.round(wave * steps) / steps
    return _band(wave, None, kit.top_hz)


@cache
def stroke(kit_name: str, pitch: int) -> Wave:
    """One stroke at full velocity, float64 (frames,); unknown pitches sound as the rim."""
    kit = KITS[kit_name]
    wave = _colour(_DRUMS.get(pitch, _rim)(kit), kit)
    fade = min(256, wave.size)
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    return np.asarray(wave)
