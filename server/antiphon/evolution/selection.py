"""The next generation: parents chosen by what people liked, as far as it is known, and by how they differ.

A genetic algorithm with tournament selection (Goldberg & Deb 1991), ratings shrunk to the mean of all because a single
rating says little (Efron & Morris, "Stein's paradox in statistics", 1977), and a novelty term that keeps diversity
(Lehman & Stanley, "Abandoning objectives", 2011). The setting is DarwinTunes' (MacCallum et al., PNAS 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Child, Parent
from antiphon.errors import Conflict
from antiphon.evolution.chance import chance, fresh_seed
from antiphon.evolution.crossover import cross
from antiphon.evolution.distance import Features, between, features
from antiphon.evolution.mutation import mutate

#: As many ratings at the common mean are counted in with each candidate's own.
PRIOR_RATINGS = 3.0
#: Candidates that meet in a tournament: this share of the population, and at least so many.
TOURNAMENT_SHARE, SMALLEST_TOURNAMENT = 1 / 3, 3
#: What the largest novelty in the population is worth, on the scale of ratings.
NOVELTY_WORTH = 0.15
NEIGHBOURS = 3
CROSSOVER_CHANCE = 0.75
#: A child nearer than this to a parent or a sibling is moved on; `STEPS` are the steps tried, the first drawn.
TOO_NEAR = 0.06
STEPS = (0.1, 0.45)


def shrunk_ratings(population: Sequence[Parent]) -> NDArray[np.float64]:
    """Each candidate's mean rating, drawn to the mean of all ratings the more the fewer it has; float64 (n,).

    What the learner believes (`rating_sd` is known) is shrunken already, and stays as it is.
    """
    means = np.array([parent.mean_rating for parent in population])
    counts = np.array([float(parent.ratings) for parent in population])
    prior = float((means * counts).sum() / counts.sum()) if counts.sum() else 0.5
    believed = np.array([parent.rating_sd is not None for parent in population])
    return np.where(believed, means, (means * counts + prior * PRIOR_RATINGS) / (counts + PRIOR_RATINGS))


def novelty(plans: Sequence[Features]) -> NDArray[np.float64]:
    """Each loop's mean distance to its nearest neighbours, as a share of the population's largest; float64 (n,)."""
    if len(plans) < 3:
        return np.zeros(len(plans))
    table = np.full((len(plans), len(plans)), np.inf)
    for row, one in enumerate(plans):
        for column in range(row):
            table[row, column] = table[column, row] = between(one, plans[column])
    near = np.sort(table, axis=1)[:, : min(NEIGHBOURS, len(plans) - 1)].mean(1)
    return np.asarray(near / near.max()) if near.max() else np.zeros(len(plans))


def next_generation(population: Sequence[Parent], count: int, rng: np.random.Generator) -> list[Child]:
    """`count` children of the rated candidates. Raises Conflict where nothing has been rated."""
    rated = [parent for parent in population if parent.ratings > 0]
    if not rated:
        raise Conflict("nothing has been rated yet, so there are no parents to choose: rate some candidates first")
    plans = [features(parent.genome) for parent in rated]
    fitness = shrunk_ratings(rated) + NOVELTY_WORTH * novelty(plans)
    children: list[Child] = []
    for _ in range(count):
        mother = _tournament(fitness, rng)
        father = _tournament(fitness, rng, besides=mother)
        child = _child(rated[mother], rated[father], plans, rng)
        plans.append(features(child.genome))
        children.append(child)
    return children


def _tournament(fitness: NDArray[np.float64], rng: np.random.Generator, besides: int | None = None) -> int:
    """The fittest of a few drawn at random; `besides` is left out where there is anybody else."""
    others = [index for index in range(len(fitness)) if index != besides] or [0]
    size = max(SMALLEST_TOURNAMENT, round(TOURNAMENT_SHARE * len(fitness)))
    drawn = rng.choice(others, size=min(size, len(others)), replace=False)
    return int(max(drawn, key=lambda index: fitness[index]))


def _child(mother: Parent, father: Parent, plans: Sequence[Features], rng: np.random.Generator) -> Child:
    """One child, moved on until it is nobody's double."""
    genome = mother.genome
    parents: tuple[str, ...] = (mother.candidate_id,)
    if father is not mother and chance(rng, CROSSOVER_CHANCE):
        genome = cross(mother.genome, father.genome, float(rng.uniform(0.25, 0.75)), rng)
        parents = (mother.candidate_id, father.candidate_id)
    genome = _moved_on(genome, plans, rng)
    return Child(replace(genome, seed=fresh_seed(rng)), parents)


def _moved_on(genome: Genome, plans: Sequence[Features], rng: np.random.Generator) -> Genome:
    step = float(rng.uniform(*STEPS))
    moved = mutate(genome, step, rng)
    while step < 1.0 and _nearest(moved, plans) < TOO_NEAR:
        step = min(1.0, step * 1.6)
        moved = mutate(genome, step, rng)
    return moved


def _nearest(genome: Genome, plans: Sequence[Features]) -> float:
    own = features(genome)
    return min(between(own, plan) for plan in plans)
