"""Ctrl+C for work that ends with something worth having: the first ends it in order, impatience destroys nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from types import FrameType, TracebackType
from typing import Any


class Ending:
    """While it is entered, the first Ctrl+C ends the work of `until_ended`, the second is answered with `words`, and
    the third ends the program, as each does while there is no work yet. For the main thread."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._times = 0
        self._work: asyncio.Task[None] | None = None
        self._before: Any = None

    def __enter__(self) -> Ending:
        self._before = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.signal(signal.SIGINT, self._before)

    async def until_ended(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do `work`; whether it was ended by Ctrl+C. Raises what it raises."""
        self._work = asyncio.ensure_future(work)
        try:
            await self._work
        except asyncio.CancelledError:
            if not self._times:
                raise
            return True
        return False

    def _pressed(self, _signal: int, _frame: FrameType | None) -> None:
        self._times += self._work is not None
        if self._work is None or self._times > 2:
            raise KeyboardInterrupt
        if self._times == 1 and not self._work.done():
            # The loop may be asleep in select: this wakes it, too.
            self._work.get_loop().call_soon_threadsafe(self._work.cancel)
        else:
            # Past Python's own streams, which may be in the middle of a line just now.
            os.write(2, f"\n{self._words}\n".encode())
