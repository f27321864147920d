"""From ratings to what is believed: weights with words, contexts apart and together, plain means without a learner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from antiphon.domain.belief import Belief
from antiphon.domain.event import GenerationRated, StudioEvent
from antiphon.domain.lineage import Parent
from antiphon.errors import LearnerAway, StorageFailed
from antiphon.learning.beliefs import Beliefs
from antiphon.learning.evidence import belief_of, candidate_belief, plain_belief, question_of
from antiphon.learning.generations import rated_arms, rated_generations
from antiphon.learning.learner import answer
from antiphon.learning.messages import Answer, Question
from antiphon.learning.report import Reports
from antiphon.records import Evidence, Generation, Preferred, Records
from tests.evolution.genomes import loops

(GENOME,) = loops(1)
#: For busy machines.
PATIENT_S = 60.0


def evidence(candidate: str, value: float, rater: str = "eva", **changes: object) -> Evidence:
    plain = Evidence(0, candidate, None, rater, "studio", value, 0.0, "sent", 0, None, 8.0, "studio", 0, "asked", 1.0)
    return replace(plain, **changes)  # type: ignore[arg-type]


def numbered(found: Sequence[Evidence]) -> list[Evidence]:
    return [replace(each, sequence=number + 1) for number, each in enumerate(found)]


def crowd() -> list[Evidence]:
    """Eight who listen, two who always press the same, and a lobby that loves what the studio hates."""
    rng = np.random.default_rng(4)
    found = []
    for clip in range(20):
        for rater in range(8):
            value = float(np.clip(0.1 + 0.04 * clip + rng.normal(0, 0.05), 0, 1))
            found.append(evidence(f"c{clip}", value, f"listens {rater}", listened_s=8.0))
        found += [evidence(f"c{clip}", 0.9, f"presses {rater}") for rater in range(2)]
        for rater in range(2):
            value = float(np.clip(0.9 - 0.04 * clip + rng.normal(0, 0.05), 0, 1))
            found.append(evidence(f"c{clip}", value, f"visitor {rater}", context="lobby"))
    return numbered(found)


def believed(found: Sequence[Evidence], fair: bool = False, preferences: Sequence[Preferred] = ()) -> Belief:
    """What the learner makes of it, through the very messages of its pipe."""
    told = answer(Question(1, "beliefs", question_of(found, preferences, fair)))
    assert isinstance(told, Answer), told
    return belief_of(found, told.data)


def test_weights_have_reasons_and_contexts_their_own_taste() -> None:
    found = crowd()
    belief = believed(found)
    assert belief.how == "reliability"
    weights: dict[str, list[float]] = {}
    for each in found:
        said = belief.ratings[each.sequence]
        assert 0.0 <= said.weight <= 1.0
        assert "%" in said.words
        weights.setdefault(each.rater.split()[0], []).append(said.weight)
    assert np.mean(weights["listens"]) > 0.8
    assert np.mean(weights["presses"]) < 0.1
    assert np.mean(weights["visitor"]) > 0.5, "another taste is no inattention"
    pressing = next(each for each in belief.raters if each.rater == "presses 0")
    assert "gives 4.5 to everything" in pressing.words
    assert pressing.attention < 0.1
    best, worst = belief.clips["studio", "c19", None], belief.clips["lobby", "c19", None]
    assert best.mean > 0.75
    assert worst.mean < 0.25
    assert belief.clips["studio", "c0", None].mean < belief.clips["studio", "c0", None].plain_mean
    lobby = next(each for each in belief.groups if each.context == "lobby")
    assert (lobby.raters, lobby.ratings) == (2, 40)
    assert lobby.agreement is not None
    assert lobby.agreement < -0.9
    assert "studio" in lobby.warning
    fair = believed(found, fair=True)
    assert not any(each.warning for each in fair.groups)
    key = ("all", "c19", None)
    assert fair.clips[key].mean < belief.clips[key].mean


@pytest.mark.parametrize(
    "found",
    [
        [evidence("a", 0.5)],
        [evidence("a", 1.0), evidence("a", 0.0, repeat_showing=7)],
        [evidence("a", 0.5, stem="bass", listened_s=0.0), evidence("b", 0.5, "tom", context="x", loop_s=0.0)],
    ],
)
def test_little_evidence_is_thought_over_too(found: list[Evidence]) -> None:
    belief = believed(numbered(found))
    assert set(belief.ratings) == {number + 1 for number in range(len(found))}
    assert all(0.0 <= clip.mean <= 1.0 and np.isfinite(clip.sd) for clip in belief.clips.values())


def test_preferences_count_with_and_without_ratings() -> None:
    chosen = [Preferred(number + 1, "b", "a", None, "eva", "studio") for number in range(3)]
    alone = believed([], preferences=chosen)
    winner, loser = alone.clips["studio", "b", None], alone.clips["studio", "a", None]
    assert winner.mean > 0.55
    assert loser.mean < 0.45
    assert (winner.plain_mean, winner.ratings, winner.preferences) == (None, 0, 3)
    assert alone.clips["all", "b", None].mean > 0.55
    found = crowd()
    for rater, moved in (("listens 0", 0.01), ("presses 0", -1.0)):
        said = [Preferred(number + 1, "c10", "c11", None, rater, "studio") for number in range(5)]
        before, after = (belief.clips["studio", "c10", None].mean for belief in (
            believed(found), believed(found, preferences=said)))  # fmt: skip
        assert (after - before > moved) if moved > 0 else abs(after - before) < 0.005


def test_a_candidate_is_its_whole_else_its_stems() -> None:
    found = numbered([evidence("a", 0.2), evidence("a", 1.0, stem="bass"), evidence("b", 0.4, stem="bass"),
                      evidence("b", 0.6, stem="lead")])  # fmt: skip
    belief = plain_belief(found)
    assert candidate_belief(belief, "studio", "a") == pytest.approx((0.2, 12**-0.5))
    assert candidate_belief(belief, None, "b") == pytest.approx((0.5, (2 / 12) ** 0.5 / 2))
    assert candidate_belief(belief, "lobby", "a") is None


def test_generations_and_arms_after_the_fact() -> None:
    drawn = {"generation": 1, "made_for": "lobby"}
    found = numbered(
        [evidence(f"n{each}", value, arm="new", probability=0.75, **drawn) for each, value in enumerate((0.8, 0.9))]
        + [evidence("b", 0.4, arm="baseline", probability=0.25, **drawn), evidence("asked", 0.5)]
    )
    belief = plain_belief(found)
    generations = [Generation("lobby", 1, 4), Generation("lobby", 2, 4), Generation("studio", 0, 1)]
    told = [(each.context, each.number, each.ratings) for each in rated_generations(generations, found, belief)]
    assert told == [("lobby", 1, 3), ("lobby", 2, 0), ("studio", 0, 1)]
    assert rated_generations(generations, found, belief)[0].mean == pytest.approx(0.7)
    baseline, new, asked = rated_arms(found, belief)
    assert (baseline.arm, baseline.mean, baseline.low) == ("baseline", 0.4, None)
    assert (new.arm, new.loops) == ("new", 2)
    assert new.mean == pytest.approx(0.85)
    assert new.low is not None
    assert new.low < 0.8 < 0.9 < (new.high or 0)
    assert asked.number == 0


class FewRecords:
    """What beliefs ask of the records."""

    def __init__(self) -> None:
        self.found: list[Evidence] = []
        self.preferred: list[Preferred] = []
        self.made: list[Generation] = []
        self.fault: Exception | None = None

    async def evidence(self, limit: int, since: int = 0) -> list[Evidence]:
        if self.fault:
            raise self.fault
        return [each for each in self.found if each.sequence > since][-limit:]

    async def preferences(self, limit: int, since: int = 0) -> list[Preferred]:
        return [each for each in self.preferred if each.sequence > since][-limit:]

    async def generations(self) -> list[Generation]:
        return self.made

    async def rated(self, limit: int, context: str | None = None) -> list[Parent]:
        ids = dict.fromkeys(each.candidate_id for each in self.found if context in (None, each.context))
        return [Parent(each, GENOME, 0.5, 2) for each in ids][:limit]


class QuickLearner:
    """The learner's own functions, without its process. `away`: how often it is not there first."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.asked = 0

    async def ask(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            raise LearnerAway("the learner died 2 times on this")
        told = answer(Question(1, kind, data))
        assert isinstance(told, Answer)
        return told.data


def watched(learner: QuickLearner | None) -> tuple[Beliefs, FewRecords, list[StudioEvent]]:
    records, events = FewRecords(), list[StudioEvent]()
    return Beliefs(cast(Records, records), learner, False, events.append), records, events


async def test_parents_are_as_good_as_is_believed_of_them() -> None:
    beliefs, records, _ = watched(QuickLearner())
    records.found = crowd()
    await beliefs.current(PATIENT_S)
    parents = {each.candidate_id: each for each in await beliefs.population("studio", 64)}
    lobby = {each.candidate_id: each for each in await beliefs.population("lobby", 64)}
    assert parents["c19"].mean_rating > 0.75
    assert lobby["c19"].mean_rating < 0.3
    assert all(each.rating_sd is not None for each in parents.values())
    said = [each for each in records.found if each.candidate_id == "c19"]
    assert [(each.rater, each.value) for each in parents["c19"].verdicts] == [(each.rater, each.value) for each in said]
    assert {each.context for each in parents["c19"].verdicts} == {"", "lobby"}, "the one that is asked for has no name"
    assert all(0 <= each.weight <= 1 for each in parents["c19"].verdicts)
    assert beliefs.status() == {"how": "reliability", "notice": "", "ratings": 240}
    await beliefs.close()


async def test_without_a_learner_plain_means_are_used_and_said_to_be() -> None:
    for learner in (None, QuickLearner(away=1)):
        beliefs, records, _ = watched(learner)
        records.found = numbered([evidence("a", 0.9)])
        (parent,) = await beliefs.population(None, 64)
        assert (parent.mean_rating, parent.rating_sd) == (0.5, None), "as the records have it"
        assert beliefs.status()["how"] == "plain"
        assert ("died 2 times" if learner else "learning.enabled") in beliefs.status()["notice"]
        assert (await beliefs.current(PATIENT_S)).ratings[1].weight == 1.0
        beliefs.changed()
        await beliefs.current(PATIENT_S)
        assert beliefs.status()["how"] == ("reliability" if learner else "plain")
        await beliefs.close()


async def test_a_generation_is_told_of_when_it_is_made_or_liked_otherwise() -> None:
    beliefs, records, events = watched(None)
    await beliefs.current(PATIENT_S)
    records.made = [Generation("studio", 1, 4)]
    beliefs.changed()
    await beliefs.current(PATIENT_S)
    records.found = numbered([evidence("a", 0.9, generation=1, arm="new", probability=0.75)])
    for _ in range(2):
        beliefs.changed()
        await beliefs.current(PATIENT_S)
    assert events == [GenerationRated(1, 0.0, 0, "studio"), GenerationRated(1, 0.9, 1, "studio")]
    await beliefs.close()


async def test_ratings_that_come_together_are_thought_over_together_and_a_full_disk_is_outlived() -> None:
    learner = QuickLearner()
    beliefs, records, _ = watched(learner)
    records.found = numbered([evidence("a", 0.9)])
    for _ in range(50):
        beliefs.changed()
        await asyncio.sleep(0)
    await beliefs.current(PATIENT_S)
    assert learner.asked == 1
    records.fault = StorageFailed("the disk is full")
    beliefs.changed()
    assert (await beliefs.current(PATIENT_S)).how == "reliability", "the last belief stands in"
    records.fault = None
    beliefs.changed()
    await beliefs.current(PATIENT_S)
    assert learner.asked == 2
    await beliefs.close()
    beliefs.changed()
    assert learner.asked == 2


async def test_reports_say_why_and_tell_no_arm() -> None:
    beliefs, records, _ = watched(QuickLearner())
    records.found = crowd()
    await beliefs.current(PATIENT_S)
    reports = Reports(cast(Records, records), beliefs, None, "studio")
    ratings = (await reports.ratings(5))["ratings"]
    assert [each["sequence"] for each in ratings] == [240, 239, 238, 237, 236]
    assert all(each["weight"] is not None and each["words"] for each in ratings)
    assert not {"arm", "probability", "generation", "made_for"} & set(ratings[0])
    told = await reports.beliefs(3)
    assert (told["how"], told["ratings"]) == ("reliability", 240)
    assert [each["candidate_id"] for each in told["clips"]["studio"]] == ["c19", "c18", "c17"]
    assert {each["context"] for each in told["contexts"]} == {"studio", "lobby"}
    assert len(told["raters"]) == 12
    await beliefs.close()
