"""Versions, and trainings that ratings start, on real SQLite."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest

from antiphon.domain.model_version import Heard, Subject
from antiphon.domain.request import GenerateRequest
from antiphon.errors import Conflict
from antiphon.generation.grammar import draw_genome
from antiphon.jobs.ledger import Order
from antiphon.records import Preference, Rating
from antiphon.storage.database import Database
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.records import SqliteRecords
from antiphon.storage.versions import Automatic, SqliteVersions
from antiphon.training.promotion import information
from tests.clock import Clock
from tests.storage.conftest import candidate_of

RECIPE = {"steps": 5}


@pytest.fixture
def versions(database: Database, ledger: SqliteLedger, clock: Clock) -> SqliteVersions:
    made = SqliteVersions(database, ledger, Automatic(2.0, 6, RECIPE, 64, information), clock)
    made.subject = Subject("builtin", "builtin-2")
    return made


@pytest.fixture
def records(database: Database, clock: Clock, versions: SqliteVersions) -> SqliteRecords:
    return SqliteRecords(database, clock, on_rated=versions.on_rated)


async def _made(ledger: SqliteLedger, count: int, version: str = "builtin-2", request: str = "r1") -> list[str]:
    await ledger.submit(Order("knobs", request, "generate", {}, ""), 64)
    job = await ledger.lease(10)
    assert job is not None
    genome = draw_genome(GenerateRequest(bpm=93.0, seed=3), 3)
    outcome = [
        dataclasses.replace(candidate_of(job.job_id, index), genome=genome, model_version=version)
        for index in range(count)
    ]
    await ledger.complete(job.job_id, job.attempt, outcome, 0)
    return [candidate.candidate_id for candidate in outcome]


async def _twins(ledger: SqliteLedger, by: Sequence[str]) -> list[str]:
    """The same loop by several versions, in one generation."""
    await ledger.submit(Order("knobs", "twins", "generate", {}, ""), 64)
    job = await ledger.lease(10)
    assert job is not None
    outcome = [
        dataclasses.replace(candidate_of(job.job_id, index), seed=777, model_version=version)
        for index, version in enumerate(by)
    ]
    await ledger.complete(job.job_id, job.attempt, outcome, 0)
    return [candidate.candidate_id for candidate in outcome]


async def _rate(records: SqliteRecords, ids: list[str], spread: float = 1.0, rater: str = "eva") -> None:
    for place, candidate_id in enumerate(ids):
        value = 0.5 + spread * (place / (len(ids) - 1) - 0.5)
        await records.rate(Rating("knobs", f"{rater}-{candidate_id}", candidate_id, value, None, rater, None, ""))


async def test_ratings_that_tell_enough_start_one_training_with_the_rating_itself(
    records: SqliteRecords, ledger: SqliteLedger, versions: SqliteVersions
) -> None:
    ids = await _made(ledger, 8)
    await _rate(records, ids[:5])
    assert not versions.started, "too few, however much they tell"
    await _rate(records, ids[5:])
    (job_id,) = versions.started
    job = await ledger.job(job_id)
    assert (job.kind, job.client, job.state) == ("train", "antiphon", "submitted")
    assert job.payload["version"] == "builtin-2+1"
    assert job.payload["recipe"] == RECIPE
    assert {loop["candidate_id"] for loop in job.payload["loops"]} <= set(ids)
    await _rate(records, ids, rater="tom")
    assert len(versions.started) == 1, "one at a time"


async def test_many_ratings_that_tell_nothing_start_nothing(
    records: SqliteRecords, ledger: SqliteLedger, versions: SqliteVersions
) -> None:
    ids = await _made(ledger, 12)
    await _rate(records, ids, spread=0.01)
    await _rate(records, ids, spread=0.01, rater="tom")
    assert not versions.started


async def test_nothing_starts_where_nothing_can_be_tuned(
    records: SqliteRecords, ledger: SqliteLedger, versions: SqliteVersions
) -> None:
    versions.subject = None
    await _rate(records, await _made(ledger, 10))
    assert not versions.started
    with pytest.raises(Conflict, match="can't be fine-tuned"):
        await versions.train("me", "t", RECIPE, 64)


async def test_many_ratings_that_tell_little_are_not_read_again_at_each(
    records: SqliteRecords, ledger: SqliteLedger, database: Database, clock: Clock
) -> None:
    looks: list[int] = []

    def tells(loops: Sequence[Heard]) -> float:
        looks.append(round(sum(each.weight for each in loops)))
        return 0.0

    versions = SqliteVersions(database, ledger, Automatic(2.0, 6, RECIPE, 64, tells), clock)
    versions.subject = Subject("builtin", "builtin-2")
    records = SqliteRecords(database, clock, on_rated=versions.on_rated)
    (only,) = await _made(ledger, 1)
    for number in range(240):
        await records.rate(Rating("knobs", number, only, 0.5, None, f"r{number}", None, ""))
    assert 40 < len(looks) < 90, "from the sixth on, each up to 24, then fewer and fewer"


async def test_a_training_is_given_means_per_stem_preferences_and_its_parent(
    records: SqliteRecords, ledger: SqliteLedger, versions: SqliteVersions
) -> None:
    versions.subject = Subject("builtin", "builtin-2")
    with pytest.raises(Conflict, match="nothing has been rated"):
        await versions.train("me", "t", RECIPE, 64)
    first, second = await _made(ledger, 2)
    for number, (candidate_id, stem, value) in enumerate(
        [(first, None, 0.2), (first, "bass", 0.9), (second, "bass", 0.6)]
    ):
        await records.rate(Rating("knobs", number, candidate_id, value, stem, "eva", None, ""))
    await records.prefer(Preference("knobs", "p", second, first, None, "eva"))
    entry, version = await versions.train("me", "t", RECIPE, 64)
    loops = {loop["candidate_id"]: loop for loop in entry.job.payload["loops"]}
    assert (loops[first]["value"], loops[first]["stems"]["bass"][0]) == (0.2, 0.9)
    assert loops[second]["value"] == 0.6
    assert (loops[first]["whole"], loops[second]["whole"]) == (True, False)
    versions.reliable = lambda candidate_id, stem: (0.7, 0.4) if (candidate_id, stem) == (first, "bass") else None
    judged, _ = await versions.train("me", "judged", RECIPE, 64)
    loops = {loop["candidate_id"]: loop for loop in judged.job.payload["loops"]}
    assert (loops[first]["stems"]["bass"], loops[first]["value"]) == ([0.7, 0.4], 0.2), "as the raters are judged"
    assert entry.job.payload["preferences"] == [[second, first]]
    again, same = await versions.train("me", "t", RECIPE, 64)
    assert (again.repeated, same) == (True, version)
    with pytest.raises(Conflict, match="different request"):
        await versions.train("me", "t", {"steps": 6}, 64)
    versions.subject = Subject(version, version)
    child, name = await versions.train("me", "t2", RECIPE, 64)
    assert name == "builtin-2+3"
    assert (child.job.payload["parent"], child.job.payload["base_version"]) == (version, "builtin-2")


async def test_a_version_on_trial_is_heard_beside_the_one_in_use(
    records: SqliteRecords, ledger: SqliteLedger, versions: SqliteVersions, clock: Clock
) -> None:
    before = await _made(ledger, 3)
    await _rate(records, before)
    entry, version = await versions.train("me", "t", RECIPE, 64)
    assert await versions.versions() == []
    job = await ledger.lease(10)
    assert job is not None
    clock.now_s += 60
    outcome = {"version": version, "state": "trial", "reasons": []}
    assert not await ledger.complete_training(job.job_id, job.attempt + 1, outcome), "a late attempt is fenced off"
    assert await ledger.complete_training(job.job_id, job.attempt, outcome)
    trial = await versions.on_trial()
    assert trial is not None
    assert await versions.of_job(entry.job.job_id) == trial
    clock.now_s += 60
    await _rate(records, await _made(ledger, 4, version, "r3"))
    await _rate(records, await _made(ledger, 2, "builtin-2", "r4"))
    of_trial, of_other = await versions.heard(trial, "builtin-2")
    assert (len(of_trial), len(of_other)) == (4, 2), "what was made before the trial does not count"
    assert not {each.pair for each in of_trial} & {each.pair for each in of_other}, "they are of different jobs"
    clock.now_s += 60
    await _rate(records, await _twins(ledger, (version, "builtin-2")))
    of_trial, of_other = await versions.heard(trial, "builtin-2")
    (twins,) = {each.pair for each in of_trial} & {each.pair for each in of_other}
    assert [each.pair for each in of_trial].count(twins) == 1, "made in one generation, of one seed"
    assert (of_trial[-1].pair, of_other[-1].pair) == (twins, twins), "the newest come last"
    await versions.change(version, "promoted", 0.4, {"reasons": []})
    assert await versions.on_trial() is None
    (made,) = await versions.versions()
    assert (made.state, made.gain) == ("promoted", 0.4)


async def test_trainings_wait_for_everybody_and_a_pause_is_no_blame(
    records: SqliteRecords, ledger: SqliteLedger, versions: SqliteVersions
) -> None:
    await _rate(records, await _made(ledger, 2))
    training, _ = await versions.train("me", "t", RECIPE, 64)
    later = await ledger.submit(Order("knobs", "r9", "generate", {}, ""), 64)
    assert await ledger.somebody_waits("train")
    first = await ledger.lease(10)
    assert first is not None
    assert first.job_id == later.job.job_id
    assert not await ledger.somebody_waits("train")
    for _ in range(40):
        job = await ledger.lease(10)
        assert job is not None
        assert job.job_id == training.job.job_id
        assert await ledger.pause(job.job_id, job.attempt)
        assert not await ledger.pause(job.job_id, job.attempt)
    await ledger.lease(10)
    states = {job.job_id: job.state for job in await ledger.recover(1)}
    assert states[training.job.job_id] == "submitted"
