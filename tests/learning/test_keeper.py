"""Who keeps the learner: it starts when it is needed, outlives its mistakes, and is replaced when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.errors import LearnerAway
from antiphon.learning.keeper import Learner
from antiphon.learning.messages import Alive, Answer, Question, Refusal, decode, encode
from tests.conftest import PYTHON_PATH
from tests.jobs.conftest import alive, within


@pytest.fixture
async def learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Learner]:
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH)
    keeper = Learner(tmp_path / "learner.log", module="tests.learning.odd_learner")
    running = asyncio.create_task(keeper.run())
    yield keeper
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("message", [Question(1, "echo", {"a": [1.5, None]}), Answer(2, {}), Refusal(3, "…"), Alive()])
def test_messages_come_back_as_they_went(message: Question | Answer | Refusal | Alive) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"is": "Nothing"}', b'{"is": "Answer"}', b"\xff\n"])
def test_lines_that_are_no_messages_are_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode(line)


async def test_it_answers_in_order_and_its_mistakes_end_one_question_only(learner: Learner) -> None:
    assert learner.status()["state"] == "asleep"
    asked = [
        learner.ask(kind, data)
        for kind, data in (
            ("echo", {"n": 1}), ("refuse", {}), ("fail", {"divisor": 0}), ("infinite", {}), ("nonsense", {}),
            ("echo", {"n": 2}),
        )
    ]  # fmt: skip
    first, refused, failed, infinite, unknown, last = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, last) == ({"n": 1}, {"n": 2})
    for error, words in (
        (refused, "nothing to learn"), (failed, "ZeroDivisionError"), (infinite, "JSON"), (unknown, "no question"),
    ):  # fmt: skip
        assert isinstance(error, LearnerAway)
        assert words in error.message
    assert learner.status() | {"pid": 0} == {
        "state": "ready", "fault": "", "pid": 0, "restarts": 0, "answered": 6
    }  # fmt: skip


async def test_it_is_replaced_when_it_dies_and_the_question_put_again(learner: Learner, tmp_path: Path) -> None:
    assert await learner.ask("die", {"until": str(tmp_path / "again"), "once": True}) == {"lived": True}
    assert learner.status()["restarts"] == 1
    with pytest.raises(LearnerAway, match=r"died 2 times .* SIGKILL"):
        await learner.ask("die", {"until": str(tmp_path / "never")})
    assert await learner.ask("echo", {"well": True}) == {"well": True}


async def test_an_idle_one_that_is_killed_comes_back_with_the_next_question(learner: Learner) -> None:
    await learner.ask("echo", {})
    pid = learner.status()["pid"]
    os.kill(pid, signal.SIGKILL)
    assert await within(learner.ask("echo", {"n": 2})) == {"n": 2}
    assert learner.status()["pid"] != pid


async def test_it_ends_with_its_keeper_and_whoever_waits_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", PYTHON_PATH)
    keeper = Learner(tmp_path / "learner.log", module="tests.learning.odd_learner")
    running = asyncio.create_task(keeper.run())
    await keeper.ask("echo", {})
    pid = keeper.status()["pid"]
    waiting = asyncio.create_task(keeper.ask("think", {"seconds": 60}))
    await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not alive(pid)
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_too_many_questions_at_once_are_refused(tmp_path: Path) -> None:
    keeper = Learner(tmp_path / "learner.log")
    waiting = [asyncio.create_task(keeper.ask("echo", {})) for _ in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(LearnerAway, match="64 questions wait"):
        await keeper.ask("echo", {})
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert keeper.status()["state"] == "asleep"
