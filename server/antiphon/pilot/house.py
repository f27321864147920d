"""The house of a pilot as it is: a running server, asked over HTTP by what any client of it may ask."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from antiphon.pilot.showing import Said

#: Asked for at a time: the server's limit (limits.count) is 16, and a quarter of twelve is whole.
AT_ONCE = 12
#: /api/exposures tells no more than so many.
EXPOSURES = 5000


class Server(Protocol):
    """What is needed of a connection to a server; `cli.connection.Connection` is one."""

    async def call(self, name: str, **values: Any) -> Any: ...

    async def get(self, path: str) -> Any: ...

    async def download(self, url: str, target: Path, on_bytes: Callable[[int, int], None]) -> None: ...


#: Asks for loops (command, keys) and waits for them; their ids.
Ask = Callable[[str, dict[str, Any]], Awaitable[list[str]]]


class HttpHouse:
    """A server, in one context. `wishes`: keys of `generate` that all unselected loops have (bars, bpm, style)."""

    def __init__(self, server: Server, ask: Ask, context: str, wishes: dict[str, Any], seed: int) -> None:
        self._server, self._ask, self._context, self._wishes, self._seed = server, ask, context, wishes, seed

    async def first(self, count: int) -> list[str]:
        """Make unselected loops, the same for the same seed and server."""
        made: list[str] = []
        for number, each in enumerate(_portions(count)):
            seed = (self._seed * 1000 + number) % 2**31
            made += await self._ask("generate", {**self._wishes, "count": each, "seed": seed, "context": self._context})
        return made

    async def evolve(self, count: int) -> list[str]:
        """Make the next generation. To the server, each portion is one, with a baseline of its own."""
        made: list[str] = []
        for each in _portions(count):
            made += await self._ask("evolve", {"count": each, "context": self._context})
        return made

    async def audio(self, candidate_id: str) -> bytes:
        """A loop's mix, as a file's bytes."""
        with tempfile.TemporaryDirectory(prefix="antiphon-pilot-") as folder:
            target = Path(folder) / "mix"
            await self._server.download(f"/files/{candidate_id}/mix", target, lambda _done, _total: None)
            return target.read_bytes()

    async def show(self, candidate_id: str, rater: str) -> None:
        """Tell the server that the loop sounds: it notes the showing, with the loop's arm. `rater` is told with the
        rating, for to the server the pilot is one client."""
        await self._server.call("playing", candidate_id=candidate_id, context=self._context)

    async def rate(self, said: Said) -> None:
        """Hand a rating on, under an id of its own."""
        heard = {} if said.listened_s is None else {"listened_s": said.listened_s}
        await self._server.call("stopped", candidate_id=said.candidate_id)
        await self._server.call(
            "rate", rating_id=uuid4().hex, candidate_id=said.candidate_id, value=said.value, rater=said.rater,
            context=self._context, **heard,
        )  # fmt: skip

    async def arms(self, candidate_ids: Sequence[str]) -> dict[str, str]:
        """The arms as the server noted them when the loops were shown."""
        told = await self._server.get(f"exposures?limit={EXPOSURES}")
        wanted = set(candidate_ids)
        return {
            str(each["candidate_id"]): str(each["arm"])
            for each in told["exposures"]
            if each["candidate_id"] in wanted and each["context"] == self._context
        }


def _portions(count: int) -> list[int]:
    """`count` in as few and as equal parts as may be asked for at once."""
    parts = -(-count // AT_ONCE)
    return [count // parts + (place < count % parts) for place in range(parts)]
