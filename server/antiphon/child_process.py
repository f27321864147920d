"""A process of ours as a child: started, talked to by lines over its pipes, ended for certain."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

log = logging.getLogger(__name__)

_LOG_KEPT_BYTES = 4 * 2**20
#: How long a child may take to end by itself when its pipe is closed.
_PARTING_S = 1.0
_PR_SET_PDEATHSIG = 1

Self = TypeVar("Self", bound="ChildProcess")


def _open_log(path: Path) -> BinaryIO:
    """The log, to be continued; a long one is put aside first."""
    if path.exists() and path.stat().st_size > _LOG_KEPT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def end_with_parent() -> None:
    """For the child: have Linux kill this process when its parent dies; elsewhere the closed pipe tells."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class ChildProcess:
    """One run of `python -m MODULE`. What it prints goes to its log, and never into the pipe."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard_at_s = asyncio.get_running_loop().time()

    @classmethod
    async def launch(cls: type[Self], module: str, log_path: Path, longest_line_bytes: int) -> Self:
        """Start the process; returns at once. Raises OSError where the system has no room for it."""
        with _open_log(log_path) as own_log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", module,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=own_log,
                limit=longest_line_bytes,
                # Out of the terminal's process group: Ctrl-C is for the control process, which then ends its children.
                # In the same session, because Linux weighs whole sessions, and low priority counts only within one.
                process_group=None if sys.platform == "win32" else 0,
            )  # fmt: skip
        return cls(process)

    @property
    def silent_s(self) -> float:
        """How long it has said nothing."""
        return asyncio.get_running_loop().time() - self.heard_at_s

    @property
    def pid(self) -> int:
        return self._process.pid

    def send_line(self, line: bytes) -> None:
        """Queue a line. A process that is gone takes none; whoever reads from it learns of that."""
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def read_lines(self, take: Callable[[bytes], None]) -> None:
        """Hand every line to `take` until the process has gone."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.heard_at_s = asyncio.get_running_loop().time()
            take(line)

    async def end_if_silent(self, who: str, patience_s: Callable[[], float]) -> None:
        """Kill it when it has said nothing for longer than `patience_s` allows just then; runs until that happens."""
        while True:
            await asyncio.sleep(1.0)
            if self.silent_s > patience_s():
                log.warning("%s has been silent for %.0f s: it is ended", who, self.silent_s)
                self.kill()
                return

    async def farewell(self) -> str:
        """Wait for the end and say in words how it came."""
        code = await self._process.wait()
        if code >= 0:
            return f"its process ended with exit status {code}"
        with contextlib.suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process was ended by signal {-code}"

    async def end(self) -> None:
        """Close its pipe, so that it ends; kill it if it does not."""
        if self._process.returncode is not None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _PARTING_S)
        except TimeoutError:
            self.kill()
            await self._process.wait()

    def kill(self) -> None:
        """SIGKILL: no way for it to write any more."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                # Not asyncio's kill: it polls first, and so may take the exit status away from asyncio's own watcher.
                os.kill(self.pid, signal.SIGKILL)
