"""The ledger on real SQLite: what is acknowledged is there, and every attempt but the leased one is fenced off."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.domain.job import Job
from antiphon.errors import Conflict, LimitExceeded, NotFound
from antiphon.jobs.ledger import Order
from antiphon.storage.ledger import SERVER_DEATHS_FACTOR, SqliteLedger
from tests.clock import Clock
from tests.storage.conftest import candidate_of


def order(request_id: str | int = "r1", client: str = "knobs", bpm: float = 93.0) -> Order:
    return Order(client, request_id, "generate", {"bpm": bpm, "count": 2}, f"bpm={bpm}")


async def leased(ledger: SqliteLedger, request_id: str | int = "r1") -> Job:
    await ledger.submit(order(request_id), 64)
    job = await ledger.lease(10)
    assert job is not None
    return job


async def test_a_submitted_job_is_leased_in_the_order_of_asking(ledger: SqliteLedger, clock: Clock) -> None:
    ids = [(await ledger.submit(order(number), 64)).job.job_id for number in range(3)]
    first, second = await ledger.lease(10), await ledger.lease(10)
    assert first is not None
    assert second is not None
    assert [first.job_id, second.job_id] == ids[:2]
    assert (first.state, first.attempt, first.request_id, first.payload) == ("leased", 1, 0, {"bpm": 93.0, "count": 2})
    assert first.lease_expires_at_s == clock.now_s + 10
    assert [job.job_id for job in await ledger.open_jobs()] == ids


async def test_the_same_id_again_is_the_same_job(ledger: SqliteLedger) -> None:
    entries = await asyncio.gather(*(ledger.submit(order(), 64) for _ in range(20)))
    assert len({entry.job.job_id for entry in entries}) == 1
    assert sum(not entry.repeated for entry in entries) == 1


async def test_ids_belong_to_their_client_and_keep_their_type(ledger: SqliteLedger) -> None:
    entries = [await ledger.submit(each, 64) for each in (order(1), order("1"), order(1, client="other"))]
    assert len({entry.job.job_id for entry in entries}) == 3
    assert [entry.job.request_id for entry in entries] == [1, "1", 1]


async def test_an_id_used_for_something_else_is_a_conflict(ledger: SqliteLedger) -> None:
    await ledger.submit(order(bpm=93), 64)
    with pytest.raises(Conflict, match="take a new id"):
        await ledger.submit(order(bpm=94), 64)


async def test_a_full_queue_refuses_new_jobs_but_not_repeats(ledger: SqliteLedger) -> None:
    await ledger.submit(order("a"), 2)
    await leased(ledger, "b")
    with pytest.raises(LimitExceeded, match=r"limits\.queue"):
        await ledger.submit(order("c"), 2)
    assert (await ledger.submit(order("a"), 2)).repeated
    await ledger.cancel("knobs", "a")
    assert not (await ledger.submit(order("c"), 2)).repeated


async def test_a_done_job_keeps_its_outcome(ledger: SqliteLedger) -> None:
    job = await leased(ledger)
    candidates = tuple(candidate_of(job.job_id, index) for index in range(2))
    assert await ledger.complete(job.job_id, job.attempt, candidates, rejected_takes=3)
    entry = await ledger.submit(order(), 64)
    assert (entry.repeated, entry.job.state, entry.job.fraction) == (True, "done", 1.0)
    assert await ledger.outcome(job.job_id) == candidates
    counts = await ledger.counts()
    assert (counts["done"], counts["submitted"], counts["rejected_takes"]) == (1, 0, 3)


async def test_late_writers_change_nothing(ledger: SqliteLedger) -> None:
    old = await leased(ledger)
    assert await ledger.lose(old.job_id, old.attempt, 3, "killed") is not None
    new = await ledger.lease(10)
    assert new is not None
    assert (new.job_id, new.attempt) == (old.job_id, old.attempt + 1)
    late = candidate_of(old.job_id)
    assert not await ledger.complete(old.job_id, old.attempt, [late], 0)
    assert not await ledger.fail(old.job_id, old.attempt, "internal", "late", 0)
    assert not await ledger.heartbeat(old.job_id, old.attempt, 10)
    assert await ledger.lose(old.job_id, old.attempt, 3, "late") is None
    assert (await ledger.job(old.job_id)).state == "leased"
    assert await ledger.outcome(old.job_id) == ()
    assert await ledger.complete(new.job_id, new.attempt, [late], 0)
    assert not await ledger.complete(new.job_id, new.attempt, [late], 0)
    assert await ledger.outcome(new.job_id) == (late,)


async def test_a_lease_expires_unless_it_is_renewed(ledger: SqliteLedger, clock: Clock) -> None:
    job = await leased(ledger)
    clock.now_s += 8
    assert await ledger.heartbeat(job.job_id, job.attempt, 10)
    clock.now_s += 8
    assert await ledger.expire(3) == []
    clock.now_s += 3
    (expired,) = await ledger.expire(3)
    assert (expired.job_id, expired.state) == (job.job_id, "submitted")
    assert not await ledger.heartbeat(job.job_id, job.attempt, 10)


async def test_a_job_that_keeps_killing_its_worker_is_set_aside(ledger: SqliteLedger) -> None:
    await ledger.submit(order(), 64)
    states = []
    for _ in range(3):
        job = await ledger.lease(10)
        assert job is not None
        left = await ledger.lose(job.job_id, job.attempt, 3, "its process was ended by SIGKILL")
        assert left is not None
        states.append(left.state)
    assert states == ["submitted", "submitted", "failed"]
    assert left.error_code == "worker_lost"
    assert "died 3 times" in (left.error_message or "")
    assert "SIGKILL" in (left.error_message or "")
    assert await ledger.lease(10) is None


async def test_a_dead_server_is_not_blamed_on_the_job_unless_it_is_there_every_time(ledger: SqliteLedger) -> None:
    await ledger.submit(order(), 64)
    for death in range(1, SERVER_DEATHS_FACTOR * 2 + 1):
        job = await ledger.lease(10)
        assert job is not None
        assert job.attempt == death
        (recovered,) = await ledger.recover(max_attempts=2)
    assert recovered.state == "failed"
    assert "server died" in (recovered.error_message or "")


async def test_a_cancelled_job_is_closed_for_everyone(ledger: SqliteLedger) -> None:
    job = await leased(ledger)
    assert (await ledger.cancel("knobs", "r1")).state == "cancelled"
    assert not await ledger.heartbeat(job.job_id, job.attempt, 10)
    assert not await ledger.complete(job.job_id, job.attempt, [candidate_of(job.job_id)], 0)
    assert await ledger.lose(job.job_id, job.attempt, 3, "killed") is None
    with pytest.raises(Conflict, match="already ended"):
        await ledger.cancel("knobs", "r1")
    with pytest.raises(NotFound):
        await ledger.cancel("somebody else", "r1")
    assert [each.job_id for each in await ledger.newest_cancelled()] == [job.job_id]


async def test_an_unknown_job_is_not_found(ledger: SqliteLedger) -> None:
    with pytest.raises(NotFound):
        await ledger.job("nothing")
