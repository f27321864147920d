"""Does a stem play when its score says? Onsets are found by spectral flux and compared with the score's, one by one.

After Bello et al., "A tutorial on onset detection in music signals" (2005), and Dixon, "Onset detection revisited"
(2006).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.domain.glides import glides_in, struck_notes
from antiphon.domain.score import Score, StemScore

_WINDOW = 512
_HOP = 128
#: Square-root compressed flux of a sudden onset peaks this long before it, as its window begins to see it.
_LEAD_S = 0.0036
#: Notes closer than this are one onset to the ear, and to the window.
_SAME_ONSET_S = 0.03
_REACH_S = 0.06
_NEAR_S = 0.015
#: A note that glides in is on its way for so long.
_SLIDE_S = 0.1
#: A peak counts as an onset from this share of the highest one in reach.
_PEAK_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Timing:
    """How a stem's onsets lie to the score's. `contrast` is the flux at the score's onsets over the flux anywhere."""

    shift_s: float
    spread_s: float
    contrast: float
    onsets: int


def onset_times_s(stem: StemScore, score: Score) -> NDArray[np.float64]:
    """When something begins, in seconds from the loop's start, without doubles. What glides in begins at no instant."""
    beats = float(score.beats)
    times = np.unique([note.onset_beats % beats for note in struck_notes(stem)]) * 60.0 / score.bpm
    return times[np.diff(times, prepend=-1.0) > _SAME_ONSET_S] if len(times) else times


def averaged(mono: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """The signal at a rate `factor` times lower: the mean of every `factor` frames; what is left over is dropped."""
    whole = len(mono) // factor * factor
    total = mono[0:whole:factor].copy()
    for place in range(1, factor):
        total += mono[place:whole:factor]
    return total / np.float32(factor)


def onset_curve(mono: NDArray[np.float32], sample_rate: int) -> tuple[NDArray[np.float32], float]:
    """Spectral flux of a loop (frames,) on its circle, and the time between its values in seconds."""
    slow = averaged(mono, max(1, round(sample_rate / 22050)))
    steps = max(1, len(slow) // _HOP)
    # The windows are spread evenly over the circle, so that the last is as far from the first as from its neighbour.
    padded = np.pad(slow, _WINDOW // 2, mode="wrap")
    starts = (np.arange(steps) * len(slow)) // steps
    windows = sliding_window_view(padded, _WINDOW)[starts] * np.hanning(_WINDOW).astype(np.float32)
    spectra = scipy.fft.rfft(windows)
    level = np.sqrt(np.sqrt(np.square(spectra.real) + np.square(spectra.imag)))
    flux = np.empty(steps, dtype=np.float32)
    flux[0] = np.maximum(level[0] - level[-1], 0.0).sum()
    flux[1:] = np.maximum(level[1:] - level[:-1], 0.0).sum(axis=1)
    return flux, len(mono) / sample_rate / steps


def timing(mono: NDArray[np.float32], stem: StemScore, score: Score, sample_rate: int) -> Timing | None:
    """Compare a stem (frames,) with its score; None where there are too few onsets or no sound to judge by."""
    expected = onset_times_s(stem, score)
    flux, step_s = onset_curve(mono, sample_rate)
    if len(expected) < 2 or float(flux.max(initial=0.0)) <= 0.0:
        return None
    duration_s = len(mono) / sample_rate
    gaps = np.diff(expected, append=expected[0] + duration_s)
    reach = np.minimum(_REACH_S, 0.5 * np.minimum(gaps, np.roll(gaps, 1)))
    # Value i of the flux lies between windows i - 1 and i.
    centres = (expected - _LEAD_S) / step_s + 0.5
    found = [_peak(flux, centre, width / step_s) for centre, width in zip(centres, reach, strict=True)]
    offsets = np.array([place for place, _ in found]) * step_s
    weights = np.sqrt(np.array([height for _, height in found]) + 1e-12)
    near = scipy.ndimage.maximum_filter1d(flux, 2 * max(1, round(_NEAR_S / step_s)) + 1, mode="wrap")
    at_onsets = near[np.rint(centres).astype(np.int64) % len(flux)]
    shift = _weighted_median(offsets, weights)
    anywhere = near[~_sliding(stem, score, step_s, len(flux))]
    return Timing(shift, _weighted_median(np.abs(offsets - shift), weights),
                  float(at_onsets.mean() / anywhere.mean()), len(expected))  # fmt: skip


def _sliding(stem: StemScore, score: Score, step_s: float, steps: int) -> NDArray[np.bool_]:
    """Where notes slide in: pitch that moves has flux, and no onset. bool (steps,)."""
    found = np.zeros(steps, dtype=np.bool_)
    beat_s, after = 60.0 / score.bpm, [note.onset_beats for note in stem.notes[1:]]
    for note, following in zip(stem.notes, [*after, float(score.beats)], strict=True):
        if glides_in(note, stem.timbre):
            end_s = min(note.onset_beats * beat_s + _SLIDE_S, following * beat_s - _NEAR_S)
            places = np.arange(int((note.onset_beats * beat_s - _NEAR_S) / step_s), int(end_s / step_s) + 1)
            found[places % steps] = True
    return found


def _peak(flux: NDArray[np.float32], centre: float, reach: float) -> tuple[float, float]:
    """The nearest high peak within `reach` of `centre`, all in steps: (distance from the centre, height).

    The nearest, not the highest: a low note's flux beats with its period (24 ms for a bass's low E), and its second or
    third cycle may well be stronger than the one that begins it.
    """
    places = np.arange(int(np.ceil(centre - reach)), int(np.floor(centre + reach)) + 1)
    if not len(places):
        places = np.array([round(centre)])
    values = np.take(flux, places, mode="wrap")
    around = np.take(flux, np.stack([places - 1, places + 1]), mode="wrap")
    tops = np.flatnonzero((values >= around.max(axis=0)) & (values >= _PEAK_SHARE * values.max()))
    best = int(tops[np.abs(places[tops] - centre).argmin()]) if len(tops) else int(np.argmax(values))
    left, top, right = np.take(flux, [places[best] - 1, places[best], places[best] + 1], mode="wrap")
    curve = left - 2.0 * top + right
    between = 0.5 * (left - right) / curve if curve < 0.0 and top >= max(left, right) else 0.0
    return float(places[best] + between - centre), float(top)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2.0)])
