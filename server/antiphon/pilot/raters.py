"""Simulated raters: people with a hidden taste over what the pilot's own ear hears, and with people's faults.

An audience shares a taste of peaks (liking rises and falls again: Berlyne, "Aesthetics and psychobiology", 1971) and of
pairs of descriptors; each rater has likings of their own, rates higher or lower than others, unsteadily, gets bored,
and may press without listening. They stand for nobody: they show that an experiment works, not that people like
anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Heard = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Habits:
    """How raters are, on the scale of 0 to 1. `reach`: the spread of true liking over unselected loops. `late`,
    `alike`: how far liking falls by the end of a session, and after loops that were the same. `inattentive`: the share
    of raters who press at random. Sizes as in the server's benchmarks (docs/benchmarks.md)."""

    level: float = 0.46
    reach: float = 0.16
    personal_sd: float = 0.08
    bias_sd: float = 0.1
    noise_sd: float = 0.14
    late: float = 0.06
    alike: float = 0.06
    inattentive: float = 0.05
    session: int = 12


@dataclass(frozen=True, slots=True)
class Rater:
    """One simulated person: `weights` over the standardised descriptors."""

    weights: Vector
    bias: float
    attentive: bool


@dataclass(frozen=True, slots=True)
class _Taste:
    """`axes`, `centres`, `widths`: (peaks, descriptors of each); `pairs` (pairs, 2); `slopes` (pairs,)."""

    axes: NDArray[np.intp]
    centres: Vector
    widths: Vector
    pairs: NDArray[np.intp]
    slopes: Vector

    def raw(self, z: Vector) -> Vector:
        """Liking of loops (loops, descriptors), in no unit yet, (loops,)."""
        far = np.square((z[:, self.axes] - self.centres) / self.widths).mean(axis=2)
        peaks = np.exp(-0.5 * far).max(axis=1)
        both = np.tanh(z[:, self.pairs[:, 0]]) * np.tanh(z[:, self.pairs[:, 1]])
        return np.asarray(2.0 * peaks + 0.5 * both @ self.slopes)


class Crowd:
    """Everybody who rates in one pilot. `base`: what was heard in unselected loops, by which the taste is set so that
    they are liked as `habits` say. Another seed is other people; the same seed the same."""

    def __init__(self, base: Sequence[Heard], seed: int, habits: Habits | None = None) -> None:
        self.habits = habits or Habits()
        self._seed = seed
        heard = np.array(base, dtype=np.float64)
        self._mean, self._sd = heard.mean(axis=0), heard.std(axis=0) + 1e-6
        self._taste = _draw_taste(heard.shape[1], np.random.default_rng((seed, 0)))
        raw = self._taste.raw(self._standard(base))
        self._centre, self._scale = float(raw.mean()), float(raw.std()) + 1e-3

    def liking(self, heard: Heard) -> float:
        """What the audience truly thinks of a loop on average, 0 to 1."""
        raw = float(self._taste.raw(self._standard([heard]))[0])
        liked = np.clip((raw - self._centre) / self._scale, -3.0, 3.0)
        return float(np.clip(self.habits.level + self.habits.reach * liked, 0.0, 1.0))

    def rater(self, number: int) -> Rater:
        """Who comes as the number-th."""
        rng = np.random.default_rng((self._seed, 1, number))
        weights = rng.standard_normal(len(self._mean)) / np.sqrt(len(self._mean))
        return Rater(weights, self.habits.bias_sd * rng.standard_normal(), rng.random() >= self.habits.inattentive)

    def rate(self, rater: Rater, heard: Heard, before: Sequence[Heard], rng: np.random.Generator) -> float:
        """A rating, 0 to 1, of someone who has heard `before` in this session, in that order."""
        if not rater.attentive:
            return float(rng.random())
        own = self.habits.personal_sd * float(self._standard([heard])[0] @ rater.weights)
        noise = self.habits.noise_sd * rng.standard_normal()
        value = self.liking(heard) + own + rater.bias + noise - self.boredom(heard, before)
        return float(np.clip(value, 0.0, 1.0))

    def boredom(self, heard: Heard, before: Sequence[Heard]) -> float:
        """By how much liking falls: for all that was heard, and for how near the last three loops are to this one."""
        if not before:
            return 0.0
        late = self.habits.late * min(1.0, len(before) / self.habits.session)
        far = np.sqrt(np.square(self._standard(before[-3:]) - self._standard([heard])).mean(axis=1))
        # Unselected loops are about 1.4 apart.
        return late + self.habits.alike * float(np.exp(-np.square(far / 0.7)).mean())

    def _standard(self, heard: Sequence[Heard]) -> Vector:
        return np.asarray(np.clip((np.array(heard, dtype=np.float64) - self._mean) / self._sd, -3.0, 3.0))


def _draw_taste(count: int, rng: np.random.Generator, peaks: int = 2, each: int = 3, pairs: int = 3) -> _Taste:
    """A taste over `count` descriptors, three at least."""
    axes = np.array([rng.permutation(count)[:each] for _ in range(peaks)])
    both = np.array([rng.permutation(count)[:2] for _ in range(pairs)])
    return _Taste(
        axes, rng.normal(0.0, 1.2, axes.shape), rng.uniform(1.0, 2.0, axes.shape), both, rng.standard_normal(pairs)
    )
