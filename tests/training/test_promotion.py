"""The gate's last word: blind ratings of a version on trial, and whether there is enough to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.domain.model_version import Heard
from antiphon.training.promotion import FIRST_LOOK, LAST_LOOK, LOOKS_IN_A_ROW, Look, compare, information, judge


def _heard(rng: np.random.Generator, count: int, mean: float, spread: float = 0.2) -> list[Heard]:
    return [Heard(float(np.clip(value, 0, 1)), 1.0) for value in rng.normal(mean, spread, count)]


def test_a_difference_is_believed_as_far_as_it_is_seen() -> None:
    rng = np.random.default_rng(1)
    alike = compare(_heard(rng, 40, 0.5), _heard(rng, 40, 0.5))
    better = compare(_heard(rng, 40, 0.7), _heard(rng, 40, 0.5))
    assert 0.05 < alike.probability < 0.95
    assert better.probability > 0.99
    assert 0.0 < better.gain < 0.2
    few = compare(_heard(rng, 3, 0.7), _heard(rng, 3, 0.5))
    assert abs(few.gain) < better.gain, "little is known, so the prior counts"
    assert compare([], _heard(rng, 3, 0.5)).probability == 0.5


def test_many_ratings_of_one_loop_are_one_loop() -> None:
    one = compare([Heard(0.9, 40.0)] * 3, [Heard(0.5, 40.0)] * 3)
    many = compare([Heard(0.9, 1.0)] * 120, [Heard(0.5, 1.0)] * 120)
    assert one.probability < many.probability


@pytest.mark.parametrize(("mean", "state"), [(0.8, "promoted"), (0.25, "rejected"), (0.5, "rejected")])
def test_a_trial_ends(mean: float, state: str) -> None:
    rng = np.random.default_rng(4)
    trial, other, looks = _heard(rng, LAST_LOOK, mean), _heard(rng, LAST_LOOK, 0.5), ()
    verdict = judge(trial[: FIRST_LOOK - 1], other, looks)
    assert (verdict.state, verdict.looks) == ("trial", ())
    for count in range(1, LAST_LOOK + 1):
        verdict = judge(trial[:count], other[:count], looks)
        looks = verdict.looks
        if verdict.state != "trial":
            break
    assert verdict.state == state
    assert "probability" in verdict.text
    if mean == 0.8:
        assert count < LAST_LOOK


def test_one_lucky_look_is_not_enough() -> None:
    rng = np.random.default_rng(5)
    good, level = _heard(rng, FIRST_LOOK, 0.9), _heard(rng, FIRST_LOOK, 0.5)
    first = judge(good, level, ())
    assert first.looks[0].probability > 0.9
    assert first.state == "trial"
    assert judge(good, level, first.looks).looks == first.looks, "no look is due before there is more"
    more = _heard(rng, 6, 0.9)
    assert judge([*good, *more], level, (Look(FIRST_LOOK, 0.5, 0.0),)).state == "trial"
    second = judge([*good, *more], level, first.looks)
    assert second.state == "trial"
    last = judge([*good, *more, *_heard(rng, 6, 0.9)], level, second.looks)
    assert (last.state, len(last.looks)) == ("promoted", LOOKS_IN_A_ROW)


def test_spammers_seldom_promote_what_is_worse() -> None:
    promoted = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        trial, other = _heard(rng, LAST_LOOK, 0.44), _heard(rng, LAST_LOOK, 0.5)
        for arm in (trial, other):
            for place in rng.choice(LAST_LOOK, LAST_LOOK * 3 // 10, replace=False):
                arm[place] = Heard(float(rng.random()), 1.0)
        looks: tuple[Look, ...] = ()
        for count in range(1, LAST_LOOK + 1):
            verdict = judge(trial[:count], other[:count], looks)
            looks = verdict.looks
            if verdict.state != "trial":
                break
        promoted += verdict.state == "promoted"
    assert promoted <= 2


def test_ratings_tell_only_what_they_tell_apart() -> None:
    rng = np.random.default_rng(7)
    alike = [Heard(0.6 + 0.01 * float(rng.standard_normal()), 3.0) for _ in range(60)]
    apart = [Heard(float(rng.random()), 3.0) for _ in range(60)]
    assert information(alike) == 0.0
    assert information(apart) > 10.0
    assert information(apart[:20]) < information(apart)
    assert information([]) == information(apart[:1]) == 0.0
