"""What ratings say before any belief about the raters: repeats folded together, and how each rater uses the scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from antiphon.feedback.ratings import Floats, Ints, Ratings

#: How much of a rater's noise varies within the person, so that it differs on a repeat; the rest is lasting taste.
WITHIN = 0.5
#: Ratings on at most so many different values are steps (stars); on more they are a knob, cut into `BINS`.
MOST_STEPS, BINS = 11, 10
#: Kinds of habit, as concentrations of a Dirichlet over the scale: from one value for everything to any value alike;
#: the last two about everybody's use of the scale, as shuffled answers are.
EVEN_HABITS, USUAL_HABITS = (0.02, 0.3, 3.0, 100.0), (3.0, 100.0)
HABITS = len(EVEN_HABITS) + len(USUAL_HABITS)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Pairs (p,) of rater and clip with the mean of their ratings, and what is known per rater (r,).

    `precision`: 1 / variance of the pair's mean, in units of the rater's noise variance. `repeats`, `repeat_squares`:
    degrees of freedom and sum of squares within pairs. `habit` (r, kinds): log density of all values under habits.
    """

    rater: Ints
    clip: Ints
    value: Floats
    precision: Floats
    raters: int
    clips: int
    repeats: Floats
    repeat_squares: Floats
    habit: Floats


def evidence(ratings: Ratings, variance: Floats) -> Evidence:
    """Fold repeats together; `variance` (n,) is each rating's noise variance in units of its rater's own."""
    key = ratings.rater * max(ratings.clips, 1) + ratings.clip
    pairs, pair = np.unique(key, return_inverse=True)
    weight = 1.0 / variance
    count = np.bincount(pair, minlength=len(pairs))
    total = np.bincount(pair, weight, len(pairs))
    mean = np.bincount(pair, weight * ratings.value, len(pairs)) / total
    lone = 1.0 - WITHIN
    rater, clip = np.divmod(pairs, max(ratings.clips, 1))
    within = weight * (ratings.value - mean[pair]) ** 2
    squares = np.asarray(np.bincount(ratings.rater, within, ratings.raters), dtype=np.float64)
    repeats = np.asarray(np.bincount(rater, count - 1.0, ratings.raters), dtype=np.float64)
    precision = 1.0 / (lone * count / total + WITHIN / total)
    return Evidence(rater, clip, mean, precision, ratings.raters, ratings.clips, repeats, squares, _habit(ratings))


def _habit(ratings: Ratings) -> Floats:
    """Log density (r, kinds) of each rater's values if they follow a habit of their own and not the clips.

    A Dirichlet-multinomial over the scale (Minka, "Estimating a Dirichlet distribution", 2000) of several
    concentrations, so no form of inattention need be known: one value for everything, any value, two favourite keys
    and shuffled answers are all habits.
    """
    steps, bins, width = _scale(ratings.value)
    table = np.zeros((ratings.raters, bins))
    np.add.at(table, (ratings.rater, steps), 1.0)
    count = table.sum(1)
    usual = (table.sum(0) + 1.0) / (table.sum() + bins)
    even = np.full(bins, 1.0 / bins)
    kinds = [concentration * bins * even for concentration in EVEN_HABITS]
    kinds += [concentration * bins * usual for concentration in USUAL_HABITS]
    logs = [
        gammaln(alpha.sum()) - gammaln(alpha.sum() + count) + (gammaln(alpha + table) - gammaln(alpha)).sum(1)
        for alpha in kinds
    ]
    return np.asarray(np.stack(logs, axis=1) - count[:, None] * np.log(width))


def _scale(value: Floats) -> tuple[Ints, int, float]:
    """Each value's step, how many steps there are, and how wide one is."""
    levels = np.unique(value)
    if len(levels) <= MOST_STEPS:
        gaps = np.diff(levels)
        width = float(max(gaps.min(), 1.0 / (MOST_STEPS - 1))) if len(gaps) else 1.0 / (BINS // 2)
        bins = max(len(levels), round(1.0 / width) + 1)
        return np.searchsorted(levels, value).astype(np.intp), bins, width
    return np.minimum((value * BINS).astype(np.intp), BINS - 1), BINS, 1.0 / BINS
