"""Trainings in the worker: done step by step, put aside for whoever waits, gone on with where they were."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from antiphon import __version__
from antiphon.errors import BackendFailed, Cancelled
from antiphon.jobs.messages import News, Paused, Perform, Step, Tuned

if TYPE_CHECKING:
    from antiphon.generation.backend import Backend
    from antiphon.generation.builtin import BuiltinBackend
    from antiphon.training.finetune.job import TuningJob
    from antiphon.training.finetune.session import Stage

log = logging.getLogger(__name__)


class Wire(Protocol):
    """The line to the control process, as far as a training needs it."""

    def say(self, news: News) -> None: ...

    def stopped(self, job_id: str, attempt: int) -> bool: ...

    def paused(self, job_id: str, attempt: int) -> bool: ...


class Trainings:
    """At most one training in hand, kept in memory while it is put aside. `versions` is the folder of fine-tuned
    versions; `backend` loads a model by name; `heed` is called between steps, for orders that do not wait."""

    def __init__(self, wire: Wire, versions: Path, backend: Callable[[str], Backend], heed: Callable[[], None]) -> None:
        self._wire, self._versions, self._backend, self._heed = wire, versions, backend, heed
        self._held: tuple[str, TuningJob, Iterator[Stage]] | None = None

    def version(self, model: str) -> BuiltinBackend | None:
        """The fine-tuned version of that name, laid over its base; None where there is none. Raises BackendFailed."""
        if "+" not in model:
            return None
        from antiphon.generation.sound.adapter import adapter_path, read_adapter

        path = adapter_path(self._versions, model)
        if not path.is_file():
            return None
        base = self._base(str(read_adapter(path).about["base_model"]))
        return base.fine_tuned(path)

    def _base(self, model: str) -> BuiltinBackend:
        from antiphon.generation.builtin import BuiltinBackend

        backend = self._backend(model)
        if not isinstance(backend, BuiltinBackend):
            raise BackendFailed(f"the model {model!r} can't be fine-tuned: only the built-in one can, for now")
        return backend.base

    def perform(self, order: Perform) -> None:
        """Do the training, or as much of it as nobody else waits. Raises what ends it."""
        job_id, attempt = order.job_id, order.attempt
        job, steps = self._in_hand(order)
        for stage in steps:
            if self._wire.stopped(job_id, attempt):
                raise Cancelled("stopped as asked")
            self._wire.say(Step(job_id, attempt, stage.fraction, stage.stage))
            if self._wire.paused(job_id, attempt):
                self._wire.say(Paused(job_id, attempt))
                return
            self._heed()
        self._held = None
        self._wire.say(Tuned(job_id, attempt, job.outcome))

    def drop(self, order: Perform) -> None:
        """The training has failed or was cancelled: nothing of it stays."""
        self._held = None
        self._tidy(keep="")
        log.info("training %s of %s has ended without a version", order.job_id, order.payload.get("version"))

    def _in_hand(self, order: Perform) -> tuple[TuningJob, Iterator[Stage]]:
        """The training as it was put aside, or from its files."""
        if self._held is not None and self._held[0] == order.job_id:
            return self._held[1:]
        from antiphon.training.finetune.job import TuningJob

        payload: dict[str, Any] = order.payload
        self._tidy(keep=str(payload["version"]))
        base = self._base(str(payload["base_model"])).sounding_as(str(payload["base_version"]))
        job = TuningJob(payload, base, lambda version: self._sounded_by(version, base), self._versions, __version__)
        steps = job.run()
        self._held = (order.job_id, job, steps)
        return job, steps

    def _sounded_by(self, version: str, base: BuiltinBackend) -> BuiltinBackend | None:
        """The backend that made a loop, where it is still to be had."""
        if version in base.voices:
            return base.sounding_as(version)
        try:
            made = self.version(version)
        except BackendFailed as error:
            log.warning("loops of %s are left out: %s", version, error)
            return None
        return made if made is not None and made.base.version in base.voices else None

    def _tidy(self, keep: str) -> None:
        """Remove what trainings that came to nothing have left."""
        for folder in self._versions.iterdir() if self._versions.is_dir() else ():
            if folder.is_dir() and folder.name != keep and not (folder / "adapter.safetensors").exists():
                shutil.rmtree(folder, ignore_errors=True)
