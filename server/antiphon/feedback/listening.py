"""What listening time says about a rating, used as far as the ratings themselves show that it says anything.

How long people stay depends first on the clip and on when it comes (Donier, "The universality of skipping behaviours
on music streaming platforms", 2020), so time is taken relative to both. Whether short listening goes with poor ratings
is then learnt and cross-validated over raters; where it doesn't help, it counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from antiphon.feedback.ratings import Floats, Ints, Ratings

#: How strongly a standard deviation of listening may act on the log variance of the noise; 0 is not at all.
STRENGTHS = np.array([0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.4, 2.0])
FOLDS = 5
#: Ratings with a known listening time, and raters, below which nothing is concluded.
FEWEST_RATINGS, FEWEST_RATERS = 60, 5
#: The gain on raters left out must exceed so many standard errors.
SURE = 2.0
#: Weighed in with each clip's and position's own mean, as if seen before.
SHRINKAGE = 3.0
WIDEST = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Listening:
    """`strength` of listening's effect, 0 where unused; `gain` in log likelihood per rating on raters left out, with
    its standard error; `deviation` (n,): longer (+) or shorter (−) than expected, in standard deviations; `variance`
    (n,): the factor on each rating's noise variance, 1 where unused."""

    strength: float
    gain: float
    gain_error: float
    deviation: Floats
    variance: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Per rating (n,): how far it is from what others say, the variance of what others say, the rater's own noise
    variance, and how probably they attend."""

    value: Floats
    others: Floats
    own: Floats
    attentive: Floats


def unused(n: int) -> Listening:
    """Listening that counts for nothing."""
    return Listening(0.0, 0.0, 0.0, np.zeros(n), np.ones(n))


def listening_deviation(ratings: Ratings) -> Floats:
    """How much longer than expected for clip and position each rating's clip was heard, in standard deviations (n,).

    Logarithms of the listened share, less an additive effect of clip and of position (two-way, shrunk to 0, fitted in
    turns), over their robust spread; bounded, and 0 where unknown.
    """
    deviation = np.zeros(len(ratings.value))
    if ratings.listened is None:
        return deviation
    known = np.flatnonzero(~np.isnan(ratings.listened))
    if not len(known):
        return deviation
    left = np.log(ratings.listened[known] + 0.05)
    left = left - left.mean()
    clip = ratings.clip[known]
    place = _octaves(ratings.position, known)
    of_clip, of_place = np.zeros(ratings.clips), np.zeros(int(place.max()) + 1)
    for _ in range(10):
        of_clip = _shrunk_mean(clip, left - of_place[place], ratings.clips)
        of_place = _shrunk_mean(place, left - of_clip[clip], len(of_place))
    left = left - of_clip[clip] - of_place[place]
    spread = 1.4826 * float(np.median(np.abs(left - np.median(left)))) or float(left.std())
    if spread > 1e-9:
        deviation[known] = np.clip((left - np.median(left)) / spread, -WIDEST, WIDEST)
    return deviation


def _octaves(position: Floats | None, known: Ints) -> Ints:
    """Positions 0, 1, 2–3, 4–7 … as groups: people tire by the logarithm."""
    if position is None:
        return np.zeros(len(known), dtype=np.intp)
    place = np.nan_to_num(position[known], nan=0.0)
    return np.floor(np.log2(place + 1.0)).astype(np.intp)


def _shrunk_mean(group: Ints, value: Floats, groups: int) -> Floats:
    count = np.bincount(group, minlength=groups)
    return np.asarray(np.bincount(group, value, groups) / (count + SHRINKAGE))


def noise_factors(ratings: Ratings, residuals: Residuals) -> Listening:
    """Learn how far short listening goes with noise, and keep it only where it predicts raters it was not learnt on."""
    deviation = listening_deviation(ratings)
    known = deviation != 0.0
    people = np.unique(ratings.rater[known])
    if known.sum() < FEWEST_RATINGS or len(people) < FEWEST_RATERS:
        return Listening(0.0, 0.0, 0.0, deviation, np.ones(len(deviation)))
    fit = np.stack([_log_likelihood(residuals, _factor(strength, deviation)) for strength in STRENGTHS])
    fit = fit * residuals.attentive * known
    per_rater = np.stack([np.bincount(ratings.rater, row, ratings.raters) for row in fit])[:, people]
    fold = np.arange(len(people)) % FOLDS
    gains = np.zeros(len(people))
    for left_out in range(FOLDS):
        best = int(per_rater[:, fold != left_out].sum(1).argmax())
        gains[fold == left_out] = per_rater[best, fold == left_out] - per_rater[0, fold == left_out]
    ratings_known = float(known.sum())
    gain, error = float(gains.sum()) / ratings_known, float(gains.std(ddof=1) * len(people) ** 0.5) / ratings_known
    strength = float(STRENGTHS[per_rater.sum(1).argmax()]) if gain > SURE * error else 0.0
    return Listening(strength, gain, error, deviation, _factor(strength, deviation))


def _factor(strength: float, deviation: Floats) -> Floats:
    return np.exp(-strength * deviation)


def _log_likelihood(residuals: Residuals, factor: Floats) -> Floats:
    """Of each residual, with the factor's mean over the ratings held at 1 so that only its pattern can help."""
    factor = factor / np.exp(np.log(factor).mean())
    variance = residuals.own * factor + residuals.others
    return np.asarray(-0.5 * (np.log(variance) + residuals.value**2 / variance))
