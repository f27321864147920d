"""By which model each child of a blind generation is made."""

from __future__ import annotations

from typing import cast

import pytest

from antiphon.breeding import children_request
from antiphon.domain.lineage import Breeding, Parent
from antiphon.domain.request import GenerateRequest
from antiphon.evolution.proposing import Terms
from antiphon.generation.prompts import read_prompt
from antiphon.jobs.drafts import ChildrenDrafts
from antiphon.records import Records
from antiphon.settings import Settings
from tests.evolution.genomes import loops


class OneRequest:
    """Records in which somebody once asked for something."""

    def __init__(self, asked: int = 1) -> None:
        self._asked = [GenerateRequest(bpm=93.0, count=8, style="dub")] * asked

    async def requests(self, limit: int, context: str | None = None) -> list[GenerateRequest]:
        return self._asked[:limit]


async def population(context: str | None, limit: int) -> list[Parent]:
    return [Parent("c1", loops(1)[0], 0.8, 3)]


@pytest.mark.parametrize(
    ("trial", "base", "models"),
    [
        ("", "", {"baseline": None, "new": None}),
        ("", "builtin", {"baseline": "builtin", "new": None}),
        ("builtin-2+2", "builtin", {"baseline": "builtin", "trial": "builtin-2+2", "new": None}),
    ],
)
async def test_the_baseline_stays_with_the_model_that_nothing_was_learnt_by(
    trial: str, base: str, models: dict[str, str | None]
) -> None:
    made = await children_request(
        Breeding("evolve", count=8, seed=1), cast(Records, OneRequest()), population, Settings(), {}, (), read_prompt,
        trial, base,
    )  # fmt: skip
    assert {draw.arm: draw.model for draw in made.draws} == models
    assert [draw.arm for draw in made.draws].count("baseline") == 2
    assert [(each.style, each.count) for each in made.baselines] == [("dub", 1)]


async def test_what_the_version_on_trial_sounds_the_model_in_use_sounds_as_well() -> None:
    for count, seed in ((8, 1), (8, 2), (5, 3), (2, 4)):
        made = await children_request(
            Breeding("evolve", count=count, seed=seed), cast(Records, OneRequest()), population, Settings(), {}, (),
            read_prompt, "builtin-2+2", "builtin",
        )  # fmt: skip
        drafts, arms = ChildrenDrafts(made), [draw.arm for draw in made.draws]
        of_arm = {arm: [drafts.draft(at, 0).genome for at, each in enumerate(arms) if each == arm] for arm in set(arms)}
        new, trial = of_arm.get("new", []), of_arm.get("trial", [])
        twins = min(len(new), len(trial))
        assert trial[:twins] == new[:twins], "with the same seed, by which they are known as twins"
        assert len(set(map(repr, new + trial[twins:]))) == len(new) + len(trial) - twins, "and nobody else is alike"
        again = drafts.draft(arms.index("trial"), 1).genome if trial else None
        assert again not in new, "a take that is made again is another loop"


async def test_who_only_brought_loops_along_gets_no_baseline() -> None:
    records = cast(Records, OneRequest(asked=0))
    made = await children_request(
        Breeding("evolve", count=4), records, population, Settings(), {}, (), read_prompt
    )  # fmt: skip
    assert {draw.arm for draw in made.draws} == {"new"}


async def test_enough_loops_are_asked_about_for_the_widest_search() -> None:
    """Also where each was rated but once."""
    (loop,) = loops(1)

    async def many(context: str | None, limit: int) -> list[Parent]:
        return [Parent(f"c{place}", loop, 0.5, 1) for place in range(min(limit, 1000))]

    made = await children_request(
        Breeding("evolve", count=4), cast(Records, OneRequest()), many, Settings(), {}, (), read_prompt
    )
    terms = Terms()
    assert terms.width(sum(parent.ratings for parent in made.parents)) == terms.late
