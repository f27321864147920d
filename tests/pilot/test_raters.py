"""Simulated raters: a seed makes new people; they have tastes, faults and no access to arms."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.pilot.raters import Crowd, Habits, Heard

STEADY = Habits(personal_sd=0.0, bias_sd=0.0, noise_sd=0.0, late=0.0, alike=0.0, inattentive=0.0)


def loops(count: int, seed: int = 5) -> list[Heard]:
    rng = np.random.default_rng(seed)
    return [tuple(map(float, row)) for row in rng.normal(3.0, 2.0, (count, 10))]


def likings(seed: int) -> list[float]:
    crowd = Crowd(loops(40), seed)
    return [crowd.liking(each) for each in loops(40)]


def test_a_seed_makes_new_people_and_the_same_seed_the_same() -> None:
    assert likings(1) == likings(1)
    assert abs(np.corrcoef(likings(1), likings(2))[0, 1]) < 0.9
    one, same, other = (Crowd(loops(40), seed).rater(3) for seed in (1, 1, 2))
    assert (one.weights == same.weights).all()
    assert (one.bias, one.attentive) == (same.bias, same.attentive)
    assert one.bias != other.bias != Crowd(loops(40), 2).rater(4).bias


def test_unselected_loops_are_liked_as_the_habits_say() -> None:
    assert np.mean(likings(7)) == pytest.approx(0.46, abs=0.03)
    assert np.std(likings(7)) == pytest.approx(0.16, abs=0.03)


def test_a_steady_rater_says_what_is_liked() -> None:
    crowd = Crowd(loops(20), 3, STEADY)
    heard = loops(20)[4]
    assert crowd.rate(crowd.rater(0), heard, loops(6), np.random.default_rng(0)) == pytest.approx(crowd.liking(heard))


def test_boredom_grows_in_a_session_and_with_likeness() -> None:
    crowd, heard = Crowd(loops(20), 3), loops(20)
    assert crowd.boredom(heard[0], []) == 0
    assert crowd.boredom(heard[0], heard[1:12]) > crowd.boredom(heard[0], [heard[11]])
    assert crowd.boredom(heard[0], [heard[0]] * 3) > crowd.boredom(heard[0], heard[1:4]) + 0.03


def test_the_inattentive_press_at_random() -> None:
    crowd = Crowd(loops(20), 3, Habits(inattentive=1.0))
    rng, rater = np.random.default_rng(0), crowd.rater(0)
    pressed = [crowd.rate(rater, loops(20)[0], [], rng) for _ in range(400)]
    assert not rater.attentive
    assert np.mean(pressed) == pytest.approx(0.5, abs=0.05)
    assert np.std(pressed) == pytest.approx(12**-0.5, abs=0.03)


def test_biases_and_noise_are_as_large_as_said_and_ratings_stay_on_the_scale() -> None:
    crowd, rng = Crowd(loops(20), 3), np.random.default_rng(1)
    raters = [crowd.rater(number) for number in range(400)]
    assert np.std([each.bias for each in raters]) == pytest.approx(0.1, abs=0.015)
    assert 0.02 < np.mean([not each.attentive for each in raters]) < 0.09
    values = [crowd.rate(rater, heard, [], rng) for rater in raters[:50] for heard in loops(20)]
    assert 0 <= min(values) <= max(values) <= 1


def test_loops_that_all_sound_the_same_are_no_fault() -> None:
    crowd = Crowd([loops(1)[0]] * 4, 1)
    assert crowd.liking(loops(1)[0]) == pytest.approx(0.46)
