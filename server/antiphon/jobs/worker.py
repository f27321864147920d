"""The worker process: keeps a model warm and performs jobs. Run as `python -m antiphon.jobs.worker`.

It reads orders from stdin and writes news to what was its stdout (see messages.py); whatever else is printed goes to
stderr, which is a log file. It has no database and no network, and it ends when the process that started it ends.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from antiphon.child_process import end_with_parent
from antiphon.domain.engines import parse_engines
from antiphon.errors import AntiphonError, BackendFailed, Cancelled
from antiphon.jobs.explain import PutAside, explain
from antiphon.jobs.ledger import AHEAD, TRAIN
from antiphon.jobs.messages import (
    Alive,
    FileReady,
    Finished,
    GaveUp,
    Heard,
    News,
    Order,
    Pause,
    Paused,
    Perform,
    Ready,
    Start,
    Step,
    Stop,
    Unready,
    UseModel,
    decode,
    encode,
)
from antiphon.jobs.trainings import Trainings

if TYPE_CHECKING:
    from collections.abc import Callable

    from antiphon.domain.candidate import RenderedFile
    from antiphon.domain.request import GenerateRequest
    from antiphon.generation.backend import Backend
    from antiphon.jobs.drafts import Drafts, RequestedDrafts
    from antiphon.jobs.songs import Songs
    from antiphon.jobs.take import Bench, Made

log = logging.getLogger(__name__)

HEARTBEAT_S = 1.0
#: Models kept warm, and fine-tuned versions of them, which share much of their base; loading one more lets go of the
#: one used longest ago.
WARM_MODELS, WARM_VERSIONS = 2, 4


class Line:
    """The line to the control process: says news from any thread, hears orders on a thread of its own."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
        self._lock = threading.Lock()
        self._stopped: set[tuple[str, int]] = set()
        self._paused: set[tuple[str, int]] = set()
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()

    def say(self, news: News) -> None:
        with self._lock:
            self._sink.write(encode(news))
            self._sink.flush()

    def start(self) -> None:
        threading.Thread(target=self._hear, name="orders", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def stopped(self, job_id: str, attempt: int) -> bool:
        """Whether the control process wants this attempt to stop."""
        return (job_id, attempt) in self._stopped

    def paused(self, job_id: str, attempt: int) -> bool:
        """Whether the control process wants this attempt put aside."""
        return (job_id, attempt) in self._paused

    def _hear(self) -> None:
        for line in self._source:
            message = decode(line)
            if isinstance(message, Stop):
                self._stopped.add((message.job_id, message.attempt))
            elif isinstance(message, Pause):
                self._paused.add((message.job_id, message.attempt))
            else:
                self.orders.put(message)  # type: ignore[arg-type]  # we are only sent orders
        # Nobody is left to work for, and nothing here needs an orderly end: files are named when they are complete.
        os._exit(0)

    def _beat(self) -> None:
        while True:
            time.sleep(HEARTBEAT_S)
            self.say(Alive())


class Worker:
    """Loads models and performs jobs, one at a time, on the main thread."""

    def __init__(self, line: Line, start: Start) -> None:
        self._line, self._start = line, start
        self._warm: dict[str, Backend] = {}
        self._trainings = Trainings(line, Path(start.versions), self._backend, self._heed)
        #: What was put aside: the job, its drafts, and what of it is made.
        self._aside: tuple[str, Drafts, Made] | None = None

    def serve(self) -> None:
        """Do orders until the process ends."""
        self._announce(self._start.model)
        while True:
            order = self._line.orders.get()
            if isinstance(order, UseModel):
                self._announce(order.model)
            elif isinstance(order, Perform) and order.kind == TRAIN:
                self._train(order)
            elif isinstance(order, Perform):
                self._perform(order)

    def _heed(self) -> None:
        """Between two steps of a training: load what was asked for meanwhile."""
        while not self._line.orders.empty():
            order = self._line.orders.get()
            if isinstance(order, UseModel):
                self._announce(order.model)

    def _announce(self, model: str) -> None:
        began_s = time.monotonic()
        try:
            backend = self._backend(model)
        except AntiphonError as error:
            log.error("model %s: %s", model, error)
            self._line.say(Unready(model, error.message))
        else:
            load_s = time.monotonic() - began_s
            tunable = hasattr(backend, "fine_tuned")
            self._line.say(Ready(model, backend.version, self._device(backend), load_s, tunable))

    def _backend(self, model: str) -> Backend:
        # The rooms of sound are imported here, with the heartbeat already running: torch alone takes seconds.
        from antiphon.jobs import take  # noqa: F401 - with the model, so that the first job does not wait for it

        backend = self._warm.pop(model, None)
        if backend is None:
            try:
                backend = self._loaded(model)
            except AntiphonError:
                raise
            except Exception as error:
                log.exception("model %s", model)
                raise BackendFailed(
                    f"the model {model!r} could not be loaded ({type(error).__name__}: {error}): see logs/worker.log"
                ) from error
        self._warm[model] = backend
        for versions, most in ((False, WARM_MODELS), (True, WARM_VERSIONS)):
            alike = [name for name, warm in self._warm.items() if _is_version(warm) is versions]
            for name in alike[:-most]:
                del self._warm[name]
        return backend

    def _loaded(self, model: str) -> Backend:
        """Load a model; where memory is short, let go of the warm ones first and look again."""
        from antiphon.generation.backend import NotEnoughMemory
        from antiphon.generation.registry import load_backend

        if (version := self._trainings.version(model)) is not None:
            return version
        try:
            return load_backend(model, self._start.device, self._start.models)
        except NotEnoughMemory:
            if not self._warm:
                raise
            log.info("memory is short for %s: letting go of %s", model, ", ".join(self._warm))
            self._warm.clear()
        gc.collect()
        return load_backend(model, self._start.device, self._start.models)

    def _device(self, backend: Backend) -> str:
        """Where a backend computes: what it says itself, where it does, else what was asked for."""
        return str(getattr(backend, "device", self._start.device))

    def _bench(self, model: str) -> Bench:
        """All that loops of a model are made with. Raises BackendFailed."""
        from antiphon.generation.engines import TwoEngines
        from antiphon.jobs.kept_noise import KeptNoise
        from antiphon.jobs.take import Bench

        backend, start = self._backend(model), self._start
        return Bench(
            TwoEngines(backend), self._device(backend), start.preset, parse_engines(start.engines),
            start.quality_retries, start.batch_loops, KeptNoise(Path(start.data_dir) / "noise"), start.composers,
        )  # fmt: skip

    def _train(self, order: Perform) -> None:
        try:
            self._trainings.perform(order)
        except Exception as error:  # noqa: BLE001 - as with any job
            self._trainings.drop(order)
            self._line.say(GaveUp(order.job_id, order.attempt, *explain(error), 0))

    def _perform(self, order: Perform) -> None:
        from antiphon.jobs.drafts import RequestedDrafts
        from antiphon.jobs.take import Reports, Takes

        job_id, attempt = order.job_id, order.attempt

        def check() -> None:
            if self._line.stopped(job_id, attempt):
                raise Cancelled("stopped as asked")
            if self._line.paused(job_id, attempt):
                raise PutAside("others go first")

        def step(fraction: float, stage: str) -> None:
            self._line.say(Step(job_id, attempt, fraction, stage))

        def file_ready(candidate_id: str, file: RenderedFile) -> None:
            self._line.say(FileReady(job_id, attempt, candidate_id, file))

        takes: Takes | None = None
        try:
            check()
            bench = self._bench(order.model)
            drafts, made = self._in_hand(order)
            songs = None
            if isinstance(drafts, RequestedDrafts) and drafts.request.wish is not None:
                drafts, songs = self._listen(order, drafts.request, bench, step, check)
            reports = Reports(step, file_ready, check)
            takes = Takes(job_id, drafts, Path(order.month_folder), bench, reports, songs, self._bench, made)
            candidates = takes.perform()
        except PutAside:
            self._line.say(Paused(job_id, attempt))
        except Exception as error:  # noqa: BLE001 - whatever it is ends this job only, and is told and logged
            code, message = explain(error)
            rejected_takes = takes.rejected_takes if takes is not None else 0
            self._line.say(GaveUp(job_id, attempt, code, message, rejected_takes))
        else:
            self._line.say(Finished(job_id, attempt, candidates, takes.rejected_takes))

    def _in_hand(self, order: Perform) -> tuple[Drafts, Made]:
        """What to make, and what of it is made already where the job was put aside."""
        from antiphon.jobs.drafts import drafts_of
        from antiphon.jobs.take import Made

        if self._aside is not None and self._aside[0] == order.job_id:
            _, drafts, made = self._aside
            return drafts, made
        drafts, made = drafts_of(order.kind, order.payload), Made()
        if order.kind == AHEAD:
            self._aside = (order.job_id, drafts, made)
        return drafts, made

    def _listen(
        self, order: Perform, request: GenerateRequest, bench: Bench, step: Callable[[float, str], None],
        check: Callable[[], None],
    ) -> tuple[RequestedDrafts, Songs]:  # fmt: skip
        """Listen to a request's songs, tell what was heard, and fill the request with it."""
        from antiphon.jobs.drafts import RequestedDrafts
        from antiphon.jobs.songs import listen
        from antiphon.references.folders import allowed

        assert request.wish is not None
        assert bench.noises is not None

        def listening(fraction: float) -> None:
            check()
            step(0.0, f"listening to the songs ({fraction:.0%})")

        bench.backend.check_takes_songs()
        start = self._start
        files = allowed(Path(start.data_dir), start.reference_folders, start.reference_mb, 0)
        songs = listen(request.wish, request.meter, files, start.reference_s, bench.noises, listening)
        self._line.say(Heard(order.job_id, order.attempt, songs.references, songs.used))
        return RequestedDrafts(songs.fill(request)), songs


def _is_version(backend: Backend) -> bool:
    """Whether it is a fine-tuned version, laid over a base."""
    return getattr(backend, "base", backend) is not backend


def _settle_in(start: Start) -> None:
    """Be a good neighbour: low priority, a bounded number of threads, first to go when memory runs out."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(start.threads)
    if sys.platform != "win32":
        os.nice(start.niceness)
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("500")


def main() -> None:
    end_with_parent()
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Libraries print to stdout; the pipe is for our messages alone.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    line = Line(sys.stdin.buffer, sink)
    line.start()
    start = line.orders.get()
    if not isinstance(start, Start):
        raise SystemExit("the first order must be Start: this program is started by `antiphon serve`")
    _settle_in(start)
    Worker(line, start).serve()


if __name__ == "__main__":
    main()
