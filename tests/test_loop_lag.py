"""The loop's lag is what blocking work makes it."""

from __future__ import annotations

import asyncio
import time

from antiphon.loop_lag import LoopLag


async def test_blocking_work_shows_as_lag() -> None:
    lag = LoopLag()
    assert lag.status() == {"p50_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}
    measuring = asyncio.create_task(lag.run())
    await asyncio.sleep(0.2)
    time.sleep(0.15)  # noqa: ASYNC251 - blocking the loop is the point
    await asyncio.sleep(0.1)
    measuring.cancel()
    status = lag.status()
    assert status["max_ms"] > 100
    assert status["p50_ms"] < status["max_ms"]
