"""How far each rating can be believed, and what clips are worth once that is known.

The seam of this room: `estimate` takes ratings as arrays and gives frozen values back. The model is in `mixture.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from antiphon.feedback.evidence import evidence
from antiphon.feedback.listening import Listening, Residuals, noise_factors, unused
from antiphon.feedback.mixture import (
    ATTENTIVE,
    CLASS_PRIOR,
    CONTRARY,
    INATTENTIVE,
    PRIOR_BIAS,
    PRIOR_CLIP,
    PRIOR_NOISE,
    Posterior,
    posterior,
)
from antiphon.feedback.ratings import Floats, Ints, Ratings


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """What each clip is worth: posterior mean and standard deviation (c,) on 0 to 1, and how many ratings it has.

    A clip without ratings stands at the mean of all, with the spread of all.
    """

    mean: Floats
    sd: Floats
    count: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Raters:
    """What is believed of each rater (r,).

    `bias`: how much higher they rate than others, on 0 to 1. `noise`: standard deviation of their ratings, bias apart.
    `inattention`: probability that their ratings don't follow the clips. `contrary`: probability that they rate the
    wrong way round. `repeat_rms`: root mean square difference of their repeats, NaN where there are none.
    """

    bias: Floats
    noise: Floats
    inattention: Floats
    contrary: Floats
    count: Ints
    repeat_rms: Floats


@dataclass(frozen=True, slots=True)
class Population:
    """Estimated of everybody: standard deviations on 0 to 1; shares of all raters."""

    mean: float
    clip_sd: float
    bias_sd: float
    noise: float
    inattentive_share: float
    contrary_share: float


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """`weight` (n,) of each rating, 0 to 1: the probability that its rater attends, times their precision relative to
    the typical rater's (at most 1), times what listening says. A contrary rater's rating has weight 0 as it stands;
    the clips' means still read it, mirrored."""

    clips: Clips
    raters: Raters
    weight: Floats
    population: Population
    listening: Listening


def estimate(ratings: Ratings, rng: np.random.Generator) -> Estimate:
    """Clips' worth, raters' habits and each rating's weight, from nothing but the ratings.

    Works for no ratings, one, one rater, all equal. The same ratings and an rng of the same seed give the same answer.
    """
    if not len(ratings.value):
        return _nothing_said(ratings)
    plain = np.ones(len(ratings.value))
    found = posterior(evidence(ratings, plain), rng)
    listening = unused(len(ratings.value))
    if ratings.listened is not None:
        listening = noise_factors(ratings, _residuals(ratings, found))
        if listening.strength > 0.0:
            found = posterior(evidence(ratings, listening.variance), rng)
    return _told(ratings, found, listening)


def _residuals(ratings: Ratings, found: Posterior) -> Residuals:
    """Each rating against its clip as the others see it (the rating itself left out), in Gaussian approximation."""
    use = found.use[ratings.rater]
    total = 1.0 / np.maximum(found.clip_sd, 1e-6)[ratings.clip] ** 2
    said = ratings.value - found.bias[ratings.rater]
    others = np.maximum(total - use, 1.0 / found.clip_spread**2)
    mean = (total * found.clip_mean[ratings.clip] - use * said) / np.maximum(total - use, 1e-6)
    mean = np.where(total - use > 1.0 / found.clip_spread**2, mean, found.centre)
    return Residuals(
        said - mean, 1.0 / others, found.noise[ratings.rater] ** 2, found.classes[ratings.rater, ATTENTIVE]
    )


def _told(ratings: Ratings, found: Posterior, listening: Listening) -> Estimate:
    precise = np.minimum(1.0, found.use * found.typical_noise**2)
    weight = precise[ratings.rater] / np.maximum(listening.variance, 1.0)
    return Estimate(
        Clips(found.clip_mean, found.clip_sd, np.bincount(ratings.clip, minlength=ratings.clips)),
        Raters(
            found.bias,
            found.noise,
            found.classes[:, INATTENTIVE],
            found.classes[:, CONTRARY],
            np.bincount(ratings.rater, minlength=ratings.raters),
            repeat_rms(ratings),
        ),
        np.clip(weight, 0.0, 1.0),
        Population(
            found.centre,
            found.clip_spread,
            found.bias_spread,
            found.typical_noise,
            float(found.shares[INATTENTIVE]),
            float(found.shares[CONTRARY]),
        ),
        listening,
    )


def repeat_rms(ratings: Ratings) -> Floats:
    """Root mean square difference (r,) between a rater's ratings of the same clip; NaN without repeats."""
    key = ratings.rater * max(ratings.clips, 1) + ratings.clip
    pairs, pair, count = np.unique(key, return_inverse=True, return_counts=True)
    mean = np.bincount(pair, ratings.value, len(pairs)) / count
    squares = np.bincount(ratings.rater, (ratings.value - mean[pair]) ** 2, ratings.raters)
    free = np.bincount(pairs // max(ratings.clips, 1), count - 1, ratings.raters)
    # Two values d apart have a sum of squares of d²/2 about their mean, and one degree of freedom.
    return np.where(free > 0, np.sqrt(2.0 * squares / np.maximum(free, 1)), np.nan)


def _nothing_said(ratings: Ratings) -> Estimate:
    shares = CLASS_PRIOR / CLASS_PRIOR.sum()
    nobody, nothing = np.zeros(ratings.raters), np.zeros(0)
    return Estimate(
        Clips(np.full(ratings.clips, 0.5), np.full(ratings.clips, PRIOR_CLIP), np.zeros(ratings.clips, dtype=np.intp)),
        Raters(
            nobody,
            nobody + PRIOR_NOISE,
            nobody + shares[INATTENTIVE],
            nobody + shares[CONTRARY],
            np.zeros(ratings.raters, dtype=np.intp),
            nobody + np.nan,
        ),
        nothing,
        Population(0.5, PRIOR_CLIP, PRIOR_BIAS, PRIOR_NOISE, float(shares[INATTENTIVE]), float(shares[CONTRARY])),
        unused(0),
    )
