"""What different groups or contexts think, and whether one of them drowns another.

Each group's raters are judged by their own group alone: a minority with a taste of its own must not look inattentive.
Counting each group the same is the average of group means, as in group recommendation (Masthoff, "Group modeling:
selecting a sequence of television items to suit a group of viewers", UMUAI 2004).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from antiphon.errors import InvalidRequest
from antiphon.feedback.ratings import Floats, Ints, Ratings
from antiphon.feedback.reliability import estimate

#: A group drowns another if it holds this much of the weight on the loops both rated,
DOMINANT = 0.6
#: and the pooled mean of at least so many loops lies so far from the other's, in value and in standard errors.
FEWEST_CLIPS, FAR, SURE = 2, 0.1, 2.0


@dataclass(frozen=True, slots=True)
class Drowned:
    """One group's taste hardly counts in the pooled means: on `clips` the `loudest` group, with `share` of the weight,
    moves the mean away from the `quiet` group by `distance` (0 to 1, mean over these clips)."""

    loudest: int
    quiet: int
    share: float
    clips: tuple[int, ...]
    distance: float

    def sentence(self, names: tuple[str, ...]) -> str:
        """For the console; `names` of the groups by index."""
        loops = f"{len(self.clips)} loop{'s' if len(self.clips) > 1 else ''}"
        return (
            f"{names[self.loudest]} has {100 * self.share:.0f} % of the say, and {names[self.quiet]} thinks otherwise "
            f"of {loops} (by {5 * self.distance:.1f} of 5): count groups the same to hear both"
        )


@dataclass(frozen=True, slots=True, eq=False)
class GroupView:
    """`mean`, `sd`, `weight` (g, c) of each group and clip, the weight being the sum of its ratings'; NaN means and 0
    weights where a group has not rated. `overall` (c,): each rating the same, or each group if `fair`; NaN where
    nobody rated."""

    mean: Floats
    sd: Floats
    weight: Floats
    overall: Floats
    fair: bool
    warnings: tuple[Drowned, ...]


def group_view(ratings: Ratings, group: Ints, groups: int, rng: np.random.Generator, fair: bool = False) -> GroupView:
    """Each group's means, the means of all, and who drowns whom. `group` (n,) counts from 0.

    Raises InvalidRequest where `group` doesn't fit the ratings.
    """
    if np.shape(group) != np.shape(ratings.value) or (len(group) and not 0 <= group.min() <= group.max() < groups):
        raise InvalidRequest(f"groups: give each rating one group from 0 to {groups - 1}")
    shape = (groups, ratings.clips)
    mean, sd, weight = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    for which in range(groups):
        mine = group == which
        if mine.any():
            part, clips = _part(ratings, mine)
            found = estimate(part, rng)
            mean[which, clips], sd[which, clips] = found.clips.mean, found.clips.sd
            weight[which, clips] = np.bincount(part.clip, found.weight, len(clips))
    overall = _overall(mean, weight, fair)
    return GroupView(mean, sd, weight, overall, fair, _drowned(mean, sd, weight))


def _part(ratings: Ratings, mine: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> tuple[Ratings, Ints]:
    """The ratings of one group with raters and clips counted anew, and which clips they are."""
    raters, rater = np.unique(ratings.rater[mine], return_inverse=True)
    clips, clip = np.unique(ratings.clip[mine], return_inverse=True)
    listened = None if ratings.listened is None else ratings.listened[mine]
    position = None if ratings.position is None else ratings.position[mine]
    return Ratings(rater, clip, ratings.value[mine], len(raters), len(clips), listened, position), clips


def _overall(mean: Floats, weight: Floats, fair: bool) -> Floats:
    rated = np.isfinite(mean)
    # A group whose raters are all inattentive has weight near 0: it still has a mean, and must not divide by nothing.
    share = rated.astype(np.float64) if fair else np.where(rated, np.maximum(weight, 1e-9), 0.0)
    total = share.sum(0)
    known = np.where(total > 0, total, 1.0)
    return np.where(total > 0, (share * np.where(rated, mean, 0.0)).sum(0) / known, np.nan)


def _drowned(mean: Floats, sd: Floats, weight: Floats) -> tuple[Drowned, ...]:
    found = []
    for loudest in range(len(mean)):
        for quiet in range(len(mean)):
            both = np.isfinite(mean[loudest]) & np.isfinite(mean[quiet])
            said = weight[:, both].sum()
            if loudest == quiet or not both.any() or weight[loudest, both].sum() < DOMINANT * said:
                continue
            pooled = _overall(mean, weight, fair=False)
            apart = np.abs(pooled - mean[quiet])
            error = np.hypot(sd[loudest], sd[quiet])
            clips = np.flatnonzero(both & (apart > FAR) & (np.abs(mean[loudest] - mean[quiet]) > SURE * error))
            if len(clips) >= FEWEST_CLIPS:
                share = float(weight[loudest, both].sum() / said)
                found.append(Drowned(loudest, quiet, share, tuple(map(int, clips)), float(apart[clips].mean())))
    return tuple(found)
