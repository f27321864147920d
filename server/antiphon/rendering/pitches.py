"""Does a stem play the notes its score says? Its chroma, window by window, against the chroma of the score's notes.

The expected chroma is made by the same road as the measured one: every note's harmonics are laid into a spectrum as
wide as the window makes them, and folded by the same matrix, so that low notes are blurred alike on both sides. Where a
timbre's partials are no harmonics, as a gong's, its own are expected.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.domain.overtones import HARMONICS, OVERTONES, Overtones
from antiphon.domain.score import Score, StemScore
from antiphon.rendering.onsets import averaged

_WINDOW = 4096
_HOP = 1024
_RATE_HZ = 11025.0
_LOW_HZ, _HIGH_HZ = 38.0, 2600.0
_HARMONICS = 8
_RELEASE_S = 0.12


@dataclass(frozen=True, slots=True)
class Tonality:
    """`match` is the mean cosine between measured and expected chroma; `transposed_match` the best transposed."""

    match: float
    transposed_match: float
    transposition: int


@lru_cache(maxsize=8)
def _matrices(rate_hz: float, overtones: Overtones) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(bins, 12) that folds a spectrum to chroma, and (128, 12), the chroma that each MIDI pitch gives through it."""
    multiples = np.array(overtones.within(_HARMONICS)) / overtones.period
    frequency = np.fft.rfftfreq(_WINDOW, 1.0 / rate_hz)
    pitch = 69.0 + 12.0 * np.log2(np.maximum(frequency, 1.0) / 440.0)
    distance = (pitch[:, None] - np.arange(12)[None, :] + 6.0) % 12.0 - 6.0
    fold = np.exp(-0.5 * (distance / 0.4) ** 2)
    fold[(frequency < _LOW_HZ) | (frequency > min(_HIGH_HZ, 0.45 * rate_hz))] = 0.0
    width_hz = rate_hz / _WINDOW
    templates = np.zeros((128, 12))
    for number in range(128):
        hz = 440.0 * 2.0 ** ((number - 69) / 12.0) * multiples
        lobes = np.maximum(0.0, 1.0 - np.abs(frequency[:, None] - hz[None, :]) / (2.0 * width_hz))
        templates[number] = (lobes / multiples).sum(axis=1) @ fold
    return fold.astype(np.float32), templates.astype(np.float32)


def tonality(mono: NDArray[np.float32], stem: StemScore, score: Score, sample_rate: int) -> Tonality | None:
    """Compare a pitched stem (frames,) with its score; None where there is nothing to compare."""
    factor = max(1, round(sample_rate / _RATE_HZ))
    slow = averaged(mono, factor)
    rate_hz = sample_rate / factor
    padded = np.pad(slow, _WINDOW // 2, mode="wrap")
    centres = np.arange(0, len(slow), _HOP)
    windows = sliding_window_view(padded, _WINDOW)[centres] * np.hanning(_WINDOW).astype(np.float32)
    fold, templates = _matrices(rate_hz, OVERTONES.get(stem.timbre, HARMONICS))
    measured = np.abs(scipy.fft.rfft(windows)) @ fold
    expected = _sounding(stem, score, centres / rate_hz, _WINDOW / rate_hz) @ templates
    weight = np.linalg.norm(measured, axis=1)
    scale = weight * np.linalg.norm(expected, axis=1)
    judged = scale > 1e-6 * float(scale.max(initial=0.0))
    if not np.any(judged) or float(weight.max()) < 1e-5:
        return None
    measured, expected, scale, weight = measured[judged], expected[judged], scale[judged], weight[judged]
    matches = [
        float(np.average(np.sum(measured * np.roll(expected, shift, axis=1), axis=1) / scale, weights=weight))
        for shift in range(12)
    ]
    best = int(np.argmax(matches))
    return Tonality(matches[0], matches[best], best)


def _sounding(stem: StemScore, score: Score, centres_s: NDArray[np.float64], window_s: float) -> NDArray[np.float32]:
    """How much of each MIDI pitch the score has in each window, (windows, 128)."""
    beat_s, length_s = 60.0 / score.bpm, score.duration_s
    notes = np.array([[n.onset_beats, n.duration_beats, n.velocity, n.pitch] for n in stem.notes])
    start = notes[:, :1] * beat_s % length_s
    end = start + notes[:, 1:2] * beat_s + _RELEASE_S
    heard = np.zeros((len(notes), len(centres_s)))
    for turn in (-length_s, 0.0, length_s):
        heard += _hann_integral((end + turn - centres_s) / window_s) - _hann_integral(
            (start + turn - centres_s) / window_s
        )
    pitches = np.zeros((len(notes), 128))
    pitches[np.arange(len(notes)), notes[:, 3].astype(np.int64)] = notes[:, 2]
    return (heard.T @ pitches).astype(np.float32)


def _hann_integral(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of a Hann window of width 1 around 0, up to `place`."""
    place = np.clip(place, -0.5, 0.5)
    integral: NDArray[np.float64] = place / 2.0 + np.sin(2.0 * np.pi * place) / (4.0 * np.pi)
    return integral
