"""The OSC surface: packets in, commands to the desk, replies and events to where each client wants them."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Coroutine
from typing import Any

import antiphon
from antiphon.control import command_values as c
from antiphon.control.command_row import PREFIX, Command
from antiphon.control.decode import decode_osc, find_command, readable_request_id
from antiphon.control.desk import Desk
from antiphon.control.error_budget import ErrorBudget
from antiphon.control.messages import MESSAGES, Message, error_message, message
from antiphon.control.osc_codec import OscCall, UnreadablePacket, decode, encode
from antiphon.control.osc_routes import Recent, Route, client_of, is_loopback, named_client, plain_host, udp_address_of
from antiphon.control.osc_tcp import TcpServer
from antiphon.control.osc_udp import UdpEndpoint, UdpRoute
from antiphon.control.subscriptions import Subscriptions
from antiphon.errors import AntiphonError, InvalidRequest, LimitExceeded, NotFound, OutOfRange, Unauthorized

log = logging.getLogger(__name__)

MAX_AHEAD_S = 60.0
_MAX_SCHEDULED = 1024
_MAX_PENDING = 2048
_CLIENTS_REMEMBERED = 4096


class OscSurface:
    """Everything OSC but the sockets' own bytes. `udp` and `tcp` are set by `server` once their sockets are bound."""

    def __init__(self, desk: Desk, subscriptions: Subscriptions | None = None) -> None:
        self.desk = desk
        self.udp: UdpEndpoint | None = None
        self.tcp = TcpServer(self.receive, self.forget)
        self.subscriptions = subscriptions or Subscriptions(self._tell_ended)
        self._names: Recent[Route, str] = Recent(_CLIENTS_REMEMBERED)
        self._routes: Recent[str, Route] = Recent(_CLIENTS_REMEMBERED)
        self._admitted: Recent[str, bool] = Recent(_CLIENTS_REMEMBERED)
        self._trusted: set[Route] = set()
        #: Who asked for a request, by client and by host.
        self._asked: Recent[tuple[str, c.RequestId], str] = Recent(_CLIENTS_REMEMBERED)
        self._budget = ErrorBudget()
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled: set[asyncio.TimerHandle] = set()

    def receive(self, packet: bytes, route: Route) -> None:
        """Take one packet. Never raises: whatever is wrong is answered with `/antiphon/error`."""
        try:
            calls = decode(packet)
        except UnreadablePacket as error:
            if self._budget.allows(route.host):
                self._complain(route, error.request_id, error)
            return
        for call in calls:
            self._take(call, route)

    def post(self, sent: Message, client: str | None, everyone: bool) -> None:
        """Send to a client (where it wants its replies) and, of events, to all subscribers; to each target once."""
        targets: dict[Route, None] = dict.fromkeys(self.subscriptions.routes() if everyone else ())
        if client is not None:
            targets |= dict.fromkeys(self._ways_to(client, self._route_of(client)))
        for target in targets:
            self._send(target, sent)

    def trust(self, route: Route) -> None:
        """What comes this way has shown the token already."""
        self._trusted.add(route)

    def is_admitted(self, host: str) -> bool:
        """Whether a machine has shown the token."""
        return host in self._admitted

    def forget(self, connection: Route) -> None:
        """A stream has ended: what went there goes nowhere now."""
        self.subscriptions.forget(connection)
        self._names.pop(connection, None)
        self._trusted.discard(connection)
        for client in [client for client, route in self._routes.items() if route is connection]:
            del self._routes[client]

    async def close(self) -> None:
        """Tell subscribers, end what is under way, and close all sockets but the UDP one."""
        for timer in self._scheduled:
            timer.cancel()
        self.subscriptions.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tcp.close()

    def _take(self, call: OscCall, route: Route) -> None:
        ahead_s = 0.0 if call.due_s is None else call.due_s - time.time()
        if ahead_s <= 0:
            self._handle(call, route)
            return
        if ahead_s > MAX_AHEAD_S or len(self._scheduled) >= _MAX_SCHEDULED:
            text = f"the time tag is {ahead_s:.0f} s ahead: at most {MAX_AHEAD_S:.0f} s are taken; check both clocks"
            error = OutOfRange(text) if ahead_s > MAX_AHEAD_S else LimitExceeded("too many bundles wait for their time")
            self._complain(route, readable_request_id(None, call.arguments), error)
            return
        timer: asyncio.TimerHandle

        def due() -> None:
            self._scheduled.discard(timer)
            self._handle(call, route)

        timer = asyncio.get_running_loop().call_later(ahead_s, due)
        self._scheduled.add(timer)

    def _handle(self, call: OscCall, route: Route) -> None:
        row: Command | None = None
        try:
            row, path = find_command(call.address)
            command = decode_osc(row, path, call.arguments, self.desk.bounds)
            client = self._identify(command, route)
            if isinstance(command, (c.Hello, c.Subscribe, c.Unsubscribe)):
                self._session_command(command, client, route)
            elif len(self._tasks) >= _MAX_PENDING:
                raise LimitExceeded("the server is busy with too many messages at once: send this again in a moment")
            else:
                self._start(self._perform(command, client, route, readable_request_id(row, call.arguments)), route)
        except AntiphonError as error:
            # Our own messages, sent back by another server or a mirror, would go to and fro for ever.
            echo = call.address.removeprefix(PREFIX) in MESSAGES
            if row is not None or (not echo and self._budget.allows(route.host)):
                self._complain(route, readable_request_id(row, call.arguments), error)

    def _identify(self, command: c.AnyCommand, route: Route) -> str:
        """The client behind a route; it is remembered where its replies go. Raises Unauthorized."""
        token = self.desk.settings.token
        if isinstance(command, c.Hello):
            if command.token and hmac.compare_digest(command.token.encode(), token.encode()):
                self._admitted[route.host] = True
            if command.client_name:
                self._names[route] = named_client(command.client_name, route.host)
        if token and not (is_loopback(route.host) or route.host in self._admitted or route in self._trusted):
            raise Unauthorized(
                "this server has a token: send /antiphon/hello ID NAME token TOKEN from this machine first"
            )
        client = self._names.get(route) or client_of(route)
        self._routes[client] = route
        if isinstance(command, c.Generate | c.Breeder):
            self._asked[client, command.request_id] = self._asked[route.host, command.request_id] = client
        if isinstance(command, c.Cancel) and udp_address_of(client):
            # Who sends each message from a new port, as programs in a shell do, can still cancel.
            own = self._asked.get((client, command.request_id))
            return own or self._asked.get((route.host, command.request_id), client)
        return client

    def _session_command(self, command: c.Hello | c.Subscribe | c.Unsubscribe, client: str, route: Route) -> None:
        match command:
            case c.Hello():
                settings = self.desk.settings
                answer = message(
                    "/welcome",
                    command.request_id,
                    antiphon.__version__,
                    antiphon.PROTOCOL_VERSION,
                    settings.server_name,
                )
                self._reply(client, self._route_of(client) or route, answer)
            case c.Subscribe():
                target = self._target(command.port, command.host, route)
                # Whoever listens on another port than the sending one may send from many.
                self.subscriptions.add(client, target, command.ttl_s, for_machine=target != route)
                self._send(target, message("/subscribed", target.port, command.ttl_s))
            case c.Unsubscribe():
                self._unsubscribe(command, client, route)

    def _unsubscribe(self, command: c.Unsubscribe, client: str, route: Route) -> None:
        target = self._target(command.port, command.host, route) if command.port else self.subscriptions.of(client)
        if target is None or not self.subscriptions.drop(target):
            raise NotFound("there is no such subscription")
        if target != route:
            self._send(route, message("/subscribed", target.port, -1.0))

    def _target(self, port: int, host: str, route: Route) -> Route:
        """Where a subscription goes. Only the sender's own machine: else anybody could have us flood anybody."""
        own = not host or plain_host(host) == route.host or (is_loopback(host) and is_loopback(route.host))
        if not own:
            raise InvalidRequest(f"host must be your own address, {route.host}: events are not sent to other machines")
        if port == 0 or self.udp is None:
            return route
        return UdpRoute(self.udp, plain_host(host) if host and host != "localhost" else route.host, port)

    async def _perform(self, command: c.AnyCommand, client: str, route: Route, request_id: c.RequestId) -> None:
        events_before = self.desk.current_events
        try:
            refresh = isinstance(command, c.Refresh)
            answers = await self.desk.state() if refresh else await self.desk.perform(command, client)
        except AntiphonError as error:
            answers = [error_message(request_id, error)]
        except Exception:
            # The outermost boundary: one command's bug must not silence the server.
            log.exception("a command failed")
            answers = [
                error_message(request_id, AntiphonError("something went wrong in the server: its log says what"))
            ]
        subscribed = self.subscriptions.of(client)
        told = isinstance(command, c.Audition) and subscribed and self.desk.current_events > events_before
        # The route of the request itself, not of the client's latest one: each gets its own reply.
        for answer in () if told else answers:
            self._reply(client, route, answer)

    def _start(self, work: Coroutine[Any, Any, None], route: Route) -> None:
        route.work_begins()
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            route.work_ends()

        task.add_done_callback(ended)

    def _route_of(self, client: str) -> Route | None:
        found = self.subscriptions.of(client) or self._routes.get(client)
        address = udp_address_of(client)
        if found is None and address and self.udp is not None:
            return UdpRoute(self.udp, *address)
        return found

    def _complain(self, route: Route, request_id: c.RequestId, error: AntiphonError) -> None:
        client = self._names.get(route) or client_of(route)
        self._reply(client, route, error_message(request_id, error))

    def _ways_to(self, client: str, route: Route | None) -> list[Route]:
        """Where a client's replies go: where it subscribed; else its route, and where its machine listens for such."""
        subscribed = self.subscriptions.of(client)
        if subscribed is not None:
            return [subscribed]
        address = udp_address_of(client)
        elsewhere = self.subscriptions.of_machine(address[0]) if address else []
        return elsewhere if route is None else [route, *(way for way in elsewhere if way != route)]

    def _reply(self, client: str, route: Route, sent: Message) -> None:
        for way in self._ways_to(client, route):
            self._send(way, sent)

    def _send(self, route: Route, sent: Message) -> None:
        route.send(encode(sent, route.max_bytes))

    def _tell_ended(self, route: Route) -> None:
        self._send(route, message("/subscribed", route.port, -1.0))
