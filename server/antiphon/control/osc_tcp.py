"""OSC over TCP: one protocol object per connection, all three framings, and bounds on all that a peer can make grow."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import cast

from antiphon.control.messages import error_message
from antiphon.control.osc_codec import encode
from antiphon.control.osc_framing import BrokenFraming, Framing, SlipFraming, detect
from antiphon.control.osc_routes import plain_host

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64
#: A connection that has not sent one whole packet by then is closed.
FIRST_PACKET_S = 10.0
#: A client that leaves this much unread is cut off.
MAX_UNREAD_BYTES = 1 << 20
_MAX_PENDING = 64


class TcpConnection(asyncio.Protocol):
    """One client; also the route to it. Commands are taken in order, at most 64 under way: then reading pauses."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._framing: Framing | None = None
        self._waiting: deque[bytes] = deque()
        self._pending = 0
        self._paused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._host, self._port = "", 0

    @property
    def transport(self) -> str:
        return "tcp"

    @property
    def host(self) -> str:
        return self._host

    @property
    def port(self) -> int:
        return self._port

    @property
    def max_bytes(self) -> int | None:
        return None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._transport.get_extra_info("peername") or ("", 0)
        self._host, self._port = plain_host(peer[0]), peer[1]
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if not self._server.admit(self):
            self.end("too many connections are open: close one, or use UDP")
            return
        self._deadline = asyncio.get_running_loop().call_later(
            self._server.first_packet_s, self.end, "no OSC packet came: the connection is closed"
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._waiting.clear()
        self._disarm()
        self._server.forget(self)

    def data_received(self, data: bytes) -> None:
        try:
            if self._framing is None:
                self._framing = detect(data)
            packets = self._framing.feed(data)
        except BrokenFraming as error:
            self.end(str(error))
            return
        if packets:
            self._disarm()
            self._waiting.extend(packets)
            self._pump()

    def work_begins(self) -> None:
        self._pending += 1

    def work_ends(self) -> None:
        self._pending -= 1
        self._pump()

    def send(self, packet: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            log.warning("TCP client %s:%d does not read what it is sent: it is cut off", self._host, self._port)
            self._transport.abort()
            return
        framing = self._framing or SlipFraming(leading_end=True)
        self._transport.write(framing.wrap(packet))

    def end(self, reason: str) -> None:
        """Tell the peer why, and close."""
        if self._transport is not None and not self._transport.is_closing():
            self.send(encode(error_message("-", BrokenFraming(reason))))
            self._transport.close()

    def _pump(self) -> None:
        """Hand on packets while few enough are under way; stop reading while there are too many."""
        while self._waiting and self._pending < _MAX_PENDING:
            self._server.receive(self._waiting.popleft(), self)
        if self._transport is None or self._transport.is_closing():
            return
        if self._waiting and not self._paused:
            self._transport.pause_reading()
        elif self._paused and not self._waiting:
            self._transport.resume_reading()
        self._paused = bool(self._waiting)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class TcpServer:
    """All TCP connections. `receive(packet, connection)` is called per packet, `lost(connection)` at its end."""

    def __init__(
        self,
        receive: Callable[[bytes, TcpConnection], None],
        lost: Callable[[TcpConnection], None],
        first_packet_s: float = FIRST_PACKET_S,
    ) -> None:
        self.receive = receive
        self.first_packet_s = first_packet_s
        self._lost = lost
        self._connections: set[TcpConnection] = set()
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        """Accept connections on a bound socket."""
        self._server = await asyncio.get_running_loop().create_server(lambda: TcpConnection(self), sock=sock)

    def admit(self, connection: TcpConnection) -> bool:
        if len(self._connections) >= MAX_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: TcpConnection) -> None:
        self._connections.discard(connection)
        self._lost(connection)

    async def close(self) -> None:
        """Close the listening socket and every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.end("the server is stopping")
        await asyncio.sleep(0)
        await self._server.wait_closed()
