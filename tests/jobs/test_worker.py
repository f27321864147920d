"""What the worker does where memory is short for a model."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import pytest

from antiphon.domain.model_entry import ModelEntry
from antiphon.generation.backend import NotEnoughMemory
from antiphon.jobs.messages import Ready, Start, Unready, decode
from antiphon.jobs.worker import Line, Worker
from tests.tone_backend import ToneBackend

ENTRIES = (ModelEntry("large", path="/models/large"),)


class Machine:
    """Loads `old` always, and `large` only where `room` is left or nothing else is loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.room = False

    def load(self, model: str, device: str, entries: Sequence[ModelEntry]) -> ToneBackend:
        assert (device, tuple(entries)) == ("cpu", ENTRIES)
        self.loaded.append(model)
        if model == "large" and self.loaded.count("large") == 1 and not self.room:
            raise NotEnoughMemory("the model large needs 9 GB")
        return ToneBackend()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("antiphon.generation.registry.load_backend", machine.load)
    return machine


def news(worker: Worker, sink: BytesIO, model: str) -> object:
    """What the worker says when it is told to use a model."""
    sink.seek(0)
    sink.truncate()
    worker._announce(model)
    return decode(sink.getvalue())


def test_the_models_that_are_loaded_give_way_to_one_that_needs_their_memory(machine: Machine) -> None:
    sink = BytesIO()
    worker = Worker(Line(BytesIO(), sink), Start("old", "cpu", 1, 0, "auto", 1, 1, ENTRIES))
    assert isinstance(news(worker, sink, "old"), Ready)
    assert isinstance(news(worker, sink, "large"), Ready)
    assert machine.loaded == ["old", "large", "large"]
    # The one that gave way is loaded again when it is asked for.
    assert isinstance(news(worker, sink, "old"), Ready)
    assert machine.loaded[-1] == "old"


def test_with_nothing_to_let_go_of_it_says_so(machine: Machine) -> None:
    sink = BytesIO()
    worker = Worker(Line(BytesIO(), sink), Start("old", "cpu", 1, 0, "auto", 1, 1, ENTRIES))
    told = news(worker, sink, "large")
    assert isinstance(told, Unready)
    assert told.message == "the model large needs 9 GB"
    assert machine.loaded == ["large"]
