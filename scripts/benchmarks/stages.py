"""Where time goes: each stage's own seconds, without those of the stages it calls."""

from __future__ import annotations

import importlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

#: Stage, module, attribute: what is timed on the way from a request to its files. An attribute is looked up where it is
#: called from, because that is the name that has to be replaced.
OUR_STAGES: tuple[tuple[str, str, str], ...] = (
    ("compose", "antiphon.jobs.drafts", "draw_genome"),
    ("compose", "antiphon.jobs.take", "express"),
    ("score to frames and source", "antiphon.generation.builtin", "_conditions"),
    ("score to frames and source", "antiphon.generation.sound.pipeline", "ScoreToStemsPipeline._embed_stem"),
    ("transformer", "antiphon.generation.sound.transformer", "ScoreTransformer.velocity"),
    ("vocoder", "antiphon.generation.sound.pipeline", "ScoreToStemsPipeline._decode"),
    ("sampler", "antiphon.generation.sampler.backend", "SamplerBackend.generate"),
    ("resampling", "antiphon.generation.builtin", "to_exact_length"),
    # As a whole: its parts run side by side in threads, so their times would not add up.
    ("effects, level, mix", "antiphon.jobs.take", "finish"),
    ("inspection", "antiphon.jobs.take", "inspected"),
    ("inspection", "antiphon.jobs.take", "inspect_files"),
    ("files", "antiphon.jobs.take", "write_loop"),
)
OTHER = "everything else"


class StageClock:
    """Adds up the exclusive time of stages, per thread, while `timing` is open."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def timing(self, stages: Iterable[tuple[str, str, str]]) -> Iterator[StageClock]:
        """Time these stages. Raises LookupError where one no longer exists under its name."""
        undo: list[tuple[Any, str, Any]] = []
        try:
            for stage, module, path in stages:
                owner, name, function = _find(module, path)
                undo.append((owner, name, function))
                setattr(owner, name, self._timed(stage, function))
            yield self
        finally:
            for owner, name, function in reversed(undo):
                setattr(owner, name, function)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block."""
        stack: list[float] = self._local.__dict__.setdefault("stack", [])
        stack.append(0.0)
        began_s = time.perf_counter()
        try:
            yield
        finally:
            whole_s = time.perf_counter() - began_s
            within_s = stack.pop()
            if stack:
                stack[-1] += whole_s
            with self._lock:
                self.seconds[name] += whole_s - within_s

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self.stage(stage):
                return function(*arguments, **named)

        return timed


def _find(module: str, path: str) -> tuple[Any, str, Any]:
    owner: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    try:
        for part in outer:
            owner = getattr(owner, part)
        return owner, name, getattr(owner, name)
    except AttributeError:
        raise LookupError(f"{module}.{path} is gone: name in OUR_STAGES what does its work now") from None
