"""A studio in memory: the whole `Studio` protocol, with jobs that finish at once, or when the test says so."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.event import (
    CancelledJob,
    CurrentChanged,
    Done,
    Event,
    Failed,
    JobChanged,
    KeptChanged,
    ModelChanged,
    Progress,
    PromptRead,
    StemMixChanged,
    StemReady,
    StudioEvent,
    TempoChanged,
    TransportChanged,
    VersionMade,
)
from antiphon.domain.job import Job
from antiphon.domain.lineage import Breeding
from antiphon.domain.mixer import StemMix, open_mix
from antiphon.domain.reading import Given, PromptReading
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS
from antiphon.domain.wire import request_to_json
from antiphon.errors import Conflict, LimitExceeded, NotFound
from antiphon.generation.prompts import read_prompt
from antiphon.session_tempo import SessionTempo
from antiphon.studio import Submission


@dataclass(slots=True)
class MemoryJob:
    job_id: str
    client: str
    request_id: str | int
    request: GenerateRequest
    kind: str = "generate"
    parents: tuple[str, ...] = ()
    state: str = "submitted"
    outcome: list[StudioEvent] = field(default_factory=list)


def silent_wav(frames: int, sample_rate: int) -> bytes:
    """A mono 16-bit WAV file of silence."""
    data = bytes(2 * frames)
    form = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


class MemoryReports:
    """Reports that say what they were asked."""

    async def ratings(self, limit: int, candidate_id: str | None = None) -> dict[str, Any]:
        return {"how": "plain", "notice": "", "ratings": [], "asked": [limit, candidate_id]}

    async def beliefs(self, limit: int) -> dict[str, Any]:
        return {"how": "plain", "notice": "", "asked": limit}

    async def candidate(self, candidate_id: str) -> dict[str, Any]:
        if candidate_id == "nothing":
            raise NotFound(f"there is no candidate {candidate_id}")
        return {"how": "plain", "notice": "", "candidate_id": candidate_id}

    async def taste(self, context: str) -> dict[str, Any]:
        return {"context": context, "groups": []}

    async def generations(self) -> dict[str, Any]:
        return {"generations": [], "arms": []}

    async def exposures(self, limit: int) -> dict[str, Any]:
        return {"exposures": [], "asked": limit}


class MemoryStudio:
    """`manual`: jobs wait for `finish`. `delay_s`: how long a commit takes."""

    def __init__(self, folder: Path, *, manual: bool = False, delay_s: float = 0.0, queue: int = 1000) -> None:
        self.folder = folder
        self.manual = manual
        self.delay_s = delay_s
        self.queue = queue
        self.jobs: dict[tuple[str, str | int], MemoryJob] = {}
        self.made: dict[str, Candidate] = {}
        self.ratings: dict[tuple[str, str | int], tuple[str, float, str | None, str]] = {}
        self.preferences: dict[tuple[str, str | int], tuple[str, str]] = {}
        self.heard: list[tuple[str, str, str]] = []
        self.bred: list[Breeding] = []
        self.extra_status: dict[str, Any] = {}
        self.work_done = 0
        self.marked: dict[str, str] = {}
        self.said: list[tuple[str, str]] = []
        self.shown: list[tuple[str, str]] = []
        self.reports = MemoryReports()
        self._mix = open_mix()
        self._listeners: list[Callable[[StudioEvent], None]] = []
        self.tempo = SessionTempo(120.0)
        self._index = -1
        self._models = ["builtin-1", "tuned-2"]
        self._active = ["builtin-1"]

    def read_prompt(self, prompt: str, given: Given) -> PromptReading:
        return read_prompt(prompt, given)

    async def generate(self, client: str, request_id: str | int, request: GenerateRequest) -> Submission:
        return await self._submit(client, request_id, request)

    async def breed(self, client: str, request_id: str | int, breeding: Breeding) -> Submission:
        parents = [await self.candidate(candidate_id) for candidate_id in breeding.candidate_ids]
        self.bred.append(breeding)
        request = GenerateRequest(
            bpm=parents[0].bpm if parents else 120.0, stems=("drums", "bass"), count=breeding.count, seed=breeding.seed
        )
        return await self._submit(client, request_id, request, breeding.operator, breeding.candidate_ids)

    async def train(self, client: str, request_id: str | int, steps: int | None) -> Submission:
        if (known := self.jobs.get((client, request_id))) is not None:
            return Submission(known.job_id, True)
        job = MemoryJob(f"j{len(self.jobs) + 1}", client, request_id, GenerateRequest(bpm=120.0), "train")
        self.jobs[client, request_id] = job
        job.state = "done"
        self._models.append(f"builtin-1+{len(self.jobs)}")
        self._emit(VersionMade(client, request_id, job.job_id, self._models[-1], "trial"))
        return Submission(job.job_id, False)

    async def _submit(
        self, client: str, request_id: str | int, request: GenerateRequest, kind: str = "generate",
        parents: tuple[str, ...] = (),
    ) -> Submission:  # fmt: skip
        known = self.jobs.get((client, request_id))
        if known:
            self._tell_reading(known)
            for event in known.outcome:
                self._emit(event)
            return Submission(known.job_id, True)
        if sum(job.state == "submitted" for job in self.jobs.values()) >= self.queue:
            raise LimitExceeded(f"the queue is full: {self.queue} requests wait (setting limits.queue)")
        job = MemoryJob(f"j{len(self.jobs) + 1}", client, request_id, request, kind, parents)
        self.jobs[client, request_id] = job
        await asyncio.sleep(self.delay_s)
        self._tell_reading(job)
        if not self.manual:
            self.finish(job)
        return Submission(job.job_id, False)

    def _tell_reading(self, job: MemoryJob) -> None:
        if job.request.reading is not None:
            self._emit(PromptRead(job.client, job.request_id, job.job_id, job.request.reading))

    def finish(self, job: MemoryJob, *, fail: bool = False) -> None:
        """Do the job's work now, and report it as a worker does."""
        if job.state != "submitted":
            return
        self.work_done += 1
        about = (job.client, job.request_id, job.job_id)
        self._emit(JobChanged(job.job_id, job.kind, "leased", 0.0))
        self._emit(Progress(*about, 0.5, "sound"))
        if fail:
            job.state, job.outcome = "failed", [Failed(*about, "backend", "the model fell over: try again")]
        else:
            job.state, job.outcome = "done", self._results(job, about)
        for event in job.outcome:
            self._emit(event)
        self._emit(JobChanged(job.job_id, job.kind, job.state, 1.0))

    def _results(self, job: MemoryJob, about: tuple[str, str | int, str]) -> list[StudioEvent]:
        events: list[StudioEvent] = []
        made = [self._candidate(job, index) for index in range(job.request.count)]
        for each in made:
            events += [StemReady(*about, each.candidate_id, file) for file in (*each.stems, each.mix)]
        return [*events, Done(*about, tuple(made))]

    def _candidate(self, job: MemoryJob, index: int) -> Candidate:
        candidate_id = f"c{len(self.made) + 1}"
        folder = self.folder / candidate_id
        folder.mkdir(parents=True)
        request = job.request
        files = {}
        for stem in (*(request.stems or CORE_STEMS), "mix"):
            path = folder / f"{stem}_{request.bpm:g}_Amin.wav"
            path.write_bytes(silent_wav(1000, request.sample_rate))
            files[stem] = RenderedFile(stem, str(path), 1000, request.sample_rate, 1, -1.0, -18.0)
        sidecar = folder / "sidecar.json"
        sidecar.write_text(json.dumps({"seed": request.seed}))
        candidate = Candidate(
            candidate_id, job.job_id, index, request.bpm, "Am", request.bars, request.meter.name, request.seed,
            "builtin-1", tuple(files[stem] for stem in request.stems or CORE_STEMS), files["mix"], str(sidecar),
            operator=job.kind, parents=job.parents,
        )  # fmt: skip
        self.made[candidate_id] = candidate
        return candidate

    async def cancel(self, client: str, request_id: str | int) -> None:
        job = self.jobs.get((client, request_id))
        if job is None:
            raise NotFound(f"you have no request {request_id!r}")
        if job.state != "submitted":
            raise Conflict(f"request {request_id!r} is {job.state} already")
        job.state = "cancelled"
        job.outcome = [CancelledJob(client, request_id, job.job_id)]
        await asyncio.sleep(self.delay_s)
        self._emit(job.outcome[0])
        self._emit(JobChanged(job.job_id, job.kind, "cancelled", 0.0))

    async def rate(
        self, client: str, rating_id: str | int, candidate_id: str, value: float, *, stem: str | None, rater: str,
        listened_s: float | None, context: str, gesture: str = "sent",
    ) -> float:  # fmt: skip
        await self.candidate(candidate_id)
        await asyncio.sleep(self.delay_s)
        self.said.append((context, gesture))
        return self.ratings.setdefault((client, rating_id), (candidate_id, value, stem, rater))[1]

    async def prefer(
        self, client: str, rating_id: str | int, winner_id: str, loser_id: str, *, stem: str | None, rater: str,
        context: str = "",
    ) -> None:  # fmt: skip
        await self.candidate(winner_id)
        await self.candidate(loser_id)
        self.said.append((context, "preferred"))
        self.preferences.setdefault((client, rating_id), (winner_id, loser_id))

    async def playing(self, client: str, candidate_id: str, context: str = "") -> None:
        await self.candidate(candidate_id)
        self.heard.append((client, "playing", candidate_id))
        self._index = list(self.made).index(candidate_id)
        self._emit(CurrentChanged(candidate_id, self._index, len(self.made)))

    async def stopped(self, client: str, candidate_id: str) -> None:
        await self.candidate(candidate_id)
        self.heard.append((client, "stopped", candidate_id))

    async def audition(self, step: int, client: str = "", context: str = "") -> tuple[str, int, int]:
        self.shown.append((client, context))
        ids = list(self.made)
        self._index = max(0, min(self._index + step, len(ids) - 1)) if step and ids else -1
        found = (ids[self._index] if self._index >= 0 else "", self._index, len(ids))
        self._emit(CurrentChanged(*found))
        return found

    async def keep(self, client: str, candidate_id: str, kept: bool) -> None:
        await self.candidate(candidate_id)
        if kept:
            self.marked.setdefault(candidate_id, client)
        else:
            self.marked.pop(candidate_id, None)
        await asyncio.sleep(self.delay_s)
        self._emit(KeptChanged(candidate_id, kept))

    async def is_kept(self, candidate_id: str) -> bool:
        return candidate_id in self.marked

    async def kept(self) -> list[str]:
        return list(self.marked)[::-1]

    async def set_stem(self, stem: str, *, level: float | None = None, muted: bool | None = None) -> StemMix:
        mix = self._mix[stem]
        self._mix[stem] = StemMix(stem, mix.level if level is None else level, mix.muted if muted is None else muted)
        self._emit(StemMixChanged(self._mix[stem]))
        return self._mix[stem]

    @property
    def stem_mix(self) -> tuple[StemMix, ...]:
        return tuple(self._mix.values())

    async def rating_of(self, candidate_id: str, rater: str) -> float | None:
        rated = [
            value for id_, value, stem, who in self.ratings.values() if (id_, stem, who) == (candidate_id, None, rater)
        ]
        return rated[-1] if rated else None

    async def set_tempo(self, bpm: float) -> None:
        self.follow_tempo("set", bpm)

    def follow_tempo(self, source: str, bpm: float | None, live: bool = True) -> None:
        if self.tempo.offer(source, bpm, live):
            self._emit(TempoChanged(self.tempo.bpm))

    def follow_transport(self, source: str, playing: bool, beats: float) -> None:
        self._emit(TransportChanged(source, playing, beats))

    @property
    def tempo_bpm(self) -> float:
        return self.tempo.bpm

    async def job(self, job_id: str) -> Job:
        for job in self.jobs.values():
            if job.job_id == job_id:
                payload = request_to_json(job.request)
                return Job(job_id, job.kind, job.client, str(job.request_id), payload, job.state, 1, 1.0)
        raise NotFound("there is no such job")

    async def candidate(self, candidate_id: str) -> Candidate:
        if candidate_id not in self.made:
            raise NotFound(f"there is no candidate {candidate_id}")
        return self.made[candidate_id]

    async def candidates(self, limit: int, since_s: float = 0.0) -> list[Candidate]:
        made = [each for each in self.made.values() if Path(each.mix.path).stat().st_mtime >= since_s]
        return made[::-1][:limit]

    async def models(self) -> list[tuple[str, str, float]]:
        return [(name, "active" if name == self._active[-1] else "available", 0.0) for name in self._models]

    async def use_model(self, version: str) -> None:
        if version not in self._models:
            raise NotFound(f"there is no model version {version}")
        self._active.append(version)
        self._emit(ModelChanged(version))

    async def rollback_model(self) -> str:
        if len(self._active) == 1:
            raise Conflict("no other model version was used before")
        self._active.pop()
        self._emit(ModelChanged(self._active[-1]))
        return self._active[-1]

    async def status(self) -> dict[str, Any]:
        return {"queue": sum(job.state == "submitted" for job in self.jobs.values()), **self.extra_status}

    def listen(self, listener: Callable[[StudioEvent], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _emit(self, event: StudioEvent | Event) -> None:
        for listener in list(self._listeners):
            listener(event)

    def _emit_noise(self, size: int) -> None:
        """An event of about this many bytes, for tests of slow readers."""
        self._emit(JobChanged("j" * size, "generate", "done", 0.0))
