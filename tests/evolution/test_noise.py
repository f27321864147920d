"""Recipes of noise: unit normal whatever was mixed, and between two noises where SLERP puts them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.genome import NoiseRecipe, noise_of
from antiphon.evolution.noise import MOST_SEEDS, angle, slerp

seeds = st.integers(0, 2**31 - 1)


@given(st.lists(st.tuples(seeds, st.floats(0, 1)), min_size=1, max_size=30))
def test_mixed_noise_stays_unit_normal_and_of_few_seeds(steps: list[tuple[int, float]]) -> None:
    recipe = noise_of(1)
    for seed, share in steps:
        recipe = slerp(recipe, noise_of(seed), share)
        assert sum(weight**2 for _, weight in recipe.parts) == pytest.approx(1.0)
        assert 1 <= len(recipe.parts) <= MOST_SEEDS


@given(seeds, seeds.filter(lambda seed: seed > 5), st.floats(0, 1))
def test_slerp_goes_at_an_even_pace_and_ends_where_it_should(first: int, second: int, share: float) -> None:
    one, two = noise_of(first), noise_of(second)
    between = slerp(one, two, share)
    assert angle(one, between) == pytest.approx(share * angle(one, two), abs=1e-6)
    assert slerp(one, two, 0.0) == one
    assert slerp(one, two, 1.0) == two or one == two
    assert slerp(one, one, share) == one


def test_it_is_the_slerp_of_the_noises_themselves() -> None:
    def sound(recipe: NoiseRecipe) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        drawn = [w * np.random.default_rng(seed).standard_normal(200_000) for seed, w in recipe.parts]
        return np.asarray(np.sum(drawn, axis=0))

    one, two = sound(noise_of(1)), sound(noise_of(2))
    omega = math.acos(float(one @ two) / float(np.linalg.norm(one) * np.linalg.norm(two)))
    for share in (0.2, 0.5, 0.9):
        expected = (math.sin((1 - share) * omega) * one + math.sin(share * omega) * two) / math.sin(omega)
        assert np.abs(sound(slerp(noise_of(1), noise_of(2), share)) - expected).max() < 0.03
