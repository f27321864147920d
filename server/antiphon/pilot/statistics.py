"""The statistics of a small experiment, as pure maths over arrays: means with intervals, agreement, spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Values = NDArray[np.float64]
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, or a difference of means, with its 95 % interval; the interval is None where too little was seen.

    `units` is how many independent values it rests on, and `over` what each of them is: `raters`, `ratings` of one
    rater, `loops`, or `raters and loops`. `error`: its standard error; `freedom`: degrees of freedom of that.
    """

    mean: float
    low: float | None
    high: float | None
    units: int
    over: str
    error: float | None = None
    freedom: float | None = None


def mean_interval(values: ArrayLike, over: str) -> Estimate | None:
    """Student's interval of the mean of independent `values` [n]; None of none, no interval of one."""
    x = np.asarray(values, dtype=np.float64)
    if not len(x):
        return None
    if len(x) < 2:
        return Estimate(float(x[0]), None, None, 1, over)
    error = float(x.std(ddof=1)) / len(x) ** 0.5
    return _around(float(x.mean()), error, len(x) - 1.0, len(x), over)


def difference_interval(first: ArrayLike, second: ArrayLike, over: str) -> Estimate | None:
    """Mean of `first` [n] less mean of `second` [m], both independent, with Welch's interval (1947).

    None where either is empty; no interval where either has fewer than two values.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if not len(a) or not len(b):
        return None
    gap, units = float(a.mean() - b.mean()), len(a) + len(b)
    if min(len(a), len(b)) < 2:
        return Estimate(gap, None, None, units, over)
    of_a, of_b = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    if of_a + of_b <= 0.0:
        return _around(gap, 0.0, units - 2.0, units, over)
    freedom = (of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    return _around(gap, (of_a + of_b) ** 0.5, freedom, units, over)


def _around(mean: float, error: float, freedom: float, units: int, over: str) -> Estimate:
    reach = float(stdtrit(freedom, 0.5 + CONFIDENCE / 2.0)) * error
    return Estimate(mean, mean - reach, mean + reach, units, over, error, freedom)


def over_raters_and_loops(by_raters: Estimate | None, by_loops: Estimate | None) -> Estimate | None:
    """What holds of other raters and of other loops at once, from the same mean's two estimates (Clark, 1973: min F').

    Loops differ, so an interval over raters alone finds gains where there are none: with eight loops of equal worth on
    average in more than a third of pilots, not in a twentieth. The errors' squares add up, which is on the safe side.
    The mean is that of `by_raters`; None without it, no interval where either has none.
    """
    if by_raters is None or by_loops is None:
        return by_raters
    units, over = by_raters.units + by_loops.units, "raters and loops"
    parts = [each for each in (by_raters, by_loops) if each.error is not None and each.freedom is not None]
    squares = [(each.error or 0.0) ** 2 for each in parts]
    if len(parts) < 2:
        return Estimate(by_raters.mean, None, None, units, over)
    weight = sum(square**2 / (each.freedom or 1.0) for square, each in zip(squares, parts, strict=True))
    freedom = sum(squares) ** 2 / weight if weight > 0.0 else min(each.freedom or 1.0 for each in parts)
    return _around(by_raters.mean, sum(squares) ** 0.5, freedom, units, over)


def one_way_icc(groups: Sequence[ArrayLike]) -> float | None:
    """Intraclass correlation ICC(1,1) of the ratings of each target (Shrout and Fleiss, 1979), -1 to 1.

    `groups`: the ratings of a target each, of any lengths; those with one rating are left out, and for unequal lengths
    the mean length is corrected (Donner, 1986). None with fewer than two targets, or where nothing differs.
    """
    kept = [np.asarray(group, dtype=np.float64) for group in groups]
    kept = [group for group in kept if len(group) >= 2]
    if len(kept) < 2:
        return None
    sizes = np.array([len(group) for group in kept], dtype=np.float64)
    total, means = float(sizes.sum()), np.array([group.mean() for group in kept])
    grand = float((sizes * means).sum()) / total
    between = float((sizes * (means - grand) ** 2).sum()) / (len(kept) - 1)
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in kept) / (total - len(kept))
    size = (total - float((sizes**2).sum()) / total) / (len(kept) - 1)
    spread = between + (size - 1.0) * within
    return (between - within) / spread if spread > 1e-12 else None


def standardised(points: Values) -> Values:
    """`points` [n, d] with mean 0 and deviation 1 in each dimension; a dimension in which nothing differs becomes 0."""
    deviation = points.std(axis=0)
    scale = np.where(deviation > 1e-12, deviation, np.inf)
    return np.asarray((points - points.mean(axis=0)) / scale, dtype=np.float64)


def mean_distance(points: Values) -> float | None:
    """Mean Euclidean distance of all pairs of `points` [n, d]; None with fewer than two."""
    if len(points) < 2:
        return None
    rows, columns = np.triu_indices(len(points), 1)
    return float(np.linalg.norm(points[rows] - points[columns], axis=1).mean())
