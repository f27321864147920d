"""Prepares the next generation in the background, so that whoever asks for it has it at once.

What is prepared is a job like others, behind everything that anybody asked for. It is what `/evolve` would have made
at that moment, blind draw and all; it becomes somebody's when they ask for it, and until then it is shown nowhere and
counts as nothing. When what it rests on has changed, it is thrown away.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from antiphon import __version__
from antiphon.breeding import baseline_requests
from antiphon.domain.event import ModelChanged, StudioEvent
from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.domain.job import Job
from antiphon.domain.lineage import GENERATION, Breeding, ChildrenRequest
from antiphon.domain.preparation import Preparation
from antiphon.domain.wire import canonical, children_to_json
from antiphon.errors import AntiphonError
from antiphon.jobs.ledger import Entry, Order
from antiphon.jobs.supervisor import Supervisor
from antiphon.records import Records
from antiphon.settings import Settings

log = logging.getLogger(__name__)

#: Ratings that come together are waited for.
QUIET_S = 1.0
#: Beyond so many generations, for several contexts, the oldest makes room.
MOST_KEPT = 4
#: Bytes of a sample in our files, and their channels.
SAMPLE_BYTES, CHANNELS = 3, 2
MEBIBYTE = 2**20
#: What children are made of, as far as the model decides: the version on trial, and the model that it was made of.
Models = Callable[[], Awaitable[tuple[str, str]]]
#: All that decides the children of a breeding.
Requests = Callable[[Breeding], Awaitable[ChildrenRequest]]


class Shelf(Protocol):
    """Where preparations are kept. Every method returns after its COMMIT; all raise StorageFailed."""

    async def prepare(self, payload: dict[str, Any]) -> Job:
        """Queue a generation that nobody has asked for."""
        ...

    async def preparations(self) -> list[Preparation]:
        """All that are made or waiting, the oldest first."""
        ...

    async def take(self, job_id: str, order: Order, queue_limit: int) -> Entry | None:
        """Make a preparation the job of whoever asks, as far as it is; None where it is no longer there.

        An order that has been given before stays what it was. Raises Conflict, and LimitExceeded where it is not made
        yet and the queue is full.
        """
        ...

    async def drop(self, job_id: str) -> Job | None:
        """Throw a preparation away; returns its job, for the files to be removed. None where it is no longer there."""
        ...

    async def sweep(self) -> None:
        """Forget those that were thrown away."""
        ...

    async def said(self, context: str | None) -> int:
        """How many ratings and preferences there are in a context (None: in any)."""
        ...

    async def newest_asked(self) -> tuple[str, int] | None:
        """Context and count of the generation that was asked for last."""
        ...


class Ahead:
    """Keeps what is prepared. `requests` finds what decides the children."""

    def __init__(
        self, settings: Settings, shelf: Shelf, records: Records, supervisor: Supervisor,
        requests: Requests, models: Models,
    ) -> None:  # fmt: skip
        self._settings, self._shelf, self._records = settings, shelf, records
        self._supervisor, self._requests, self._models = supervisor, requests, models
        self._context = ""
        self._task: asyncio.Task[None] | None = None
        self._again = self._closed = False
        self._notice = ""
        self._used = self._dropped = 0

    def rated(self, context: str) -> None:
        """Something was said in a context: prepare for it, after a moment."""
        self._context = context or self._settings.learning.context
        self._look_soon()

    def on_event(self, event: StudioEvent) -> None:
        """A listener of the studio's: another model makes another generation."""
        if isinstance(event, ModelChanged):
            self._look_soon()

    async def take(self, order: Order, breeding: Breeding) -> Entry | None:
        """What is prepared for this breeding, as the job of whoever asks; None where nothing fits."""
        if not self._settings.ahead.enabled or self._supervisor.ready is None:
            return None
        for each in reversed(await self._shelf.preparations()):
            if (each.context, each.count) == (breeding.context, breeding.count) and await self._holds(each):
                entry = await self._shelf.take(each.job_id, order, self._settings.limits.queue)
                if entry is not None:
                    self._used += not entry.repeated
                    self._context = ""  # until something is said of these
                    return entry
        return None

    async def status(self) -> dict[str, Any]:
        """What is prepared (`ready`, `preparing`, `nothing` or `off`), for whom, and what it costs."""
        kept = await self._shelf.preparations()
        state = "ready" if any(each.state == "done" for each in kept) else "preparing" if kept else "nothing"
        return {
            "state": state if self._settings.ahead.enabled else "off",
            "generations": [
                {"context": each.context, "count": each.count, "ready": each.state == "done", "ratings": each.known}
                for each in kept
            ],
            "disk_bytes": sum(each.bytes for each in kept), "used": self._used, "dropped": self._dropped,
            "seconds_of_last_hour": round(self._supervisor.holding.spent_ahead_s(), 1), "notice": self._notice,
        }  # fmt: skip

    async def close(self) -> None:
        """Prepare no more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _look_soon(self) -> None:
        self._again = True
        if not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._look_on())

    async def _look_on(self) -> None:
        while self._again:
            await asyncio.sleep(QUIET_S)
            self._again = False
            try:
                await self._look()
            except AntiphonError as error:
                # A disk that is full, a worker that is away: the next rating comes, and this with it.
                self._notice = error.message
                log.warning("nothing is prepared ahead: %s", error.message)
            except Exception:
                # The outermost boundary of this work: a mistake in it must not end the ratings.
                log.exception("nothing is prepared ahead")

    async def _look(self) -> None:
        """Throw away what no longer holds, and prepare what is missing."""
        if self._supervisor.ready is None or self._supervisor.fault:
            return  # looked at again when a model is warm
        kept = [each for each in await self._shelf.preparations() if await self._stays(each)]
        if not self._settings.ahead.enabled or not self._context:
            return
        context, count = await self._wanted()
        known = await self._shelf.said(_scope(context))
        if known == 0 or any((each.context, each.count) == (context, count) for each in kept):
            return
        if self._supervisor.holding.spent_ahead_s() > 60.0 * self._settings.ahead.minutes_per_hour:
            self._notice = "as much was prepared in the last hour as ahead.minutes_per_hour allows"
            return
        await self._prepare(Breeding("evolve", count=count, seed=secrets.randbits(31), context=context), known, kept)

    async def _prepare(self, breeding: Breeding, known: int, kept: list[Preparation]) -> None:
        key = await self._key(breeding.context)
        request = await self._requests(breeding)
        size = _bytes_of(request)
        for each in kept[: max(0, len(kept) - MOST_KEPT + 1)]:
            await self._drop(each)
        room = self._settings.ahead.disk_mb * MEBIBYTE - sum(each.bytes for each in kept[-(MOST_KEPT - 1) :])
        if size > room:
            self._notice = f"a generation would take {size / MEBIBYTE:.0f} MiB: more than ahead.disk_mb leaves"
            return
        self._notice = ""
        await self._shelf.prepare(children_to_json(request) | {"ahead": {"key": key, "known": known, "bytes": size}})
        self._supervisor.wake()

    async def _wanted(self) -> tuple[str, int]:
        """The context and the count that will most likely be asked for: as the last time, where that was for this."""
        count = min(GENERATION, self._settings.limits.count)
        context, asked = await self._shelf.newest_asked() or (self._context, count)
        return (context, asked) if context in (self._context, ALL_CONTEXTS) else (self._context, count)

    async def _stays(self, each: Preparation) -> bool:
        if self._settings.ahead.enabled and await self._holds(each):
            return True
        await self._drop(each)
        return False

    async def _holds(self, each: Preparation) -> bool:
        """Whether it still is what would be made now, but for a few ratings."""
        newer = await self._shelf.said(_scope(each.context)) - each.known
        return newer <= self._settings.ahead.lag_share * each.known and each.key == await self._key(each.context)

    async def _drop(self, each: Preparation) -> None:
        job = await self._shelf.drop(each.job_id)
        if job is not None:
            self._dropped += 1
            await self._supervisor.stop(job)

    async def _key(self, context: str) -> str:
        """What stands for all that decides a generation, but the ratings."""
        own, ready = self._settings, self._supervisor.ready
        baselines = await baseline_requests(self._records, _scope(context))
        decides = {
            "version": __version__, "model": self._supervisor.model, "weights": ready.version if ready else "",
            "models": await self._models(), "baselines": bool(baselines),
            "files": [own.sample_rate, own.file_format, own.preset, own.engine, own.composer],
            "learning": [own.learning.enabled, own.learning.fair, own.learning.baseline_share],
        }  # fmt: skip
        return hashlib.blake2b(canonical(decides).encode(), digest_size=12).hexdigest()


def _scope(context: str) -> str | None:
    return None if context == ALL_CONTEXTS else context


def _bytes_of(request: ChildrenRequest) -> int:
    """About what a generation takes on disk: as if each loop were as long as the longest that it can come from."""
    longest = max(
        (float(each.genome.meter.beats_per_bar) * each.genome.bars * 60 / each.genome.bpm, len(each.genome.playing) + 1)
        for each in request.parents
    )
    frames = longest[0] * request.sample_rate
    return round(request.breeding.count * longest[1] * frames * CHANNELS * SAMPLE_BYTES)
