"""OSCQuery over WebSocket: LISTEN and IGNORE as JSON text, OSC packets both ways as binary, paths that come and go.

What a client sends as binary is an OSC packet like any other: replies come back over the same socket. So whoever can
open a WebSocket and nothing else, a browser for instance, has the whole protocol.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from aiohttp import WSMsgType, web

from antiphon.control.command_row import PREFIX
from antiphon.control.events import Mailbox
from antiphon.control.messages import Message, Value
from antiphon.control.osc_codec import MAX_PACKET_BYTES, encode_values
from antiphon.control.osc_routes import plain_host
from antiphon.control.osc_surface import OscSurface
from antiphon.control.oscquery import OscQuery
from antiphon.control.oscquery_tree import READABLE, node_at, readings
from antiphon.errors import AntiphonError, InvalidRequest, LimitExceeded, NotFound

log = logging.getLogger(__name__)

MAX_SOCKETS = 64
HEARTBEAT_S = 15.0
_MAX_PENDING = 64
_MAX_LISTENED = 1024
Frame = str | bytes


class SocketRoute:
    """The way back over one WebSocket (`osc_routes.Route`), and what its client listens to."""

    transport = "ws"
    max_bytes = None

    def __init__(self, host: str, port: int, mailbox: Mailbox[Frame]) -> None:
        self.host, self.port, self.mailbox = host, port, mailbox
        self.listened: set[str] = set()
        self._under_way = 0
        self._free = asyncio.Event()
        self._free.set()

    def send(self, packet: bytes) -> None:
        self.mailbox.put(packet)

    def work_begins(self) -> None:
        self._under_way += 1
        if self._under_way >= _MAX_PENDING:
            self._free.clear()

    def work_ends(self) -> None:
        self._under_way -= 1
        if self._under_way < _MAX_PENDING:
            self._free.set()

    async def until_free(self) -> None:
        """Wait while too many of its commands are under way."""
        await self._free.wait()

    def listens_to(self, path: str) -> bool:
        """Whether it listens to this address or to a container around it."""
        return any(path == each or path.startswith(each.rstrip("/") + "/") for each in self.listened)


class OscQuerySockets:
    """All OSCQuery WebSockets; a surface of the desk, from which it hears what changes."""

    def __init__(self, query: OscQuery, osc: OscSurface) -> None:
        self._query = query
        self._osc = osc
        self._routes: set[SocketRoute] = set()
        self._shown: set[str] = set()
        self._stale = False
        self._looking: asyncio.Task[None] | None = None

    def post(self, sent: Message, client: str | None, everyone: bool) -> None:
        """Stream the values that a message tells to whoever listens to them."""
        for path, value in readings(sent):
            for route in self._routes:
                if route.listens_to(path):
                    route.send(encode_values(path, (value,)))
        if sent.address == "/job" and sent.named()["state"] == "done" and self._routes:
            self._stale = True
            if self._looking is None:
                self._looking = asyncio.get_running_loop().create_task(self._look_again())

    def close(self) -> None:
        """End all sockets."""
        if self._looking is not None:
            self._looking.cancel()
        for route in self._routes:
            route.mailbox.close()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket, from its opening to its end. Raises LimitExceeded where too many are open."""
        if len(self._routes) >= MAX_SOCKETS:
            raise LimitExceeded(f"{MAX_SOCKETS} OSCQuery sockets are open already: close one")
        route = self._route(request)
        if not self._routes:
            self._shown = {each.candidate_id for each in await self._query.candidates()}
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_PACKET_BYTES)
        self._routes.add(route)
        try:
            await socket.prepare(request)
            sender = asyncio.create_task(_send_all(socket, route.mailbox))
            try:
                await self._receive_all(socket, route)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
        finally:
            self._routes.discard(route)
            self._osc.forget(route)
        return socket

    def _route(self, request: web.Request) -> SocketRoute:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        host, port = (plain_host(peer[0]), int(peer[1])) if peer else ("", 0)

        def cut_off() -> None:
            if request.transport is not None:
                log.warning("OSCQuery client %s:%d does not read what it is sent: it is cut off", host, port)
                request.transport.abort()

        route = SocketRoute(host, port, Mailbox(f"ws:{host}:{port}", cut_off))
        # Whoever got here has passed the guard, and with it the token where there is one.
        self._osc.trust(route)
        return route

    async def _receive_all(self, socket: web.WebSocketResponse, route: SocketRoute) -> None:
        async for frame in socket:
            if frame.type is WSMsgType.BINARY:
                await route.until_free()
                self._osc.receive(frame.data, route)
            elif frame.type is WSMsgType.TEXT:
                try:
                    await self._command(frame.data, route)
                except AntiphonError as error:
                    route.mailbox.put(_command("ERROR", {"code": error.code, "message": error.message}))

    async def _command(self, text: str, route: SocketRoute) -> None:
        """LISTEN or IGNORE. Listening to what has no value is no mistake: clients listen to all that they see."""
        name, path = _read_command(text)
        if name == "IGNORE":
            route.listened.discard(path)
            return
        if len(route.listened) >= _MAX_LISTENED:
            raise LimitExceeded(f"at most {_MAX_LISTENED} addresses are listened to over one socket")
        if path not in READABLE and node_at(await self._query.tree(), path) is None:
            raise NotFound(f"there is no OSC address {path[:80]}: GET {PREFIX} names those that there are")
        route.listened.add(path)
        # What changed between the client's reading and its listening would be missed otherwise.
        for at, value in await self._values():
            if at == path or at.startswith(path.rstrip("/") + "/"):
                route.send(encode_values(at, (value,)))

    async def _values(self) -> list[tuple[str, Value]]:
        return [reading for sent in await self._query.state() for reading in readings(sent)]

    async def _look_again(self) -> None:
        """Say which candidates have come into the namespace, and which have left it."""
        try:
            while self._stale:
                self._stale = False
                ids = {each.candidate_id for each in await self._query.candidates()}
                self._tell("PATH_REMOVED", self._shown - ids)
                self._tell("PATH_ADDED", ids - self._shown)
                self._shown = ids
        except AntiphonError as error:
            log.warning("OSCQuery clients could not be told of new candidates: %s", error)
        finally:
            self._looking = None

    def _tell(self, command: str, candidate_ids: set[str]) -> None:
        for candidate_id in sorted(candidate_ids):
            for route in self._routes:
                route.mailbox.put(_command(command, f"{PREFIX}/candidate/{candidate_id}"))


def _command(name: str, data: object) -> str:
    return json.dumps({"COMMAND": name, "DATA": data})


def _read_command(text: str) -> tuple[str, str]:
    """COMMAND and DATA of a text frame. Raises InvalidRequest."""
    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"not JSON: {str(error)[:200]}") from error
    name, path = (body.get("COMMAND"), body.get("DATA")) if isinstance(body, dict) else (None, None)
    if name not in ("LISTEN", "IGNORE"):
        raise InvalidRequest('text is {"COMMAND": "LISTEN", "DATA": ADDRESS}, or IGNORE; OSC packets go as binary')
    if not isinstance(path, str) or not path.startswith("/"):
        raise InvalidRequest(f"the DATA of {name} is an OSC address, as {PREFIX}/tempo")
    return name, path


async def _send_all(socket: web.WebSocketResponse, mailbox: Mailbox[Frame]) -> None:
    while True:
        try:
            frame = await mailbox.get(60.0)
        except TimeoutError:
            continue
        if frame is None:
            await socket.close(message=b"the server is stopping, or the stream was not read fast enough")
            return
        await (socket.send_bytes(frame) if isinstance(frame, bytes) else socket.send_str(frame))
