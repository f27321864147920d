"""Reliability: who listens is told apart from who doesn't, and little data is never worse than the plain mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from antiphon.errors import InvalidRequest, OutOfRange
from antiphon.feedback import Estimate, Ratings, estimate, ratings
from tests.feedback.people import crowd, plain_means


def estimated(given: Ratings, seed: int = 1) -> Estimate:
    return estimate(given, np.random.default_rng(seed))


def rank_agreement(one: object, two: object) -> float:
    return float(spearmanr(one, two).statistic)


@pytest.mark.parametrize("form", ["uniform", "constant", "contrary"])
def test_spammers_are_found_and_the_clips_are_better_for_it(form: str) -> None:
    gains, separation = [], []
    for seed in range(3):
        people = crowd(np.random.default_rng(seed), 8, 0.3, form)
        found = estimated(people.ratings)
        plain = rank_agreement(plain_means(people.ratings), people.worth)
        gains.append(rank_agreement(found.clips.mean, people.worth) - plain)
        doubt = found.raters.inattention + found.raters.contrary
        separation.append(doubt[people.spammer].mean() - doubt[~people.spammer].mean())
        honest = people.spammer[people.ratings.rater] == 0
        assert found.weight[honest].mean() > 2.0 * found.weight[~honest].mean()
    assert np.mean(gains) > 0.03
    assert np.mean(separation) > 0.6


def test_with_honest_raters_few_ratings_are_no_worse_than_the_plain_mean() -> None:
    gains = []
    for seed in range(6):
        people = crowd(np.random.default_rng(seed), 3)
        found = estimated(people.ratings)
        gains.append(
            rank_agreement(found.clips.mean, people.worth) - rank_agreement(plain_means(people.ratings), people.worth)
        )
    assert np.mean(gains) > 0.0


def test_bias_noise_and_spreads_are_recovered() -> None:
    people = crowd(np.random.default_rng(5), 16)
    found = estimated(people.ratings)
    assert np.corrcoef(found.raters.bias, people.bias)[0, 1] > 0.8
    assert np.corrcoef(found.raters.noise, people.noise)[0, 1] > 0.7
    assert found.population.clip_sd == pytest.approx(0.175, abs=0.05)
    assert found.population.bias_sd == pytest.approx(0.125, abs=0.05)
    assert found.population.inattentive_share < 0.12


def test_the_stated_uncertainty_is_about_right() -> None:
    inside = []
    for seed in range(4):
        people = crowd(np.random.default_rng(seed), 5, 0.2)
        found = estimated(people.ratings)
        inside.append(np.abs(found.clips.mean - people.worth) < 1.96 * found.clips.sd)
    assert 0.88 < np.mean(inside) <= 1.0


def test_no_ratings_one_rating_one_rater_all_equal() -> None:
    nothing = estimated(ratings([], [], [], raters=2, clips=3))
    assert nothing.clips.mean.tolist() == [0.5] * 3
    assert nothing.weight.shape == (0,)
    assert nothing.raters.inattention.shape == (2,)
    one = estimated(ratings([0], [0], [1.0]))
    assert 0.5 < one.clips.mean[0] < 1.0
    assert 0.5 < one.weight[0] <= 1.0
    person = estimated(ratings([0] * 4, [0, 1, 2, 3], [0.1, 0.4, 0.6, 0.9]))
    assert (np.diff(person.clips.mean) > 0.0).all()
    equal = estimated(ratings([0, 1, 2, 3], [0, 0, 1, 1], [0.6] * 4))
    assert equal.clips.mean == pytest.approx([0.6, 0.6], abs=0.06)


def test_a_clip_without_ratings_stands_at_the_mean_with_more_doubt() -> None:
    people = crowd(np.random.default_rng(2), 6)
    given = people.ratings
    found = estimated(ratings(given.rater, given.clip, given.value, raters=given.raters, clips=given.clips + 1))
    assert found.clips.mean[-1] == pytest.approx(found.population.mean, abs=0.02)
    assert found.clips.sd[-1] > 1.5 * found.clips.sd[:-1].max()
    assert found.clips.count[-1] == 0


def test_repeats_tell_who_contradicts_themselves() -> None:
    rng = np.random.default_rng(3)
    people = crowd(rng, 6)
    given = people.ratings
    # Raters 0 and 1 rate 8 clips twice more, one alike, one anyhow.
    clips = np.arange(8)
    steady = np.clip(people.worth[clips], 0, 1)
    rater, clip = np.repeat([0, 0, 1, 1], 8), np.tile(clips, 4)
    values = np.concatenate([steady, steady, rng.random(8), rng.random(8)])
    found = estimated(
        ratings(
            np.concatenate([given.rater, rater]),
            np.concatenate([given.clip, clip]),
            np.concatenate([given.value, values]),
        )
    )
    assert found.raters.repeat_rms[0] < found.raters.repeat_rms[1]
    assert math.isnan(found.raters.repeat_rms[2])
    assert found.raters.noise[0] < found.raters.noise[1] or found.raters.inattention[1] > 0.5


def test_the_same_seed_gives_the_same_and_another_nearly_the_same() -> None:
    people = crowd(np.random.default_rng(9), 6, 0.2)
    one, two, other = estimated(people.ratings), estimated(people.ratings), estimated(people.ratings, seed=2)
    assert (one.clips.mean == two.clips.mean).all()
    assert np.abs(one.clips.mean - other.clips.mean).max() < 0.04


def test_weights_are_shares_and_values_finite() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 40):
        given = ratings(rng.integers(0, 4, n), rng.integers(0, 6, n), rng.random(n), raters=4, clips=6)
        found = estimated(given)
        assert ((found.weight >= 0.0) & (found.weight <= 1.0)).all()
        for array in (
            found.clips.mean,
            found.clips.sd,
            found.raters.bias,
            found.raters.noise,
            found.raters.inattention,
        ):
            assert np.isfinite(array).all()
        assert (found.clips.sd > 0.0).all()


@pytest.mark.parametrize(
    ("rater", "clip", "value", "error"),
    [
        ([0], [0], [math.nan], OutOfRange),
        ([0], [0], [1.2], OutOfRange),
        ([0], [0], [-0.1], OutOfRange),
        ([0], [0, 1], [0.5], InvalidRequest),
        ([-1], [0], [0.5], InvalidRequest),
        ([0.5], [0], [0.5], InvalidRequest),
        ([0], [0], ["five"], InvalidRequest),
    ],
)
def test_what_is_not_a_rating_is_refused(
    rater: list[int], clip: list[int], value: list[float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        ratings(rater, clip, value)


def test_an_index_beyond_the_count_and_an_endless_listening_time_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="there are 1"):
        ratings([0, 3], [0, 0], [0.5, 0.5], raters=1)
    with pytest.raises(OutOfRange, match="listened"):
        ratings([0], [0], [0.5], listened=[math.inf])
