"""Does a stem hiss? Steady noise high up, where its instrument has none.

Between 6 and 12 kHz the spectrum of a tone has lines, that of hiss has none: its quieter bins are nearly as strong as
its louder ones. So the lower quartile of the band's bins tells the noise between the partials, window by window; saws
and trumpets, however bright, have little there. Strokes have it too, for an instant, so only what lasts is counted.
What some colours ask for (breath, crackle) is noise as well, so whether there is too much of it can only be said beside
the instrument itself, playing the same notes in the same colours.

The limits are measured (docs/benchmarks.md, "Hiss"): what hisses does so for a second or longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.rendering.onsets import averaged

_WINDOW, _HOP = 2048, 2048
#: Rates above this are averaged down to it.
_HIGHEST_RATE_HZ = 48_000.0
_LOW_HZ, _HIGH_HZ = 6_000.0, 12_000.0
_BETWEEN_PARTIALS = 0.25
#: Bins of noise are distributed exponentially: this is their lower quartile over their mean.
_QUARTILE_OF_MEAN = math.log(4.0 / 3.0)
#: A stem is as loud as its ninth decile, over so many windows.
_LOUD, _LOUD_WINDOWS = 0.9, 8
#: Noise further below the stem's loud passages than this is not counted.
AUDIBLE_DB = -35.0
#: How far the instrument's own noise must lie below it, within so many windows before and after.
EXCESS_DB = 12.0
_NEIGHBOURS = 2
#: So many windows on end (0.19 s) no stroke's noise lasts.
_LASTING = 4
#: How long lasting noise may be in all.
LONGEST_S = 0.3


@dataclass(frozen=True, slots=True)
class NoiseFloor:
    """A stem's noise between its partials: float32 (windows,), in dB against its loud passages, every `step_s`."""

    level_db: NDArray[np.float32]
    step_s: float

    @property
    def suspicious(self) -> bool:
        """Whether there is enough of it to ask what its instrument has."""
        return float(np.count_nonzero(_lasting(self.level_db > AUDIBLE_DB))) * self.step_s > LONGEST_S


@dataclass(frozen=True, slots=True)
class Hiss:
    """For how long in all a stem has noise that its instrument hasn't, and at which level (median, dB against its loud
    passages; AUDIBLE_DB where there is none)."""

    duration_s: float
    level_db: float

    @property
    def heard(self) -> bool:
        """Whether it is enough to be heard as hiss."""
        return self.duration_s > LONGEST_S


def noise_floor(mono: NDArray[np.float32], sample_rate: int) -> NoiseFloor:
    """The noise floor of a loop (frames,), on its circle."""
    factor = max(1, round(sample_rate / _HIGHEST_RATE_HZ))
    slow = averaged(mono, factor)
    rate_hz = sample_rate / factor
    padded = np.pad(slow, _WINDOW // 2, mode="wrap")
    windows = sliding_window_view(padded, _WINDOW)[: len(slow) : _HOP] * np.hanning(_WINDOW).astype(np.float32)
    spectra = scipy.fft.rfft(windows)
    first, last = (round(hz * _WINDOW / rate_hz) for hz in (_LOW_HZ, _HIGH_HZ))
    band = np.square(spectra.real[:, first:last]) + np.square(spectra.imag[:, first:last])
    quiet = round(_BETWEEN_PARTIALS * band.shape[1])
    noise = np.partition(band, quiet, axis=1)[:, quiet] * (band.shape[1] / _QUARTILE_OF_MEAN)
    # Parseval: the sum over the bins of a real signal's spectrum.
    power = np.square(windows).sum(axis=1) * (_WINDOW / 2)
    loud = float(np.quantile(scipy.ndimage.uniform_filter1d(power, _LOUD_WINDOWS, mode="wrap"), _LOUD))
    level_db = 10.0 * np.log10(noise / max(loud, 1e-12) + 1e-12)
    return NoiseFloor(level_db.astype(np.float32), _HOP / rate_hz)


def hiss(stem: NoiseFloor, instrument: NoiseFloor) -> Hiss:
    """What of a stem's noise its instrument hasn't, playing the same for the same time."""
    own = scipy.ndimage.maximum_filter1d(instrument.level_db, 2 * _NEIGHBOURS + 1, mode="wrap")
    hissing = _lasting((stem.level_db > AUDIBLE_DB) & (stem.level_db > own + EXCESS_DB))
    level_db = float(np.median(stem.level_db[hissing])) if np.any(hissing) else AUDIBLE_DB
    return Hiss(float(np.count_nonzero(hissing)) * stem.step_s, level_db)


def _lasting(noisy: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those of the windows (windows,) that stand in a row of `_LASTING` at least, on the circle."""
    if not np.any(noisy):
        return noisy
    rows = scipy.ndimage.minimum_filter1d(noisy.astype(np.uint8), _LASTING, mode="wrap")
    # An even row has no middle: the filters lean to opposite sides, so that each row is found where it stands.
    return np.asarray(scipy.ndimage.maximum_filter1d(rows, _LASTING, mode="wrap", origin=-1 + _LASTING % 2), dtype=bool)
