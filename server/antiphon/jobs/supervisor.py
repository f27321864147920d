"""Keeps a worker alive and in work: starts it, gives it jobs, replaces it when it dies."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon.domain.event import ModelChanged, StudioEvent
from antiphon.domain.ids import month_folder
from antiphon.domain.job import Job
from antiphon.errors import BackendFailed, StorageFailed
from antiphon.jobs.holding import Holding, Library
from antiphon.jobs.ledger import Ledger
from antiphon.jobs.messages import (
    Alive,
    FileReady,
    Finished,
    GaveUp,
    Heard,
    News,
    Paused,
    Perform,
    Ready,
    Start,
    Step,
    Stop,
    Tuned,
    Unready,
    UseModel,
)
from antiphon.jobs.process import WorkerProcess

log = logging.getLogger(__name__)

#: Until its first model is loaded a worker may be silent for longer: importing torch can hold up its heartbeat.
LOADING_SILENCE_S = 60.0
#: Waits before a dead worker is replaced: short, but doubling while it dies before it is ready.
FIRST_REST_S, LONGEST_REST_S = 0.1, 30.0
#: Deaths in a row, each before it was ready, after which the model counts as broken.
BROKEN_AFTER = 3
#: How long until a model that could not be loaded, or a ledger that could not be written, is tried again.
RELOAD_S, RETRY_S = 30.0, 2.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How workers are started and jobs leased."""

    start: Start
    lease_s: float
    max_attempts: int
    log_path: Path


class _Gone(Exception):
    """The worker has ended, or hangs and must be ended; the text says why, or is empty where its end itself tells."""


class Supervisor:
    """One worker's keeper. `emit` gets every event in the event loop."""

    def __init__(self, ledger: Ledger, library: Library, terms: Terms, emit: Callable[[StudioEvent], None]) -> None:
        self._ledger, self._library, self._terms, self._emit = ledger, library, terms, emit
        self.holding = Holding(ledger, library, terms.lease_s, terms.max_attempts, emit)
        self._inbox: asyncio.Queue[News | _Gone | None] = asyncio.Queue()
        self._worker: WorkerProcess | None = None
        self._work_waits = True
        self._model = terms.start.model
        self._warm: dict[str, Ready] = {}
        self._loads: dict[str, list[asyncio.Future[Ready]]] = {}
        self._restarts = self._early_deaths = 0
        self._fault = ""
        self._last_ready: Ready | None = None
        self._settled = asyncio.Event()

    def wake(self) -> None:
        """There is a new job."""
        self._work_waits = True
        self._inbox.put_nowait(None)

    async def stop(self, job: Job) -> None:
        """The ledger has just closed this job as cancelled: stop the work on it and remove what it left."""
        held = self.holding.job
        if held is not None and held.job_id == job.job_id and self._worker is not None:
            self._worker.send(Stop(held.job_id, held.attempt))
        else:
            await self._library.discard(job)

    async def load(self, model: str) -> Ready:
        """Load `model`, for later jobs that name none. Raises BackendFailed, and keeps the former one then."""
        if model not in self._warm:
            if self._worker is None:
                raise BackendFailed("the worker is being restarted: ask again in a few seconds")
            future: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
            self._loads.setdefault(model, []).append(future)
            if (pause := self.holding.aside()) is not None:
                self._worker.send(pause)
            self._worker.send(UseModel(model))
            await future
        self._model = model
        self._mend(self._warm[model])
        return self._warm[model]

    async def settled(self) -> Ready:
        """Wait until the model is warm or has turned out not to load. Raises BackendFailed then."""
        await self._settled.wait()
        if self._fault or self._last_ready is None:
            raise BackendFailed(self._fault)
        return self._last_ready

    @property
    def model(self) -> str:
        """The name of the model for jobs that name none."""
        return self._model

    @property
    def versions(self) -> dict[str, str]:
        """The versions of the models that are loaded, by name."""
        return {model: ready.version for model, ready in self._warm.items()}

    @property
    def ready(self) -> Ready | None:
        """The model in use, where it is warm."""
        return self._warm.get(self._model)

    @property
    def fault(self) -> str:
        """Why no job can be done now; empty where jobs can be done."""
        return self._fault

    def with_progress(self, job: Job) -> Job:
        """The job with how far it is, which the ledger does not know while it is under way."""
        if not self.holding.holds(job.job_id, job.attempt):
            return job
        return dataclasses.replace(job, fraction=self.holding.fraction, stage=self.holding.stage)

    def status(self) -> dict[str, Any]:
        """The worker's state (`loading`, `ready`, `working`, `restarting` or `broken`) and what it is at."""
        ready, job = self._warm.get(self._model), self.holding.job
        if self._fault:
            state = "broken"
        elif self._worker is None:
            state = "restarting"
        else:
            state = "loading" if ready is None else "working" if job else "ready"
        return {
            "state": state, "fault": self._fault, "pid": self._worker.pid if self._worker else None,
            "restarts": self._restarts, "model": self._model, "version": ready.version if ready else "",
            "device": ready.device if ready else self._terms.start.device,
            "load_s": round(ready.load_s, 3) if ready else None,
            "job_id": job.job_id if job else "",
            "fraction": round(self.holding.fraction, 4) if job else 0.0, "stage": self.holding.stage,
        }  # fmt: skip

    async def recover(self) -> None:
        """Before the first worker: take back what the last server had leased, remove what it left."""
        for job in await self._ledger.recover(self._terms.max_attempts):
            if job.state == "failed":
                await self._library.discard(job)
        for job in await self._ledger.newest_cancelled():
            await self._library.discard(job)

    async def run(self) -> None:
        """Employ one worker after another until cancelled."""
        rest_s = FIRST_REST_S
        while True:
            reason = await self._employ()
            log.warning("the worker is gone (%s): it is replaced", reason)
            self._restarts += 1
            was_ready = bool(self._warm)
            self._warm.clear()
            self._refuse_loads(None, f"the worker went away while it loaded the model ({reason})")
            await self.holding.lose(reason)
            self._work_waits = True
            self._early_deaths = 0 if was_ready else self._early_deaths + 1
            if self._early_deaths >= BROKEN_AFTER:
                self._break(f"the worker dies while it loads the model {self._model!r} ({reason}): see logs/worker.log")
            await asyncio.sleep(rest_s)
            rest_s = FIRST_REST_S if was_ready else min(rest_s * 2, LONGEST_REST_S)

    async def _employ(self) -> str:
        """One worker's life; returns why it ended."""
        try:
            worker = await WorkerProcess.start(self._terms.log_path)
        except OSError as error:
            return f"it could not be started: {error}"
        self._worker, self._inbox = worker, asyncio.Queue()
        worker.send(dataclasses.replace(self._terms.start, model=self._model))
        ear = asyncio.create_task(self._listen(worker, self._inbox))
        try:
            while True:
                if self._work_waits and self._model in self._warm:
                    await self._put_to_work(worker)
                await self._handle(worker, await self._hear(worker))
        except _Gone as gone:
            worker.kill()
            return str(gone) or await worker.farewell()
        finally:
            self._worker = None
            ear.cancel()
            await worker.end()

    @staticmethod
    async def _listen(worker: WorkerProcess, inbox: asyncio.Queue[News | _Gone | None]) -> None:
        await worker.read(inbox.put_nowait)
        inbox.put_nowait(_Gone())

    async def _hear(self, worker: WorkerProcess) -> News | None:
        """The next news, None for a wake-up. Raises _Gone where the worker has ended or is silent for too long."""
        silence_s = self._terms.lease_s if self._warm else LOADING_SILENCE_S
        while True:
            try:
                async with asyncio.timeout_at(worker.heard_at_s + silence_s):
                    news = await self._inbox.get()
            except TimeoutError:
                if worker.silent_s < silence_s:
                    continue
                raise _Gone(f"it has been silent for {silence_s:g} s") from None
            if isinstance(news, _Gone):
                raise news
            return news

    async def _put_to_work(self, worker: WorkerProcess) -> None:
        """Give the idle worker a job; where it trains or prepares and somebody waits, have it put that aside."""
        if self.holding.job is None:
            await self._give_work(worker)
        else:
            self._work_waits = False
            if (pause := await self.holding.pausing()) is not None:
                worker.send(pause)

    async def _give_work(self, worker: WorkerProcess) -> None:
        try:
            job = await self.holding.take()
        except StorageFailed as error:
            log.error("no job can be leased: %s", error)
            self._work_waits = False
            asyncio.get_running_loop().call_later(RETRY_S, self.wake)
            return
        self._work_waits = job is not None
        if job is not None:
            folder = month_folder(self._library.root, job.submitted_at_s)
            model = job.payload.get("model") or self._model
            worker.send(Perform(job.job_id, job.attempt, job.kind, job.payload, str(folder), model))

    async def _handle(self, worker: WorkerProcess, news: News | None) -> None:
        match news:
            case Alive():
                if self.holding.stalled:
                    raise _Gone("its job made no progress for minutes")
                if not await self.holding.renew() and self.holding.job is not None:
                    worker.send(Stop(self.holding.job.job_id, self.holding.job.attempt))
            case Ready():
                self._warmed(news)
            case Unready():
                self._not_warmed(worker, news)
            case Step() | Heard() | FileReady() | Finished() | Paused() | Tuned() | GaveUp() if self.holding.holds(
                news.job_id, news.attempt
            ):
                await self._advance(news)

    async def _advance(self, news: Step | Heard | FileReady | Finished | Paused | Tuned | GaveUp) -> None:
        match news:
            case Step():
                self.holding.step(news)
            case Heard():
                self.holding.heard(news)
            case FileReady():
                self.holding.file(news)
            case Finished():
                await self.holding.finish(news)
            case Tuned():
                await self.holding.finish_training(news)
            case Paused():
                await self.holding.pause()
            case GaveUp():
                await self.holding.give_up(news)
        self._work_waits = self._work_waits or self.holding.job is None  # whoever came meanwhile

    def _warmed(self, ready: Ready) -> None:
        self._warm[ready.model] = ready
        for future in self._loads.pop(ready.model, []):
            if not future.done():
                future.set_result(ready)
        if ready.model == self._model:
            log.info("model %s is warm on %s after %.1f s", ready.version, ready.device, ready.load_s)
            self._mend(ready)

    def _not_warmed(self, worker: WorkerProcess, unready: Unready) -> None:
        self._refuse_loads(unready.model, unready.message)
        if unready.model == self._model and unready.model not in self._warm:
            self._break(unready.message)
            asyncio.get_running_loop().call_later(RELOAD_S, worker.send, UseModel(unready.model))

    def _mend(self, ready: Ready) -> None:
        self._fault = ""
        self._last_ready = ready
        self._settled.set()
        self._emit(ModelChanged(ready.version))
        self.wake()

    def _break(self, message: str) -> None:
        if message != self._fault:
            log.error("no model: %s", message)
        self._fault = message
        self._settled.set()

    def _refuse_loads(self, model: str | None, message: str) -> None:
        for name in [model] if model is not None else list(self._loads):
            for future in self._loads.pop(name, []):
                if not future.done():
                    future.set_exception(BackendFailed(message))
