"""How late the event loop runs what is due: the measure of how responsive the control process is."""

from __future__ import annotations

import asyncio
from collections import deque

#: How often it is measured, and for how long it is remembered.
PERIOD_S = 0.02
WINDOW_S = 60.0


class LoopLag:
    """Measures while `run` runs; figures are of the last minute."""

    def __init__(self) -> None:
        self._lags_s: deque[float] = deque(maxlen=int(WINDOW_S / PERIOD_S))

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self._lags_s.append(max(0.0, loop.time() - due_s))

    def status(self) -> dict[str, float]:
        """Median, 99th percentile and greatest lag in milliseconds."""
        lags_s = sorted(self._lags_s) or [0.0]

        def at(share: float) -> float:
            return round(1e3 * lags_s[min(len(lags_s) - 1, int(share * len(lags_s)))], 3)

        return {"p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)}
