"""Who may use the HTTP surface: defence against DNS rebinding, cross-site requests and strangers.

Two checks that each close what the other leaves open: the Host header must be one of ours (a rebound name is not), and
a browser must not be acting for another site's page (Origin, Sec-Fetch-Site). A token, where set, comes on top.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import web

from antiphon.control.command_row import PREFIX
from antiphon.control.osc_routes import is_loopback, plain_host
from antiphon.errors import Forbidden, Unauthorized
from antiphon.settings import Settings

COOKIE = "antiphon_session"
#: Pages a link on another site may lead to; they do nothing by themselves.
_PAGES = ("/", "/docs")
#: What a browser must be able to load before anybody has signed in.
_PUBLIC = ("/sign-in", "/static/style.css")


class Guard:
    """Checks each request. `check` raises Forbidden or Unauthorized. `admitted(host)` says whether a machine has shown
    the token by OSC; `announced` is the host name that discovery tells the network."""

    def __init__(self, settings: Settings, admitted: Callable[[str], bool], announced: str) -> None:
        self._admitted = admitted
        self._token = settings.token
        self._open_to_network = not is_loopback(settings.host)
        self._names = _own_names(settings.host) | ({announced} if self._open_to_network else set())

    def check(self, request: web.Request) -> None:
        """Let the request pass or raise."""
        self._check_host(request.headers.getall("Host", []))
        self._check_site(request)
        if self._token and request.path not in _PUBLIC and not (self.signed_in(request) or self._may_query(request)):
            raise Unauthorized(
                "this server has a token: send it as 'Authorization: Bearer TOKEN', or open / in a browser to sign in"
            )

    def signed_in(self, request: web.Request) -> bool:
        """Whether the request carries the token, or the cookie that stands for it."""
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.is_token(shown.strip()):
            return True
        return hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), self.cookie.encode())

    def _may_query(self, request: web.Request) -> bool:
        """OSCQuery clients can send no header: for them counts that their machine has shown the token by OSC."""
        nowhere = request.match_info.http_exception is not None  # who asks for an address that is not there is told so
        asks = nowhere or request.path == "/" or (request.path + "/").startswith(PREFIX + "/")
        person = "text/html" in request.headers.get("Accept", "")
        return asks and not person and self._admitted(plain_host(request.remote or ""))

    def is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self._token.encode())

    @property
    def cookie(self) -> str:
        """The session cookie's value: made from the token, but not the token."""
        return hmac.new(self._token.encode(), b"antiphon session cookie", hashlib.sha256).hexdigest()

    def _check_host(self, hosts: list[str]) -> None:
        if len(hosts) == 1 and self._is_own(_host_name(hosts[0])):
            return
        raise Forbidden("the Host header does not name this server: use its address, as in http://127.0.0.1:9011")

    def _is_own(self, name: str) -> bool:
        if name in self._names:
            return True
        # An address can't be rebound, so on a network any address of ours will do; names must be known.
        return self._open_to_network and _is_address(name)

    def _check_site(self, request: web.Request) -> None:
        origin = request.headers.getall("Origin", [])
        own = {f"http://{request.headers['Host'].lower()}", f"https://{request.headers['Host'].lower()}"}
        if any(each.lower() not in own for each in origin):
            raise Forbidden("a page of another site may not use this server")
        site = request.headers.get("Sec-Fetch-Site", "none").lower()
        if site in ("none", "same-origin"):
            return
        navigates = request.headers.get("Sec-Fetch-Mode") == "navigate"
        top_level = request.headers.get("Sec-Fetch-Dest") == "document"
        if not (navigates and top_level and request.method == "GET" and request.path in _PAGES):
            raise Forbidden("a page of another site may not use this server")


def _own_names(host: str) -> frozenset[str]:
    names = {"localhost", "127.0.0.1", "::1", host.strip("[]").lower()} - {"0.0.0.0", "::", ""}
    if not is_loopback(host):
        machine = socket.gethostname().lower()
        names |= {machine, machine.partition(".")[0], machine.partition(".")[0] + ".local"}
    return frozenset(names)


def _host_name(header: str) -> str:
    """The name or address in a Host header, without port and brackets; empty where it is not one."""
    if any(character in header for character in "/@?#\\ \t,"):
        return ""
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
    except ValueError:
        return ""
    return (parts.hostname or "").lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
