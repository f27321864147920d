"""The studio as it runs: use cases over the ledger, the records and the worker's supervisor (`studio.Studio`)."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from antiphon import __version__
from antiphon.ahead import Ahead, Shelf
from antiphon.breeding import children_request
from antiphon.domain.candidate import Candidate
from antiphon.domain.event import (
    CancelledJob,
    CurrentChanged,
    JobChanged,
    KeptChanged,
    StemMixChanged,
    StudioEvent,
    TempoChanged,
    TransportChanged,
)
from antiphon.domain.job import Job
from antiphon.domain.lineage import Breeding, ChildrenRequest
from antiphon.domain.mixer import StemMix, open_mix
from antiphon.domain.reading import Given, PromptReading
from antiphon.domain.request import GenerateRequest
from antiphon.domain.wire import breeding_to_json, children_to_json, fingerprint_of, request_to_json
from antiphon.errors import BackendFailed, NotFound
from antiphon.jobs.ledger import Entry, Ledger, Order
from antiphon.jobs.supervisor import Supervisor
from antiphon.learning.beliefs import Asks, Beliefs
from antiphon.learning.report import Reports
from antiphon.listeners import Listeners
from antiphon.loop_lag import LoopLag
from antiphon.records import Preference, Rating, Records
from antiphon.references.folders import allowed
from antiphon.references.parts import Bounds, with_files
from antiphon.retelling import told_again, understood
from antiphon.session_tempo import SessionTempo
from antiphon.settings import Settings
from antiphon.studio import Submission
from antiphon.tuning import Tuning, Versions

log = logging.getLogger(__name__)

#: A repeated request's outcome follows its acknowledgement after this.
REPLAY_AFTER_S = 0.02


class Floor:
    """Satisfies `studio.Studio`. `models` are the names that requests may ask for; `notice` is shown in the status;
    `read_prompt` reads prompts."""

    def __init__(
        self, settings: Settings, ledger: Ledger, records: Records, supervisor: Supervisor, listeners: Listeners,
        models: Sequence[str], tempo_bpm: float, notice: str, read_prompt: Callable[[str, Given], PromptReading],
        versions: Versions, shelf: Shelf, beliefs: Beliefs | None = None, taster: Asks | None = None,
    ) -> None:  # fmt: skip
        #: What is believed of the ratings; without a learner, their plain means.
        self.beliefs = beliefs or Beliefs(records, None, settings.learning.fair, listeners.tell)
        self._settings, self._ledger, self._records = settings, ledger, records
        self._supervisor, self._listeners = supervisor, listeners
        #: A list that is given is the one that requests are checked against: it grows by what is trained here.
        self._models = models if isinstance(models, list) else list(models)
        if supervisor.model not in self._models:
            self._models.append(supervisor.model)
        self.tuning = Tuning(settings, versions, supervisor, self._models, listeners.tell, self.use_model, self.beliefs)
        listeners.add(self.tuning.notice)
        self.ahead = Ahead(settings, shelf, records, supervisor, self._children, self._trial_and_base)
        listeners.add(self.ahead.on_event)
        self._tempo = SessionTempo(tempo_bpm)
        self._notice = notice
        self._stem_mix = open_mix()
        self._read_prompt = read_prompt
        #: What anybody may ask about ratings, and what is made of them.
        self.reports = Reports(records, self.beliefs, taster, settings.learning.context, settings.learning.hears)
        limits = settings.limits
        self._files = allowed(settings.data_dir, settings.reference_folders, limits.reference_mb, limits.references)
        self._started_s = time.monotonic()
        self.loop_lag = LoopLag()

    async def announce(self) -> None:
        """Tell the listeners what the studio stands at, after a start: the open jobs and the current candidate."""
        self._stem_mix = await self._records.stem_mix()
        for job in await self._ledger.open_jobs():
            self._listeners.tell(JobChanged(job.job_id, job.kind, job.state, 0.0))
        self._listeners.tell(CurrentChanged(*await self._records.current()))
        if await self._records.count_ratings():
            self.beliefs.changed()

    def read_prompt(self, prompt: str, given: Given) -> PromptReading:
        return self._read_prompt(prompt, given)

    async def generate(self, client: str, request_id: str | int, request: GenerateRequest) -> Submission:
        if request.model is not None and request.model not in self._models:
            raise NotFound(f"there is no model {request.model[:40]!r} here: the models are {', '.join(self._models)}")
        if request.wish is not None or request.part_wish is not None:
            limits = Bounds(self._settings.limits.bars, self._settings.limits.duration_s)
            request = await asyncio.to_thread(with_files, request, self._files, limits)
        if self._supervisor.fault and request.model in (None, self._supervisor.model):
            raise BackendFailed(self._supervisor.fault)
        payload = request_to_json(request)
        # The reading follows from the prompt, and may be worded otherwise after an update.
        fingerprint = fingerprint_of({name: value for name, value in payload.items() if name != "reading"})
        return await self._submit(Order(client, request_id, "generate", payload, fingerprint))

    async def breed(self, client: str, request_id: str | int, breeding: Breeding) -> Submission:
        if self._supervisor.fault:
            raise BackendFailed(self._supervisor.fault)
        # Without the parents, whose ratings may have changed when the request is sent again.
        order = Order(client, request_id, breeding.operator, {}, fingerprint_of(breeding_to_json(breeding)))
        if breeding.operator == "evolve" and (entry := await self.ahead.take(order, breeding)) is not None:
            return await self._taken(entry)
        request = await self._children(breeding)
        return await self._submit(dataclasses.replace(order, payload=children_to_json(request)))

    async def _children(self, breeding: Breeding) -> ChildrenRequest:
        """All that decides the children."""
        return await children_request(
            breeding, self._records, self.beliefs.population, self._settings, await self.tuning.known(), self._models,
            self._read_prompt, *await self._trial_and_base(),
        )  # fmt: skip

    async def _trial_and_base(self) -> tuple[str, str]:
        return await self.tuning.on_trial(), await self.tuning.base()

    async def _taken(self, entry: Entry) -> Submission:
        """What was prepared is somebody's now: tell them what there is of it, and go on with what is not."""
        job = entry.job
        if entry.repeated:
            return await self._entered(entry)
        if job.state == "done":
            await self._replay(job)
            told = JobChanged(job.job_id, job.kind, "done", 1.0)
            asyncio.get_running_loop().call_later(REPLAY_AFTER_S, self._listeners.tell, told)
        elif not self._supervisor.holding.adopt(job):
            self._listeners.tell(JobChanged(job.job_id, job.kind, "submitted", 0.0))
        self._supervisor.wake()
        return Submission(job.job_id, False)

    async def _submit(self, order: Order) -> Submission:
        """Put a job into the queue, or tell once more how it went."""
        return await self._entered(await self._ledger.submit(order, self._settings.limits.queue))

    async def _entered(self, entry: Entry) -> Submission:
        job = entry.job
        if entry.repeated:
            await self._replay(job)
        else:
            for event in understood(job):
                self._listeners.tell(event)
            self._listeners.tell(JobChanged(job.job_id, job.kind, "submitted", 0.0))
            self._supervisor.wake()
        return Submission(entry.job.job_id, entry.repeated)

    async def train(self, client: str, request_id: str | int, steps: int | None) -> Submission:
        return await self._entered(await self.tuning.train(client, request_id, steps))

    async def _replay(self, job: Job) -> None:
        """Tell how a job's prompt was read, and its outcome if it has ended, once more after the acknowledgement."""
        done = job.state == "done"
        version = await self.tuning.outcome(job.job_id) if done and job.kind == "train" else None
        loop = asyncio.get_running_loop()
        for event in told_again(job, await self._ledger.outcome(job.job_id) if done else (), version):
            loop.call_later(REPLAY_AFTER_S, self._listeners.tell, event)

    async def cancel(self, client: str, request_id: str | int) -> None:
        job = await self._ledger.cancel(client, request_id)
        self._listeners.tell(CancelledJob(job.client, job.request_id, job.job_id))
        self._listeners.tell(JobChanged(job.job_id, job.kind, "cancelled", 0.0))
        await self._supervisor.stop(job)

    async def rate(
        self, client: str, rating_id: str | int, candidate_id: str, value: float, *, stem: str | None, rater: str,
        listened_s: float | None, context: str, gesture: str = "sent",
    ) -> float:  # fmt: skip
        rating = Rating(client, rating_id, candidate_id, value, stem, rater, listened_s, context, gesture)
        self.tuning.offer()
        stored = await self._records.rate(rating)
        self.beliefs.changed()
        self.ahead.rated(context)
        await self.tuning.rated()
        return stored

    async def prefer(
        self, client: str, rating_id: str | int, winner_id: str, loser_id: str, *, stem: str | None, rater: str,
        context: str = "",
    ) -> None:  # fmt: skip
        await self._records.prefer(Preference(client, rating_id, winner_id, loser_id, stem, rater, context))
        self.beliefs.changed()
        self.ahead.rated(context)

    async def playing(self, client: str, candidate_id: str, context: str = "") -> None:
        index, count = await self._records.playing(client, candidate_id, context)
        self._listeners.tell(CurrentChanged(candidate_id, index, count))

    async def listening(self, client: str, candidate_id: str) -> None:
        """The client hears this now. Unlike `playing` it does not become the current candidate: it may lag behind."""
        await self._records.listening(client, candidate_id)

    async def stopped(self, client: str, candidate_id: str) -> None:
        await self._records.stopped(client, candidate_id)

    async def audition(self, step: int, client: str = "", context: str = "") -> tuple[str, int, int]:
        current = await self._records.move_current(step, client, context)
        self._listeners.tell(CurrentChanged(*current))
        return current

    async def keep(self, client: str, candidate_id: str, kept: bool) -> None:
        await self._records.keep(client, candidate_id, kept)
        self._listeners.tell(KeptChanged(candidate_id, kept))

    async def is_kept(self, candidate_id: str) -> bool:
        return await self._records.is_kept(candidate_id)

    async def kept(self) -> list[str]:
        return await self._records.kept()

    async def set_stem(self, stem: str, *, level: float | None = None, muted: bool | None = None) -> StemMix:
        mix = self._stem_mix[stem]
        changed = StemMix(stem, mix.level if level is None else level, mix.muted if muted is None else muted)
        # Noted before the commit, so that a level and a mute sent together do not undo one another.
        self._stem_mix[stem] = changed
        await self._records.set_stem_mix(changed)
        self._listeners.tell(StemMixChanged(changed))
        return changed

    @property
    def stem_mix(self) -> tuple[StemMix, ...]:
        return tuple(self._stem_mix.values())

    async def rating_of(self, candidate_id: str, rater: str) -> float | None:
        return await self._records.rating_of(candidate_id, rater)

    async def set_tempo(self, bpm: float) -> None:
        await self._records.set_tempo(bpm)
        self._offer_tempo("set", bpm)

    def follow_tempo(self, source: str, bpm: float | None, live: bool = True) -> None:
        self._offer_tempo(source, bpm, live)

    def _offer_tempo(self, source: str, bpm: float | None, live: bool = True) -> None:
        if self._tempo.offer(source, bpm, live):
            self._listeners.tell(TempoChanged(self._tempo.bpm))

    def follow_transport(self, source: str, playing: bool, beats: float) -> None:
        self._listeners.tell(TransportChanged(source, playing, beats))

    @property
    def tempo_bpm(self) -> float:
        return self._tempo.bpm

    async def job(self, job_id: str) -> Job:
        return self._supervisor.with_progress(await self._ledger.job(job_id))

    async def candidate(self, candidate_id: str) -> Candidate:
        return await self._records.candidate(candidate_id)

    async def candidates(self, limit: int, since_s: float = 0.0) -> list[Candidate]:
        return await self._records.candidates(limit, since_s)

    async def models(self) -> list[tuple[str, str, float]]:
        return await self.tuning.listed(self._models)

    async def use_model(self, version: str) -> None:
        if version not in self._models:
            raise NotFound(f"there is no model {version[:40]!r} here: the models are {', '.join(self._models)}")
        await self._supervisor.load(version)
        await self._records.use_model(version)

    async def rollback_model(self) -> str:
        model = await self._records.previous_model()
        await self._supervisor.load(model)
        await self._records.use_model(model)
        return model

    async def status(self) -> dict[str, Any]:
        """Everything that a person or a watchdog may want to know, as JSON-compatible data."""
        counts = await self._ledger.counts()
        rejected_takes = counts.pop("rejected_takes")
        worker = self._supervisor.status()
        return {
            "version": __version__,
            "server_name": self._settings.server_name,
            "uptime_s": round(time.monotonic() - self._started_s, 1),
            "queue": counts["submitted"] + counts["leased"],
            "jobs": counts,
            "rejected_takes": rejected_takes,
            "ratings": await self._records.count_ratings(),
            "learning": self.beliefs.status(),
            "ahead": await self.ahead.status(),
            "tempo_bpm": self._tempo.bpm,
            "tempo": self._tempo.status(),
            "model": worker["version"] or worker["model"],
            "device": worker["device"],
            "worker": worker,
            "disk_free_bytes": await asyncio.to_thread(_disk_free_bytes, self._settings.data_dir),
            "data_dir": str(self._settings.data_dir),
            "loop_lag": self.loop_lag.status(),
            "sqlite_version": sqlite3.sqlite_version,
            "notice": self._notice,
        }

    def listen(self, listener: Callable[[StudioEvent], None]) -> Callable[[], None]:
        return self._listeners.add(listener)


def _disk_free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
