"""The thread in which loops are read and brought to rate and tempo; only the newest wish counts."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Iterator

from antiphon.audition.loop import PreparedLoop
from antiphon.audition.messages import Play
from antiphon.audition.prepare import prepare_loop
from antiphon.errors import AntiphonError

log = logging.getLogger(__name__)


class Preparing:
    """`fault` says why the newest wish could not be met; empty where it could, or is under way."""

    def __init__(self, change: str) -> None:
        self.fault = ""
        self._change = change
        self._wish: deque[tuple[Play, int, float | None]] = deque(maxlen=1)
        self._called = threading.Event()
        self._done: queue.SimpleQueue[PreparedLoop] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def ask(self, order: Play, rate_hz: int, session_bpm: float | None) -> None:
        """Prepare this; what was asked for before and hasn't been begun is forgotten."""
        self._wish.append((order, rate_hz, session_bpm))
        self._called.set()

    def ready(self) -> Iterator[PreparedLoop]:
        """What has been prepared since, the oldest first."""
        while not self._done.empty():
            yield self._done.get()

    def _run(self) -> None:
        while True:
            self._called.wait()
            self._called.clear()
            while self._wish:
                order, rate_hz, session_bpm = self._wish.pop()
                try:
                    loop = prepare_loop(order, rate_hz, session_bpm, self._change)
                except (AntiphonError, MemoryError) as fault:
                    why = "it is too long for this machine's memory" if isinstance(fault, MemoryError) else fault
                    self.fault = f"{order.candidate_id} can't be played: {why}"
                    log.error("%s", self.fault)
                else:
                    self.fault = ""
                    if not self._wish:
                        self._done.put(loop)
