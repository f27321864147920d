"""Whether a version on trial is better than the one in use, from blind ratings; and whether there is enough to learn
from. Standard library alone: the control process asks this after a rating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from antiphon.domain.model_version import Heard

#: How probable it is at most that a version no better than the one in use is ever promoted, however often one looks.
RISK = 0.05
#: Given up where it will probably not have been shown to be better at the end: less likely than this, or hopeless.
HOPELESS = 0.05
#: So many rated loops of each arm before the first look, between looks, and at most of the trial: where each loop is
#: rated once and a quarter of each generation is baseline, these are some 500 ratings in all.
FIRST_LOOK, BETWEEN_LOOKS, LAST_LOOK = 24, 8, 176
#: Sceptical prior of the difference of two versions' means, on the scale 0 to 1: most are alike.
PRIOR_SD = 0.08
#: Spread of loops' ratings within an arm, before anything is known of it, and how many loops that belief is worth.
PRIOR_SPREAD, PRIOR_LOOPS = 0.22, 4.0
#: A rating of weight one counts like this many loops at most: what is unknown of a loop is mostly the loop.
RATER_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """`probability` that the trial's mean is above the other's, and the expected difference on 0 to 1 (`gain`) give or
    take `deviation`, both under the sceptical prior. `error` is the standard error of the plain difference, `score` the
    difference in units of it, without the prior."""

    probability: float
    gain: float
    deviation: float
    score: float
    error: float


_UNKNOWN = Comparison(0.5, 0.0, PRIOR_SD, 0.0, math.inf)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A difference of means, 0 to 1, and its variance."""

    difference: float
    variance: float


def _worth(heard: Heard) -> float:
    """How many full loops a loop counts."""
    return heard.weight / (heard.weight + RATER_NOISE)


def _moments(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float, float]:
    """Weighted mean, sum of weights, and weighted sum of squares around the mean."""
    total = sum(weights)
    if total <= 0.0:
        return 0.0, 0.0, 0.0
    mean = sum(weight * value for weight, value in zip(weights, values, strict=True)) / total
    return mean, total, sum(weight * (value - mean) ** 2 for weight, value in zip(weights, values, strict=True))


def _apart(trial: Sequence[Heard], other: Sequence[Heard]) -> _Estimate | None:
    """From loops that have nothing to do with one another: the difference of the arms' means, with pooled spread."""
    (trial_mean, trials, trial_squares), (other_mean, others, other_squares) = (
        _moments([each.mean for each in arm], [_worth(each) for each in arm]) for arm in (trial, other)
    )
    if trials <= 0.0 or others <= 0.0:
        return None
    spread = (trial_squares + other_squares + PRIOR_LOOPS * PRIOR_SPREAD**2) / (trials + others + PRIOR_LOOPS)
    return _Estimate(trial_mean - other_mean, spread * (1.0 / trials + 1.0 / others))


def _paired(pairs: Sequence[tuple[Heard, Heard]]) -> _Estimate | None:
    """From twins: the mean of their differences, in which what the loop itself is worth cancels out. What is left is
    raters' noise, which their spread shows, so that pairs count whole (as many as Kish's effective number, 1965)."""
    worths = [(_worth(trial), _worth(other)) for trial, other in pairs]
    weights = [2.0 / (1.0 / a + 1.0 / b) if a and b else 0.0 for a, b in worths]
    mean, total, squares = _moments([trial.mean - other.mean for trial, other in pairs], weights)
    if total <= 0.0:
        return None
    count = total**2 / sum(weight**2 for weight in weights)
    spread = (squares * count / total + PRIOR_LOOPS * PRIOR_SPREAD**2) / (count + PRIOR_LOOPS)
    return _Estimate(mean, spread / count)


def _twins(trial: Sequence[Heard], other: Sequence[Heard]) -> list[tuple[Heard, Heard]]:
    of_other = {each.pair: each for each in other if each.pair}
    of_trial = {each.pair: each for each in trial if each.pair}
    return [(of_trial[pair], of_other[pair]) for pair in of_trial if pair in of_other]


def compare(trial: Sequence[Heard], other: Sequence[Heard]) -> Comparison:
    """Bayesian comparison of two arms' means: normal likelihood, sceptical normal prior on the difference
    (Spiegelhalter, Freedman and Parmar, 1994). The unit is the loop, not the rating: many ratings of one loop say much
    of the loop and little of the model. Twins are compared with each other (blocking: Fisher, "The Design of
    Experiments", 1935), the rest as two groups, and both weighed by what they tell."""
    pairs = _twins(trial, other)
    names = {each.pair for each, _ in pairs}
    alone = [[each for each in arm if each.pair not in names] for arm in (trial, other)]
    found = [each for each in (_paired(pairs), _apart(*alone)) if each is not None]
    if not found:
        return _UNKNOWN
    variance = 1.0 / sum(1.0 / each.variance for each in found)
    difference = variance * sum(each.difference / each.variance for each in found)
    share = PRIOR_SD**2 / (PRIOR_SD**2 + variance)
    gain, deviation = share * difference, math.sqrt(share * variance)
    error = math.sqrt(variance)
    return Comparison(NormalDist().cdf(gain / deviation), gain, deviation, difference / error, error)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the trial: after how many rated loops of it, how probable it is that it is better, and `evidence`:
    how far the score has come towards `BOUND`."""

    loops: int
    probability: float
    gain: float
    evidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` is `trial` (go on), `promoted` or `rejected`; `text` says why; `looks` are all looks so far."""

    state: str
    text: str
    looks: tuple[Look, ...]


#: What the evidence must exceed. Score × √(share of the trial that is over) moves like a Brownian motion that has run
#: for that share: among versions that are equal it ever exceeds this bound before the end with probability `RISK`, by
#: the reflection principle, so that one may look as often as one likes (the bound of O'Brien & Fleming, Biometrics
#: 1979, in its continuous form: Lan & DeMets, Biometrika 1983). Worse versions exceed it far more seldom.
BOUND = NormalDist().inv_cdf(1.0 - RISK / 2.0)


def share_done(trial: int, other: int) -> float:
    """The share, 0 to 1, of a trial's information that so many rated loops of both arms are."""
    return 0.0 if not trial or not other else min(1.0, 2.0 / (1.0 / trial + 1.0 / other) / LAST_LOOK)


def chance(found: Comparison, done: float) -> float:
    """How probable it is that the evidence exceeds the bound at the end, from what is known now (predictive power:
    Spiegelhalter, Freedman & Blackburn, Controlled Clinical Trials 1986)."""
    if done <= 0.0 or not math.isfinite(found.error):
        return 0.5
    rest, drift = 1.0 - done, 1.0 / (found.error * math.sqrt(done))
    expected = found.score * math.sqrt(done) + rest * drift * found.gain
    spread = math.sqrt(rest + (rest * drift * found.deviation) ** 2)
    if spread <= 0.0:
        return float(expected > BOUND)
    return 1.0 - NormalDist().cdf((BOUND - expected) / spread)


def judge(trial: Sequence[Heard], other: Sequence[Heard], looks: Sequence[Look]) -> Verdict:
    """Look at a trial, where a look is due: whether it is shown to be better, or can hardly be any more."""
    due = FIRST_LOOK if not looks else looks[-1].loops + BETWEEN_LOOKS
    if len(trial) < due or len(other) < FIRST_LOOK // 2:
        return Verdict("trial", "too few blind ratings to tell yet", tuple(looks))
    found, done = compare(trial, other), share_done(len(trial), len(other))
    evidence = found.score * math.sqrt(done)
    taken = (*looks, Look(len(trial), found.probability, found.gain, evidence))
    told = (
        f"in blind listening it is better with probability {found.probability:.2f} ({5.0 * found.gain:+.2f} of 5 "
        f"points; evidence {evidence:.2f} of {BOUND:.2f})"
    )
    if evidence > BOUND:
        return Verdict("promoted", told, taken)
    if len(trial) >= LAST_LOOK:
        return Verdict("rejected", f"{told} after {len(trial)} of its loops: it was not shown to be better", taken)
    if chance(found, done) < HOPELESS:
        return Verdict("rejected", f"{told}: more ratings would hardly show it to be better", taken)
    return Verdict("trial", told, taken)


def information(loops: Sequence[Heard]) -> float:
    """What ratings tell of which loops are better, in nats: half the logarithm of one plus signal over noise, summed.

    The signal is how much loops differ beyond what raters' noise makes them differ: where all are rated alike, however
    often, there is nothing to learn (Lindley, 1956: the expected information of an experiment).
    """
    told = [each for each in loops if each.weight > 0.0]
    if len(told) < 2:
        return 0.0
    total = sum(each.weight for each in told)
    mean = sum(each.weight * each.mean for each in told) / total
    noise = PRIOR_SPREAD**2
    between = sum((each.mean - mean) ** 2 for each in told) / (len(told) - 1)
    signal = max(0.0, between - noise * sum(1.0 / max(each.weight, 0.25) for each in told) / len(told) / 2.0)
    return sum(0.5 * math.log1p(each.weight * signal / noise) for each in told)
