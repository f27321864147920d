"""The ledger: what was asked, by whom, and what became of it. The truth about jobs, whatever process dies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from antiphon.domain.candidate import Candidate
from antiphon.domain.job import Job

#: The kind of a job that trains: it goes after what people ask for.
TRAIN = "train"
#: The kind of a job that prepares a generation nobody has asked for yet: it goes after everything.
AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for. Two orders with one id are the same request if their fingerprints are equal."""

    client: str
    request_id: str | int
    kind: str
    payload: dict[str, Any]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A job as the ledger has it; `repeated` is true where the same client had sent the same id before."""

    job: Job
    repeated: bool


class Ledger(Protocol):
    """Every method returns after its COMMIT, and raises StorageFailed where that could not be had.

    A lease belongs to one attempt. Whatever names an older attempt changes nothing and returns False: so a worker that
    was thought dead can't overwrite the work of the one that replaced it.
    """

    async def submit(self, order: Order, queue_limit: int) -> Entry:
        """Queue a job, or find the one the id stands for.

        Raises Conflict where the id stands for something else, LimitExceeded where `queue_limit` jobs are open.
        """
        ...

    async def lease(self, lease_s: float) -> Job | None:
        """Take the oldest waiting job for `lease_s` seconds, trainings after what people wait for and what is prepared
        ahead after everything; its attempt number goes up. None where nothing waits."""
        ...

    async def heartbeat(self, job_id: str, attempt: int, lease_s: float) -> bool:
        """Prolong the lease; False where it is no longer held (cancelled, or given to another attempt)."""
        ...

    async def complete(self, job_id: str, attempt: int, candidates: Sequence[Candidate], rejected_takes: int) -> bool:
        """Close the job as done and keep what it delivered, in one transaction; what was prepared ahead is laid by."""
        ...

    async def complete_training(self, job_id: str, attempt: int, outcome: dict[str, Any]) -> bool:
        """Close a training as done and note what became of its version, in one transaction."""
        ...

    async def pause(self, job_id: str, attempt: int) -> bool:
        """The worker has put this attempt aside for others: queue the job again, without blame."""
        ...

    async def somebody_waits(self, kind: str) -> bool:
        """Whether a job waits that goes before those of a kind."""
        ...

    async def fail(self, job_id: str, attempt: int, code: str, message: str, rejected_takes: int) -> bool:
        """Close the job as failed."""
        ...

    async def cancel(self, client: str, request_id: str | int) -> Job:
        """Close the client's job as cancelled. Raises NotFound, or Conflict where it has ended."""
        ...

    async def lose(self, job_id: str, attempt: int, max_attempts: int, reason: str) -> Job | None:
        """The worker died on this attempt: queue the job again, or set it aside after `max_attempts` deaths.

        Returns the job as it is now (`submitted` or `failed` with code `worker_lost`), None where it is fenced.
        """
        ...

    async def expire(self, max_attempts: int) -> list[Job]:
        """`lose` every attempt whose lease has run out; returns the jobs as they are now."""
        ...

    async def recover(self, max_attempts: int) -> list[Job]:
        """At the server's start: queue again whatever the last server had leased.

        A dead server is not blamed on its jobs, unless one is there many times `max_attempts` times.
        """
        ...

    async def newest_cancelled(self) -> list[Job]:
        """The jobs cancelled last, whose files may have been left where the server died just then."""
        ...

    async def job(self, job_id: str) -> Job:
        """Raises NotFound."""
        ...

    async def open_jobs(self) -> list[Job]:
        """Jobs waiting and under way, in the order of asking, without what is prepared ahead."""
        ...

    async def outcome(self, job_id: str) -> tuple[Candidate, ...]:
        """What a done job delivered, in order; empty for any other job."""
        ...

    async def counts(self) -> dict[str, int]:
        """How many jobs that were asked for are in each state of JOB_STATES, and `rejected_takes`: takes the quality
        gate turned down."""
        ...
