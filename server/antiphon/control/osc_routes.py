"""Ways back to OSC clients, and who a client is."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Route(Protocol):
    """Where a message came from, and hence where its reply goes. Equal routes lead to the same place."""

    @property
    def transport(self) -> str:
        """`udp` or `tcp`."""
        ...

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def max_bytes(self) -> int | None:
        """The largest packet it takes; None for streams."""
        ...

    def __hash__(self) -> int: ...

    def send(self, packet: bytes) -> None:
        """Send, or drop what can't be sent. Never raises, never waits."""
        ...

    def work_begins(self) -> None:
        """A command that came this way is being carried out; a stream may stop reading."""
        ...

    def work_ends(self) -> None: ...


class Recent(OrderedDict[K, V], Generic[K, V]):
    """A dict of the `size` entries that were set last."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._size:
            self.popitem(last=False)


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def plain_host(host: str) -> str:
    """An address without zone, and IPv4 where it is IPv4 in IPv6's clothes: the same machine is one host."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def client_of(route: Route) -> str:
    """The identity of a client that has not named itself: `udp:127.0.0.1:50123`."""
    host = f"[{route.host}]" if ":" in route.host else route.host
    return f"{route.transport}:{host}:{route.port}"


def named_client(name: str, host: str) -> str:
    """The identity of a named client: the same from every port and over every transport of its machine."""
    return f"{name}@{'localhost' if is_loopback(host) else plain_host(host)}"


def udp_address_of(client: str) -> tuple[str, int] | None:
    """The address in an unnamed UDP client's identity, so that its job finds it after a restart of the server."""
    if not client.startswith("udp:"):
        return None
    host, _, port = client.removeprefix("udp:").rpartition(":")
    return (host.strip("[]"), int(port)) if port.isdigit() else None
