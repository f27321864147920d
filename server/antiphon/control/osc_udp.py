"""OSC over UDP: our own datagram protocol, which decodes nothing and never waits.

On Linux the socket also reports which target refused a datagram (IP_RECVERR, see ip(7)), so that a subscriber that has
gone away is noticed.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from antiphon.control.osc_codec import MAX_DATAGRAM_BYTES
from antiphon.control.osc_routes import plain_host

log = logging.getLogger(__name__)

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_RECEIVE_BUFFER_BYTES = 4 << 20
_MAX_WRITE_BACKLOG_BYTES = 1 << 20
_REPORTS_REFUSALS = sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class UdpRoute:
    """A UDP address, reached from the server's own port."""

    endpoint: UdpEndpoint
    host: str
    port: int

    @property
    def transport(self) -> str:
        return "udp"

    @property
    def max_bytes(self) -> int | None:
        return MAX_DATAGRAM_BYTES

    def send(self, packet: bytes) -> None:
        self.endpoint.send(packet, self.host, self.port)

    def work_begins(self) -> None:
        """UDP has no way to slow a sender down."""

    def work_ends(self) -> None:
        """See `work_begins`."""


class UdpEndpoint(asyncio.DatagramProtocol):
    """The server's UDP socket. `receive(packet, route)` is called for every datagram, `refused(host, port)` when a
    target said that nobody listens there."""

    def __init__(
        self, sock: socket.socket, receive: Callable[[bytes, UdpRoute], None], refused: Callable[[str, int], None]
    ) -> None:
        self._sock = sock
        self._receive = receive
        self._refused = refused
        self._transport: asyncio.DatagramTransport | None = None
        self._mapped = sock.family == socket.AF_INET6
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        if _REPORTS_REFUSALS and self._mapped:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        elif _REPORTS_REFUSALS:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        # A datagram from port 0 cannot be answered, and sending to port 0 is an error.
        if addr[1]:
            self._receive(data, UdpRoute(self, plain_host(addr[0]), addr[1]))

    def error_received(self, exc: Exception) -> None:
        self._read_refusals()

    def send(self, packet: bytes, host: str, port: int) -> None:
        """Send one datagram, or drop it where the network can't take it."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        # Every datagram transport of asyncio has this, though its abstract base does not say so.
        if transport.get_write_buffer_size() > _MAX_WRITE_BACKLOG_BYTES:  # type: ignore[attr-defined]
            log.warning("UDP output is congested: a message to %s:%d was dropped", host, port)
            return
        address = (f"::ffff:{host}" if self._mapped and ":" not in host else host, port)
        # A refusal of an earlier datagram is reported by the next send, which then sends nothing: read it, try again.
        for _ in range(4):
            try:
                self._sock.sendto(packet, address)
                return
            except BlockingIOError:
                transport.sendto(packet, address)
                return
            except ConnectionRefusedError:
                self._read_refusals()
            except OSError as error:
                log.warning("a message to %s:%d was not sent: %s", host, port, error)
                return

    def _read_refusals(self) -> None:
        """Empty the socket's error queue; each entry carries the address that could not be reached."""
        if not _REPORTS_REFUSALS:
            return
        for _ in range(256):
            try:
                _, ancillary, _, address = self._sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            # struct sock_extended_err begins with the error number.
            codes = [struct.unpack_from("=I", data)[0] for _, _, data in ancillary if len(data) >= 4]
            if errno.ECONNREFUSED in codes and address:
                self._refused(plain_host(address[0]), address[1])
