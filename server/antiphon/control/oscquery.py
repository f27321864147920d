"""OSCQuery over HTTP: the namespace at `/`, every node at its own address, one attribute after the `?`.

The start page lives at `/` too: a browser says that it takes HTML and gets the page, everybody else gets the namespace.
Status codes are the proposal's: 204 for an attribute that the node does not have, 400 for one that nobody knows, 404
for an address that is not there.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from antiphon.control.command_row import PREFIX
from antiphon.control.desk import Desk
from antiphon.control.http_json import Handler
from antiphon.control.messages import Message, message
from antiphon.control.osc_routes import plain_host
from antiphon.control.oscquery_tree import ATTRIBUTES, namespace, node_at
from antiphon.domain.candidate import Candidate
from antiphon.errors import InvalidRequest, NotFound, OutOfRange

HOST_INFO = "HOST_INFO"
#: So many of the newest candidates stand in the namespace.
CANDIDATES_SHOWN = 32
_EXTENSIONS = {
    name: name in ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CRITICAL", "OVERLOADS", "LISTEN", "PATH_ADDED",
                   "PATH_REMOVED")
    for name in ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "TAGS", "EXTENDED_TYPE", "UNIT", "CRITICAL", "CLIPMODE",
                 "OVERLOADS", "HTML", "LISTEN", "PATH_CHANGED", "PATH_RENAMED", "PATH_ADDED", "PATH_REMOVED", "ECHO")
}  # fmt: skip


class OscQuery:
    """Answers queries about the namespace. `name` is what other machines know this server by."""

    def __init__(self, desk: Desk, osc_port: int, http_port: int) -> None:
        self.name = desk.settings.server_name
        self._desk = desk
        self.osc_port = osc_port
        self._http_port = http_port

    def rename(self, name: str) -> None:
        """Take the name that the server is found by, which differs from its own where another has that."""
        self.name = name

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """GET of an address, whole or for some of its attributes. Raises NotFound and InvalidRequest."""
        asked = asked_attributes(request)
        if HOST_INFO in asked:
            return web.json_response(self._host_info(request))
        for attribute in asked:
            if attribute not in ATTRIBUTES:
                raise OutOfRange(
                    f"there is no attribute {attribute[:40]!r}: the attributes are {', '.join(ATTRIBUTES)}"
                )
        node = node_at(await self.tree(), request.path)
        if node is None:
            raise NotFound(f"there is no OSC address {request.path[:80]}: GET {PREFIX} names those that there are")
        found = {name: node[name] for name in asked if name in node} if asked else node
        return web.json_response(found) if found else web.Response(status=204)

    async def tree(self) -> dict[str, Any]:
        """The whole namespace as it is now."""
        return namespace(self._desk.bounds, await self.state(), await self.candidates(), self.name)

    async def state(self) -> list[Message]:
        """The messages that hold the present values."""
        state = await self._desk.state()
        active = [sent for sent in state if sent.address == "/model" and sent.named()["state"] == "active"]
        return state + [message("/model/changed", sent.named()["version"]) for sent in active]

    async def candidates(self) -> list[Candidate]:
        """Those that stand in the namespace, newest first."""
        return await self._desk.studio.candidates(CANDIDATES_SHOWN)

    def _host_info(self, request: web.Request) -> dict[str, Any]:
        own = request.transport.get_extra_info("sockname") if request.transport else None
        # The address that the client itself used: of several, it is the one that it can reach.
        address = plain_host(own[0]) if own else self._desk.settings.host
        return {
            "NAME": self.name,
            "OSC_IP": address,
            "OSC_PORT": self.osc_port,
            "OSC_TRANSPORT": "UDP",
            "WS_IP": address,
            "WS_PORT": self._http_port,
            "EXTENSIONS": _EXTENSIONS,
        }


def asked_attributes(request: web.Request) -> list[str]:
    """What stands after the `?`. Raises InvalidRequest for `key=value`, which this server does not take here."""
    asked = [part.removesuffix("=") for part in request.query_string.split("&") if part]
    if any("=" in part for part in asked):
        raise InvalidRequest("OSCQuery asks for attributes by their names, as in ?VALUE: nothing is set over HTTP here")
    return asked


def at_root(page: Handler, query: Handler, socket: Handler) -> Handler:
    """What `/` is to whom: a WebSocket to who upgrades, the page to browsers, the namespace to all others."""

    async def serve(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await socket(request)
        return await (page if wants_page(request) else query)(request)

    return serve


def wants_page(request: web.Request) -> bool:
    """Whether a request for `/` comes from somebody who wants to read: it names HTML, and asks for no attribute."""
    asked = request.query_string.partition("&")[0].removesuffix("=")
    return "text/html" in request.headers.get("Accept", "") and asked not in (HOST_INFO, *ATTRIBUTES)
