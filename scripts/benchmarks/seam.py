"""Does the loop's end meet its start? Three measures at the wrap, each against the same measure inside the loop.

Nearly every loop begins with a stroke or a chord on its first beat, so something does happen at the wrap. It is a seam
only if it is more than what happens inside: the wrap is held against the greatest and the 99.9th percentile inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, oaconvolve

from benchmarks.judges import Audio

#: A click's energy lies high; music's mostly does not.
_HIGH_PASS_HZ = 5000.0
_HIGH_PASS_S, _NEAR_S, _FLUX_S = 0.0015, 0.001, 0.0116
#: How much of the loop on either side of the wrap is looked at there.
_MARGIN_S = 0.05
#: The control: the same loop with this much of its end missing, which is what a careless cut does.
CUT_S = 0.005


@dataclass(frozen=True, slots=True)
class Seam:
    """A measure at the wrap, its greatest value inside, its 99.9th percentile inside, and the control's at its wrap."""

    wrap: float
    greatest: float
    usual: float
    cut_wrap: float


#: From audio (channels, frames) and rate to a value per position (…, n), and how many lie on either side of an edge.
Measure = Callable[[Audio, int], tuple[NDArray[np.float32], int]]


def steps(audio: Audio, rate: int) -> tuple[NDArray[np.float32], int]:
    """Steps between neighbouring samples."""
    return np.abs(np.diff(audio, axis=1)), 0


@cache
def _high_pass(rate: int) -> NDArray[np.float32]:
    taps: NDArray[np.float32] = firwin(2 * round(_HIGH_PASS_S * rate / 2) + 1, _HIGH_PASS_HZ, fs=rate, pass_zero=False)
    return taps.astype(np.float32)


def clicks(audio: Audio, rate: int) -> tuple[NDArray[np.float32], int]:
    """Level above 5 kHz, in windows of a millisecond."""
    taps = _high_pass(rate)[None]
    high = np.abs(oaconvolve(audio, taps, mode="valid", axes=1)).astype(np.float32)
    window = round(_NEAR_S * rate)
    return np.maximum.reduceat(high, np.arange(0, high.shape[1], window), axis=1), 1


def flux(audio: Audio, rate: int) -> tuple[NDArray[np.float32], int]:
    """Spectral flux: rising magnitude (its root, so that quiet bands count), summed over frequency."""
    frames = round(_FLUX_S * rate)
    windows = np.lib.stride_tricks.sliding_window_view(audio.mean(axis=0), frames)[:: frames // 4]
    picture = np.sqrt(np.abs(np.fft.rfft(windows * np.hanning(frames).astype(np.float32), axis=1)))
    return np.maximum(np.diff(picture, axis=0), 0.0).sum(axis=1).astype(np.float32), 3


MEASURES: dict[str, Measure] = {"step": steps, "click": clicks, "flux": flux}


def seams(audio: Audio, rate: int) -> dict[str, Seam]:
    """All measures of a loop (channels, frames)."""
    margin = min(round(_MARGIN_S * rate), audio.shape[1] // 2)
    cut = audio.shape[1] - round(CUT_S * rate)
    found = {}
    for name, measure in MEASURES.items():
        inside, _ = measure(audio, rate)
        wrap = _across(measure, audio[:, -margin:], audio[:, :margin], rate)
        cut_wrap = _across(measure, audio[:, cut - margin : cut], audio[:, :margin], rate)
        found[name] = Seam(wrap, float(inside.max()), float(np.quantile(inside, 0.999)), cut_wrap)
    return found


def _across(measure: Measure, end: Audio, start: Audio, rate: int) -> float:
    """The measure's greatest value where `end` meets `start`, which are equally long."""
    values, near = measure(np.concatenate([end, start], axis=1), rate)
    middle = values.shape[-1] // 2
    return float(values[..., middle - near : middle + near + 1].max())
