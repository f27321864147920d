"""What a pilot found, in figures: how ratings rose by generation, against what, how steadily, and at what cost.

Ratings are on the paper's scale, 0 to 5 (Singh et al., arXiv 2506.04852). Ratings of one rater hang together, so the
rater is the unit: a mean is the mean of the raters' means, and its interval is Student's over those. With one rater
there is no such interval; then it is over that rater's ratings and speaks for that rater alone. Gains
are judged over raters and loops at once, because a few loops are a sample too. Repeats, slipped in to see how steady a
rater is, count for reliability and cost only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from antiphon.domain.exposure import BASELINE, NEW
from antiphon.pilot.records import BEST, FIRST, Pilot, Rated
from antiphon.pilot.statistics import (
    Estimate,
    Values,
    difference_interval,
    mean_distance,
    mean_interval,
    one_way_icc,
    over_raters_and_loops,
    standardised,
)

#: The paper's pilot with people: cumulated gain of the mean rating over generation 0, after one and two generations.
PAPER_CUMULATED = (0.20, 0.59)

#: The ratings of each rater, 0 to 5.
ByRater = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class GenerationFigures:
    """A generation's figures, in points of 0 to 5; None: too little was rated or heard.

    `new` and `baseline` are None in generation 0, which is unselected as a whole. `gain`: of the new loops over the
    blind baseline of the same generation, for other raters and other loops at once; `gain_over_raters` and
    `gain_over_loops`: for either alone. `cumulated`: of the new loops over generation 0, for both. `diversity`: mean
    distance between its new loops as a share of generation 0's. `true_liking`: what simulated raters truly felt.
    """

    generation: int
    loops: int
    ratings: int
    raters: int
    everything: Estimate | None
    new: Estimate | None
    baseline: Estimate | None
    gain: Estimate | None
    gain_over_raters: Estimate | None
    gain_over_loops: Estimate | None
    cumulated: Estimate | None
    diversity: float | None
    making_s: float | None
    true_liking: float | None


@dataclass(frozen=True, slots=True)
class ReliabilityFigures:
    """How steady ratings are. `repeat_difference`: mean absolute, in points of 0 to 5; `repeat_icc`: ICC(1,1) of first
    and second ratings; `raters_icc`: ICC(1,1) of different raters' ratings of a loop, over `shared_loops` loops."""

    repeats: int
    repeat_difference: float | None
    repeat_icc: float | None
    shared_loops: int
    raters_icc: float | None


@dataclass(frozen=True, slots=True)
class CostFigures:
    """What it took. `ratings` counts `repeats` too; `taught`: ratings before the last generation, which alone could
    shape it. `rating_s`: all raters' seconds together. Gains are those of the last generation, per 100 that taught."""

    raters: int
    ratings: int
    repeats: int
    taught: int
    making_s: float
    rating_s: float | None
    seconds_per_rating: float | None
    gain_per_100: float | None
    cumulated_per_100: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of a pilot; `paper_cumulated`: what the paper's pilot with people found, to compare."""

    generations: tuple[GenerationFigures, ...]
    reliability: ReliabilityFigures
    cost: CostFigures
    paper_cumulated: tuple[float, ...] = PAPER_CUMULATED


def figures_of(pilot: Pilot) -> Figures:
    """All figures of `pilot`; whatever too little was noted for is None."""
    arms = arms_of(pilot)
    numbers = sorted({loop.generation for loop in pilot.shown} | {each.generation for each in pilot.rated})
    diversity = diversities(pilot)
    generations = tuple(_generation(pilot, arms, number, diversity) for number in numbers)
    return Figures(generations, _reliability(pilot), _cost(pilot, generations))


def arms_of(pilot: Pilot) -> dict[tuple[int, str], str]:
    """The arm of each loop, by generation and identifier."""
    return {(loop.generation, loop.candidate_id): loop.arm for loop in pilot.shown}


def ratings_by_arm(pilot: Pilot) -> Counter[tuple[int, str]]:
    """How many ratings the loops of each generation and arm got, repeats left out."""
    arms = arms_of(pilot)
    return Counter(
        (each.generation, arms[each.generation, each.candidate_id]) for each in pilot.rated if not each.again
    )


def by_rater(rated: tuple[Rated, ...], wanted: Callable[[Rated], bool]) -> ByRater:
    """The first ratings that are `wanted`, 0 to 5, by rater."""
    found: ByRater = defaultdict(list)
    for each in rated:
        if not each.again and wanted(each):
            found[each.rater].append(BEST * each.value)
    return dict(found)


def level(ratings: ByRater) -> Estimate | None:
    """Mean of the raters' means, each rater counting alike; with one rater the mean of the ratings."""
    if len(ratings) == 1:
        return mean_interval(next(iter(ratings.values())), "ratings")
    return mean_interval(_means(ratings), "raters")


def rater_gain(first: ByRater, second: ByRater) -> Estimate | None:
    """How much higher `first` is rated than `second`, paired within raters if at least half of them rated both.

    Pairing takes out that some raters are milder than others. Visitors of a kiosk may each see one generation: then
    raters' means are compared as two samples (Welch), and with one rater their ratings are.
    """
    both = [rater for rater in first if rater in second]
    if len(both) >= 2 and 2 * len(both) >= len(first.keys() | second.keys()):
        return mean_interval([float(np.mean(first[rater]) - np.mean(second[rater])) for rater in both], "raters")
    if len(both) == 1 and min(len(first), len(second)) < 2:
        return difference_interval(first[both[0]], second[both[0]], "ratings")
    return difference_interval(_means(first), _means(second), "raters")


def diversities(pilot: Pilot) -> dict[int, float]:
    """By generation the mean distance between its new loops (all of generation 0), as a share of generation 0's.

    Descriptors are standardised over all that was shown, so that no unit counts for more than another.
    """
    heard = [loop for loop in pilot.shown if loop.descriptors and np.isfinite(loop.descriptors).all()]
    if len({len(loop.descriptors) for loop in heard}) != 1:
        return {}
    points = standardised(np.array([loop.descriptors for loop in heard], dtype=np.float64))
    found = {}
    for number in {loop.generation for loop in heard}:
        counted = [loop.generation == number and loop.arm in (FIRST, NEW) for loop in heard]
        distance = mean_distance(points[np.array(counted)])
        if distance is not None:
            found[number] = distance
    unselected = found.get(0, 0.0)
    return {number: distance / unselected for number, distance in found.items()} if unselected > 1e-12 else {}


def _generation(
    pilot: Pilot, arms: dict[tuple[int, str], str], number: int, diversity: dict[int, float]
) -> GenerationFigures:
    def of(generation: int, *wanted: str) -> ByRater:
        def counts(each: Rated) -> bool:
            arm = arms.get((each.generation, each.candidate_id), "")
            return each.generation == generation and (not wanted or arm in wanted)

        return by_rater(pilot.rated, counts)

    everything, new, baseline = of(number), of(number, NEW), of(number, BASELINE)
    new_loops, unselected = _loop_means(pilot, arms, number, NEW), _loop_means(pilot, arms, 0, FIRST)
    over_raters = rater_gain(new, baseline)
    over_loops = difference_interval(new_loops, _loop_means(pilot, arms, number, BASELINE), "loops")
    since_first = rater_gain(new, of(0, FIRST)) if number else None
    return GenerationFigures(
        generation=number,
        loops=len({loop.candidate_id for loop in pilot.shown if loop.generation == number}),
        ratings=sum(map(len, everything.values())),
        raters=len(everything),
        everything=level(everything),
        new=level(new),
        baseline=level(baseline),
        gain=_for_both(over_raters, over_loops),
        gain_over_raters=over_raters,
        gain_over_loops=over_loops,
        cumulated=_for_both(since_first, difference_interval(new_loops, unselected, "loops")),
        diversity=diversity.get(number),
        making_s=pilot.making_s[number] if number < len(pilot.making_s) else None,
        true_liking=BEST * pilot.true_liking[number] if number < len(pilot.true_liking) else None,
    )


def _for_both(over_raters: Estimate | None, over_loops: Estimate | None) -> Estimate | None:
    """For other raters and loops; one rater's ratings are of a loop each, so that theirs is over loops already."""
    if over_raters is not None and over_raters.over == "ratings":
        return over_raters
    return over_raters_and_loops(over_raters, over_loops)


def _reliability(pilot: Pilot) -> ReliabilityFigures:
    first = {(each.rater, each.candidate_id): BEST * each.value for each in pilot.rated if not each.again}
    pairs = [
        (first[each.rater, each.candidate_id], BEST * each.value)
        for each in pilot.rated
        if each.again and (each.rater, each.candidate_id) in first
    ]
    loops: dict[str, list[float]] = defaultdict(list)
    for (_, candidate_id), value in first.items():
        loops[candidate_id].append(value)
    return ReliabilityFigures(
        repeats=len(pairs),
        repeat_difference=float(np.mean([abs(a - b) for a, b in pairs])) if pairs else None,
        repeat_icc=one_way_icc(pairs),
        shared_loops=sum(len(values) >= 2 for values in loops.values()),
        raters_icc=one_way_icc(list(loops.values())),
    )


def _cost(pilot: Pilot, generations: tuple[GenerationFigures, ...]) -> CostFigures:
    last = generations[-1] if generations else None
    taught = sum(each.generation < last.generation for each in pilot.rated) if last else 0
    gaps, sittings = _gaps_s(pilot)
    usual = float(np.median(gaps)) if gaps else None

    def per_100(found: Estimate | None) -> float | None:
        return 100.0 * found.mean / taught if found and taught else None

    return CostFigures(
        raters=len({each.rater for each in pilot.rated}),
        ratings=len(pilot.rated),
        repeats=sum(each.again for each in pilot.rated),
        taught=taught,
        making_s=float(sum(pilot.making_s)),
        # When a sitting's first loop began to sound isn't noted: the usual time between ratings stands for it.
        rating_s=sum(gaps) + sittings * usual if usual is not None else None,
        seconds_per_rating=usual,
        gain_per_100=per_100(last.gain if last else None),
        cumulated_per_100=per_100(last.cumulated if last else None),
    )


def _gaps_s(pilot: Pilot) -> tuple[list[float], int]:
    """Seconds between a rater's ratings of one generation, and how many such sittings there were."""
    sittings: dict[tuple[str, int], list[float]] = defaultdict(list)
    for each in pilot.rated:
        sittings[each.rater, each.generation].append(each.at_s)
    gaps = [float(gap) for times in sittings.values() for gap in np.diff(sorted(times))]
    return gaps, len(sittings)


def _means(ratings: ByRater) -> Values:
    return np.array([np.mean(values) for values in ratings.values()], dtype=np.float64)


def _loop_means(pilot: Pilot, arms: dict[tuple[int, str], str], number: int, arm: str) -> Values:
    """The mean rating of each loop of this arm."""
    loops: ByRater = defaultdict(list)
    for each in pilot.rated:
        if each.generation == number and not each.again and arms.get((number, each.candidate_id)) == arm:
            loops[each.candidate_id].append(BEST * each.value)
    return _means(loops)
