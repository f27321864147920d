"""Ratings as arrays: what the maths of this room is given, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antiphon.errors import InvalidRequest, OutOfRange

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Ratings:
    """`n` ratings of `clips` clips by `raters` raters, all as arrays of length n.

    `rater` and `clip` count from 0; `value` is 0 to 1. The same rater and clip twice is a repeat: it tells how far a
    rater agrees with themselves. `listened` is the share of the clip heard before rating (may exceed 1 where it
    looped), `position` the place in the rater's own sequence from 0; NaN where unknown, None where nobody knows any.
    Raises InvalidRequest where lengths or indices don't fit, OutOfRange where values are not finite or outside 0 to 1.
    """

    rater: Ints
    clip: Ints
    value: Floats
    raters: int
    clips: int
    listened: Floats | None = field(default=None)
    position: Floats | None = field(default=None)

    def __post_init__(self) -> None:
        n = len(self.value)
        for name in ("rater", "clip", "value", "listened", "position"):
            column = getattr(self, name)
            if column is not None and np.shape(column) != (n,):
                raise InvalidRequest(f"ratings: {name} has shape {np.shape(column)}: give one entry for each rating")
        _check_index("rater", self.rater, self.raters)
        _check_index("clip", self.clip, self.clips)
        if not (np.isfinite(self.value) & (self.value >= 0.0) & (self.value <= 1.0)).all():
            raise OutOfRange("ratings: a value is not a number from 0 to 1: leave that rating out")
        for name in ("listened", "position"):
            column = getattr(self, name)
            if column is not None and (np.isinf(column).any() or (column < 0.0).any()):
                raise OutOfRange(f"ratings: {name} is negative or infinite: give NaN where it is not known")


def _check_index(name: str, column: Ints, count: int) -> None:
    if not np.issubdtype(column.dtype, np.integer):
        raise InvalidRequest(f"ratings: {name} must be whole numbers that count from 0")
    if len(column) and not 0 <= int(column.min()) <= int(column.max()) < count:
        raise InvalidRequest(f"ratings: {name} goes from {column.min()} to {column.max()}, but there are {count}")


def ratings(
    rater: ArrayLike,
    clip: ArrayLike,
    value: ArrayLike,
    *,
    raters: int | None = None,
    clips: int | None = None,
    listened: ArrayLike | None = None,
    position: ArrayLike | None = None,
) -> Ratings:
    """Ratings from lists or arrays; counts default to the highest index and one. Raises as `Ratings` does."""
    rater_index, clip_index = _integers("rater", rater), _integers("clip", clip)
    return Ratings(
        rater_index,
        clip_index,
        _floats("value", value),
        raters if raters is not None else int(rater_index.max(initial=-1)) + 1,
        clips if clips is not None else int(clip_index.max(initial=-1)) + 1,
        None if listened is None else _floats("listened", listened),
        None if position is None else _floats("position", position),
    )


def _integers(name: str, column: ArrayLike) -> Ints:
    array = np.asarray(column)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise InvalidRequest(f"ratings: {name} must be whole numbers that count from 0")
    return array.astype(np.intp)


def _floats(name: str, column: ArrayLike) -> Floats:
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"ratings: {name} must be numbers ({error})") from error
