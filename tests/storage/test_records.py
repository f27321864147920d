"""Ratings, listening and standing facts on real SQLite."""

from __future__ import annotations

import dataclasses

import pytest

from antiphon.domain.measures import MEASURES
from antiphon.domain.mixer import StemMix
from antiphon.domain.request import GenerateRequest
from antiphon.errors import Conflict, NotFound
from antiphon.generation.grammar import draw_genome
from antiphon.jobs.ledger import Order
from antiphon.records import Preference, Rating
from antiphon.storage.database import Database
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.records import SqliteRecords
from tests.clock import Clock
from tests.storage.conftest import candidate_of

RATING = Rating("knobs", "v1", "", 0.8, None, "eva", 12.5, "club")


@pytest.fixture
async def candidates(ledger: SqliteLedger) -> list[str]:
    """Two jobs with two candidates each, oldest first."""
    made = []
    for request in ("r1", "r2"):
        await ledger.submit(Order("knobs", request, "generate", {}, ""), 64)
        job = await ledger.lease(10)
        assert job is not None
        outcome = [candidate_of(job.job_id, index) for index in range(2)]
        await ledger.complete(job.job_id, job.attempt, outcome, 0)
        made += [candidate.candidate_id for candidate in outcome]
    return made


async def test_a_rating_is_kept_once_and_a_repeat_gets_the_same_answer(
    records: SqliteRecords, candidates: list[str]
) -> None:
    rating = dataclasses.replace(RATING, candidate_id=candidates[0])
    assert await records.rate(rating) == 0.8
    assert await records.rate(rating) == 0.8
    assert await records.rate(dataclasses.replace(rating, value=0.1)) == 0.8
    assert await records.count_ratings() == 1
    with pytest.raises(Conflict, match="new id"):
        await records.rate(dataclasses.replace(rating, candidate_id=candidates[1]))
    with pytest.raises(NotFound, match="nowhere"):
        await records.rate(dataclasses.replace(rating, rating_id="v2", candidate_id="nowhere"))


async def test_a_correction_counts_and_the_history_stays(
    records: SqliteRecords, candidates: list[str], database: Database
) -> None:
    first = dataclasses.replace(RATING, candidate_id=candidates[0])
    for number, (rater, stem, value) in enumerate(
        [("eva", None, 0.2), ("eva", None, 0.9), ("tom", None, 0.4), ("eva", "bass", 0.1)]
    ):
        await records.rate(dataclasses.replace(first, rating_id=number, rater=rater, stem=stem, value=value))
    assert await records.count_ratings() == 4
    standing = await database.run(
        lambda connection: {
            (row["rater"], row["stem"]): row["value"] for row in connection.execute("SELECT * FROM standing_rating")
        }
    )
    assert standing == {("eva", None): 0.9, ("tom", None): 0.4, ("eva", "bass"): 0.1}


async def test_a_preference_is_kept_once(records: SqliteRecords, candidates: list[str]) -> None:
    preference = Preference("knobs", "p1", candidates[0], candidates[1], None, "eva")
    await records.prefer(preference)
    await records.prefer(preference)
    with pytest.raises(Conflict):
        await records.prefer(dataclasses.replace(preference, winner_id=candidates[1], loser_id=candidates[0]))
    with pytest.raises(NotFound):
        await records.prefer(dataclasses.replace(preference, rating_id="p2", winner_id="nowhere"))


async def test_listening_time_is_known_also_without_a_stop(
    records: SqliteRecords, candidates: list[str], clock: Clock, database: Database
) -> None:
    assert await records.playing("knobs", candidates[1]) == (1, 4)
    clock.now_s += 7
    await records.playing("knobs", candidates[2])
    await records.playing("kiosk", candidates[0])
    clock.now_s += 3
    await records.stopped("knobs", candidates[2])
    plays = await database.run(
        lambda connection: [
            (row["candidate_id"], row["stopped_at_s"] and row["stopped_at_s"] - row["started_at_s"])
            for row in connection.execute("SELECT * FROM play ORDER BY sequence")
        ]
    )
    assert plays == [(candidates[1], 7), (candidates[2], 3), (candidates[0], None)]
    assert await records.current() == (candidates[0], 0, 4)
    with pytest.raises(NotFound):
        await records.playing("knobs", "nowhere")


async def test_auditioning_starts_at_the_newest_job_and_stays_at_the_ends(
    records: SqliteRecords, candidates: list[str]
) -> None:
    assert await records.current() == ("", -1, 4)
    assert await records.move_current(1) == (candidates[2], 2, 4)
    assert await records.move_current(1) == (candidates[3], 3, 4)
    assert await records.move_current(1) == (candidates[3], 3, 4)
    assert await records.move_current(0) == ("", -1, 4)
    assert await records.move_current(-1) == (candidates[3], 3, 4)
    for _ in range(5):
        last = await records.move_current(-1)
    assert last == (candidates[0], 0, 4)


async def test_auditioning_nothing_says_what_to_do(records: SqliteRecords) -> None:
    with pytest.raises(NotFound, match="/antiphon/generate"):
        await records.move_current(1)


async def test_candidates_come_newest_first(records: SqliteRecords, candidates: list[str]) -> None:
    assert [each.candidate_id for each in await records.candidates(3)] == candidates[:0:-1]
    found = await records.candidate(candidates[0])
    assert found == candidate_of(found.job_id, 0)
    with pytest.raises(NotFound):
        await records.candidate("nowhere")
    assert await records.candidate_ids() == set(candidates)


async def test_the_tempo_is_durable(records: SqliteRecords) -> None:
    assert await records.tempo_bpm() is None
    await records.set_tempo(92.5)
    await records.set_tempo(174.00001)
    assert await records.tempo_bpm() == 174.00001


async def test_the_model_in_use_outlives_a_start_until_the_setting_changes(records: SqliteRecords) -> None:
    assert await records.choose_model("builtin") == "builtin"
    with pytest.raises(Conflict, match="no earlier model"):
        await records.previous_model()
    await records.use_model("own:model")
    assert await records.choose_model("builtin") == "own:model"
    assert await records.previous_model() == "builtin"
    assert await records.choose_model("other") == "other"
    assert await records.previous_model() == "own:model"


async def test_kept_candidates_stay_kept_until_released(records: SqliteRecords, candidates: list[str]) -> None:
    await records.keep("knobs", candidates[0], True)
    await records.keep("knobs", candidates[2], True)
    await records.keep("another", candidates[0], True)
    assert await records.kept() == [candidates[2], candidates[0]]
    await records.keep("another", candidates[2], False)
    assert await records.kept() == [candidates[0]]
    assert (await records.is_kept(candidates[0]), await records.is_kept(candidates[2])) == (True, False)
    with pytest.raises(NotFound):
        await records.keep("knobs", "nothing", True)


async def test_the_stem_mix_is_as_rendered_until_it_is_changed(records: SqliteRecords) -> None:
    assert all(mix == StemMix(stem, 1.0, False) for stem, mix in (await records.stem_mix()).items())
    await records.set_stem_mix(StemMix("bass", 0.25, True))
    await records.set_stem_mix(StemMix("bass", 0.5, True))
    mix = await records.stem_mix()
    assert (mix["bass"], mix["drums"]) == (StemMix("bass", 0.5, True), StemMix("drums"))


async def test_a_raters_own_latest_rating_is_found(records: SqliteRecords, candidates: list[str]) -> None:
    for number, (value, rater, stem) in enumerate(
        ((0.2, "eva", None), (0.9, "ben", None), (0.7, "eva", None), (0.1, "eva", "bass"))
    ):
        rating = dataclasses.replace(
            RATING, rating_id=number, candidate_id=candidates[0], value=value, rater=rater, stem=stem
        )
        await records.rate(rating)
    assert await records.rating_of(candidates[0], "eva") == 0.7
    assert await records.rating_of(candidates[0], "nobody") is None
    assert await records.rating_of(candidates[1], "eva") is None


async def test_the_rated_ones_are_found_with_the_mean_of_what_stands(
    ledger: SqliteLedger, records: SqliteRecords
) -> None:
    genome = draw_genome(GenerateRequest(bpm=93.0), 7)
    ids, sounds = [], (("bass", tuple(float(place) for place in range(len(MEASURES)))),)
    for number, kept in enumerate((genome, None, genome, genome)):
        await ledger.submit(Order("knobs", number, "generate", {}, ""), 64)
        job = await ledger.lease(10)
        assert job is not None
        candidate = dataclasses.replace(candidate_of(job.job_id), genome=kept, measures=sounds if number < 3 else ())
        await ledger.complete(job.job_id, job.attempt, [candidate], 0)
        ids.append(candidate.candidate_id)
    ratings = [
        (0, "ann", None, 0.2), (0, "ann", None, 0.6),  # corrected
        (0, "bob", None, 0.8), (0, "bob", "bass", 1.0), (1, "ann", None, 0.9), (3, "ann", None, 0.1),
    ]  # fmt: skip
    for number, (place, rater, stem, value) in enumerate(ratings):
        await records.rate(Rating("knobs", number, ids[place], value, stem, rater, None, ""))
    last, first = await records.rated(9)
    assert (last.candidate_id, last.ratings, last.mean_rating) == (ids[3], 1, 0.1)
    assert (first.candidate_id, first.ratings) == (ids[0], 3)
    assert first.mean_rating == pytest.approx((0.6 + 0.8 + 1.0) / 3)
    assert first.genome == genome
    assert (first.measures, last.measures) == (sounds, ())
    assert [parent.candidate_id for parent in await records.rated(1)] == [ids[3]]
