"""A studio floor over a real ledger and real worker processes that run the small backend of tests/tone_backend.py."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.domain.candidate import Candidate
from antiphon.domain.event import CancelledJob, Done, Failed, Progress, StudioEvent
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import parse_key
from antiphon.floor import Floor
from antiphon.generation.prompts import read_prompt
from antiphon.jobs.messages import Start
from antiphon.jobs.supervisor import Supervisor, Terms
from antiphon.listeners import Listeners
from antiphon.settings import Ahead, Limits, Settings
from antiphon.storage.database import Database
from antiphon.storage.folder import DataFolder
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.library import AudioLibrary
from antiphon.storage.prepared import SqliteShelf
from antiphon.storage.records import SqliteRecords
from antiphon.storage.versions import Automatic, SqliteVersions
from antiphon.training.promotion import information
from antiphon.tuning import recipe_of
from tests.conftest import PYTHON_PATH

TONE = "tests.tone_backend:load"
#: Nothing is prepared that no test asks for.
QUIET = Settings(lease_s=5, limits=Limits(queue=8), ahead=Ahead(enabled=False))
REQUEST = GenerateRequest(
    bpm=124.0, bars=1, key=parse_key("Am"), stems=("bass", "chords"), seed=5, style="house", preset="clean"
)


class Studio:
    """A floor with its supervisor running, and everything it told."""

    def __init__(
        self, floor: Floor, supervisor: Supervisor, ledger: SqliteLedger, records: SqliteRecords, folder: Path
    ) -> None:
        self.floor, self.supervisor, self.ledger, self.folder = floor, supervisor, ledger, folder
        self.records = records
        self.events: list[StudioEvent] = []
        self._news = asyncio.Event()
        floor.listen(self._hear)

    def _hear(self, event: StudioEvent) -> None:
        self.events.append(event)
        self._news.set()

    async def until(self, met: Callable[[StudioEvent], bool], timeout_s: float = 100) -> StudioEvent:
        """The first event, from the very first on, that meets a condition."""
        async with asyncio.timeout(timeout_s):
            seen = 0
            while True:
                for event in self.events[seen:]:
                    if met(event):
                        return event
                seen = len(self.events)
                self._news.clear()
                await self._news.wait()

    async def outcome(self, request_id: str | int) -> StudioEvent:
        """The event that ends a request."""
        return await self.until(lambda e: isinstance(e, Done | Failed | CancelledJob) and e.request_id == request_id)

    async def sounding(self, request_id: str | int, beyond: float = 0.0) -> None:
        """Wait until the sampler is at work on a request."""
        await self.until(
            lambda e: (
                isinstance(e, Progress) and (e.request_id, e.stage) == (request_id, "sounding") and e.fraction > beyond
            )
        )

    async def arm_of(self, candidate: Candidate) -> str:
        """From which arm of a blind draw a candidate comes."""
        return (await self.records.drawn(candidate.candidate_id)).arm

    def forget(self) -> None:
        self.events.clear()

    @property
    def worker_pid(self) -> int:
        pid = self.supervisor.status()["pid"]
        assert isinstance(pid, int)
        return pid

    def folders(self) -> list[Path]:
        return sorted(path for path in (self.folder / "library").glob("*/*") if any(path.iterdir()))


MakeStudio = Callable[..., contextlib.AbstractAsyncContextManager[Studio]]


@pytest.fixture
def make_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeStudio:
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH)

    @asynccontextmanager
    async def make(model: str = TONE, ready: bool = True, **changes: object) -> AsyncIterator[Studio]:
        settings = replace(replace(QUIET, data_dir=tmp_path), **changes)  # type: ignore[arg-type]
        with DataFolder(settings.data_dir) as folder:
            database = Database(folder.database, folder.backups)
            ledger = SqliteLedger(database)
            own = settings.training
            automatic = Automatic(own.information, own.least_ratings, recipe_of(settings), 8, information)
            versions = SqliteVersions(database, ledger, automatic if own.auto else None)
            records = SqliteRecords(database, on_rated=versions.on_rated)
            start = Start(
                model, "cpu", 1, 10, "auto", settings.quality_retries, settings.batch_loops, data_dir=str(tmp_path),
                engines=settings.engine, versions=str(folder.versions), composers=settings.composer,
            )  # fmt: skip
            terms = Terms(start, settings.lease_s, settings.max_attempts, folder.logs / "worker.log")
            listeners = Listeners()
            supervisor = Supervisor(ledger, AudioLibrary(folder.library), terms, listeners.tell)
            await supervisor.recover()
            shelf = SqliteShelf(database, ledger)
            await shelf.sweep()
            models = (model, "other:load")
            floor = Floor(
                settings, ledger, records, supervisor, listeners, models, 120.0, "", read_prompt, versions, shelf
            )  # fmt: skip
            studio = Studio(floor, supervisor, ledger, records, folder.path)
            listeners.add(floor.beliefs.on_event)
            running = asyncio.create_task(supervisor.run())
            try:
                if ready:
                    await within(supervisor.settled())
                yield studio
            finally:
                running.cancel()
                await asyncio.wait([running])
                await floor.ahead.close()
                await floor.beliefs.close()
                await asyncio.to_thread(database.close)

    return make


async def within(work: Awaitable[object], seconds: float = 100) -> object:
    return await asyncio.wait_for(work, seconds)


def samples(candidate: Candidate, stem: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What lies on disk of a stem."""
    (file,) = (file for file in candidate.stems if file.stem == stem)
    return soundfile.read(file.path)[0]  # type: ignore[no-any-return]


def alive(pid: int) -> bool:
    """Whether a process runs (and is no zombie)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
