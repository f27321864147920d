"""The job that a worker has in hand, as the ledger and the listeners see it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

from antiphon.domain.event import Done, Failed, JobChanged, Progress, SongsHeard, StemReady, StudioEvent, VersionMade
from antiphon.domain.job import Job
from antiphon.errors import AntiphonError, StorageFailed
from antiphon.jobs.ledger import AHEAD, TRAIN, Ledger
from antiphon.jobs.messages import FileReady, Finished, GaveUp, Heard, Pause, Step, Tuned

log = logging.getLogger(__name__)

Result = TypeVar("Result")

#: Waits between attempts to write what must be written, while the disk is full.
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
#: Over so long the time is counted that was spent on what nobody had asked for.
WINDOW_S = 3600.0
#: A job that makes no step for so long hangs, even where its worker still beats.
STALL_S = 600.0


class Library(Protocol):
    """Where the worker's files lie."""

    root: Path

    async def discard(self, job: Job) -> None:
        """Remove what a job that delivers nothing has left."""
        ...


class Holding:
    """At most one leased job; `emit` gets what happens to it, always after the ledger has it."""

    def __init__(
        self, ledger: Ledger, library: Library, lease_s: float, max_attempts: int, emit: Callable[[StudioEvent], None]
    ) -> None:
        self._ledger, self._library, self._told = ledger, library, emit
        self._lease_s, self._max_attempts = lease_s, max_attempts
        self._renewed_at_s = self._moved_at_s = self._expired_at_s = 0.0
        self.job: Job | None = None
        self.fraction, self.stage = 0.0, ""
        self._paused_at: dict[str, float] = {}
        self._taken_at_s = 0.0
        #: The files of the job in hand that were heard of; when its time ended, and how long it was, of each job ahead.
        self._files: list[FileReady] = []
        self._spent: deque[tuple[float, float]] = deque()

    def _emit(self, event: StudioEvent, job: Job) -> None:
        """Tell of a job; of what is prepared ahead, nobody hears."""
        if job.kind != AHEAD:
            self._told(event)

    def holds(self, job_id: str, attempt: int) -> bool:
        return self.job is not None and (self.job.job_id, self.job.attempt) == (job_id, attempt)

    @property
    def stalled(self) -> bool:
        """Whether the job in hand has made no step for STALL_S."""
        return self.job is not None and time.monotonic() - self._moved_at_s > STALL_S

    async def take(self) -> Job | None:
        """Lease the oldest waiting job; None where there is none. Raises StorageFailed."""
        now_s = time.monotonic()
        if now_s - self._expired_at_s > self._lease_s:
            self._expired_at_s = now_s
            for job in await self._ledger.expire(self._max_attempts):
                await self._tell_lost(job)
        self.job = await self._ledger.lease(self._lease_s)
        if self.job is not None:
            self._renewed_at_s = self._moved_at_s = self._taken_at_s = time.monotonic()
            self._files.clear()
            self._move(self.job, self._paused_at.pop(self.job.job_id, 0.0), "started")
        return self.job

    def adopt(self, job: Job) -> bool:
        """Somebody has asked for what was prepared ahead: it is theirs from now on. False where it is not in hand."""
        if self.job is None or not self.holds(job.job_id, job.attempt):
            return False
        self._count_ahead(self.job)
        self.job = job
        self._move(job, self.fraction, self.stage)
        for news in self._files:
            self._tell_file(job, news)
        return True

    def spent_ahead_s(self) -> float:
        """Seconds of the last hour that went into what nobody had asked for."""
        now_s = time.monotonic()
        while self._spent and self._spent[0][0] < now_s - WINDOW_S:
            self._spent.popleft()
        under_way_s = now_s - self._taken_at_s if self.job is not None and self.job.kind == AHEAD else 0.0
        return sum(seconds for _, seconds in self._spent) + under_way_s

    def _count_ahead(self, job: Job) -> None:
        if job.kind == AHEAD:
            now_s = time.monotonic()
            self._spent.append((now_s, now_s - self._taken_at_s))

    async def _as_it_is(self, job: Job) -> Job:
        """The job with whose it is now, where somebody may have asked for it since it was taken in hand."""
        if job.kind != AHEAD:
            return job
        try:
            return await self._ledger.job(job.job_id)
        except AntiphonError:
            return job

    async def renew(self) -> bool:
        """Prolong the lease when it is time; False where the job is no longer ours."""
        if self.job is None or time.monotonic() - self._renewed_at_s < self._lease_s / 4:
            return True
        try:
            held = await self._ledger.heartbeat(self.job.job_id, self.job.attempt, self._lease_s)
        except StorageFailed:
            # The disk is full: nobody else could take the job now either, and finishing it may not need much room.
            return True
        self._renewed_at_s = time.monotonic()
        return held

    def step(self, news: Step) -> None:
        if self.job is not None:
            self._moved_at_s = time.monotonic()
            self._move(self.job, news.fraction, news.stage)

    def heard(self, news: Heard) -> None:
        if self.job is not None:
            self._moved_at_s = time.monotonic()
            job = self.job
            self._emit(SongsHeard(job.client, job.request_id, job.job_id, news.references, news.used), job)

    def file(self, news: FileReady) -> None:
        if self.job is not None:
            self._moved_at_s = time.monotonic()
            if self.job.kind == AHEAD:
                self._files.append(news)
            self._tell_file(self.job, news)

    def _tell_file(self, job: Job, news: FileReady) -> None:
        self._emit(StemReady(job.client, job.request_id, job.job_id, news.candidate_id, news.file), job)

    async def finish(self, news: Finished) -> None:
        """The worker has done the job: close it, and tell."""
        job = self._release()
        if await self._persist(
            job, lambda: self._ledger.complete(job.job_id, job.attempt, news.candidates, news.rejected_takes)
        ):
            job = await self._as_it_is(job)
            self._emit(Done(job.client, job.request_id, job.job_id, news.candidates), job)
            self._emit(JobChanged(job.job_id, job.kind, "done", 1.0), job)
        else:
            # Cancelled at the last moment: the ledger has told the client so.
            await self._library.discard(job)

    async def finish_training(self, news: Tuned) -> None:
        """A fine-tuning is done: close it with the version it made, and tell."""
        job = self._release()
        if await self._persist(job, lambda: self._ledger.complete_training(job.job_id, job.attempt, news.outcome)):
            about = (str(news.outcome["version"]), str(news.outcome["state"]))
            self._emit(VersionMade(job.client, job.request_id, job.job_id, *about), job)
            self._emit(JobChanged(job.job_id, job.kind, "done", 1.0), job)

    def aside(self) -> Pause | None:
        """What to tell the worker where it prepares ahead and shall do something else first."""
        job = self.job
        return Pause(job.job_id, job.attempt) if job is not None and job.kind == AHEAD else None

    async def pausing(self) -> Pause | None:
        """What to tell the worker where it trains, or prepares ahead, and somebody waits who goes before that."""
        job = self.job
        try:
            if job is None or job.kind not in (TRAIN, AHEAD) or not await self._ledger.somebody_waits(job.kind):
                return None
        except StorageFailed:
            return None
        return Pause(job.job_id, job.attempt)

    async def pause(self) -> None:
        """The worker has put its job aside: back into the queue, from where it goes on."""
        job = self._release()
        self._paused_at[job.job_id] = self.fraction
        if await self._persist(job, lambda: self._ledger.pause(job.job_id, job.attempt)):
            job = await self._as_it_is(job)
            self._emit(Progress(job.client, job.request_id, job.job_id, self.fraction, "waiting for others"), job)
            self._emit(JobChanged(job.job_id, job.kind, "submitted", self.fraction), job)

    async def give_up(self, news: GaveUp) -> None:
        """The worker could not do the job, or was stopped: remove its files, close it, and tell."""
        job = self._release()
        # First, because it makes room on a full disk for the ledger's own entry.
        await self._library.discard(job)
        if await self._persist(
            job, lambda: self._ledger.fail(job.job_id, job.attempt, news.code, news.message, news.rejected_takes)
        ):
            job = await self._as_it_is(job)
            self._emit(Failed(job.client, job.request_id, job.job_id, news.code, news.message), job)
            self._emit(JobChanged(job.job_id, job.kind, "failed", self.fraction), job)

    async def lose(self, reason: str) -> None:
        """The worker died: queue the job again, or set it aside."""
        if self.job is None:
            return
        job = self._release()
        left = await self._persist(job, lambda: self._ledger.lose(job.job_id, job.attempt, self._max_attempts, reason))
        if left is None:
            await self._library.discard(job)
        else:
            await self._tell_lost(left)

    async def _tell_lost(self, job: Job) -> None:
        if job.state == "failed":
            await self._library.discard(job)
            code, message = job.error_code or "worker_lost", job.error_message or ""
            self._emit(Failed(job.client, job.request_id, job.job_id, code, message), job)
        else:
            self._emit(Progress(job.client, job.request_id, job.job_id, 0.0, "starting again"), job)
        self._emit(JobChanged(job.job_id, job.kind, job.state, 0.0), job)

    def _release(self) -> Job:
        assert self.job is not None
        self._count_ahead(self.job)
        job, self.job, self.stage = self.job, None, ""
        return job

    def _move(self, job: Job, fraction: float, stage: str) -> None:
        self.fraction, self.stage = fraction, stage
        self._emit(Progress(job.client, job.request_id, job.job_id, fraction, stage), job)
        self._emit(JobChanged(job.job_id, job.kind, "leased", fraction), job)

    async def _persist(self, job: Job, write: Callable[[], Awaitable[Result]]) -> Result:
        """Write what must not be lost, however long the disk stays full."""
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return await write()
            except StorageFailed as error:
                log.error("job %s waits for the ledger: %s", job.job_id, error)
                waiting = f"waiting: {error.message}"[:200]
                self._emit(Progress(job.client, job.request_id, job.job_id, self.fraction, waiting), job)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, LONGEST_WAIT_S)
