"""Keeps a learner in work: starts its process when it is first asked, puts questions, replaces it when it dies."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from pathlib import Path
from typing import Any

from antiphon.child_process import ChildProcess
from antiphon.errors import LearnerAway
from antiphon.learning.messages import MAX_LINE_BYTES, Alive, Answer, Question, Refusal, decode, encode

log = logging.getLogger(__name__)

#: A learner that says nothing for so long hangs; while it starts it may be silent for longer.
SILENT_S, STARTING_S = 10.0, 60.0
#: Waits before a dead learner is replaced: short, but doubling while it dies before it has answered anything.
FIRST_REST_S, LONGEST_REST_S = 0.1, 30.0
#: A question on which the learner has died so often is refused.
MOST_DEATHS = 2
#: Beyond this many questions at once, new ones are refused.
MOST_WAITING = 64


class _Asked:
    """A question on its way. `deaths`: how often the learner died on it."""

    def __init__(self, question: Question) -> None:
        self.line = encode(question)
        self.number = question.number
        self.answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.deaths = 0


class Learner:
    """One learner's keeper. Questions are answered one after the other, in the order of asking. `name`: what it is
    called, where there are several."""

    def __init__(self, log_path: Path, module: str = "antiphon.learning.learner", name: str = "learner") -> None:
        self._log_path, self._module, self._name = log_path, module, name
        self._numbers = itertools.count(1)
        self._waiting: deque[_Asked] = deque()
        self._put: _Asked | None = None
        self._wake = asyncio.Event()
        self._process: ChildProcess | None = None
        self._spoke = False
        self._restarts = self._answered = 0
        self._fault = ""

    async def ask(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Put a question (`learner.QUESTIONS`) and wait for its answer, through deaths of the learner.

        Raises LearnerAway where it has none: it died on it repeatedly, refused it, or too much waits already.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise LearnerAway(f"{MOST_WAITING} questions wait for the {self._name} already: ask again in a few seconds")
        asked = _Asked(Question(next(self._numbers), kind, data))
        self._waiting.append(asked)
        self._wake.set()
        try:
            return await asked.answer
        finally:
            # Whoever gave up waiting does not need the answer any more.
            if asked in self._waiting:
                self._waiting.remove(asked)

    def status(self) -> dict[str, Any]:
        """How the learner stands: `asleep` until it is first needed, `ready`, `thinking` or `restarting`."""
        if self._process is None:
            state = "restarting" if self._restarts else "asleep"
        else:
            state = "thinking" if self._put is not None else "ready"
        pid = self._process.pid if self._process else None
        return {
            "state": state, "fault": self._fault, "pid": pid, "restarts": self._restarts, "answered": self._answered,
        }  # fmt: skip

    async def run(self) -> None:
        """Employ one learner after another until cancelled; the first when there is something to ask."""
        rest_s = FIRST_REST_S
        try:
            while True:
                await self._wake.wait()
                answered = self._answered
                reason = await self._employ()
                self._restarts += 1
                self._fault = f"the {self._name} is started again: {reason}"
                log.warning("the %s is gone (%s): it is replaced", self._name, reason)
                self._blame(reason)
                await asyncio.sleep(rest_s)
                rest_s = FIRST_REST_S if self._answered > answered else min(rest_s * 2, LONGEST_REST_S)
                if self._waiting:
                    self._wake.set()
        finally:
            for asked in (*self._waiting, *([self._put] if self._put else ())):
                asked.answer.cancel()

    async def _employ(self) -> str:
        """One learner's life; returns why it ended."""
        try:
            process = await ChildProcess.launch(self._module, self._log_path, MAX_LINE_BYTES)
        except OSError as error:
            return f"it could not be started: {error}"
        self._process, self._spoke = process, False
        patience = process.end_if_silent(f"the {self._name}", lambda: SILENT_S if self._spoke else STARTING_S)
        watch = asyncio.create_task(patience)
        feeding = asyncio.create_task(self._feed(process))
        try:
            await process.read_lines(self._read)
            return await process.farewell()
        finally:
            self._process = None
            watch.cancel()
            feeding.cancel()
            await process.end()

    async def _feed(self, process: ChildProcess) -> None:
        """One question at a time: so a death is blamed on the question it was about."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._put is None and self._waiting:
                self._put = self._waiting.popleft()
                process.send_line(self._put.line)

    def _read(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ValueError as error:
            log.error("the %s said something else than we agreed on: %s", self._name, error)
            return
        self._spoke = True
        match message:
            case Answer() if self._put is not None and message.number == self._put.number:
                self._answered += 1
                self._fault = ""
                self._settle(message.data)
            case Refusal() if self._put is not None and message.number == self._put.number:
                self._answered += 1
                log.error("the %s has no answer: %s", self._name, message.message)
                self._settle(LearnerAway(message.message))
            case Alive() | _:
                pass

    def _settle(self, outcome: dict[str, Any] | LearnerAway) -> None:
        put, self._put = self._put, None
        if put is not None and not put.answer.done():
            if isinstance(outcome, LearnerAway):
                put.answer.set_exception(outcome)
            else:
                put.answer.set_result(outcome)
        self._wake.set()

    def _blame(self, reason: str) -> None:
        """The learner died: what it was about is put once more, and given up if that kills it again."""
        put, self._put = self._put, None
        if put is not None and not put.answer.done():
            put.deaths += 1
            if put.deaths < MOST_DEATHS:
                self._waiting.appendleft(put)
            else:
                put.answer.set_exception(
                    LearnerAway(f"the {self._name} died {put.deaths} times on this ({reason}): see logs/learner.log")
                )
        if not self._waiting:
            self._wake.clear()
