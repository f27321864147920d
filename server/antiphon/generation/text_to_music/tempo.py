"""Where the beat is in audio that was asked for at a tempo: how much faster or slower it is, and where it begins.

Onset strength by spectral flux, then its autocorrelation at whole numbers of pulses (Percival and Tzanetakis 2014);
only tempos near the asked one are looked at, so that halves and doubles are no question.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

#: How far a tempo may be from the asked one to count as the same music played too fast or too slow.
SLOWEST, FASTEST = 0.8, 1.25
_WINDOW_S = 0.046
_FLUX_HZ = 200.0
#: Rhythm is heard well enough at about this rate.
_LISTENING_HZ = 11025.0
_PULSES = 8
#: Autocorrelation of a beat that one would tap to; noise and held chords stay well below.
_CERTAIN = 0.2
#: In octaves: how much nearer tempos are preferred.
_PRIOR_OCTAVES = 0.2
#: How far around the autocorrelation's tempo the comb looks for the exact one.
_NEAR = 0.012
_FIRST_SOUND_DB = -40.0


@dataclass(frozen=True, slots=True)
class Beat:
    """`ratio` is the played tempo over the asked one; `phase_s` where the first pulse falls, once sound has begun at
    `sound_s`. `certain` is False where there is no beat to measure: then ratio is 1, and phase_s is sound_s."""

    ratio: float
    phase_s: float
    sound_s: float
    certain: bool


def find_beat(audio: NDArray[np.float32], rate_hz: int, pulse_s: float) -> Beat:
    """Measure audio (channels, frames) in which a pulse every `pulse_s` seconds was asked for."""
    mono = np.asarray(audio.mean(axis=0), dtype=np.float64)
    sound_s = _first_sound_s(mono, rate_hz)
    flux = onset_strength(mono, rate_hz)
    rough, certainty = _ratio(flux, pulse_s)
    if certainty < _CERTAIN:
        return Beat(1.0, sound_s, sound_s, False)
    ratio, phase_s = _comb(flux, pulse_s, rough)
    # The first pulse that is not clearly before the first sound.
    behind = np.ceil((sound_s - 0.25 * pulse_s / ratio - phase_s) * ratio / pulse_s)
    return Beat(ratio, phase_s + max(0.0, float(behind)) * pulse_s / ratio, sound_s, True)


def onset_strength(mono: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    """Spectral flux of square-root magnitudes, 200 values a second; value i is what begins at i / 200 s."""
    factor = max(1, round(rate_hz / _LISTENING_HZ))
    slow = mono[: len(mono) // factor * factor].reshape(-1, factor).mean(axis=1).astype(np.float32)
    slow_hz = rate_hz / factor
    width = max(16, round(_WINDOW_S * slow_hz))
    count = int(len(slow) / slow_hz * _FLUX_HZ)
    if not count:
        return np.zeros(0)
    padded = np.pad(slow, width)
    # The window of value i ends shortly after its time, so that an onset shows when it happens.
    starts = np.rint(np.arange(count) / _FLUX_HZ * slow_hz + 0.25 * width).astype(np.int64)
    frames = padded[starts[:, None] + np.arange(width)[None, :]] * np.hanning(width).astype(np.float32)
    level = np.sqrt(np.abs(scipy.fft.rfft(frames))).astype(np.float64)
    flux = np.maximum(np.diff(level, axis=0, prepend=level[:1]), 0.0).sum(axis=1)
    smooth: NDArray[np.float64] = scipy.signal.convolve(flux, np.hanning(5) / np.hanning(5).sum(), mode="same")
    return smooth


def _first_sound_s(mono: NDArray[np.float64], rate_hz: int) -> float:
    peak = float(np.abs(mono).max(initial=0.0))
    loud = np.flatnonzero(np.abs(mono) > peak * 10.0 ** (_FIRST_SOUND_DB / 20.0)) if peak > 0.0 else np.zeros(1)
    return float(loud[0]) / rate_hz


def _ratio(flux: NDArray[np.float64], pulse_s: float) -> tuple[float, float]:
    """The best tempo ratio, and how much of the onsets' autocorrelation its pulses have."""
    centred = flux - flux.mean() if len(flux) else flux
    energy = float(np.dot(centred, centred))
    if energy <= 0.0:
        return 1.0, 0.0
    count = len(centred)
    correlation = scipy.signal.correlate(centred, centred, mode="full", method="fft")[count - 1 :] / energy
    # Fewer values overlap at longer lags; without this the shortest lag would always win.
    correlation = correlation * count / np.maximum(np.arange(count, 0, -1), 1)
    ratios = np.exp(np.linspace(np.log(SLOWEST), np.log(FASTEST), 901))
    longest = 0.75 * count / _FLUX_HZ
    pulses = np.arange(1, _PULSES + 1)
    pulses = pulses[pulses * pulse_s / SLOWEST <= longest]
    if not len(pulses):
        return 1.0, 0.0
    lags = pulses[None, :] * pulse_s / ratios[:, None] * _FLUX_HZ
    found = np.interp(lags.ravel(), np.arange(count), correlation).reshape(lags.shape).mean(axis=1)
    preference = np.exp(-0.5 * (np.log2(ratios) / _PRIOR_OCTAVES) ** 2)
    best = int(np.argmax(found * preference))
    return float(ratios[best]), float(found[best])


def _comb(flux: NDArray[np.float64], pulse_s: float, rough: float) -> tuple[float, float]:
    """Tempo ratio and the first pulse's time, of the comb that gathers the most onset strength over the whole."""
    best = (-1.0, rough, 0.0)
    for ratio in rough * np.linspace(1.0 - _NEAR, 1.0 + _NEAR, 61):
        period = pulse_s / ratio * _FLUX_HZ
        offsets = np.arange(0.0, period, 0.5)
        places = offsets[:, None] + np.arange(max(1, int(len(flux) / period)))[None, :] * period
        # Of the last pulse some offsets lie behind the end: the mean of those that don't.
        inside = places <= len(flux) - 1
        found = np.interp(places.ravel(), np.arange(len(flux)), flux).reshape(places.shape)
        gathered = (found * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
        top = int(np.argmax(gathered))
        if gathered[top] > best[0]:
            best = (float(gathered[top]), float(ratio), float(offsets[top]) / _FLUX_HZ)
    return best[1], best[2]
