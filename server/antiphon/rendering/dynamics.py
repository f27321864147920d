"""Dynamics of the mix: one gain curve, found from the mix and applied to every stem alike.

A compressor or limiter on the mix alone would make a mix that its stems don't sum to; one on each stem would treat them
differently. A shared curve does what a bus compressor does and keeps the sum: (a + b) g = a g + b g. The curves are
computed on the circle, so the loop's start hears the loop's end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from antiphon.rendering.circle import Audio
from antiphon.rendering.preset import Glue

#: The gain is found about 690 times a second and joined by straight lines.
_STEP_S = 64 / 44100
_KNEE_DB = 6.0
_LIMITER_WINDOW_S = 0.008


def glue_gain(mix: Audio, glue: Glue, sample_rate: int) -> NDArray[np.float32]:
    """Gain per frame (factor, at most 1) of a soft-knee RMS compressor over the mix (2, frames), periodic.

    The threshold is relative to the loop's own RMS level, so that a preset works alike on quiet and loud material.
    After Giannoulis, Massberg & Reiss, "Digital dynamic range compressor design" (2012), smoothed in decibels.
    """
    frames = mix.shape[1]
    steps = max(8, round(frames / (_STEP_S * sample_rate)))
    edges = (np.arange(steps) * frames) // steps
    energy = np.add.reduceat(np.einsum("cf,cf->f", mix, mix, dtype=np.float64), edges) / np.diff(edges, append=frames)
    mean = float(np.mean(energy))
    if mean <= 1e-14:
        return np.ones(frames, dtype=np.float32)
    over = 10.0 * np.log10(energy / mean + 1e-12) - glue.threshold_db
    knee = np.clip(over + _KNEE_DB / 2.0, 0.0, _KNEE_DB) ** 2 / (2.0 * _KNEE_DB)
    wanted = np.where(over > _KNEE_DB / 2.0, over, knee) * (1.0 - 1.0 / glue.ratio)
    reduction = _smoothed(wanted, glue, frames / sample_rate / steps)
    centres = edges + np.diff(edges, append=frames) / 2.0
    # Joined over the seam by hand: `period` would take every frame's remainder first, which takes longer than the rest.
    around = [centres[-1] - frames, *centres, centres[0] + frames]
    curve = np.interp(np.arange(frames), around, [reduction[-1], *reduction, reduction[0]])
    return np.asarray(10.0 ** (-curve / 20.0), dtype=np.float32)


def _smoothed(wanted: NDArray[np.float64], glue: Glue, step_s: float) -> NDArray[np.float64]:
    """Attack and release, one pole each; turn after turn until the start follows from the end."""
    attack = math.exp(-step_s / (glue.attack_ms / 1000.0))
    release = math.exp(-step_s / (glue.release_ms / 1000.0))
    values, level = wanted.tolist(), 0.0
    turns = 1 + min(16, math.ceil(8.0 * max(glue.attack_ms, glue.release_ms) / 1000.0 / (step_s * len(values))))
    smoothed: list[float] = []
    for _ in range(turns):
        smoothed = []
        for value in values:
            pole = attack if value > level else release
            level = value + (level - value) * pole
            smoothed.append(level)
    return np.asarray(smoothed)


def limiter_gain(envelope: NDArray[np.float32], ceiling: float, sample_rate: int) -> NDArray[np.float32]:
    """Gain per frame that brings every peak of `envelope` (frames,) to `ceiling` or below, looking ahead; periodic.

    The gain that each peak needs is held for a window around it and then averaged over that window: the average of
    values that are all small enough is small enough.
    """
    wanted = np.minimum(np.float32(1.0), np.float32(ceiling) / np.maximum(envelope, np.float32(1e-9)))
    window = 2 * int(_LIMITER_WINDOW_S * sample_rate) + 1
    if window >= len(envelope):
        return np.full(len(envelope), wanted.min(), dtype=np.float32)
    held = scipy.ndimage.minimum_filter1d(wanted, 2 * window - 1, mode="wrap")
    gain = held.astype(np.float64)
    for _ in range(2):
        gain = scipy.ndimage.uniform_filter1d(gain, window, mode="wrap")
    return np.asarray(gain, dtype=np.float32)


def peak_envelope(stems: Mapping[str, Audio], mix: Audio) -> NDArray[np.float32]:
    """The largest absolute sample of any channel of the mix or any stem, per frame."""
    envelope: NDArray[np.float32] = np.abs(mix).max(axis=0)
    for stem in stems.values():
        np.maximum(envelope, np.abs(stem).max(axis=0), out=envelope)
    return envelope
