"""The loop's benchmark measures what it says, with simulated raters, and runs from end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from antiphon.evolution.proposing import Terms
from antiphon.generation.grammar import express
from bench_loop import perform, run
from benchmarks.loop_tables import gathered, mean_and_error, report
from simulated_raters.arms import draw
from simulated_raters.audience import Sessions, World, draw_taste
from simulated_raters.descriptors import NAMES, describe
from simulated_raters.fidelity import OPERATORS, fidelity
from simulated_raters.plans import BARE, EVERY, FOURS, HEARD, ORACLE, OURS, PLANS, Plan

TINY = Terms(candidates=8, candidates_per_loop=1, rounds=2)
LOOPS = [draw(seed) for seed in range(40)]
SMALL = Plan(OURS, "usual", 5, 1, (4,), per_generation=8, base_loops=40, terms=TINY)


def test_every_arm_goes_through_and_is_told_of() -> None:
    plans = [replace(SMALL, arm=arm) for arm in EVERY if arm != FOURS]
    done = perform(plans, None, 1)
    for plan in plans:
        assert set(done[plan.name]["gains"]) == {"4", "8"}
        assert len(done[plan.name]["spreads"]) == 2
    starts = [done[plan.name]["spreads"][0] for plan in plans]
    assert all(start == starts[0] for start in starts), "all arms begin with the same loops"
    assert starts[0][PLANS] > starts[0][BARE], "keys and noises tell loops apart"
    assert starts[0][HEARD] > 1.0
    told = {plan.arm: done[plan.name]["gains"]["8"] for plan in plans}
    assert told[ORACLE] > told["random"], "who knows the taste does better than who knows nothing"
    table = "\n".join(report(plans, done, quick=False))
    assert all(plan.arm in table for plan in plans)
    assert "simulated" in table


def test_loops_asked_for_by_fours_are_rated_by_fours() -> None:
    few = replace(SMALL, arm=FOURS)
    done = perform([few], None, 1)
    assert list(done[few.name]["gains"]) == ["28"]
    gains = gathered([few], done)[FOURS].after(28)
    plain = replace(SMALL, arm="plain genetic algorithm")
    late = {"gains": {"192": gains[0] + 0.5}, "spreads": []}
    told = "\n".join(report([few, plain], done | {plain.name: late}, quick=False))
    assert f"{FOURS} | not less | {gains[0]:+.2f}" in told
    assert "**missed**" in told


def test_a_run_is_the_same_again_and_a_longer_one_begins_alike() -> None:
    short = replace(SMALL, arm="plain genetic algorithm", checks=())
    longer = replace(short, generations=2)
    one, two = run(short), run(longer)
    assert one == run(short)
    assert two["gains"]["8"] == one["gains"]["8"]
    merged = gathered([short, longer], {short.name: one, longer.name: two})
    assert merged[short.arm].after(8) == [one["gains"]["8"]], "one audience counts once"
    assert merged[short.arm].spreads[5] == two["spreads"]


def test_a_mean_tells_how_sure_it_is() -> None:
    assert mean_and_error([1.0, 2.0, 3.0]) == "+2.00 ± 1.13"
    assert mean_and_error([]) == ""


def test_simulated_audiences_like_as_the_world_says_and_differ() -> None:
    world = World()
    one, other = (draw_taste(world, LOOPS, np.random.default_rng(seed)).liking(LOOPS) for seed in (1, 2))
    for liking in (one, other):
        assert liking.mean() == pytest.approx(world.base_mean, abs=0.01)
        assert liking.std() == pytest.approx(world.base_sd, abs=0.01)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.7


def test_simulated_raters_come_for_a_session_each_and_press_badly() -> None:
    taste = draw_taste(World(), LOOPS, np.random.default_rng(1))
    given = Sessions(World(), taste, np.random.default_rng(2)).rate(LOOPS)
    assert sorted(each.place for each in given) == list(range(40))
    assert [len([e for e in given if e.rater == name]) for name in dict.fromkeys(e.rater for e in given)] == [
        12,
        12,
        12,
        4,
    ]
    values = np.array([each.value for each in sorted(given, key=lambda each: each.place)])
    assert 0.3 < np.corrcoef(values, taste.liking(LOOPS))[0, 1] < 0.95
    asleep = Sessions(World(inattentive=1.0), taste, np.random.default_rng(2)).rate(LOOPS)
    pressed = np.array([each.value for each in sorted(asleep, key=lambda each: each.place)])
    assert abs(np.corrcoef(pressed, taste.liking(LOOPS))[0, 1]) < 0.4


def test_descriptors_follow_the_music() -> None:
    rows = np.array([describe(express(loop)) for loop in LOOPS])
    assert rows.shape == (40, len(NAMES))
    assert np.isfinite(rows).all()
    assert (rows.std(0) > 0).all(), "each tells loops apart"
    calm, full = (describe(express(replace(LOOPS[0], energy=energy))) for energy in (0.0, 1.0))
    assert full[NAMES.index("events per second")] > calm[NAMES.index("events per second")]


def test_small_steps_hand_on_more_than_large_ones() -> None:
    taste = draw_taste(World(), LOOPS, np.random.default_rng(1))
    found = fidelity(LOOPS[:16], [taste], np.random.default_rng(3))
    assert set(found) == set(OPERATORS)
    assert found["vary, amount 0.1"][0] > found["vary, amount 0.6"][0]
    assert found["vary, amount 0.1"][0] > 0.7
