"""The ledger of jobs in SQLite (`jobs.ledger.Ledger`)."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from antiphon.domain.candidate import Candidate
from antiphon.domain.exposure import ASKED_FOR
from antiphon.domain.ids import new_id
from antiphon.domain.job import JOB_STATES, Job
from antiphon.domain.wire import candidate_from_json, candidate_to_json, canonical, draws_from_json
from antiphon.errors import Conflict, LimitExceeded, NotFound
from antiphon.jobs.ledger import AHEAD, Entry, Order
from antiphon.settings import Learning
from antiphon.storage.database import Database
from antiphon.storage.prepared import lay_by
from antiphon.storage.queries import queries

#: A job that is under way each time the whole server dies is set aside too, after this many times `max_attempts`.
SERVER_DEATHS_FACTOR = 10
#: A training goes on from its last checkpoint, so that it gets on even where its worker dies often.
TRAINING_DEATHS_FACTOR = 20


class SqliteLedger:
    """See `jobs.ledger.Ledger`. `clock` gives seconds since the epoch; `context` is that of jobs that name none."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, context: str = Learning().context
    ) -> None:
        self._database = database
        self._clock = clock
        self._context = context
        self._sql = queries()

    async def submit(self, order: Order, queue_limit: int) -> Entry:
        return await self._database.run(lambda connection: self.submit_within(connection, order, queue_limit))

    def submit_within(self, connection: sqlite3.Connection, order: Order, queue_limit: int) -> Entry:
        """`submit`, as part of a transaction that does more."""
        request_id = json.dumps(order.request_id)
        row = connection.execute(
            self._sql["job_of_request"], {"client": order.client, "request_id": request_id}
        ).fetchone()
        if row is not None:
            if row["fingerprint"] != order.fingerprint or row["kind"] != order.kind:
                raise Conflict(
                    f"request id {order.request_id} was already used for a different request: take a new id for a new "
                    "request, and the same id only to ask for the same again"
                )
            return Entry(job_of(row), repeated=True)
        self.check_room(connection, queue_limit)
        job_id = new_id()
        connection.execute(
            self._sql["insert_job"],
            {
                "job_id": job_id, "kind": order.kind, "client": order.client, "request_id": request_id,
                "payload": canonical(order.payload), "fingerprint": order.fingerprint, "now_s": self._clock(),
            },
        )  # fmt: skip
        return Entry(self.read_within(connection, job_id), repeated=False)

    def check_room(self, connection: sqlite3.Connection, queue_limit: int, beside: int = 0) -> None:
        """Raises LimitExceeded where as many jobs are open as may be, `beside` of them not counted."""
        if connection.execute(self._sql["count_open"]).fetchone()[0] - beside >= queue_limit:
            raise LimitExceeded(
                f"the queue is full ({queue_limit} jobs): wait until one is done or cancel one, or raise limits.queue "
                "in the settings"
            )

    async def lease(self, lease_s: float) -> Job | None:
        def work(connection: sqlite3.Connection) -> Job | None:
            row = connection.execute(self._sql["lease_next"], {"expires_at_s": self._clock() + lease_s}).fetchone()
            return None if row is None else job_of(row)

        return await self._database.run(work)

    async def heartbeat(self, job_id: str, attempt: int, lease_s: float) -> bool:
        expires_at_s = self._clock() + lease_s
        return await self._change("renew_lease", job_id=job_id, attempt=attempt, expires_at_s=expires_at_s)

    async def complete(self, job_id: str, attempt: int, candidates: Sequence[Candidate], rejected_takes: int) -> bool:
        now_s = self._clock()
        close = {"job_id": job_id, "attempt": attempt, "now_s": now_s, "rejected_takes": rejected_takes}

        def work(connection: sqlite3.Connection) -> bool:
            if connection.execute(self._sql["complete_job"], close).rowcount == 0:
                return False
            if self.read_within(connection, job_id).kind == AHEAD:
                lay_by(connection, job_id, candidates)
            else:
                self.deliver_within(connection, job_id, candidates)
            return True

        return await self._database.run(work)

    def deliver_within(self, connection: sqlite3.Connection, job_id: str, candidates: Sequence[Candidate]) -> None:
        """Keep what a job delivered, as part of a transaction: from now on it can be shown and rated."""
        now_s = self._clock()
        for place, candidate in enumerate(candidates):
            connection.execute(
                self._sql["insert_candidate"],
                {
                    "candidate_id": candidate.candidate_id, "job_id": job_id, "place": place, "now_s": now_s,
                    "data": canonical(candidate_to_json(candidate)),
                },
            )  # fmt: skip
        self._insert_draws(connection, job_id, candidates)

    def _insert_draws(self, connection: sqlite3.Connection, job_id: str, candidates: Sequence[Candidate]) -> None:
        """By which draw each candidate came to be: for whom, in which generation, by which arm."""
        job = self.read_within(connection, job_id)
        context, draws = job.payload.get("context") or self._context, draws_from_json(job.payload)
        generation = 0
        if job.kind == "evolve":
            newest = connection.execute(self._sql["newest_generation"], {"context": context}).fetchone()[0]
            generation = newest + 1
        for candidate in candidates:
            # Loops that stayed broken are left out, so a candidate's place may be before its index.
            draw = draws[candidate.index] if candidate.index < len(draws) else ASKED_FOR
            values = {
                "candidate_id": candidate.candidate_id, "context": context, "generation": generation, "arm": draw.arm,
                "probability": draw.probability,
            }  # fmt: skip
            connection.execute(self._sql["insert_draw"], values)

    async def complete_training(self, job_id: str, attempt: int, outcome: dict[str, Any]) -> bool:
        now_s = self._clock()
        close = {"job_id": job_id, "attempt": attempt, "now_s": now_s, "rejected_takes": 0}
        change = {
            "version": outcome["version"], "state": outcome["state"], "gain": 0.0, "report": canonical(outcome),
            "now_s": now_s,
        }  # fmt: skip

        def work(connection: sqlite3.Connection) -> bool:
            if connection.execute(self._sql["complete_job"], close).rowcount == 0:
                return False
            connection.execute(self._sql["change_version"], change)
            return True

        return await self._database.run(work)

    async def pause(self, job_id: str, attempt: int) -> bool:
        return await self._change("pause_attempt", job_id=job_id, attempt=attempt)

    async def somebody_waits(self, kind: str) -> bool:
        return await self._database.run(
            lambda connection: connection.execute(self._sql["somebody_waits"], {"kind": kind}).fetchone() is not None
        )

    async def fail(self, job_id: str, attempt: int, code: str, message: str, rejected_takes: int) -> bool:
        return await self._change(
            "fail_job", job_id=job_id, attempt=attempt, now_s=self._clock(), code=code, message=message,
            rejected_takes=rejected_takes,
        )  # fmt: skip

    async def cancel(self, client: str, request_id: str | int) -> Job:
        asked = {"client": client, "request_id": json.dumps(request_id)}

        def work(connection: sqlite3.Connection) -> Job:
            row = connection.execute(self._sql["job_of_request"], asked).fetchone()
            if row is None:
                raise NotFound(f"there is no request {request_id} of yours to cancel: send the id that you asked with")
            job_id = row["job_id"]
            if connection.execute(self._sql["cancel_job"], {"job_id": job_id, "now_s": self._clock()}).rowcount == 0:
                raise Conflict(f"request {request_id} has already ended ({row['state']}): there is nothing to cancel")
            return self.read_within(connection, job_id)

        return await self._database.run(work)

    async def lose(self, job_id: str, attempt: int, max_attempts: int, reason: str) -> Job | None:
        return await self._database.run(
            lambda connection: self._lose(connection, job_id, attempt, max_attempts, reason)
        )

    def _lose(
        self, connection: sqlite3.Connection, job_id: str, attempt: int, max_attempts: int, reason: str
    ) -> Job | None:
        row = connection.execute(self._sql["lose_attempt"], {"job_id": job_id, "attempt": attempt}).fetchone()
        if row is None:
            return None
        losses = row["losses"]
        if losses >= max_attempts * (TRAINING_DEATHS_FACTOR if row["kind"] == "train" else 1):
            self._set_aside(connection, job_id, f"the worker died {losses} times on this job", reason)
        return self.read_within(connection, job_id)

    def _set_aside(self, connection: sqlite3.Connection, job_id: str, what: str, reason: str) -> None:
        message = f"{what}, so it was set aside ({reason}): ask for something smaller, or see logs/worker.log"
        connection.execute(self._sql["set_aside"], {"job_id": job_id, "now_s": self._clock(), "message": message})

    async def expire(self, max_attempts: int) -> list[Job]:
        def work(connection: sqlite3.Connection) -> list[Job]:
            rows = connection.execute(self._sql["expired_leases"], {"now_s": self._clock()}).fetchall()
            lost = (
                self._lose(connection, row["job_id"], row["attempt"], max_attempts, "its worker fell silent")
                for row in rows
            )
            return [job for job in lost if job is not None]

        return await self._database.run(work)

    async def recover(self, max_attempts: int) -> list[Job]:
        def work(connection: sqlite3.Connection) -> list[Job]:
            rows = connection.execute(self._sql["orphaned_leases"]).fetchall()
            for row in rows:
                connection.execute(self._sql["release_attempt"], {"job_id": row["job_id"], "attempt": row["attempt"]})
                if row["attempt"] - row["pauses"] >= SERVER_DEATHS_FACTOR * max_attempts:
                    what = f"the server died {row['attempt']} times while this job was under way"
                    self._set_aside(connection, row["job_id"], what, "it may take the whole machine down")
            return [self.read_within(connection, row["job_id"]) for row in rows]

        return await self._database.run(work)

    async def job(self, job_id: str) -> Job:
        return await self._database.run(lambda connection: self.read_within(connection, job_id))

    async def open_jobs(self) -> list[Job]:
        return await self._list("open_jobs")

    async def newest_cancelled(self) -> list[Job]:
        return await self._list("newest_cancelled")

    async def _list(self, query: str) -> list[Job]:
        rows = self._sql[query]
        return await self._database.run(lambda connection: [job_of(row) for row in connection.execute(rows)])

    async def outcome(self, job_id: str) -> tuple[Candidate, ...]:
        def work(connection: sqlite3.Connection) -> tuple[Candidate, ...]:
            rows = connection.execute(self._sql["candidates_of_job"], {"job_id": job_id})
            return tuple(candidate_from_json(json.loads(row["data"])) for row in rows)

        return await self._database.run(work)

    async def counts(self) -> dict[str, int]:
        def work(connection: sqlite3.Connection) -> dict[str, int]:
            found = dict.fromkeys(JOB_STATES, 0)
            found.update((state, number) for state, number in connection.execute(self._sql["count_states"]))
            found["rejected_takes"] = connection.execute(self._sql["count_rejected_takes"]).fetchone()[0]
            return found

        return await self._database.run(work)

    async def _change(self, query: str, **values: object) -> bool:
        statement = self._sql[query]
        return await self._database.run(lambda connection: connection.execute(statement, values).rowcount > 0)

    def read_within(self, connection: sqlite3.Connection, job_id: str) -> Job:
        """`job`, as part of a transaction."""
        row = connection.execute(self._sql["job_by_id"], {"job_id": job_id}).fetchone()
        if row is None:
            raise NotFound(f"there is no job {job_id!r} here")
        return job_of(row)


def job_of(row: sqlite3.Row) -> Job:
    """A row of the ledger."""
    return Job(
        job_id=row["job_id"],
        kind=row["kind"],
        client=row["client"],
        request_id=json.loads(row["request_id"]),
        payload=json.loads(row["payload"]),
        state=row["state"],
        attempt=row["attempt"],
        submitted_at_s=row["submitted_at_s"],
        lease_expires_at_s=row["lease_expires_at_s"],
        fraction=1.0 if row["state"] == "done" else 0.0,
        stage="",
        error_code=row["error_code"],
        error_message=row["error_message"],
    )
