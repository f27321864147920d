"""Who has asked for replies and events at an address of their own, until when, and whether anybody is there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from antiphon.control.osc_routes import Route
from antiphon.errors import LimitExceeded

log = logging.getLogger(__name__)

MAX_SUBSCRIPTIONS = 64
#: Refusals closer together than this belong to the same absence.
_SAME_ABSENCE_S = 60.0


@dataclass(slots=True)
class Subscription:
    """A target; `clients` are those whose replies go there too. `for_machine`: so do those of senders on its machine
    that have no name and no subscription."""

    route: Route
    for_machine: bool = False
    clients: set[str] = field(default_factory=set)
    expiry: asyncio.TimerHandle | None = None
    refusals: int = 0
    first_refusal_s: float = 0.0
    last_refusal_s: float = 0.0


class Subscriptions:
    """All subscriptions. `ended(route)` is called just before one is dropped, so that its target can be told.

    A UDP target is dropped after `refusals` datagrams were refused within one absence that lasts `absence_s` or more;
    a TCP target when its connection closes.
    """

    def __init__(self, ended: Callable[[Route], None], refusals: int = 5, absence_s: float = 5.0) -> None:
        self._ended = ended
        self._refusals = refusals
        self._absence_s = absence_s
        self._by_route: dict[Route, Subscription] = {}

    def __len__(self) -> int:
        return len(self._by_route)

    def add(self, client: str, route: Route, ttl_s: float, for_machine: bool = False) -> None:
        """Subscribe, or renew. The client's replies go there from now on. Raises LimitExceeded beyond 64 targets."""
        found = self._by_route.get(route)
        if found is None:
            if len(self._by_route) >= MAX_SUBSCRIPTIONS:
                raise LimitExceeded(
                    f"{MAX_SUBSCRIPTIONS} subscriptions exist already: end one with /antiphon/unsubscribe"
                )
            found = self._by_route[route] = Subscription(route)
        for other in self._by_route.values():
            other.clients.discard(client)
        found.clients.add(client)
        found.for_machine = for_machine
        found.refusals = 0
        if found.expiry:
            found.expiry.cancel()
        found.expiry = asyncio.get_running_loop().call_later(ttl_s, self.drop, route) if ttl_s > 0 else None

    def drop(self, route: Route) -> bool:
        """End a subscription after telling its target; False where there is none."""
        if route not in self._by_route:
            return False
        self._ended(route)
        self.forget(route)
        return True

    def forget(self, route: Route) -> None:
        """End a subscription whose target can't be told any more."""
        found = self._by_route.pop(route, None)
        if found and found.expiry:
            found.expiry.cancel()

    def of(self, client: str) -> Route | None:
        """Where a client's replies go; None where it has not subscribed."""
        return next((found.route for found in self._by_route.values() if client in found.clients), None)

    def of_machine(self, host: str) -> list[Route]:
        """Where the replies to a machine's senders without name or subscription go, beside their own port."""
        return [route for route, found in self._by_route.items() if found.for_machine and route.host == host]

    def find(self, host: str, port: int) -> Route | None:
        """The subscribed UDP target at an address."""
        return next((r for r in self._by_route if r.transport == "udp" and (r.host, r.port) == (host, port)), None)

    def routes(self) -> list[Route]:
        return list(self._by_route)

    def refused(self, host: str, port: int) -> None:
        """Note that nobody listens at a target."""
        route = self.find(host, port)
        if route is None:
            return
        found, now_s = self._by_route[route], time.monotonic()
        if not found.refusals or now_s - found.last_refusal_s > _SAME_ABSENCE_S:
            found.refusals, found.first_refusal_s = 0, now_s
        found.refusals += 1
        found.last_refusal_s = now_s
        if found.refusals >= self._refusals and now_s - found.first_refusal_s >= self._absence_s:
            log.warning("subscriber %s:%d has been unreachable: it is dropped", host, port)
            self.drop(route)

    def close(self) -> None:
        for route in self.routes():
            self.drop(route)
