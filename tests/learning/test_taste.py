"""What people like, told group by group: true of people whose taste is known, asked once, clear where nobody knows."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from antiphon.domain.belief import Belief
from antiphon.domain.lineage import Parent, Verdict
from antiphon.domain.score import STEMS
from antiphon.errors import Conflict, LearnerAway
from antiphon.evolution.hearing import Hearing, tables
from antiphon.evolution.scores import score_of
from antiphon.learning.beliefs import Beliefs
from antiphon.learning.learner import answer
from antiphon.learning.messages import Answer, Question
from antiphon.learning.tastes import Tastes, question_of
from antiphon.records import Records
from tests.evolution.genomes import loops


def strokes(parent: Parent) -> int:
    """How busy the drums are, a bar."""
    score = score_of(parent.genome)
    return sum(len(stem.notes) for stem in score.stems if stem.stem == "drums") // score.bars


def drummers(count: int = 48) -> list[Parent]:
    """Loops, rated by two people who like busy drums and nothing else."""
    rng = np.random.default_rng(5)
    parents = [Parent(f"c{place}", genome) for place, genome in enumerate(loops(count))]
    ranks = np.argsort(np.argsort([strokes(each) for each in parents])) / (count - 1)
    liking = np.clip(0.1 + 0.8 * ranks[:, None] + rng.normal(0, 0.05, (count, 2)), 0, 1)
    return [
        replace(parent, ratings=2, verdicts=(Verdict("ann", float(ann)), Verdict("bob", float(bob), context="lobby")))
        for parent, (ann, bob) in zip(parents, liking, strict=True)
    ]


def lovers_of_bright_leads(count: int = 60) -> list[Parent]:
    """Loops whose leads were measured, rated by somebody who likes these bright and nothing else."""
    rng, genomes = np.random.default_rng(6), loops(count)
    sounds = Hearing(tables(), {}).expected(genomes)[:, STEMS.index("lead")]
    bright = (sounds[:, 0] - sounds[:, 0].mean()) / sounds[:, 0].std()
    liking = np.clip(0.5 + 0.2 * bright + rng.normal(0, 0.05, count), 0, 1)
    return [
        Parent(f"c{place}", genome, ratings=1, verdicts=(Verdict("ann", float(value)),),
               measures=(("lead", tuple(map(float, measures))),))
        for place, (genome, value, measures) in enumerate(zip(genomes, liking, sounds, strict=True))
    ]  # fmt: skip


def told(parents: list[Parent], hears: bool = False) -> dict[str, Any]:
    found = answer(Question(1, "taste", question_of(parents, hears)))
    assert isinstance(found, Answer), found
    return found.data


def test_who_likes_busy_drums_is_known_for_it() -> None:
    parents = drummers()
    taste = told(parents)
    assert (taste["ratings"], taste["elsewhere"], taste["loops"], taste["words"]) == (48, 48, 48, "")
    shares = {each["group"]: each["share"] for each in taste["groups"]}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert sum(each["share_before"] for each in taste["groups"]) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    named = [each for each in taste["groups"] if each["group"] != "together"]
    assert named[0]["group"] == "rhythm of the drums"
    assert named[0]["share"] > 2 * named[0]["share_before"]
    busy = {each.candidate_id: strokes(each) for each in parents}
    middle = np.median(list(busy.values()))
    assert all(busy[each["candidate_id"]] > middle for each in taste["best"])
    assert all(busy[each["candidate_id"]] < middle for each in taste["worst"])
    assert all("rhythm of the drums" in {why["group"] for why in each["raised"]} for each in taste["best"])
    assert all("rhythm of the drums" in {why["group"] for why in each["lowered"]} for each in taste["worst"])
    assert all(each["sd"] > 0 for each in (*taste["best"], *taste["worst"]))
    assert taste["best"][0]["expected"] > taste["usual"] > taste["worst"][0]["expected"]


def test_who_likes_it_bright_is_told_so_in_a_sentence() -> None:
    parents = lovers_of_bright_leads()
    taste = told(parents, hears=True)
    shares = {each["group"]: (each["share"], each["share_before"]) for each in taste["groups"]}
    assert shares["brightness"][0] > 2 * shares["brightness"][1]
    first = taste["leanings"][0]
    assert (first["group"], first["stem"], first["words"]) == (
        "brightness",
        "lead",
        "likes it bright, the lead above all",
    )
    assert first["by"] > 0.02
    contrary = [replace(each, verdicts=(Verdict("ann", 1.0 - each.verdicts[0].value),)) for each in parents]
    assert told(contrary, hears=True)["leanings"][0]["words"] == "likes it dark, the lead above all"
    deaf = told(parents)
    assert deaf["leanings"] == []
    assert "brightness" not in {each["group"] for each in deaf["groups"]}
    assert told(parents[:5], hears=True)["leanings"] == [], "five ratings tell nothing"


def test_few_ratings_are_said_to_be_few() -> None:
    few = told(drummers(5))
    assert "too few to tell (5 of at least 12)" in few["words"]
    assert [len(few[end]) for end in ("best", "worst")] == [3, 2]
    one = told(drummers(2)[:1])
    assert [len(one[end]) for end in ("best", "worst")] == [1, 0]
    again = replace(drummers(2)[0], verdicts=tuple(Verdict(f"r{each}", 0.5) for each in range(12)))
    assert "only 1 different loop was rated" in told([again])["words"]
    alike = [replace(each, verdicts=(Verdict("ann", 0.5),)) for each in drummers(16)]
    assert "no loop is believed to be liked more" in told(alike)["words"]
    unheard = [replace(each, verdicts=(Verdict("ann", 0.5, 0.0),)) for each in drummers(3)]
    assert told(unheard)["ratings"] == 0


class Believing:
    """Beliefs and records in which `lobby` was rated."""

    def __init__(self) -> None:
        self.belief = Belief(1, "reliability")

    async def current(self) -> Belief:
        return self.belief

    async def population(self, context: str | None, limit: int) -> list[Parent]:
        assert limit == 160
        return drummers(2) if context in (None, "lobby") else []

    async def contexts(self) -> dict[str, int]:
        return {"lobby": 2}


class Taster:
    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        await asyncio.sleep(0.01)
        return {"loops": len(data["parents"]), "of": kind}


def tastes(beliefs: Believing, taster: Taster | None) -> Tastes:
    return Tastes(cast(Records, beliefs), cast(Beliefs, beliefs), taster, "lobby")


async def test_a_taste_is_thought_over_once_until_something_else_is_believed() -> None:
    beliefs, taster = Believing(), Taster()
    found = tastes(beliefs, taster)
    first, second = await asyncio.gather(found.of(""), found.of("lobby"))
    assert first == second == {"context": "lobby", "how": "reliability", "notice": "", "loops": 2, "of": "taste"}
    assert taster.asked == 1
    assert (await found.of("all"))["context"] == "all"
    beliefs.belief = replace(beliefs.belief)
    await found.of("lobby")
    assert taster.asked == 2, "a new belief that says the same"
    beliefs.belief = replace(beliefs.belief, newest=2)
    await found.of("lobby")
    assert taster.asked == 3


async def test_who_asks_where_nothing_is_known_is_told_what_to_do() -> None:
    with pytest.raises(Conflict, match=r"in the context 'studio' yet, so nobody knows .* or one of lobby"):
        await tastes(Believing(), Taster()).of("studio")
    with pytest.raises(LearnerAway, match="antiphon serve"):
        await tastes(Believing(), None).of("lobby")
