"""The pilot's own ear: what a loop sounds like, in ten descriptors. It shares no code with what the server listens by,
so that simulated raters and the report's diversity judge by something that the server can't have aimed at."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from antiphon.errors import StorageFailed

Array = NDArray[np.float64]
#: What `hear` tells, in this order: names for people and, with units, for tables.
NAMES = (
    "brightness, octaves above 1 Hz", "noisiness, dB", "share below 150 Hz, dB", "onsets a second",
    "sharpness of onsets", "dynamic range, dB", "width, dB", "harmonic change", "spread of pitch classes, bits",
    "roughness, dB",
)  # fmt: skip
COLUMNS = (
    "brightness_octaves_above_1_hz", "noisiness_db", "share_below_150_hz_db", "onsets_per_s", "onset_sharpness_log2",
    "dynamic_range_db", "width_db", "harmonic_change_0_to_1", "pitch_class_spread_bits", "roughness_db",
)  # fmt: skip
WINDOW, HOP = 2048, 512
#: Below these no level is told apart: silence is a sound too.
TINY = 1e-10
LOW_HZ = 150.0
#: Quicker swings than these are heard as roughness (Zwicker & Fastl, "Psychoacoustics", 2007, chapter 11).
ROUGH_HZ = (20.0, 150.0)


def hear_file(data: bytes) -> tuple[tuple[float, ...], float]:
    """Descriptors of an audio file and its length in seconds. Raises StorageFailed for what is no audio."""
    try:
        audio, rate_hz = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError) as fault:
        raise StorageFailed(f"the server sent a mix that is no audio file ({fault}): look at it there") from fault
    return hear(audio, int(rate_hz)), len(audio) / rate_hz


def hear(audio: Array, rate_hz: int) -> tuple[float, ...]:
    """The descriptors `NAMES` of a sound (frames, channels); all finite, silence included."""
    audio = audio if len(audio) else np.zeros((1, audio.shape[1]))
    mono = audio.mean(axis=1)
    size = _spectra(mono)
    frequencies: Array = np.asarray(np.fft.rfftfreq(WINDOW, 1.0 / rate_hz), dtype=np.float64)
    power: Array = np.square(size)
    told = (
        *_colour(np.asarray(power.mean(axis=0)), frequencies), *_attacks(size, rate_hz), _dynamics(mono), _width(audio),
        *_harmony(power, frequencies), _roughness(mono, rate_hz),
    )  # fmt: skip
    return tuple(float(value) for value in told)


def _spectra(mono: Array) -> Array:
    """Magnitudes, (windows, bins); a loop goes round, so its begin follows its end."""
    count = max(1, len(mono) // HOP)
    round_about = np.resize(mono, count * HOP + WINDOW)
    windows = np.lib.stride_tricks.sliding_window_view(round_about, WINDOW)[::HOP][:count]
    return np.asarray(np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) / WINDOW, dtype=np.float64)


def _decibels(power: Any) -> Any:
    return 10.0 * np.log10(power + TINY)


def _colour(mean: Array, frequencies: Array) -> tuple[float, float, float]:
    """Brightness (log2 of the centroid), noisiness (flatness from 100 Hz to 8 kHz), share of lows."""
    total = mean.sum() + TINY
    centroid = float((frequencies * mean).sum() / total)
    band = mean[(frequencies > 100.0) & (frequencies < 8000.0)] + TINY * TINY
    flatness = float(_decibels(np.exp(np.log(band).mean()) / band.mean()))
    return np.log2(centroid + 1.0), flatness, float(_decibels(mean[frequencies < LOW_HZ].sum() / total))


def _attacks(size: Array, rate_hz: int) -> tuple[float, float]:
    """Onsets a second (peaks of spectral flux) and how far they stand above what lies between them, log2."""
    level = np.log1p(1000.0 * size)
    flux = np.maximum(0.0, level - np.roll(level, 1, axis=0)).mean(axis=1)
    floor, top = float(np.median(flux)), float(flux.max())
    peaks = (flux > np.roll(flux, 1)) & (flux >= np.roll(flux, -1)) & (flux > floor + 0.2 * (top - floor))
    seconds = len(size) * HOP / rate_hz
    found = int(peaks.sum()) if top > 1e-6 else 0
    return found / seconds, float(np.log2((top + 1e-3) / (floor + 1e-3)))


def _dynamics(mono: Array) -> float:
    """How far loud moments (95 %) lie above quiet ones (10 %), dB, in blocks of 50 ms or so; at most 60."""
    blocks = np.resize(mono, (max(1, len(mono) // WINDOW), WINDOW))
    levels = _decibels(np.square(blocks).mean(axis=1))
    return float(min(60.0, np.percentile(levels, 95) - np.percentile(levels, 10)))


def _width(audio: Array) -> float:
    """Difference over sum of the sides, dB; mono is -60."""
    if audio.shape[1] < 2:
        return -60.0
    middle, side = audio[:, 0] + audio[:, 1], audio[:, 0] - audio[:, 1]
    return float(max(-60.0, _decibels(np.square(side).mean()) - _decibels(np.square(middle).mean())))


def _harmony(power: Array, frequencies: Array) -> tuple[float, float]:
    """How much pitch classes change from moment to moment (0 to 1), and their entropy as a whole (0 to 3.58 bits)."""
    heard = (frequencies > 80.0) & (frequencies < 4000.0)
    places = np.round(12.0 * np.log2(frequencies[heard] / 440.0)).astype(int) % 12
    chroma = np.sqrt(power[:, heard]) @ np.eye(12)[places] + TINY
    # A quarter of a second or so at a time: shorter, and strokes would be taken for chords.
    span = max(1, min(20, len(chroma)))
    steps = chroma[: len(chroma) // span * span].reshape(-1, span, 12).mean(axis=1)
    steps = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    change = 1.0 - float((steps * np.roll(steps, 1, axis=0)).sum(axis=1).mean())
    share = chroma.mean(axis=0) / chroma.mean(axis=0).sum()
    return change, float(-(share * np.log2(share)).sum())


def _roughness(mono: Array, rate_hz: int) -> float:
    """Power of the envelope's swings of 20 to 150 Hz over its mean's, dB; at least -60."""
    step = max(1, rate_hz // 1000)
    envelope = np.abs(mono[: len(mono) // step * step]).reshape(-1, step).mean(axis=1) if len(mono) >= step else mono
    if len(envelope) < 2 or envelope.mean() < 1e-6:
        return -60.0
    swings = np.square(np.abs(np.fft.rfft(envelope / envelope.mean() - 1.0)) / len(envelope))
    at_hz = np.fft.rfftfreq(len(envelope), step / rate_hz)
    return float(max(-60.0, _decibels(swings[(at_hz >= ROUGH_HZ[0]) & (at_hz <= ROUGH_HZ[1])].sum())))
