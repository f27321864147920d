"""Makes loops exactly as the worker process does (`antiphon.jobs.take`), and times it from outside."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.engines import parse_engines
from antiphon.domain.request import GenerateRequest
from antiphon.errors import AntiphonError
from antiphon.generation.backend import Backend
from antiphon.generation.engines import TwoEngines
from antiphon.jobs.drafts import RequestedDrafts
from antiphon.jobs.take import Bench, Reports, Takes
from antiphon.settings import Settings


@dataclass(slots=True)
class Made:
    """What came of one request. Seconds count from the moment the request was handed over."""

    candidates: tuple[Candidate, ...] = ()
    #: Why nothing was delivered, "" where something was.
    failure: str = ""
    rejected_takes: int = 0
    #: Stems that the sampler plays because the model got them wrong.
    mended_stems: int = 0
    wall_s: float = 0.0
    #: When each file lay under its final name, in order: (stem, seconds).
    files_s: list[tuple[str, float]] = field(default_factory=list)

    @property
    def first_stem_s(self) -> float:
        """When the first stem was there; nan where none came."""
        return next((seconds for stem, seconds in self.files_s if stem != "mix"), float("nan"))


def make(request: GenerateRequest, backend: Backend, folder: Path, job_id: str) -> Made:
    """Perform one job with the settings that come with Antiphon."""
    settings, made = Settings(), Made()
    bench = Bench(
        backend=TwoEngines(backend), device="cpu", preset=settings.preset, engines=parse_engines(settings.engine),
        quality_retries=settings.quality_retries, batch_loops=settings.batch_loops,
    )  # fmt: skip
    began_s = time.perf_counter()

    def on_file(_: str, file: RenderedFile) -> None:
        made.files_s.append((file.stem, time.perf_counter() - began_s))

    takes = Takes(job_id, RequestedDrafts(request), folder, bench, Reports(lambda *_: None, on_file, lambda: None))
    try:
        made.candidates = takes.perform()
    except AntiphonError as error:
        made.failure = f"{error.code}: {error.message}"
    made.wall_s = time.perf_counter() - began_s
    made.rejected_takes = takes.rejected_takes
    made.mended_stems = sum(len(_mended(candidate)) for candidate in made.candidates)
    return made


def _mended(candidate: Candidate) -> set[str]:
    """Stems that the sampler plays because the model got them wrong, from the sidecar."""
    sidecar = json.loads(Path(candidate.sidecar_path).read_text(encoding="utf-8"))
    return {each["stem"] for each in sidecar["mended"]}


def rejected_faults(candidate: Candidate) -> list[str]:
    """Why takes of this candidate were turned down before it was delivered, from its sidecar."""
    sidecar = json.loads(Path(candidate.sidecar_path).read_text(encoding="utf-8"))
    return [fault for take in sidecar["rejected_attempts"] for fault in take["faults"]]


def delivered_s(candidates: tuple[Candidate, ...]) -> float:
    """Seconds of finished four-stem music."""
    return sum(candidate.mix.frames / candidate.mix.sample_rate for candidate in candidates)
