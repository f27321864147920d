"""The next generation by taste: children are cheap, people's time is not.

Hundreds of children are bred in a few rounds, a model of taste learnt from all ratings (`feedback.taste`) is asked
about each, and few are put together to be heard: those of whom most is hoped (mean and a little of the standard
deviation, as Srinivas et al., "Gaussian process optimization in the bandit setting", ICML 2010), nearly as far apart
from each other as unselected loops are (`evolution.portfolio`). What the model doesn't mind is let go: keys nobody
asked for, and noise as far as it isn't liked. Evolution on a model of the people saves their ratings (Llorà et al.,
"Combating user fatigue in iGAs", GECCO 2005); a generation that stays diverse is what quality diversity is about
(Pugh, Soros & Stanley, "Quality diversity: a new frontier for evolutionary computation", Frontiers 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Child, Parent, Verdict
from antiphon.errors import Conflict
from antiphon.evolution.archive import cell_of, elites
from antiphon.evolution.brood import (
    MUTATED,
    adapted_step,
    at_large,
    couple,
    first_child,
    later_child,
    unselected_spread,
)
from antiphon.evolution.distance import features, table
from antiphon.evolution.portfolio import assemble
from antiphon.evolution.scores import score_of
from antiphon.feedback.features import Described, describe, some_of
from antiphon.feedback.taste import Evidence, learn

Vector = NDArray[np.float64]
#: Asked about loops, gives their expected liking, 0 to 1, and how unsure that is, float64 (loops,) each.
Judge = Callable[[Sequence[Genome]], tuple[Vector, Vector]]

#: One rating of one person is taken to be unsure by so much, where a learner says how unsure a mean is.
RATING_SD = 0.15
#: Weights are told by the typical one, because how unsteady that is the model finds out by itself; where all are below
#: this, they are believed to be as bad as they are said to be.
SMALLEST_TYPICAL_WEIGHT = 0.2
#: Unselected loops by which it is told how far apart loops are.
UNSELECTED = 24


@dataclass(frozen=True, slots=True)
class Terms:
    """How the next generation is sought.

    `candidates` are bred at least, and `candidates_per_loop` for each that is wanted, in `rounds`; fewer where few
    loops are rated (`candidates_per_rated`: a model that knows little can't tell many apart). `boldness`: how much of
    the model's standard deviation is hoped for. `spread` is the mean distance of two loops of the generation as a share
    of unselected loops', `breeding_spread` that of the parents between. `pressure`: how much likelier the best liked
    parent is than the worst, as a natural logarithm.
    """

    candidates: int = 240
    candidates_per_loop: int = 30
    candidates_per_rated: int = 30
    rounds: int = 6
    boldness: float = 0.2
    spread: float = 0.85
    breeding_spread: float = 0.6
    pressure: float = 3.0
    step: float = 0.2


@dataclass(frozen=True, slots=True)
class _Brood:
    """Children, and what is thought of them: `mean` and `sd` (children,)."""

    children: tuple[Child, ...]
    mean: Vector
    sd: Vector

    def and_more(self, other: _Brood) -> _Brood:
        means, sds = np.concatenate([self.mean, other.mean]), np.concatenate([self.sd, other.sd])
        return _Brood((*self.children, *other.children), means, sds)

    def together(self, hope: Vector, count: int, wanted: float, among: int) -> list[int]:
        """The places of `count` of the `among` most hopeful that are `wanted` apart."""
        short = np.argsort(-hope, kind="stable")[:among]
        far = table([features(self.children[place].genome) for place in short])
        return [int(short[place]) for place in assemble(hope[short], far, count, wanted)]


def propose(
    population: Sequence[Parent], count: int, rng: np.random.Generator, context: str = "", terms: Terms = Terms()
) -> list[Child]:
    """`count` children of the rated candidates, by a taste learnt from their ratings, the most promising first.

    Raises Conflict where nothing has been rated.
    """
    rated = _rated(population)
    known = _described([parent.genome for parent in rated])
    taste = learn(evidence_of(rated, known, context), rng)
    return breed(rated, lambda loops: taste.predict(_described(loops), context), count, rng, terms)


def breed(
    population: Sequence[Parent], judge: Judge, count: int, rng: np.random.Generator, terms: Terms = Terms()
) -> list[Child]:
    """`count` children of the rated candidates as `judge` likes them, the most promising first.

    Raises Conflict where nothing has been rated.
    """
    rated = _rated(population)
    beside = [rated[int(place)].genome for place in rng.integers(len(rated), size=UNSELECTED)]
    usual = unselected_spread(beside, rng)
    size = min(terms.candidates_per_rated * len(rated), max(terms.candidates, terms.candidates_per_loop * count))
    brood = _first(rated, judge, max(2 * count, size) // terms.rounds + 1, rng, terms)
    step = terms.step
    for _ in range(terms.rounds - 1):
        more, step = _next(brood, judge, step, max(2 * count, size) // terms.rounds + 1, rng, terms, usual)
        brood = brood.and_more(more)
    hope = brood.mean + terms.boldness * brood.sd
    chosen = brood.together(hope, count, terms.spread * usual, among=len(hope))
    return [brood.children[place] for place in chosen]


def _rated(population: Sequence[Parent]) -> list[Parent]:
    rated = [parent for parent in population if parent.ratings > 0]
    if not rated:
        raise Conflict("nothing has been rated yet, so there are no parents to choose: rate some candidates first")
    return rated


def evidence_of(rated: Sequence[Parent], known: Described, context: str = "") -> Evidence:
    """What the model of taste learns from: single verdicts where they are known, else what is believed of each loop."""
    rows = [
        (place, verdict)
        for place, parent in enumerate(rated)
        for verdict in parent.verdicts or (_summed(parent, context),)
    ]
    verdicts = [verdict for _, verdict in rows]
    weights = np.array([each.weight for each in verdicts])
    return Evidence(
        some_of(known, np.array([place for place, _ in rows])), np.array([each.value for each in verdicts]),
        weights / max(SMALLEST_TYPICAL_WEIGHT, float(weights.mean())), tuple(each.rater for each in verdicts),
        tuple(each.context for each in verdicts),
    )  # fmt: skip


def _summed(parent: Parent, context: str) -> Verdict:
    """All ratings of a loop as one verdict that counts as often as they tell."""
    weight = float(parent.ratings)
    if parent.rating_sd:
        weight = min(weight, (RATING_SD / parent.rating_sd) ** 2)
    return Verdict("", parent.mean_rating, weight, context)


def _described(loops: Sequence[Genome]) -> Described:
    return describe([(loop, score_of(loop)) for loop in loops])


def _judged(children: Sequence[Child], judge: Judge, rng: np.random.Generator) -> _Brood:
    """The children, let go in what doesn't matter, and what is thought of them."""
    loose = tuple(replace(child, genome=at_large(child.genome, float(rng.random()), rng)) for child in children)
    return _Brood(loose, *judge([child.genome for child in loose]))


def _first(rated: Sequence[Parent], judge: Judge, count: int, rng: np.random.Generator, terms: Terms) -> _Brood:
    """Children of the rated."""
    liking, _ = judge([parent.genome for parent in rated])
    odds = _odds(liking, terms.pressure)
    best = list(elites([cell_of(score_of(parent.genome)) for parent in rated], liking).values())
    pairs = [couple(odds, best, rng) for _ in range(count)]
    return _judged([first_child(rated[one], rated[other], terms.step, rng) for one, other in pairs], judge, rng)


def _next(
    brood: _Brood, judge: Judge, step: float, count: int, rng: np.random.Generator, terms: Terms, usual: float
) -> tuple[_Brood, float]:
    """Children of the most promising children, and the step of their mutation as it follows its success."""
    hope = brood.mean + brood.sd * rng.standard_normal(len(brood.mean))
    parents = brood.together(hope, count // 3 + 2, terms.breeding_spread * usual, among=max(count, len(hope) // 3))
    ones, others = rng.choice(parents, (2, count))
    pairs = [(brood.children[one], brood.children[other]) for one, other in zip(ones, others, strict=True)]
    born = [later_child(one, other, step, rng) for one, other in pairs]
    more = _judged([child for child, _ in born], judge, rng)
    mutated = np.array([kind == MUTATED for _, kind in born])
    better = more.mean > brood.mean[ones]
    return more, adapted_step(step, int((better & mutated).sum()), int(mutated.sum()))


def _odds(liking: Vector, pressure: float) -> Vector:
    """How likely each becomes a parent: by rank, because ranks don't mind an outlier (Baker, ICGA 1985)."""
    ranks = liking.argsort().argsort() / max(1, len(liking) - 1)
    odds = np.exp(pressure * ranks)
    return np.asarray(odds / odds.sum())
