"""The next generation by taste: children are cheap, people's time is not.

Hundreds of children are bred in a few rounds, a model of taste learnt from all ratings (`feedback.taste`) is asked
about each, and few are chosen to be heard: every slot goes to the child that one plausible taste likes best (Thompson
sampling in batches: Hernández-Lobato et al., "Parallel and distributed Thompson sampling", ICML 2017), less what it has
in common with those chosen before. Evolution on a model of the people saves their ratings (Llorà et al., "Combating
user fatigue in iGAs", GECCO 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.lineage import Child, Parent, Verdict
from antiphon.errors import Conflict
from antiphon.evolution.archive import cell_of, elites
from antiphon.evolution.brood import MUTATED, adapted_step, couple, first_child, later_child
from antiphon.evolution.scores import score_of
from antiphon.feedback.features import Described, describe, joined, likeness, some_of
from antiphon.feedback.taste import Evidence, Taste, learn

Vector = NDArray[np.float64]

#: One rating of one person is taken to be unsure by so much, where a learner says how unsure a mean is.
RATING_SD = 0.15


#: Weights are told by the typical one, because how unsteady that is the model finds out by itself; where all are below
#: this, they are believed to be as bad as they are said to be.
SMALLEST_TYPICAL_WEIGHT = 0.2


@dataclass(frozen=True, slots=True)
class Terms:
    """How the next generation is sought.

    `candidates` are bred in `rounds`, fewer where few loops are rated (`candidates_per_rated`: a model that knows
    little can't tell many apart); the model is asked in full about a `shortlist`. `boldness`: 0 trusts the model's
    expectation, 1 is Thompson sampling. `variety` is what a twin of a chosen child loses, on the scale of liking (0 to
    1). `pressure`: how much likelier the best liked parent is than the worst, as a natural logarithm.
    """

    candidates: int = 240
    candidates_per_rated: int = 16
    rounds: int = 4
    shortlist: int = 96
    boldness: float = 0.2
    variety: float = 0.03
    pressure: float = 3.0
    step: float = 0.2


def propose(
    population: Sequence[Parent],
    count: int,
    rng: np.random.Generator,
    context: str = "",
    terms: Terms = Terms(),
) -> list[Child]:
    """`count` children of the rated candidates, those expected to be liked best first to last as they were drawn.

    Raises Conflict where nothing has been rated.
    """
    rated = [parent for parent in population if parent.ratings > 0]
    if not rated:
        raise Conflict("nothing has been rated yet, so there are no parents to choose: rate some candidates first")
    known = describe([(parent.genome, score_of(parent.genome)) for parent in rated])
    taste = learn(evidence_of(rated, known, context), rng)
    size = max(2 * count, min(terms.candidates, terms.candidates_per_rated * len(rated)))
    brood, described = _brood(rated, known, taste, rng, context, size, terms)
    return [brood[place] for place in choose(taste, described, count, rng, context, terms)]


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


def _brood(
    rated: Sequence[Parent], known: Described, taste: Taste, rng: np.random.Generator, context: str, size: int,
    terms: Terms,
) -> tuple[list[Child], Described]:  # fmt: skip
    """Children of the rated, then children of the most promising of these, by a step that follows its success."""
    each = -(-size // terms.rounds)
    liking, _ = taste.predict(known, context)
    odds = _odds(liking, terms.pressure)
    best = list(elites([cell_of(score_of(parent.genome)) for parent in rated], liking).values())
    pairs = [couple(odds, best, rng) for _ in range(each)]
    brood = [first_child(rated[one], rated[other], terms.step, rng) for one, other in pairs]
    described, step = _described(brood), terms.step
    for _ in range(terms.rounds - 1):
        mean, sd = taste.predict(described, context)
        hope = mean + sd * rng.standard_normal(len(mean))
        parents = _apart(np.repeat(hope[None, :], each // 3 + 2, axis=0), likeness(described), terms.variety)
        ones, others = rng.choice(parents, (2, each))
        born = [later_child(brood[one], brood[other], step, rng) for one, other in zip(ones, others, strict=True)]
        more = _described([child for child, _ in born])
        better = taste.predict(more, context)[0] > mean[ones]
        mutated = np.array([kind == MUTATED for _, kind in born])
        step = adapted_step(step, int((better & mutated).sum()), int(mutated.sum()))
        brood, described = [*brood, *(child for child, _ in born)], joined(described, more)
    return brood, described


def _odds(liking: Vector, pressure: float) -> Vector:
    """How likely each becomes a parent: by rank, because ranks don't mind an outlier (Baker, ICGA 1985)."""
    ranks = liking.argsort().argsort() / max(1, len(liking) - 1)
    odds = np.exp(pressure * ranks)
    return np.asarray(odds / odds.sum())


def _described(brood: Sequence[Child]) -> Described:
    return describe([(child.genome, score_of(child.genome)) for child in brood])


def choose(
    taste: Taste,
    described: Described,
    count: int,
    rng: np.random.Generator,
    context: str = "",
    terms: Terms = Terms(),
) -> list[int]:
    """The places of `count` loops to be heard, each once, in the order of choosing."""
    mean, sd = taste.predict(described, context)
    short = np.argsort(-(mean + terms.boldness * sd), kind="stable")[: max(count, terms.shortlist)]
    described = some_of(described, short)
    expected = taste.predict(described, context)[0]
    hopes = expected + terms.boldness * (taste.sample(described, count, rng, context) - expected)
    return [int(short[place]) for place in _apart(hopes, likeness(described), terms.variety)]


def _apart(hopes: Vector, alike: Vector, variety: float) -> list[int]:
    """For each row of hopes the place of the best that is left, less what it has in common with those chosen before."""
    nearest = np.zeros(len(alike))
    chosen: list[int] = []
    for hope in hopes[: len(alike)]:
        worth = hope - variety * nearest
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
        nearest = np.maximum(nearest, alike[chosen[-1]])
    return chosen
