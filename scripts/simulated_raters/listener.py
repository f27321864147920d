"""Simulated listeners to finished sound: what they like is in the plan of a loop and in how it sounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from simulated_raters.audience import TOP, Taste, World, calibrated, draw_taste
from simulated_raters.ear import Ear
from simulated_raters.hearing import Sound

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Listener:
    """A hidden taste over plans and one over sound, each in its own standard deviations of unselected loops, `mean` and
    `sd` (2,); `shares` (2,) of the variance belong to them."""

    taste: Taste
    ear: Ear
    mean: Vector
    sd: Vector
    shares: Vector
    centre: float
    slope: float

    def liking(self, genomes: Sequence[Genome], sounds: Sequence[Sound]) -> Vector:
        """True liking, 0 to 5, (loops,)."""
        return np.asarray(TOP / (1.0 + np.exp(-(self.centre + self.slope * self._raw(genomes, sounds)))))

    def _raw(self, genomes: Sequence[Genome], sounds: Sequence[Sound]) -> Vector:
        return np.asarray(((_two(self.taste, self.ear, genomes, sounds) - self.mean) / self.sd) @ np.sqrt(self.shares))


def _two(taste: Taste, ear: Ear, genomes: Sequence[Genome], sounds: Sequence[Sound]) -> Vector:
    """What the plan and the sound of each loop are worth, (loops, 2), in units of their own."""
    return np.column_stack([taste.raw(genomes), [ear.liking(sound) for sound in sounds]])


def draw_listener(
    world: World, plans: Sequence[Genome], base: Sequence[Genome], sounds: Sequence[Sound], seed: int,
    sound_share: float = 0.5,
) -> Listener:  # fmt: skip
    """A listener who finds the unselected loops `base`, as they sound, as good as the world says on average. `plans`:
    unselected loops by which the taste over plans is told what is usual."""
    taste, ear = draw_taste(world, plans, np.random.default_rng([seed, 1])), Ear(seed)
    ear.get_used_to(sounds)
    two = _two(taste, ear, base, sounds)
    mean, sd = two.mean(0), two.std(0) + 1e-9
    shares = np.array([1.0 - sound_share, sound_share])
    centre, slope = calibrated(((two - mean) / sd) @ np.sqrt(shares), world)
    return Listener(taste, ear, mean, sd, shares, centre, slope)
