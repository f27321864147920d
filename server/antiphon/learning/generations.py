"""How well each generation was liked, and, after the fact, how well each of its arms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.domain.belief import Belief
from antiphon.learning.evidence import candidate_belief
from antiphon.records import Evidence, Generation

#: Half the width of a 95 % interval, in standard errors.
_Z95 = 1.96


@dataclass(frozen=True, slots=True)
class RatedGeneration:
    """A generation of a context: the mean of its rated loops (0 to 1; 0 where none is) and on how many ratings it
    rests. All arms count, so that nothing in it tells them apart."""

    context: str
    number: int
    mean: float
    ratings: int


@dataclass(frozen=True, slots=True)
class RatedArm:
    """The loops of one arm: their mean (0 to 1), and the ends of its 95 % interval, where there are two or more."""

    context: str
    number: int
    arm: str
    loops: int
    ratings: int
    mean: float
    low: float | None
    high: float | None


def rated_generations(
    generations: Sequence[Generation], evidence: Sequence[Evidence], belief: Belief
) -> list[RatedGeneration]:
    """Every generation that was made, in order."""
    means, counts = _loops(evidence, belief)
    found = []
    for each in generations:
        arms = [values for (context, number, _), values in means.items() if (context, number) == _of(each)]
        values = [value for arm in arms for value in arm.values()]
        ratings = sum(count for (context, number, _), count in counts.items() if (context, number) == _of(each))
        found.append(RatedGeneration(*_of(each), sum(values) / len(values) if values else 0.0, ratings))
    return found


def rated_arms(evidence: Sequence[Evidence], belief: Belief) -> list[RatedArm]:
    """Every arm of every generation of which something was rated. Each place of a generation had the same probability
    of an arm, so the plain mean over an arm's loops is unbiased (Horvitz & Thompson 1952)."""
    means, counts = _loops(evidence, belief)
    found = []
    for (context, number, arm), by_loop in sorted(means.items()):
        values = list(by_loop.values())
        mean, low, high = sum(values) / len(values), None, None
        if len(values) > 1:
            variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
            half = _Z95 * (variance / len(values)) ** 0.5
            low, high = mean - half, mean + half
        found.append(RatedArm(context, number, arm, len(values), counts[context, number, arm], mean, low, high))
    return found


_Means = dict[tuple[str, int, str], dict[str, float]]


def _loops(evidence: Sequence[Evidence], belief: Belief) -> tuple[_Means, dict[tuple[str, int, str], int]]:
    """Per context, generation and arm: each rated loop's mean, and the number of ratings."""
    means: _Means = defaultdict(dict)
    counts: dict[tuple[str, int, str], int] = defaultdict(int)
    for each in evidence:
        key = (each.made_for, each.generation, each.arm)
        counts[key] += 1
        if each.candidate_id not in means[key]:
            # What the people it was made for think, else what anybody thinks.
            known = candidate_belief(belief, each.made_for, each.candidate_id)
            known = known or candidate_belief(belief, None, each.candidate_id)
            means[key][each.candidate_id] = known[0] if known else each.value
    return means, counts


def _of(generation: Generation) -> tuple[str, int]:
    return generation.context, generation.number
