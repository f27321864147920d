"""What was shown to whom, by which draw, in which context: on real SQLite, and out of a ledger of before."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from antiphon.domain.exposure import Draw, draw_arms
from antiphon.domain.wire import draws_from_json
from antiphon.errors import OutOfRange
from antiphon.jobs.ledger import Order
from antiphon.learning.standing import Standing
from antiphon.records import Drawn, Evidence, Preference, Rating
from antiphon.settings import Learning
from antiphon.storage.database import Database
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.opening import migrate
from antiphon.storage.queries import schema_steps
from antiphon.storage.records import SqliteRecords
from tests.clock import Clock
from tests.storage.conftest import candidate_of

LOOP_S = 10.0  # of `candidate_of`: 441,000 frames at 44,100 Hz


async def make(ledger: SqliteLedger, request: str, count: int, kind: str = "generate", **payload: object) -> list[str]:
    await ledger.submit(Order("knobs", request, kind, dict(payload), request), 64)
    job = await ledger.lease(10)
    assert job is not None
    outcome = [candidate_of(job.job_id, index) for index in range(count)]
    await ledger.complete(job.job_id, job.attempt, outcome, 0)
    return [candidate.candidate_id for candidate in outcome]


def rating(candidate_id: str, number: int | str, value: float = 0.8, **changes: object) -> Rating:
    whole = Rating("knobs", number, candidate_id, value, None, "eva", None, "")
    return replace(whole, **changes)  # type: ignore[arg-type]


async def standing(records: SqliteRecords) -> list[Evidence]:
    """The ratings that stand, as the learner is told of them."""
    kept = Standing(1000)
    kept.add(await records.evidence(1000))
    return kept.ratings()


def test_arms_are_shares_in_random_order() -> None:
    generation = draw_arms(8, 0.25, seed=3)
    assert sorted(draw.arm for draw in generation) == ["baseline"] * 2 + ["new"] * 6
    assert {draw.probability for draw in generation} == {0.25, 0.75}
    assert generation == draw_arms(8, 0.25, seed=3)
    firsts = [draw_arms(5, 0.25, seed)[0].arm for seed in range(400)]
    assert 60 < firsts.count("baseline") < 140, "each place has the share as its probability"
    counts = {[draw.arm for draw in draw_arms(5, 0.25, seed)].count("baseline") for seed in range(50)}
    assert counts == {1, 2}, "what is left of a whole number is drawn"
    three = [draw.arm for draw in draw_arms(8, 0.25, 1, trial_share=0.25)]
    assert [three.count(arm) for arm in ("baseline", "trial", "new")] == [2, 2, 4]
    assert {draw.arm for draw in draw_arms(9, 0.0, 1)} == {"new"}


async def test_a_candidate_keeps_by_which_draw_it_came(ledger: SqliteLedger, records: SqliteRecords) -> None:
    asked = await make(ledger, "r", 1, context="lobby")
    draws = [["new", 0.75, None], ["baseline", 0.25, None]]
    assert draws_from_json({"draws": draws}) == (Draw("new", 0.75), Draw("baseline", 0.25))
    first = await make(ledger, "e1", 2, "evolve", context="lobby", draws=draws)
    second = await make(ledger, "e2", 1, "evolve", context="lobby", draws=draws)
    elsewhere = await make(ledger, "e3", 1, "evolve", draws=draws)
    assert await records.drawn(asked[0]) == Drawn(asked[0], "lobby", 0, "asked", 1.0)
    assert await records.drawn(first[1]) == Drawn(first[1], "lobby", 1, "baseline", 0.25)
    assert await records.drawn(second[0]) == Drawn(second[0], "lobby", 2, "new", 0.75)
    assert await records.drawn(elsewhere[0]) == Drawn(elsewhere[0], "studio", 1, "new", 0.75)
    found = [(each.context, each.number, each.loops) for each in await records.generations()]
    assert found == [("lobby", 1, 2), ("lobby", 2, 1), ("studio", 1, 1)]


async def test_every_showing_is_noted_and_going_on_early_is_a_skip(
    ledger: SqliteLedger, records: SqliteRecords, clock: Clock
) -> None:
    ids = await make(ledger, "r", 4)
    await records.move_current(1, "knobs", "lobby")
    clock.now_s += 0.4 * LOOP_S
    await records.move_current(1, "knobs")  # early, without a word
    clock.now_s += 0.4 * LOOP_S
    await records.rate(rating(ids[1], 1))
    await records.move_current(1, "knobs")  # early, but rated
    clock.now_s += 0.6 * LOOP_S
    await records.move_current(1, "knobs")  # heard
    clock.now_s += 1
    await records.playing("knobs", ids[0])  # chosen by the host
    await records.playing("knobs", ids[0])  # the same: nothing new is shown
    shown = (await records.exposures(10))[::-1]
    assert [(each.candidate_id, each.how, each.context) for each in shown] == [
        (ids[0], "audition", "lobby"), (ids[1], "audition", "studio"), (ids[2], "audition", "studio"),
        (ids[3], "audition", "studio"), (ids[0], "playing", "studio"),
    ]  # fmt: skip
    assert [each.skipped for each in shown] == [True, False, False, False, False]
    assert [each.heard_s for each in shown] == pytest.approx([4.0, 4.0, 6.0, 1.0, None])
    assert [each.rating for each in shown] == [None, 0.8, None, None, None]
    assert {(each.arm, each.probability) for each in shown} == {("asked", 1.0)}


async def test_a_knob_that_comes_to_rest_after_the_next_step_has_rated_what_it_was_turned_for(
    ledger: SqliteLedger, records: SqliteRecords, clock: Clock
) -> None:
    ids = await make(ledger, "r", 2)
    await records.move_current(1, "knobs")
    clock.now_s += 1
    await records.move_current(1, "knobs")
    assert (await records.exposures(10))[1].skipped
    clock.now_s += 0.4
    await records.rate(rating(ids[0], 1, gesture="knob"))
    shown = await records.exposures(10)
    assert [(each.rating, each.skipped) for each in shown] == [(None, False), (0.8, False)]


async def test_a_walk_that_stays_at_its_end_shows_nothing_new(
    ledger: SqliteLedger, records: SqliteRecords, clock: Clock
) -> None:
    await make(ledger, "r", 1)
    for _ in range(3):
        await records.move_current(1, "knobs")
    (only,) = await records.exposures(10)
    assert not only.skipped


async def test_what_the_player_is_heard_to_play_counts_as_heard(
    ledger: SqliteLedger, records: SqliteRecords, clock: Clock
) -> None:
    ids = await make(ledger, "r", 2)
    await records.move_current(1, "knobs")
    clock.now_s += 8  # the player waits for the host
    await records.listening("player", ids[0])
    clock.now_s += 2
    await records.rate(rating(ids[0], 1))
    (evidence,) = await records.evidence(10)
    assert evidence.listened_s == pytest.approx(2)
    assert evidence.loop_s == pytest.approx(LOOP_S)
    await records.move_current(1, "knobs")
    assert (await records.exposures(10))[1].heard_s == pytest.approx(2)


async def test_a_rating_has_the_context_in_which_it_was_shown(ledger: SqliteLedger, records: SqliteRecords) -> None:
    ids = await make(ledger, "r", 2)
    await records.move_current(1, "phone", "lobby")
    await records.rate(rating(ids[0], 1, client="phone", rater="phone"))
    await records.rate(rating(ids[0], 2, 0.1))  # another client, to whom it was not shown
    await records.rate(rating(ids[0], 3, 0.2, context="studio A"))
    assert [(each.rater, each.context) for each in await records.evidence(10)] == [
        ("phone", "lobby"), ("eva", "studio"), ("eva", "studio A"),
    ]  # fmt: skip
    assert await records.contexts() == {"lobby": 1, "studio": 1, "studio A": 1}
    await records.prefer(Preference("phone", "p", ids[0], ids[1], None, "phone", "lobby"))
    for wrong in (
        records.rate(rating(ids[0], 4, context="all")),
        records.prefer(Preference("phone", "q", ids[0], ids[1], None, "phone", "all")),
    ):
        with pytest.raises(OutOfRange, match="stands for all"):
            await wrong
    assert await records.count_ratings() == 3


async def test_a_correction_counts_in_its_own_context(ledger: SqliteLedger, records: SqliteRecords) -> None:
    (candidate_id,) = await make(ledger, "r", 1)
    for number, (context, value) in enumerate([("a", 0.2), ("b", 0.4), ("a", 0.9)]):
        await records.rate(rating(candidate_id, number, value, context=context))
    assert [(each.context, each.value) for each in await standing(records)] == [("b", 0.4), ("a", 0.9)]
    assert len(await records.evidence(10)) == 3
    assert [each.value for each in await records.evidence(10, since=1)] == [0.4, 0.9]
    assert [each.value for each in await records.evidence(1)] == [0.9]


async def test_repeats_are_slipped_in_and_stand_beside_the_first_rating(
    ledger: SqliteLedger, database: Database, clock: Clock
) -> None:
    records = SqliteRecords(database, clock, Learning(repeat_share=0.5), random.Random(1))
    ids = await make(ledger, "r", 80)
    for number in range(60):
        candidate_id, place, count = await records.move_current(1, "knobs")
        # As hosts do: they tell that they play what they were told to.
        await records.playing("knobs", candidate_id)
        assert (ids[place], count) == (candidate_id, 80)
        await records.rate(rating(candidate_id, number, number / 100, gesture="knob"))
        clock.now_s += LOOP_S
    shown = (await records.exposures(100))[::-1]
    repeats = [each for each in shown if each.repeat_of is not None]
    assert 10 < len(repeats) < 25
    by_sequence = {each.sequence: each for each in shown}
    for each in repeats:
        assert by_sequence[each.repeat_of or 0].candidate_id == each.candidate_id
        assert each.sequence - (each.repeat_of or 0) >= 4
        assert each.repeat_chance == 0.5
    once_more = [each.candidate_id for each in repeats]
    assert len(set(once_more)) == len(once_more), "nothing is repeated twice"
    steps = [each.candidate_id for each in shown if each.repeat_of is None and each.how == "audition"]
    assert steps == ids[: len(steps)], "the walk goes on from where it stood"
    evidence = await standing(records)
    twice = [each for each in evidence if each.candidate_id == once_more[0]]
    assert [each.repeat_showing > 0 for each in twice] == [False, True]
    # Whoever rates one of them freely later has changed their mind about both.
    await records.playing("knobs", ids[79])
    await records.playing("knobs", once_more[0])
    await records.rate(rating(once_more[0], "mind", 0.5))
    assert [each.value for each in await standing(records) if each.candidate_id == once_more[0]] == [0.5]


async def test_what_stands_is_the_same_in_the_ledger_and_in_memory(
    ledger: SqliteLedger, database: Database, clock: Clock
) -> None:
    chance = random.Random(2)
    records = SqliteRecords(database, clock, Learning(repeat_share=0.5), chance)
    ids = await make(ledger, "r", 8)
    kept = Standing(1000)
    for number in range(150):
        candidate_id = (await records.move_current(chance.choice((1, 1, 1, -1)), "knobs"))[0]
        for again in range(chance.randint(0, 2)):
            rater, stem = chance.choice(("eva", "tom")), chance.choice((None, "bass"))
            said = rating(candidate_id, f"{number} {again}", chance.random(), rater=rater, stem=stem)
            await records.rate(said)
        if chance.random() < 0.2:
            await records.rate(rating(chance.choice(ids), f"free {number}", client="phone", context="lobby"))
        if number % 10 == 0:
            kept.add(await records.evidence(1000, kept.newest))
    kept.add(await records.evidence(1000, kept.newest))
    view = await database.run(
        lambda c: [row["sequence"] for row in c.execute("SELECT sequence FROM standing_rating ORDER BY sequence")]
    )
    assert [each.sequence for each in kept.ratings()] == view
    assert any(each.repeat_showing for each in kept.ratings())
    few = Standing(8)
    few.add(await records.evidence(1000))
    assert [each.sequence for each in few.ratings()] == view[-8:]


async def test_whoever_has_not_rated_gets_no_repeats(ledger: SqliteLedger, database: Database, clock: Clock) -> None:
    records = SqliteRecords(database, clock, Learning(repeat_share=0.5), random.Random(1))
    ids = await make(ledger, "r", 12)
    assert [(await records.move_current(1, "knobs"))[0] for _ in range(12)] == ids
    off = SqliteRecords(database, clock, Learning(enabled=False, repeat_share=0.5), random.Random(1))
    for number, candidate_id in enumerate(ids):
        await off.rate(rating(candidate_id, number))
    await off.move_current(0, "knobs")
    assert [(await off.move_current(1, "knobs"))[0] for _ in range(12)] == ids


def test_a_ledger_of_before_is_taken_along(tmp_path: Path) -> None:
    path = tmp_path / "antiphon.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    steps = schema_steps()
    migrate(connection, path, steps[:2])
    for number, kind in enumerate(["generate", "evolve", "evolve"]):
        connection.execute(
            "INSERT INTO job (job_id, kind, client, request_id, payload, fingerprint, state, submitted_at_s) "
            "VALUES (?, ?, 'c', ?, '{}', '', 'done', 0)", (f"j{number}", kind, number)
        )  # fmt: skip
        connection.execute(
            "INSERT INTO candidate (candidate_id, job_id, place, data, made_at_s) VALUES (?, ?, 0, '{}', 0)",
            (f"c{number}", f"j{number}"),
        )
        connection.execute(
            "INSERT INTO rating (client, rating_id, candidate_id, value, rater, context, rated_at_s) "
            "VALUES ('c', ?, ?, 0.5, 'c', ?, 0)", (number, f"c{number}", ("knob", "reaper", "club")[number])
        )  # fmt: skip
    migrate(connection, path, steps)
    drawn = connection.execute("SELECT candidate_id, generation, arm FROM draw ORDER BY candidate_id").fetchall()
    assert drawn == [("c0", 0, "asked"), ("c1", 1, "new"), ("c2", 2, "new")]
    rated = connection.execute("SELECT context, gesture FROM standing_rating ORDER BY sequence").fetchall()
    assert rated == [("studio", "knob"), ("studio", "sent"), ("club", "sent")]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
