"""How close one rendering of a stem comes to the instrument's own, and what it adds that nobody asked for."""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import butter, sosfilt

from antiphon.generation.sound.spectrum import MODEL_RATE_HZ

Wave = NDArray[np.float32]
#: A click: a millisecond this much above what lies around it, above 4 kHz, away from every onset, and not faint.
_CLICK_DB, _CLICK_FLOOR_DBFS, _CLICK_AROUND_MS, _CLICK_CLEAR_MS = 18.0, -60.0, 41, 40
#: Bands for energy that the source does not have, and the share of all its energy below which nothing counts.
_EDGES_HZ = (20, 60, 120, 250, 500, 1000, 2000, 4000, 8000, 12000, 16000, 20000)
_INAUDIBLE = 1e-6


def chroma_similarity(real: Wave, made: Wave) -> float:
    """Mean cosine between constant-Q chroma vectors, over frames where the instrument sounds."""
    a, b = (librosa.feature.chroma_cqt(y=wave, sr=MODEL_RATE_HZ, norm=None) for wave in (real, made))
    sounding = np.linalg.norm(a, axis=0) > 0.05 * np.linalg.norm(a, axis=0).max()
    a, b = a[:, sounding], b[:, sounding]
    cosine = (a * b).sum(0) / (np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0) + 1e-9)
    return float(cosine.mean())


def sharpness(wave: Wave, onsets_s: NDArray[np.float64]) -> float:
    """Mean onset strength within 23 ms of the score's onsets."""
    envelope = librosa.onset.onset_strength(y=wave, sr=MODEL_RATE_HZ, hop_length=256, n_fft=1024)
    frames = np.clip(np.round(onsets_s * MODEL_RATE_HZ / 256).astype(int), 2, envelope.size - 5)
    return float(np.mean([envelope[frame - 2 : frame + 5].max() for frame in frames]))


def level_db(wave: Wave) -> float:
    """Root mean square in dB of full scale."""
    return float(10.0 * np.log10(np.mean(np.square(wave, dtype=np.float64)) + 1e-12))


def dc_db(wave: Wave) -> float:
    """The mean, in dB of full scale."""
    return float(20.0 * np.log10(abs(float(np.mean(wave, dtype=np.float64))) + 1e-9))


def clicks(wave: Wave, onsets_s: NDArray[np.float64]) -> int:
    """Milliseconds that stick out of their surroundings where no note begins. The circle's wrap is listened to too."""
    frame = MODEL_RATE_HZ // 1000
    lead_in = _CLICK_AROUND_MS * frame
    sos = butter(4, 4000.0, "highpass", fs=MODEL_RATE_HZ, output="sos")
    high = sosfilt(sos, np.concatenate((wave[-lead_in:], wave)).astype(np.float64))[lead_in:]
    power = np.square(high[: high.size // frame * frame]).reshape(-1, frame).mean(1)
    level = 10.0 * np.log10(power + 1e-12)
    around = median_filter(level, _CLICK_AROUND_MS, mode="wrap")
    places = np.flatnonzero((level > around + _CLICK_DB) & (level > _CLICK_FLOOR_DBFS))
    onsets_ms = onsets_s * 1000.0
    alone = [place for place in places if np.abs(onsets_ms - place).min(initial=np.inf) > _CLICK_CLEAR_MS]
    return int(np.sum(np.diff(alone, prepend=-1000) > 5))


def excess_db(real: Wave, made: Wave) -> tuple[float, float]:
    """(the band in which `made` exceeds `real` most, how much energy it has over all), in dB above the real's.

    A millionth of the real's whole energy is added to both, so that what nobody hears does not count.
    """
    bins = [np.square(np.abs(np.fft.rfft(wave.astype(np.float64)))) for wave in (real, made)]
    hz = np.fft.rfftfreq(real.size, 1.0 / MODEL_RATE_HZ)
    edges = np.searchsorted(hz, _EDGES_HZ)
    floor = bins[0].sum() * _INAUDIBLE + 1e-9
    a, b = (np.add.reduceat(power, edges)[:-1] + floor for power in bins)
    return float(10.0 * np.log10(b / a).max()), float(10.0 * np.log10(b.sum() / a.sum()))
