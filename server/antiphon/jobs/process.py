"""The worker as a child process that speaks the messages of `jobs.messages`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from antiphon.child_process import ChildProcess
from antiphon.jobs.messages import MAX_LINE_BYTES, News, Order, decode, encode

log = logging.getLogger(__name__)


class WorkerProcess(ChildProcess):
    """One run of `python -m antiphon.jobs.worker`."""

    @classmethod
    async def start(cls, log_path: Path) -> WorkerProcess:
        """Start the process; returns at once. Raises OSError where the system has no room for it."""
        return await cls.launch("antiphon.jobs.worker", log_path, MAX_LINE_BYTES)

    def send(self, order: Order) -> None:
        """Queue an order."""
        self.send_line(encode(order))

    async def read(self, take: Callable[[News], None]) -> None:
        """Hand every message to `take` until the worker has gone."""

        def read_line(line: bytes) -> None:
            try:
                message = decode(line)
            except ValueError as error:
                log.error("the worker said something else than we agreed on: %s", error)
            else:
                take(message)  # type: ignore[arg-type]  # a worker only says news

        await self.read_lines(read_line)
