"""Simulated raters for tests: honest ones with bias and noise, and those that don't listen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.feedback import Ratings, ratings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Crowd:
    worth: Floats
    bias: Floats
    noise: Floats
    spammer: NDArray[np.bool_]
    ratings: Ratings


def crowd(
    rng: np.random.Generator,
    per_clip: int = 6,
    spam: float = 0.0,
    form: str = "uniform",
    clips: int = 60,
    raters: int = 24,
) -> Crowd:
    """Values in steps of a quarter, as on a 5-point scale."""
    worth, bias = rng.normal(0.5, 0.175, clips), rng.normal(0.0, 0.125, raters)
    noise = rng.uniform(0.075, 0.3, raters)
    spammer = np.zeros(raters, dtype=bool)
    spammer[rng.permutation(raters)[: round(spam * raters)]] = True
    clip = np.repeat(np.arange(clips), per_clip)
    rater = np.concatenate([rng.permutation(raters)[:per_clip] for _ in range(clips)])
    value = worth[clip] + bias[rater] + noise[rater] * rng.normal(size=len(clip))
    for who in np.flatnonzero(spammer):
        mine = rater == who
        if form == "uniform":
            value[mine] = rng.integers(0, 5, mine.sum()) / 4
        elif form == "constant":
            value[mine] = rng.integers(0, 5) / 4
        else:
            value[mine] = 1.0 - value[mine]
    steps = np.clip(np.round(4.0 * value), 0, 4) / 4
    return Crowd(worth, bias, noise, spammer, ratings(rater, clip, steps, raters=raters, clips=clips))


def plain_means(given: Ratings) -> Floats:
    return np.asarray(
        np.bincount(given.clip, given.value, given.clips) / np.bincount(given.clip, minlength=given.clips)
    )
