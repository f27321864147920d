"""Generations that are prepared ahead, in SQLite (`ahead.Shelf`)."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from antiphon.domain.candidate import Candidate
from antiphon.domain.ids import new_id
from antiphon.domain.job import Job
from antiphon.domain.preparation import Preparation
from antiphon.domain.wire import candidate_from_json, candidate_to_json, canonical
from antiphon.errors import NotFound
from antiphon.jobs.ledger import AHEAD, Entry, Order
from antiphon.storage.database import Database
from antiphon.storage.queries import queries

if TYPE_CHECKING:
    from antiphon.storage.ledger import SqliteLedger

#: The client of jobs that nobody asked for.
OWN_CLIENT = "antiphon"
#: The limit of the queue does not hold for what waits behind everything.
NO_LIMIT = 1 << 30
#: Bytes of one sample of our files, before any compression.
SAMPLE_BYTES = 3


class SqliteShelf:
    """See `ahead.Shelf`. `clock` gives seconds since the epoch."""

    def __init__(self, database: Database, ledger: SqliteLedger, clock: Callable[[], float] = time.time) -> None:
        self._database, self._ledger, self._clock = database, ledger, clock
        self._sql = queries()

    async def prepare(self, payload: dict[str, Any]) -> Job:
        order = Order(OWN_CLIENT, f"ahead-{new_id()}", AHEAD, payload, "")
        return (await self._ledger.submit(order, NO_LIMIT)).job

    async def preparations(self) -> list[Preparation]:
        return await self._database.run(
            lambda connection: [Preparation(**dict(row)) for row in connection.execute(self._sql["prepared"])]
        )

    async def take(self, job_id: str, order: Order, queue_limit: int) -> Entry | None:
        request_id = json.dumps(order.request_id)
        asked = {"client": order.client, "request_id": request_id, "fingerprint": order.fingerprint, "job_id": job_id}

        def work(connection: sqlite3.Connection) -> Entry | None:
            named = {"client": order.client, "request_id": request_id}
            if connection.execute(self._sql["job_of_request"], named).fetchone() is not None:
                return self._ledger.submit_within(connection, order, queue_limit)
            if connection.execute(self._sql["take_ahead"], asked).rowcount == 0:
                return None
            job = self._ledger.read_within(connection, job_id)
            if job.state == "done":
                self._ledger.deliver_within(connection, job_id, self._made(connection, job_id))
                connection.execute(self._sql["delete_prepared"], {"job_id": job_id})
            else:
                self._ledger.check_room(connection, queue_limit, beside=1)
            return Entry(job, repeated=False)

        return await self._database.run(work)

    def _made(self, connection: sqlite3.Connection, job_id: str) -> tuple[Candidate, ...]:
        row = connection.execute(self._sql["prepared_of_job"], {"job_id": job_id}).fetchone()
        return tuple(candidate_from_json(each) for each in json.loads(row["candidates"]))

    async def drop(self, job_id: str) -> Job | None:
        def work(connection: sqlite3.Connection) -> Job | None:
            try:
                job = self._ledger.read_within(connection, job_id)
            except NotFound:
                return None
            values = {"job_id": job_id, "now_s": self._clock()}
            if connection.execute(self._sql["drop_ahead"], values).rowcount == 0:
                return None
            connection.execute(self._sql["delete_prepared"], {"job_id": job_id})
            return job

        return await self._database.run(work)

    async def sweep(self) -> None:
        await self._database.run(lambda connection: connection.execute(self._sql["sweep_ahead"]))

    async def said(self, context: str | None) -> int:
        return await self._database.run(
            lambda connection: int(connection.execute(self._sql["said_in_context"], {"context": context}).fetchone()[0])
        )

    async def newest_asked(self) -> tuple[str, int] | None:
        def work(connection: sqlite3.Connection) -> tuple[str, int] | None:
            row = connection.execute(self._sql["newest_evolve"]).fetchone()
            return None if row is None else (row["context"], row["count"])

        return await self._database.run(work)


def lay_by(connection: sqlite3.Connection, job_id: str, candidates: Sequence[Candidate]) -> None:
    """Keep what a job has made ahead, as part of a transaction."""
    files = [file for candidate in candidates for file in (*candidate.stems, candidate.mix)]
    made = json.dumps([json.loads(canonical(candidate_to_json(candidate))) for candidate in candidates])
    size = sum(file.frames * file.channels * SAMPLE_BYTES for file in files)
    connection.execute(queries()["insert_prepared"], {"job_id": job_id, "candidates": made, "bytes": size})
