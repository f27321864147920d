"""The protocol of a pilot, over a house in memory: who rates what, what is noted, and that learning shows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from antiphon.errors import Conflict, OutOfRange, StorageFailed
from antiphon.pilot.experiment import Experiment, Plan
from antiphon.pilot.hearing import COLUMNS
from antiphon.pilot.house import HttpHouse
from antiphon.pilot.raw import RawData
from antiphon.pilot.records import Pilot
from antiphon.pilot.showing import Loop, Note, Said
from antiphon.pilot.simulated import SimulatedPanel, Wanted
from tests.pilot.house import MemoryHouse


class LikesHigh:
    """A panel of one who likes what is high, without any fault."""

    simulated = True

    async def rate(self, generation: int, loops: Sequence[Loop], note: Note) -> None:
        for order, loop in enumerate(loops):
            await note(Said(loop.candidate_id, "simulated-1", self.true_liking(loop), order))

    def true_liking(self, loop: Loop) -> float:
        return float(np.clip((loop.descriptors[0] - 6.6) / 5.0, 0.0, 1.0))


def plan(generations: int = 2, per_generation: int = 24) -> Plan:
    return Plan("pilot-test", 1, generations, per_generation)


def mean(pilot: Pilot, generation: int, arm: str) -> float:
    arms = {each.candidate_id: each.arm for each in pilot.shown if each.generation == generation}
    values = [each.value for each in pilot.rated if arms.get(each.candidate_id) == arm and not each.again]
    return float(np.mean(values))


@pytest.mark.parametrize("learns", [True, False])
async def test_gain_over_the_baseline_shows_where_the_house_learns(learns: bool) -> None:
    gains = []
    for seed in range(1, 7):
        experiment = Experiment(MemoryHouse(seed, learns), LikesHigh(), plan())
        await experiment.run()
        pilot = experiment.pilot()
        gains.append(mean(pilot, 2, "new") - mean(pilot, 2, "baseline"))
    assert np.mean(gains) > 0.25 if learns else abs(np.mean(gains)) < 0.12
    assert {each.arm for each in pilot.shown if each.generation == 0} == {"first"}
    assert len(pilot.making_s) == len(pilot.true_liking) == 3
    assert pilot.true_liking[2] > pilot.true_liking[0] + 0.2 if learns else True


async def test_raw_data_are_written_as_they_come(tmp_path: Path) -> None:
    told: list[str] = []
    seen: list[tuple[int, int]] = []

    class Looks(LikesHigh):
        async def rate(self, generation: int, loops: Sequence[Loop], note: Note) -> None:
            await super().rate(generation, loops, note)
            with (tmp_path / "ratings.csv").open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            # The arms of what is being rated are not there for anybody to see.
            seen.append((len(rows), sum(row["arm"] == "" for row in rows)))

    experiment = Experiment(MemoryHouse(), Looks(), plan(1, 8), told.append, RawData(tmp_path, True))
    await experiment.run()
    assert seen == [(8, 8), (16, 8)]
    with (tmp_path / "ratings.csv").open(encoding="utf-8", newline="") as file:
        assert Counter(row["arm"] for row in csv.DictReader(file)) == {"first": 8, "new": 6, "baseline": 2}
    with (tmp_path / "shown.csv").open(encoding="utf-8", newline="") as file:
        assert csv.DictReader(file).fieldnames == ["generation", "candidate_id", "arm", *COLUMNS]
    assert not any("raw data" in each for each in told)


async def test_a_disk_that_fails_is_told_and_costs_no_rating(tmp_path: Path) -> None:
    told: list[str] = []
    experiment = Experiment(MemoryHouse(), LikesHigh(), plan(1, 4), told.append, RawData(tmp_path / "gone", True))
    await experiment.run()
    assert len(experiment.pilot().rated) == 8
    assert any("raw data can't be written" in each for each in told)


async def test_ratings_whose_arm_nobody_knows_stay_data(tmp_path: Path) -> None:
    house = MemoryHouse()

    async def no_arms(_candidate_ids: Sequence[str]) -> dict[str, str]:
        raise StorageFailed("the server is gone")

    house.arms = no_arms  # type: ignore[method-assign]
    experiment = Experiment(house, LikesHigh(), plan(1, 8))
    with pytest.raises(StorageFailed):
        await experiment.run()
    pilot = experiment.pilot()
    assert (len(pilot.rated), len(pilot.unplaced)) == (8, 8)
    RawData(tmp_path, True).write(pilot)
    assert (tmp_path / "ratings.csv").read_text(encoding="utf-8").count("\n") == 17


@pytest.mark.parametrize(("per_loop", "raters"), [(1, 0), (3, 0), (2, 5), (3, 3), (1, 1)])
async def test_each_loop_gets_its_ratings_from_different_raters(per_loop: int, raters: int) -> None:
    house = MemoryHouse()
    experiment = Experiment(house, SimulatedPanel(1, Wanted(per_loop, raters)), plan(1, 26))
    await experiment.run()
    pilot = experiment.pilot()
    fresh = [each for each in pilot.rated if not each.again]
    assert set(Counter((each.generation, each.candidate_id) for each in fresh).values()) == {per_loop}
    assert len({(each.candidate_id, each.rater) for each in fresh}) == len(fresh)
    assert all(each.rater.startswith("simulated-") for each in pilot.rated)
    assert len({each.rater for each in pilot.rated}) <= (raters or 1000)
    orders = [(each.generation, each.rater, each.order) for each in pilot.rated]
    assert len(set(orders)) == len(orders)
    assert min(order for _, _, order in orders) == 0
    assert [said.value for said in house.said] == [each.value for each in pilot.rated]


async def test_some_are_rated_again_by_the_same_rater() -> None:
    experiment = Experiment(MemoryHouse(), SimulatedPanel(1, Wanted(3)), plan(2, 40))
    await experiment.run()
    rated = experiment.pilot().rated
    again = [each for each in rated if each.again]
    assert 0.05 < len(again) / len(rated) < 0.16
    earlier = {(each.generation, each.candidate_id, each.rater): each.order for each in rated if not each.again}
    assert all(each.order - earlier[each.generation, each.candidate_id, each.rater] > 3 for each in again)


async def test_the_same_seed_gives_the_same_pilot_and_another_another() -> None:
    told = []
    for seed in (1, 1, 2):
        experiment = Experiment(MemoryHouse(), SimulatedPanel(seed, Wanted()), plan(1, 12))
        await experiment.run()
        told.append([(each.candidate_id, each.rater, each.value) for each in experiment.pilot().rated])
    assert told[0] == told[1] != told[2]


async def test_what_was_noted_stands_when_a_pilot_breaks_off() -> None:
    class Falling(MemoryHouse):
        async def rate(self, said: Said) -> None:
            if len(self.said) == 30:
                raise StorageFailed("the disk is full: free some")
            await super().rate(said)

    experiment = Experiment(Falling(), LikesHigh(), plan())
    with pytest.raises(StorageFailed):
        await experiment.run()
    await experiment.learn_arms()
    pilot = experiment.pilot()
    assert len(pilot.rated) == 30
    # The one that was shown and not rated is known too; those that nobody heard are not.
    assert Counter(each.generation for each in pilot.shown) == {0: 24, 1: 7}
    assert {each.arm for each in pilot.shown if each.generation == 1} <= {"new", "baseline"}


async def test_a_missing_baseline_is_said() -> None:
    class Partial(MemoryHouse):
        async def arms(self, candidate_ids: Sequence[str]) -> dict[str, str]:
            return dict.fromkeys(candidate_ids, "new")

    told: list[str] = []
    await Experiment(Partial(), LikesHigh(), plan(1), told.append).run()
    assert any("learning.baseline_share" in words for words in told)


async def test_a_house_that_makes_nothing_is_told() -> None:
    class Empty(MemoryHouse):
        async def first(self, count: int) -> list[str]:
            return []

    with pytest.raises(Conflict, match="antiphon status"):
        await Experiment(Empty(), LikesHigh(), plan()).run()


def test_too_few_raters_are_refused() -> None:
    with pytest.raises(OutOfRange, match="3 raters or more"):
        SimulatedPanel(1, Wanted(ratings_per_loop=3, raters=2))


async def test_loops_are_asked_for_in_equal_portions() -> None:
    asked: list[dict[str, object]] = []

    async def ask(name: str, keys: dict[str, object]) -> list[str]:
        asked.append({"name": name, **keys})
        return [f"{name}{len(asked)}"] * int(str(keys["count"]))

    house = HttpHouse(None, ask, "pilot-x", {"bars": 2}, 3)  # type: ignore[arg-type]
    assert len(await house.first(26)) == 26
    assert len(await house.evolve(24)) == 24
    assert [(each["name"], each["count"]) for each in asked] == [
        ("generate", 9), ("generate", 9), ("generate", 8), ("evolve", 12), ("evolve", 12),
    ]  # fmt: skip
    assert len({each["seed"] for each in asked[:3]}) == 3
    assert all(each["context"] == "pilot-x" for each in asked)
    assert not {"seed", "bars"} & set(asked[3])
