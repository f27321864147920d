"""The next generation: the liked ones have children, a single rating says little, and diversity stays."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.lineage import Parent
from antiphon.errors import Conflict
from antiphon.evolution import distance, next_generation
from antiphon.evolution.distance import features
from antiphon.evolution.selection import TOO_NEAR, novelty, shrunk_ratings
from tests.evolution.genomes import loops


def rated(*ratings: tuple[float, int]) -> list[Parent]:
    genomes = loops(len(ratings))
    return [
        Parent(f"c{n}", genome, mean, count)
        for n, (genome, (mean, count)) in enumerate(zip(genomes, ratings, strict=True))
    ]


def test_few_ratings_count_less() -> None:
    once, often, low = shrunk_ratings(rated((1.0, 1), (0.9, 12), (0.2, 6)))
    assert often > once > low
    assert once < 0.8


def test_what_the_learner_believes_is_not_shrunken_again() -> None:
    believed = [replace(parent, rating_sd=0.1) for parent in rated((1.0, 1), (0.9, 12), (0.2, 6))]
    assert shrunk_ratings(believed).tolist() == [1.0, 0.9, 0.2]


def test_the_liked_ones_have_the_children() -> None:
    population = rated((0.95, 8), (0.9, 8), *[(0.1, 8)] * 10)
    generations = [next_generation(population, 12, np.random.default_rng(seed)) for seed in range(4)]
    children = [child for generation in generations for child in generation]
    family = Counter(parent for child in children for parent in child.parents)
    # Two of twelve: a sixth, were it chance.
    assert family["c0"] + family["c1"] > 2.0 * family.total() / 6.0
    assert all(len(set(child.parents)) == len(child.parents) <= 2 for child in children)


def test_no_two_are_alike_and_every_child_resembles_a_parent() -> None:
    population = rated(*[(0.2 + 0.05 * n, 2) for n in range(12)])
    by_id = {parent.candidate_id: parent.genome for parent in population}
    children = next_generation(population, 10, np.random.default_rng(2))
    strangers = [distance(one.genome, two.genome) for one, two in itertools.pairwise(population)]
    for place, child in enumerate(children):
        near = min(distance(child.genome, by_id[parent]) for parent in child.parents)
        assert TOO_NEAR <= near < np.mean(strangers)
        assert all(distance(child.genome, sibling.genome) >= TOO_NEAR for sibling in children[:place])
    assert len({child.genome.seed for child in children}) == 10


def test_the_same_chance_makes_the_same_generation() -> None:
    population = rated((0.9, 1), (0.4, 2), (0.6, 3))
    one, two = (next_generation(population, 3, np.random.default_rng(3)) for _ in range(2))
    assert one == two


def test_one_rated_loop_is_enough() -> None:
    (child,) = next_generation(rated((0.9, 1)), 1, np.random.default_rng(4))
    assert child.parents == ("c0",)


def test_novelty_is_what_differs_from_all() -> None:
    same = loops(1)[0]
    found = novelty([features(genome) for genome in (same, same, same, same, loops(2)[1])])
    assert found.argmax() == 4
    assert found[0] < 0.5 * found[4]


def test_where_nothing_was_rated_the_error_says_what_to_do() -> None:
    for population in ([], rated((0.0, 0), (0.0, 0))):
        with pytest.raises(Conflict, match="rate some candidates first"):
            next_generation(population, 1, np.random.default_rng(1))
