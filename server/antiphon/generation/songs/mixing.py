"""Noise of several songs in one: spherical interpolation, as the paper's way in has it (Singh et al., 2025)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Noise = NDArray[np.float32]


def slerp(first: Noise, second: Noise, share: float) -> Noise:
    """`share` (0 to 1) of the way from the one noise to the other, along the great circle (Shoemake, 1985); lengths
    that differ are interpolated too. Unlike noises of seeds, those of songs may be near to each other."""
    one, other = first.astype(np.float64).ravel(), second.astype(np.float64).ravel()
    lengths = math.sqrt(float(one @ one) * float(other @ other))
    cosine = float(one @ other) / max(lengths, 1e-12)
    between = math.acos(max(-1.0, min(1.0, cosine)))
    if math.sin(between) < 1e-6:
        return ((1.0 - share) * one + share * other).reshape(first.shape).astype(np.float32)
    near, far = (math.sin(part * between) / math.sin(between) for part in (1.0 - share, share))
    return (near * one + far * other).reshape(first.shape).astype(np.float32)


def mixed(noises: Sequence[Noise]) -> Noise:
    """All noises, each with the same share, one after the other."""
    result = noises[0]
    for count, noise in enumerate(noises[1:], start=2):
        result = slerp(result, noise, 1.0 / count)
    return np.ascontiguousarray(result, dtype=np.float32)
