"""On which of this machine's network interfaces the server can be found, and why it can't where it can't."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

import psutil

from antiphon.settings import Settings

MDNS_GROUP = "224.0.0.251"
MDNS_PORT = 5353
_ALL = ("0.0.0.0", "::", "")


@dataclass(frozen=True, slots=True)
class Reach:
    """IPv4 addresses on which to announce, the one that most peers can reach first; where there are none, `reason` says
    why, and `fault` whether that is something to mend."""

    addresses: tuple[str, ...] = ()
    reason: str = ""
    fault: bool = False


def reach(settings: Settings) -> Reach:
    """Where `settings` have the server announced now; interfaces come and go, so ask again from time to time."""
    if settings.discovery == "off":
        return Reach(reason="switched off (setting discovery)")
    own = own_addresses()
    served = _served(settings.host, own)
    if settings.discovery == "auto":
        chosen = [address for address in served if not ipaddress.ip_address(address).is_loopback]
        if not chosen:
            return _nowhere(settings.host, served)
    else:
        named = [part.strip() for part in settings.discovery.split(",") if part.strip()]
        chosen = [address for address in served if address in named or own.get(address) in named]
        if not chosen:
            text = f"the server does not listen on {', '.join(named)} (settings discovery and host)"
            return Reach(reason=text, fault=True)
    faults = {address: multicast_fault(address) for address in chosen}
    able = tuple(sorted((each for each in chosen if not faults[each]), key=lambda each: each != default_address()))
    if able:
        return Reach(able)
    why = "; ".join(f"{address}: {fault}" for address, fault in faults.items())
    return Reach(reason=f"no multicast on this network ({why})", fault=True)


def own_addresses() -> dict[str, str]:
    """This machine's IPv4 addresses, each with its interface's name."""
    found = {}
    for name, addresses in psutil.net_if_addrs().items():
        found.update({each.address: name for each in addresses if each.family == socket.AF_INET})
    return found


def default_address() -> str:
    """The own address that is used towards the rest of the network; loopback where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a UDP socket sends nothing: it only asks which of our addresses would be used.
            probe.connect(("192.0.2.1", 9))
            address: str = probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
    return address


def multicast_fault(address: str) -> str:
    """Why multicast DNS can't be sent and heard on the interface with this address; empty where it can."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP) as trial:
            membership = socket.inet_aton(MDNS_GROUP) + socket.inet_aton(address)
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            trial.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
            # A TTL of 0 keeps this empty datagram on the machine: it only shows whether there is a route.
            trial.sendto(b"", (MDNS_GROUP, MDNS_PORT))
    except OSError as fault:
        return fault.strerror or str(fault)
    return ""


def _served(host: str, own: dict[str, str]) -> list[str]:
    """The own IPv4 addresses at which a server bound to `host` answers."""
    if host in _ALL:
        return list(own)
    try:
        bound = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, family=socket.AF_INET)}
    except OSError:
        return []
    return sorted(bound)


def _nowhere(host: str, served: list[str]) -> Reach:
    if host not in _ALL and (served or host == "::1"):
        return Reach(reason=f"host {host} lets in programs of this machine only")
    if host in _ALL:
        return Reach(reason="this machine is on no network now")
    return Reach(reason=f"host {host} has no IPv4 address, and only these are announced")
