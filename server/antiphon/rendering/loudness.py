"""Loudness (ITU-R BS.1770, with pyloudnorm's filters) and true peak, of loops: both as if the loop went on for ever."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyloudnorm
import scipy.signal
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.rendering.circle import Audio

#: What the meter's own gate calls silence; reported instead of minus infinity, which JSON can't hold.
SILENCE_LUFS = -70.0
SILENCE_DB = -200.0
#: The meter's blocks are 400 ms long; shorter loops are repeated until there are enough of them to gate.
_LEAST_S = 3.0
_BLOCK_S, _STEP = 0.4, 0.25
_OFFSET_DB = -0.691
_RELATIVE_GATE = 0.1

#: At four times, a peak of noise may hide half a decibel between the points; at eight, a tenth.
_OVERSAMPLING = 8
_HALF_TAPS = 16
_BLOCK = 32
_ROWS = 40


def decibels(factor: float) -> float:
    """20 log10, with a floor."""
    return 20.0 * math.log10(factor) if factor > 1e-10 else SILENCE_DB


@lru_cache(maxsize=8)
def _weighting(sample_rate: int) -> NDArray[np.float64]:
    """The meter's filters (K-weighting) as second-order sections, to be run in one pass."""
    filters = pyloudnorm.Meter(sample_rate)._filters.values()
    return np.array([[*(stage.passband_gain * stage.b), *stage.a] for stage in filters])


@dataclass(frozen=True, slots=True)
class Loudness:
    """Mean square of each of the meter's blocks, after its filters, channels summed: what integrated loudness is made
    of, whatever gain follows."""

    blocks: NDArray[np.float64]

    def lufs(self, gain_db: float = 0.0) -> float:
        """Integrated loudness after a gain, gated twice (ITU-R BS.1770-4, eq. 3 to 7); at least `SILENCE_LUFS`."""
        power = self.blocks * 10.0 ** (gain_db / 10.0)
        gated = power[power > _power(SILENCE_LUFS)]
        if len(gated):
            gated = gated[gated > gated.mean() * _RELATIVE_GATE]
        return max(SILENCE_LUFS, _OFFSET_DB + 10.0 * math.log10(gated.mean())) if len(gated) else SILENCE_LUFS


def _power(lufs: float) -> float:
    return float(10.0 ** ((lufs - _OFFSET_DB) / 10.0))


def measure_loudness(audio: Audio, sample_rate: int) -> Loudness:
    """Measure a loop (channels, frames), as `pyloudnorm.Meter` does, in a third of its time."""
    repeats = max(1, math.ceil(_LEAST_S * sample_rate / audio.shape[1]))
    sides = 1
    if len(audio) == 2 and np.array_equal(audio[0], audio[1]):
        audio, sides = audio[:1], 2
    weighted = scipy.signal.sosfilt(_weighting(sample_rate), np.tile(audio, (1, repeats)).astype(np.float64))
    energy = np.zeros(weighted.shape[1] + 1)
    np.cumsum(np.einsum("cf,cf->f", weighted, weighted), out=energy[1:])
    count = round((weighted.shape[1] / sample_rate - _BLOCK_S) / (_BLOCK_S * _STEP)) + 1
    starts = np.arange(count) * _STEP
    ends = np.minimum((_BLOCK_S * (starts + 1.0) * sample_rate).astype(np.int64), len(energy) - 1)
    totals = energy[ends] - energy[(_BLOCK_S * starts * sample_rate).astype(np.int64)]
    return Loudness(totals * (sides / (_BLOCK_S * sample_rate)))


def gated_rms_db(audio: Audio, sample_rate: int) -> float:
    """RMS level in dBFS of a loop (channels, frames) while it plays: gated as loudness is, but not weighted, hence
    quick; at least `SILENCE_LUFS`."""
    hop = min(audio.shape[1], round(_BLOCK_S * _STEP * sample_rate))
    whole = audio.shape[1] // hop
    steps = audio[:, : whole * hop].reshape(len(audio), whole, hop)
    power = np.einsum("csf,csf->s", steps, steps) / (hop * len(audio))
    # Blocks of four steps, round the circle.
    blocks = sum(np.roll(power, -shift) for shift in range(round(1 / _STEP))) * _STEP
    gated = blocks[blocks > 10.0 ** (SILENCE_LUFS / 10.0)]
    if len(gated):
        gated = gated[gated > gated.mean() * _RELATIVE_GATE]
    return 10.0 * math.log10(float(gated.mean())) if len(gated) else SILENCE_LUFS


def loudness_lufs(audio: Audio, sample_rate: int) -> float:
    """Integrated loudness of the loop (channels, frames), at least `SILENCE_LUFS`."""
    return measure_loudness(audio, sample_rate).lufs()


@lru_cache(maxsize=1)
def _interpolator() -> tuple[NDArray[np.float32], float]:
    """The phases between samples as one matrix (block + taps - 1, phases × block), and the most they can gain.

    A Kaiser-windowed sinc of 32 taps a phase: longer, hence closer to the true curve, than the 12 of BS.1770-4 Annex 2.
    """
    taps = np.arange(2 * _HALF_TAPS)
    matrix = np.zeros((_BLOCK + 2 * _HALF_TAPS - 1, (_OVERSAMPLING - 1) * _BLOCK), dtype=np.float32)
    gain = 0.0
    for phase in range(1, _OVERSAMPLING):
        distance = phase / _OVERSAMPLING + _HALF_TAPS - 1 - taps
        window = np.i0(8.0 * np.sqrt(np.maximum(0.0, 1.0 - (distance / _HALF_TAPS) ** 2))) / np.i0(8.0)
        kernel = np.sinc(distance) * window
        kernel /= kernel.sum()
        gain = max(gain, float(np.abs(kernel).sum()))
        for column in range(_BLOCK):
            matrix[column : column + len(taps), (phase - 1) * _BLOCK + column] = kernel
    return matrix, gain


def true_peak(audio: Audio) -> float:
    """The largest absolute value of the eight times oversampled loop (channels, frames), as a factor.

    Blocks whose samples are too small for any interpolation between them to reach the peak known already are skipped.
    """
    matrix, gain = _interpolator()
    peak = 0.0
    mono = len(audio) == 2 and np.array_equal(audio[0], audio[1])
    for channel in audio[: 1 if mono else None]:
        blocks = -(-len(channel) // _BLOCK)
        # A window is at most two blocks long; one block more than there are, so that the last has its second.
        before = _HALF_TAPS - 1
        extended = np.pad(channel, (before, (blocks + 1) * _BLOCK - before - len(channel)), mode="wrap")
        windows = sliding_window_view(extended, matrix.shape[0])[::_BLOCK][:blocks]
        size = _block_peaks(extended)
        peak = max(peak, float(size.max()))
        reach = np.maximum(size[:-1], size[1:]) * gain
        if blocks > _ROWS:
            # The loudest first: the peak they show spares most of the others.
            peak = max(peak, _between(windows[np.argpartition(reach, -_ROWS)[-_ROWS:]], matrix))
        peak = max(peak, _between(windows[reach > peak], matrix))
    return peak


def _block_peaks(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest absolute value of each block of `_BLOCK` (a power of two), found by halving."""
    size = np.abs(signal)
    while len(size) > len(signal) // _BLOCK:
        size = np.maximum(size[0::2], size[1::2])
    return size


def _between(windows: NDArray[np.float32], matrix: NDArray[np.float32]) -> float:
    """The largest absolute value between the samples of `windows` (rows, taps)."""
    # Products this small stay on one core: on a busy machine the linear algebra library's threads wait for each other.
    groups = -(-len(windows) // _ROWS)
    whole = np.zeros((groups * _ROWS, matrix.shape[0]), dtype=np.float32)
    whole[: len(windows)] = windows
    between = whole.reshape(groups, _ROWS, matrix.shape[0]) @ matrix
    return max(float(between.max(initial=0.0)), -float(between.min(initial=0.0)))


def true_peak_db(audio: Audio) -> float:
    """True peak in dBTP, at least `SILENCE_DB`."""
    return decibels(true_peak(audio))
