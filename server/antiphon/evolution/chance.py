"""Draws that every operator makes, from a numpy Generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def fresh_seed(rng: np.random.Generator) -> int:
    """A seed of 31 bits, as those that clients send."""
    return int(rng.integers(2**31))


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def weighted(rng: np.random.Generator, options: Sequence[tuple[T, float]]) -> T:
    """One of the options, as likely as its weight says."""
    weights = np.cumsum([weight for _, weight in options])
    return options[int(np.searchsorted(weights, rng.random() * weights[-1], side="right"))][0]


def nudged(rng: np.random.Generator, value: float, spread: float, low: float, high: float) -> float:
    """A value moved by a normal step and kept inside its range."""
    return float(min(high, max(low, value + spread * rng.standard_normal())))
