"""Whether a version on trial is better than the one in use, from blind ratings; and whether there is enough to learn
from. Standard library alone: the control process asks this after a rating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from antiphon.domain.model_version import Heard

#: Promoted above this probability of being better, given up below the other (the gate).
BETTER, WORSE = 0.9, 0.1
#: So many rated loops of each arm before the first look, between looks, and at most of the trial.
FIRST_LOOK, BETWEEN_LOOKS, LAST_LOOK = 12, 6, 72
#: So many looks in a row must agree: a look that happens to be lucky is soon followed by one that is not.
LOOKS_IN_A_ROW = 3
#: Sceptical prior of the difference of two versions' means, on the scale 0 to 1: most are alike.
PRIOR_SD = 0.08
#: Spread of loops' ratings within an arm, before anything is known of it, and how many loops that belief is worth.
PRIOR_SPREAD, PRIOR_LOOPS = 0.22, 4.0
#: A rating of weight one counts like this many loops at most: what is unknown of a loop is mostly the loop.
RATER_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """`probability` that the trial's mean is above the other's; `gain` is the expected difference on 0 to 1."""

    probability: float
    gain: float
    trial_loops: int
    other_loops: int


def _mean_and_information(heard: Sequence[Heard], mean_of_all: float) -> tuple[float, float, float]:
    """Weighted mean of an arm, how many full loops it is worth, and the sum of squares around the mean."""
    weights = [each.weight / (each.weight + RATER_NOISE) for each in heard]
    total = sum(weights)
    if total <= 0.0:
        return mean_of_all, 0.0, 0.0
    mean = sum(weight * each.mean for weight, each in zip(weights, heard, strict=True)) / total
    squares = sum(weight * (each.mean - mean) ** 2 for weight, each in zip(weights, heard, strict=True))
    return mean, total, squares


def compare(trial: Sequence[Heard], other: Sequence[Heard]) -> Comparison:
    """Bayesian comparison of two arms' means: normal likelihood with pooled spread, sceptical normal prior on the
    difference (Spiegelhalter, Freedman and Parmar, 1994). The unit is the loop, not the rating: many ratings of one
    loop say much of the loop and little of the model."""
    if not trial or not other:
        return Comparison(0.5, 0.0, len(trial), len(other))
    mean_of_all = sum(each.mean for each in (*trial, *other)) / (len(trial) + len(other))
    trial_mean, trial_loops, trial_squares = _mean_and_information(trial, mean_of_all)
    other_mean, other_loops, other_squares = _mean_and_information(other, mean_of_all)
    if trial_loops <= 0.0 or other_loops <= 0.0:
        return Comparison(0.5, 0.0, len(trial), len(other))
    spread = (trial_squares + other_squares + PRIOR_LOOPS * PRIOR_SPREAD**2) / (trial_loops + other_loops + PRIOR_LOOPS)
    variance = spread * (1.0 / trial_loops + 1.0 / other_loops)
    share = PRIOR_SD**2 / (PRIOR_SD**2 + variance)
    gain, deviation = share * (trial_mean - other_mean), math.sqrt(share * variance)
    return Comparison(NormalDist().cdf(gain / deviation), gain, len(trial), len(other))


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the trial: after how many rated loops of it, and how probable it is that it is better."""

    loops: int
    probability: float
    gain: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` is `trial` (go on), `promoted` or `rejected`; `text` says why; `looks` are all looks so far."""

    state: str
    text: str
    looks: tuple[Look, ...]


def judge(trial: Sequence[Heard], other: Sequence[Heard], looks: Sequence[Look]) -> Verdict:
    """Look at a trial, where a look is due. Looks are few and must agree, because whoever looks after every rating sees
    any difference sooner or later."""
    due = FIRST_LOOK if not looks else looks[-1].loops + BETWEEN_LOOKS
    if len(trial) < due or len(other) < FIRST_LOOK // 2:
        return Verdict("trial", "too few blind ratings to tell yet", tuple(looks))
    found = compare(trial, other)
    taken = (*looks, Look(len(trial), found.probability, found.gain))
    last = taken[-LOOKS_IN_A_ROW:]
    points = 5.0 * found.gain
    told = f"in blind listening it is better with probability {found.probability:.2f} ({points:+.2f} of 5 points)"
    if len(last) == LOOKS_IN_A_ROW and all(look.probability > BETTER for look in last):
        return Verdict("promoted", told, taken)
    if len(last) == LOOKS_IN_A_ROW and all(look.probability < WORSE for look in last):
        return Verdict("rejected", f"{told}, so it is worse", taken)
    if len(trial) >= LAST_LOOK:
        return Verdict("rejected", f"{told} after {len(trial)} of its loops: it was not shown to be better", taken)
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
