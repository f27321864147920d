"""Random streams that give every machine the same draws.

Only `Generator.random` of PCG64 is used, and only sums and products after it, so that no platform's own mathematics
library has a say in what is composed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from zlib import crc32

import numpy as np

T = TypeVar("T")


class Draw:
    """One stream of draws, named after what it decides, so that parts can be made in any order or left out."""

    def __init__(self, seed: int, *names: str) -> None:
        entropy = [seed % 2**64, *(crc32(name.encode()) for name in names)]
        self._generator = np.random.default_rng(np.random.SeedSequence(entropy))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        return self.uniform() < probability

    def index(self, count: int) -> int:
        return min(int(self.uniform() * count), count - 1)

    def pick(self, options: Sequence[T]) -> T:
        return options[self.index(len(options))]

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """One of the options, as likely as its weight says."""
        left = self.uniform() * sum(weight for _, weight in options)
        for option, weight in options:
            left -= weight
            if left < 0 and weight > 0:
                return option
        return max(options, key=lambda option: option[1])[0]
