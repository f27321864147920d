"""Ratings from knobs: a turn sends dozens of values, and only the one it rests on counts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from antiphon.errors import LimitExceeded

REST_S = 0.4
_MOST_PENDING = 1024


class Settling:
    """Calls `settled(client, candidate_id, value)` with the latest value once none has come for `rest_s` seconds."""

    def __init__(self, settled: Callable[[str, str, float], Awaitable[None]], rest_s: float = REST_S) -> None:
        self._settled = settled
        self._rest_s = rest_s
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, client: str, candidate_id: str, value: float) -> None:
        """Take a value; it replaces one that has not settled. Raises LimitExceeded beyond 1,024 unsettled ones."""
        key = (client, candidate_id)
        old = self._timers.pop(key, None)
        if old:
            old.cancel()
        elif len(self._timers) >= _MOST_PENDING:
            raise LimitExceeded("too many ratings are unsettled at once: send fewer, or wait half a second")
        self._timers[key] = asyncio.get_running_loop().call_later(self._rest_s, self._rest, key, value)

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()

    def _rest(self, key: tuple[str, str], value: float) -> None:
        del self._timers[key]
        task = asyncio.ensure_future(self._run(key, value))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: tuple[str, str], value: float) -> None:
        await self._settled(key[0], key[1], value)
