"""A simulated listener with a hidden taste over sound: what it hears is computed here, not by the server's code."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal

Array = np.ndarray[Any, np.dtype[np.float64]]
#: The stems that the sound model sounds.
PITCHED = ("bass", "chords", "lead")
WINDOW_FRAMES = 2048
#: On 0 to 1, as people's in pilots: what loops get on average, how far taste moves it, and a rating's own noise.
LEVEL, REACH, NOISE = 0.46, 0.16, 0.12


class Ear:
    """One simulated person: likes some sounds better than others, and is never told who made them."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        taste = np.random.default_rng(seed).normal(size=3)
        self._taste: Array = taste / np.linalg.norm(taste)
        self._mean, self._spread = np.zeros(3), np.ones(3)

    @staticmethod
    def listen(audio: Array, rate_hz: int) -> Array:
        """What is heard of a sound (frames,) or (frames, channels), float64 (3,): brightness in octaves, how much of it
        is noise (flatness, log), how sharply it begins (log of rises over level)."""
        mono = audio if audio.ndim == 1 else audio.mean(axis=1)
        frequencies, _, spectrum = scipy.signal.stft(mono, rate_hz, nperseg=WINDOW_FRAMES)
        size = np.abs(spectrum)
        energy = np.square(size).sum(axis=1) + 1e-12
        centroid = (frequencies * energy).sum() / energy.sum()
        band = energy[(frequencies > 100.0) & (frequencies < 8000.0)]
        flatness = np.log(band).mean() - np.log(band.mean())
        rises = np.maximum(0.0, np.diff(size, axis=1)).sum() / (size.sum() + 1e-9)
        return np.array([np.log2(centroid + 1.0), flatness, np.log(rises + 1e-6)])

    def get_used_to(self, sounds: Sequence[Array]) -> None:
        """Take these as what loops sound like on average."""
        self._mean, self._spread = np.mean(sounds, axis=0), np.std(sounds, axis=0) + 1e-6

    def liking(self, heard: Array) -> float:
        """How much a sound is liked, without noise; 0 on average, with a spread of about 1."""
        return float(self._taste @ np.clip((heard - self._mean) / self._spread, -3.0, 3.0))

    def rate(self, heard: Array) -> float:
        """A rating, 0 to 1."""
        return float(np.clip(LEVEL + REACH * self.liking(heard) + self._rng.gauss(0.0, NOISE), 0.0, 1.0))
