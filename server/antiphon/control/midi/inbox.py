"""From a driver's thread to the event loop: a bounded queue that wakes the loop once, and never makes it wait."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

#: Messages kept while the loop is busy. Beyond them the oldest go, so that what a knob rests on is not lost.
SIZE = 4096
#: After so many messages, or so much time, others in the loop get their turn.
SLICE = 128
SLICE_S = 0.002

Deliver = Callable[[float, bytes], None]


class Inbox:
    """`put` may be called from any thread; `deliver(at_s, data)` is called in the loop, in order, with the time
    (time.perf_counter) at which the message came."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver, size: int = SIZE) -> None:
        self._loop, self._deliver = loop, deliver
        self._queue: deque[tuple[float, bytes]] = deque(maxlen=size)
        self._woken = False
        self._closed = False
        #: Messages that were lost because the loop was busy.
        self.dropped = 0

    def put(self, data: bytes) -> None:
        if self._closed:
            return
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
        self._queue.append((time.perf_counter(), data))
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:  # the loop has ended
                self._closed = True

    def close(self) -> None:
        """Deliver nothing more."""
        self._closed = True
        self._queue.clear()

    def _drain(self) -> None:
        # Lowered first: what comes from here on wakes the loop again.
        self._woken = False
        until_s = time.perf_counter() + SLICE_S
        for _ in range(SLICE):
            if self._closed or not self._queue:
                return
            self._deliver(*self._queue.popleft())
            if time.perf_counter() > until_s:
                break
        if self._queue and not self._woken:
            self._woken = True
            self._loop.call_soon(self._drain)
