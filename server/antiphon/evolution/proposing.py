"""The next generation by taste: children are cheap, people's time is not.

Hundreds of children are bred in a few rounds, a model of taste learnt from all ratings (`feedback.taste`) is asked
about each, and few are put together to be heard: those that are expected to be liked best, as far apart from each other
as so many ratings allow (`Terms.width`, `evolution.portfolio`). Exploring is left to the share of loops that nobody
chose and, between the rounds, to parents that are drawn by what may be (Thompson, Biometrika 1933). What the model
doesn't mind is let go: keys nobody asked for, and noise as far as it isn't liked. Evolution on a model of the people
saves their ratings (Llorà et al., "Combating user fatigue in iGAs", GECCO 2005); a generation that stays diverse is
what quality diversity is about (Pugh, Soros & Stanley, "Quality diversity: a new frontier for evolutionary
computation", Frontiers 2016).
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
from antiphon.evolution.hearing import Hearing, hearing_of
from antiphon.evolution.portfolio import assemble
from antiphon.evolution.scores import score_of
from antiphon.feedback.features import Described, describe, some_of
from antiphon.feedback.taste import Evidence, Taste, learn

Vector = NDArray[np.float64]
#: Asked about loops, gives their expected liking, 0 to 1, and how unsure that is, float64 (loops,) each.
Judge = Callable[[Sequence[Genome]], tuple[Vector, Vector]]

#: One rating of one person is taken to be unsure by so much, where a learner says how unsure a mean is.
RATING_SD = 0.15
#: Weights are told by the typical one, because how unsteady that is the model finds out by itself; where all are below
#: this, they are believed to be as bad as they are said to be.
SMALLEST_TYPICAL_WEIGHT = 0.2
#: Single verdicts that are learnt from: some five seconds, and the time grows by their cube. Where there are more, what
#: is believed of each loop stands for them, in which raters' levels and unsteadiness are allowed for already.
MOST_VERDICTS = 320
#: Unselected loops by which it is told how far apart loops are.
UNSELECTED = 24


@dataclass(frozen=True, slots=True)
class Width:
    """How widely is sought: `spread`, the mean distance of two loops of a generation as a share of unselected loops';
    `breeding_spread`, that of the parents between; `elites_share`, how many parents are the best of a kind of their own
    (`evolution.archive`) rather than the best."""

    spread: float
    breeding_spread: float
    elites_share: float

    def towards(self, other: Width, share: float) -> Width:
        """So far (0 to 1) on the way to another."""
        own, others = (np.array([each.spread, each.breeding_spread, each.elites_share]) for each in (self, other))
        return Width(*map(float, own + share * (others - own)))


@dataclass(frozen=True, slots=True)
class Terms:
    """How the next generation is sought.

    `candidates` are bred at least, and `candidates_per_loop` for each that is wanted, in `rounds`; fewer where few
    loops are rated (`candidates_per_rated`: a model that knows little can't tell many apart). `pressure`: how much
    likelier the best liked parent is than the worst, as a natural logarithm. `early` and `late` are how widely is
    sought, up to `early_ratings` and from `late_ratings` on; in between the one becomes the other.
    """

    candidates: int = 240
    candidates_per_loop: int = 30
    candidates_per_rated: int = 30
    rounds: int = 6
    pressure: float = 3.0
    step: float = 0.2
    early: Width = Width(spread=0.6, breeding_spread=0.3, elites_share=0.0)
    late: Width = Width(spread=0.97, breeding_spread=0.8, elites_share=0.5)
    early_ratings: int = 48
    late_ratings: int = 120

    def width(self, ratings: int) -> Width:
        """How widely is sought when so much has been rated.

        What few ratings tell lies near the loops that were liked, so there is little to be had elsewhere; the more is
        known, the more ways there are to please.
        """
        after = (ratings - self.early_ratings) / max(1, self.late_ratings - self.early_ratings)
        return self.early.towards(self.late, min(1.0, max(0.0, after)))


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
    population: Sequence[Parent], count: int, rng: np.random.Generator, context: str = "", terms: Terms = Terms(),
    hears: bool = True,
) -> list[Child]:  # fmt: skip
    """`count` children of the rated candidates, by a taste learnt from their ratings, the most promising first.
    `hears`: it goes by how they sound, too.

    Raises Conflict where nothing has been rated.
    """
    rated = _rated(population)
    taste, known = learnt(rated, rng, context, hears)
    return breed(rated, lambda loops: taste.predict(known.of(loops), context), count, rng, terms, context)


@dataclass(frozen=True, slots=True)
class Senses:
    """How the model of taste sees loops; `hearing` None: by their genes and notes alone."""

    hearing: Hearing | None

    def of(self, loops: Sequence[Genome]) -> Described:
        """Loops in groups of numbers."""
        heard = None if self.hearing is None else self.hearing.groups(loops)
        return describe([(loop, score_of(loop)) for loop in loops], heard)


def learnt(
    rated: Sequence[Parent], rng: np.random.Generator, context: str = "", hears: bool = True
) -> tuple[Taste, Senses]:
    """The taste that children of rated candidates are chosen by, and how it sees loops."""
    senses = Senses(hearing_of(rated) if hears else None)
    known = senses.of([parent.genome for parent in rated])
    return learn(evidence_of(rated, known, context), rng), senses


def breed(
    population: Sequence[Parent],
    judge: Judge,
    count: int,
    rng: np.random.Generator,
    terms: Terms = Terms(),
    context: str = "",
) -> list[Child]:
    """`count` children of the rated candidates as `judge` likes them, the most promising first; the more ratings of the
    context there are, the wider is sought.

    Raises Conflict where nothing has been rated.
    """
    rated = _rated(population)
    beside = [rated[int(place)].genome for place in rng.integers(len(rated), size=UNSELECTED)]
    usual = unselected_spread(beside, rng)
    size = min(terms.candidates_per_rated * len(rated), max(terms.candidates, terms.candidates_per_loop * count))
    width = terms.width(sum(_ratings_in(context, parent) for parent in rated))
    brood = _first(rated, judge, max(2 * count, size) // terms.rounds + 1, rng, terms, width.elites_share)
    step, apart = terms.step, width.breeding_spread * usual
    for _ in range(terms.rounds - 1):
        more, step = _next(brood, judge, step, max(2 * count, size) // terms.rounds + 1, rng, apart)
        brood = brood.and_more(more)
    chosen = brood.together(brood.mean, count, width.spread * usual, among=len(brood.mean))
    return [brood.children[place] for place in chosen]


def _ratings_in(context: str, parent: Parent) -> int:
    """What others like says less of this taste, so it isn't counted as knowing it."""
    return sum(each.context == context for each in parent.verdicts) if parent.verdicts else parent.ratings


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
    if len(rows) > MOST_VERDICTS:
        rows = [(place, _summed(parent, context)) for place, parent in enumerate(rated)]
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


def _judged(children: Sequence[Child], judge: Judge, rng: np.random.Generator) -> _Brood:
    """The children, let go in what doesn't matter, and what is thought of them."""
    loose = tuple(replace(child, genome=at_large(child.genome, float(rng.random()), rng)) for child in children)
    return _Brood(loose, *judge([child.genome for child in loose]))


def _first(
    rated: Sequence[Parent], judge: Judge, count: int, rng: np.random.Generator, terms: Terms, elites_share: float
) -> _Brood:
    """Children of the rated."""
    liking, _ = judge([parent.genome for parent in rated])
    odds = _odds(liking, terms.pressure)
    best = list(elites([cell_of(score_of(parent.genome)) for parent in rated], liking).values())
    pairs = [couple(odds, best, elites_share, rng) for _ in range(count)]
    return _judged([first_child(rated[one], rated[other], terms.step, rng) for one, other in pairs], judge, rng)


def _next(
    brood: _Brood, judge: Judge, step: float, count: int, rng: np.random.Generator, apart: float
) -> tuple[_Brood, float]:
    """Children of the most promising children, which are so far `apart`, and the step of their mutation as it follows
    its success."""
    hope = brood.mean + brood.sd * rng.standard_normal(len(brood.mean))
    parents = brood.together(hope, count // 3 + 2, apart, among=max(count, len(hope) // 3))
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
