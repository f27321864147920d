"""Start and stop the control surfaces: bind the sockets, or say plainly which is taken and what to do."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
from dataclasses import dataclass

from aiohttp import web

from antiphon.control.desk import Desk
from antiphon.control.discovery import Discovery
from antiphon.control.fields import Vocabulary
from antiphon.control.http_guard import Guard
from antiphon.control.http_surface import HttpSurface
from antiphon.control.osc_routes import is_loopback
from antiphon.control.osc_surface import OscSurface
from antiphon.control.osc_udp import UdpEndpoint
from antiphon.control.oscquery import OscQuery
from antiphon.control.oscquery_socket import OscQuerySockets
from antiphon.errors import StartupError
from antiphon.interfaces import default_address
from antiphon.settings import Settings
from antiphon.studio import Studio

log = logging.getLogger(__name__)

_ATTEMPTS_FOR_A_SHARED_PORT = 32
_HTTP_SHUTDOWN_S = 2.0


@dataclass(frozen=True, slots=True)
class ControlHandle:
    """The running surfaces. `osc_port` is the number of both the UDP and the TCP port."""

    osc_port: int
    http_port: int
    base_url: str
    desk: Desk
    discovery: Discovery
    _osc: OscSurface
    _udp: asyncio.DatagramTransport
    _http: HttpSurface
    _sockets: OscQuerySockets
    _runner: web.AppRunner
    _announcing: asyncio.Task[None]

    async def close(self) -> None:
        """Tell subscribers and the network, end streams and connections, and free the ports."""
        self._announcing.cancel()
        await asyncio.gather(self._announcing, return_exceptions=True)
        await self.discovery.close()
        self.desk.close()
        self._http.streams.close()
        self._sockets.close()
        await self._osc.close()
        self._udp.close()
        await self._runner.cleanup()


async def start_control(studio: Studio, settings: Settings, vocabulary: Vocabulary) -> ControlHandle:
    """Serve OSC (UDP and TCP) and HTTP. A port of 0 means any free one. Raises StartupError."""
    if not is_loopback(settings.host) and not settings.token:
        raise StartupError(
            f"host {settings.host} can be reached from the network, and no token is set: set `token` (or "
            "ANTIPHON_TOKEN) to a secret of your own, or keep host 127.0.0.1"
        )
    udp_sock, tcp_sock = _osc_sockets(settings.host, settings.osc_port)
    try:
        http_sock = _bound(settings.host, settings.http_port, socket.SOCK_STREAM, "HTTP", "http_port")
    except StartupError:
        udp_sock.close()
        tcp_sock.close()
        raise
    http_port: int = http_sock.getsockname()[1]
    desk = Desk(studio, settings, vocabulary, f"http://{_reachable_host(settings.host)}:{http_port}")
    osc = OscSurface(desk)
    query = OscQuery(desk, udp_sock.getsockname()[1], http_port)
    sockets = OscQuerySockets(query, osc)
    discovery = Discovery(settings, query.osc_port, http_port, query.rename)
    desk.add_status("discovery", discovery.status)
    http = HttpSurface(desk, Guard(settings, osc.is_admitted, discovery.host_name), query, sockets)
    desk.surfaces += [osc, http, sockets]
    loop = asyncio.get_running_loop()
    endpoint = UdpEndpoint(udp_sock, osc.receive, osc.subscriptions.refused)
    osc.udp = endpoint
    transport, _ = await loop.create_datagram_endpoint(lambda: endpoint, sock=udp_sock)
    await osc.tcp.start(tcp_sock)
    runner = web.AppRunner(http.app, access_log=None, shutdown_timeout=_HTTP_SHUTDOWN_S, handle_signals=False)
    await runner.setup()
    await web.SockSite(runner, http_sock).start()
    announcing = loop.create_task(discovery.run())
    return ControlHandle(
        query.osc_port, http_port, desk.base_url, desk, discovery, osc, transport, http, sockets, runner, announcing
    )


def _osc_sockets(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same port number. Raises StartupError."""
    for _ in range(_ATTEMPTS_FOR_A_SHARED_PORT if port == 0 else 1):
        udp = _bound(host, port, socket.SOCK_DGRAM, "OSC over UDP", "osc_port")
        try:
            return udp, _bound(host, udp.getsockname()[1], socket.SOCK_STREAM, "OSC over TCP", "osc_port")
        except StartupError:
            udp.close()
            if port:
                raise
    raise StartupError("no port number is free for both UDP and TCP: name one with the setting osc_port")


def _bound(host: str, port: int, kind: socket.SocketKind, purpose: str, setting: str) -> socket.socket:
    """A non-blocking socket bound to host and port. Raises StartupError that names the setting to change."""
    transport = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise StartupError(
            f"host {host!r} is not an address of this machine ({error}): change the setting host"
        ) from error
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        # A port that a connection closed a minute ago is free again. (On Windows the option means something else.)
        if kind == socket.SOCK_STREAM and sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
        if kind == socket.SOCK_STREAM:
            sock.listen(128)
    except OSError as error:
        sock.close()
        raise StartupError(_why_not_bound(error, host, port, purpose, transport, setting)) from error
    return sock


def _why_not_bound(error: OSError, host: str, port: int, purpose: str, transport: str, setting: str) -> str:
    option = "--" + setting.replace("_", "-")
    if error.errno == errno.EADDRINUSE:
        return (
            f"{purpose}: {transport} port {port} on {host} is in use, perhaps by another Antiphon. Stop that program, "
            f"or choose another port with {option} (setting {setting})"
        )
    if error.errno == errno.EACCES:
        return f"{purpose}: port {port} needs administrator rights. Choose one above 1023: {option} (setting {setting})"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{purpose}: {host} is not an address of this machine. Change it with --host (setting host)"
    return f"{purpose}: port {port} on {host} can't be opened ({error.strerror}). Choose another with {option}"


def _reachable_host(host: str) -> str:
    """The host in URLs that clients are given: the bound one, or this machine's own address where all are bound."""
    if host not in ("0.0.0.0", "::", ""):
        return f"[{host}]" if ":" in host else host
    return default_address()
