"""What was answered to which request, so that one that is sent again gets the same answers and does its work once.

The ledger below is what makes this durable; this bounded memory makes it exact and cheap while the server runs.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from antiphon.control.command_values import RequestId
from antiphon.control.messages import Message


class ExchangeKey(NamedTuple):
    """Whose request it is, for which command, under which id of the client's own (1 and "1" are two ids)."""

    client: str
    command: str
    request_id: RequestId


@dataclass(slots=True)
class Exchange:
    """One request and its answers. `first` is the direct answer, still to come while the studio works on it; messages
    that come before it has gone out wait in `held`. `told` are those that followed it, without progress."""

    request: object
    first: asyncio.Future[list[Message]]
    released: bool = False
    ended: bool = False
    held: list[Message] = field(default_factory=list)
    told: list[Message] = field(default_factory=list)


class Exchanges:
    """The last exchanges of all clients, at most `size`; the least recently used are forgotten first."""

    def __init__(self, size: int = 2048) -> None:
        self._size = size
        self._entries: OrderedDict[ExchangeKey, Exchange] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: ExchangeKey) -> Exchange | None:
        found = self._entries.get(key)
        if found:
            self._entries.move_to_end(key)
        return found

    def begin(self, key: ExchangeKey, request: object) -> Exchange:
        """Open an exchange whose direct answer is to come."""
        entry = Exchange(request, asyncio.get_running_loop().create_future())
        # A failure reaches whoever asked; nobody else needs to have waited for it.
        entry.first.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._entries[key] = entry
        for old in self._surplus():
            del self._entries[old]
        return entry

    def forget(self, key: ExchangeKey) -> None:
        """Drop an exchange in which no work was started: the id is free again."""
        self._entries.pop(key, None)

    def _surplus(self) -> list[ExchangeKey]:
        """The oldest answered ones beyond the size; those still being answered are never dropped."""
        excess = len(self._entries) - self._size
        if excess <= 0:
            return []
        answered: Iterator[ExchangeKey] = (key for key, entry in self._entries.items() if entry.first.done())
        return [key for _, key in zip(range(excess), answered, strict=False)]
