"""How stems sound, in few numbers (`domain.measures`): for the model of taste, which foretells those of loops unheard.

Measured on what is delivered, because that is what people rate. All but the level are the same for a louder copy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.domain.measures import LoopMeasures, StemMeasures
from antiphon.domain.score import Score
from antiphon.rendering.circle import Audio
from antiphon.rendering.onsets import averaged, onset_times_s
from antiphon.rendering.parallel import each

Floats = NDArray[np.float32]

_WINDOW, _HOP = 2048, 1024
#: Rates above this are averaged down to it, so that a loop measures alike at any rate.
_HIGHEST_RATE_HZ = 48_000.0
_LOWEST_HZ, _HIGHEST_HZ = 20.0, 16_000.0
#: Between these the flatness is taken: below are single partials, above is what codecs and converters leave.
_FLAT_HZ = (250.0, 8_000.0)
_LOW_END_HZ = 120.0
_REFERENCE_HZ = 1_000.0
#: The envelope's step, how far around an onset it is looked at, and the shares of the rise between which it is timed.
_ENVELOPE_S = 0.003
_BEFORE_S, _AFTER_S = 0.03, 0.3
_RISE = (0.1, 0.9)
#: Effective duration: the time above this share of the envelope's top (which one click shall not set).
_EFFECTIVE, _TOP = 0.4, 0.95
_SILENT = 1e-10


def measure_stems(
    stems: Mapping[str, Audio], loudness_lufs: Mapping[str, float], whole_lufs: float, score: Score, sample_rate: int
) -> LoopMeasures:
    """The measures of a loop's stems, float32 (channels, frames) each; stems that are silent have none.

    `loudness_lufs` by stem, and `whole_lufs` that of the loop (ITU-R BS.1770).
    """
    parts = {part.stem: part for part in score.stems}

    def measured(stem: str) -> StemMeasures | None:
        onsets_s = onset_times_s(parts[stem], score) if stem in parts else np.zeros(0)
        return measure(stems[stem], onsets_s, loudness_lufs[stem] - whole_lufs, sample_rate)

    found = zip(stems, each(measured, stems), strict=True)
    return tuple(sorted((stem, values) for stem, values in found if values is not None))


def measure(audio: Audio, onsets_s: NDArray[np.float64], level_lu: float, sample_rate: int) -> StemMeasures | None:
    """One stem (channels, frames) on its circle, in the order of `domain.measures.MEASURES`; None for silence.

    Brightness: centroid of the magnitude spectrum, octaves above 1 kHz. Noisiness: spectral flatness, dB (0: white
    noise). Attack: time in which the mean envelope after an onset rises from 10 to 90 %, log10 of seconds. Movement:
    1 less the correlation of neighbouring spectra (spectral variation). Sustain: effective duration, as a share of the
    loop. Low end: amplitude below 120 Hz as a share. Level: LU against the loop. Side: amplitude of the side signal as
    a share. Spectral ones are means over time, weighted by energy.
    """
    mono = np.asarray(audio.mean(axis=0))
    if float(np.mean(np.square(mono))) < _SILENT:
        return None
    factor = max(1, round(sample_rate / _HIGHEST_RATE_HZ))
    slow, rate_hz = averaged(mono, factor), sample_rate / factor
    envelope = _envelope(slow, rate_hz)
    values = (
        *_spectral(slow, rate_hz), _attack(envelope, onsets_s), _sustain(envelope), level_lu, _side_share(audio),
    )  # fmt: skip
    brightness, noisiness, movement, low_end, attack, sustain, level, side = values
    ordered = (brightness, noisiness, attack, movement, sustain, low_end, level, side)
    return tuple(round(float(value), 4) for value in ordered)


def _spectral(mono: Floats, rate_hz: float) -> tuple[float, float, float, float]:
    """Brightness, noisiness, movement and low end."""
    padded = np.pad(mono, _WINDOW // 2, mode="wrap")
    windows = sliding_window_view(padded, _WINDOW)[: len(mono) : _HOP] * np.hanning(_WINDOW).astype(np.float32)
    spectra = scipy.fft.rfft(windows)
    first, last = (max(1, round(hz * _WINDOW / rate_hz)) for hz in (_LOWEST_HZ, _HIGHEST_HZ))
    power = np.square(spectra.real[:, first:last]) + np.square(spectra.imag[:, first:last]) + np.float32(1e-12)
    size = np.sqrt(power)
    hz = np.arange(first, first + power.shape[1], dtype=np.float32) * np.float32(rate_hz / _WINDOW)
    energy = power.sum(axis=1)
    share = energy / energy.sum()
    brightness = share @ np.log2((size @ hz) / size.sum(axis=1) / _REFERENCE_HZ)
    low, high = np.searchsorted(hz, _FLAT_HZ)
    band = power[:, low:high]
    # Floored beside its own top: digital silence between the partials of a synthesiser is no purity that anybody hears.
    band = np.maximum(band, band.max(axis=1, keepdims=True) * np.float32(1e-8))
    flatness = share @ (10.0 * (np.log10(band).mean(axis=1) - np.log10(band.mean(axis=1))))
    before, norm = np.roll(size, 1, axis=0), np.sqrt(energy)
    alike = (size * before).sum(axis=1) / (norm * np.roll(norm, 1))
    low_end = np.sqrt(power[:, : np.searchsorted(hz, _LOW_END_HZ)].sum() / energy.sum())
    return float(brightness), float(flatness), float(share @ (1.0 - alike)), float(low_end)


def _envelope(mono: Floats, rate_hz: float) -> Floats:
    """Root mean square every `_ENVELOPE_S` (a little more, so that a whole number fits the loop)."""
    steps = max(1, int(len(mono) / rate_hz / _ENVELOPE_S))
    edges = (np.arange(steps) * len(mono)) // steps
    sums = np.add.reduceat(np.square(mono, dtype=np.float64), edges)
    return np.sqrt(sums / np.diff(edges, append=len(mono))).astype(np.float32)


def _attack(envelope: Floats, onsets_s: NDArray[np.float64]) -> float:
    """The rise of the mean envelope around the onsets; around the loudest place where the score has none."""
    places = np.rint(onsets_s / _ENVELOPE_S).astype(np.int64)
    if not len(places):
        places = np.array([int(np.argmax(envelope))])
    reach = np.arange(-round(_BEFORE_S / _ENVELOPE_S), round(_AFTER_S / _ENVELOPE_S))
    rise = np.take(envelope, places[:, None] + reach[None, :], mode="wrap").mean(axis=0)
    rise = rise - rise[: int(np.argmax(rise)) + 1].min()
    top = float(rise.max())
    if top <= 0.0:
        return float(np.log10(_AFTER_S))
    ends = int(np.argmax(rise >= _RISE[1] * top))
    # From the last low place on: what rang before the onset is not its rise.
    low = np.flatnonzero(rise[:ends] < _RISE[0] * top)
    begins = int(low[-1]) + 1 if len(low) else 0
    return float(np.log10((ends - begins + 1) * _ENVELOPE_S))


def _sustain(envelope: Floats) -> float:
    return float(np.mean(envelope > _EFFECTIVE * np.quantile(envelope, _TOP)))


def _side_share(audio: Audio) -> float:
    if audio.shape[0] < 2:
        return 0.0
    side, mid = (float(np.mean(np.square(audio[0] + sign * audio[1]))) for sign in (-1.0, 1.0))
    return float(np.sqrt(side / max(side + mid, _SILENT)))
