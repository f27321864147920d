"""The HTTP surface: one route per command of the table, reading routes, event streams, files and pages."""

from __future__ import annotations

import json
from importlib.resources import files

from aiohttp import web
from aiohttp.typedefs import Middleware

from antiphon.control.command_row import PREFIX, Command
from antiphon.control.command_values import Status
from antiphon.control.commands import COMMANDS
from antiphon.control.decode import decode_values, new_request_id, parse_request_id
from antiphon.control.desk import Desk
from antiphon.control.docs_page import docs_html
from antiphon.control.events import TERMINAL
from antiphon.control.fields import ID_PATTERN, Bounds, Field
from antiphon.control.http_events import EventStreams
from antiphon.control.http_export import ExportRoute
from antiphon.control.http_files import FileRoutes
from antiphon.control.http_guard import COOKIE, Guard
from antiphon.control.http_json import (
    Handler,
    body_of,
    candidate_json,
    client_of_request,
    errors_as_json,
    job_json,
    request_id,
)
from antiphon.control.http_learning import LearningRoutes
from antiphon.control.http_midi import MidiRoutes
from antiphon.control.http_references import ReferenceRoutes
from antiphon.control.messages import Message
from antiphon.control.openapi import openapi
from antiphon.control.oscquery import OscQuery, at_root, wants_page
from antiphon.control.oscquery_socket import OscQuerySockets
from antiphon.errors import InvalidRequest, NotFound, Unauthorized

MAX_BODY_BYTES = 1 << 20
_LIMIT = Field("limit", "int", "how many, newest first", "candidates", 1, 500)
_PAGE_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class HttpSurface:
    """Everything HTTP but the listening socket. `app` is to be run by `server`."""

    def __init__(self, desk: Desk, guard: Guard, query: OscQuery, sockets: OscQuerySockets) -> None:
        self._desk = desk
        self._guard = guard
        self._query = query
        self._sockets = sockets
        self.streams = EventStreams(desk)
        # The guard is inside, so that what it refuses is said as JSON too.
        self.app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[errors_as_json, self._guarded()])
        self.app.on_response_prepare.append(_add_security_headers)
        self._add_routes()

    def post(self, sent: Message, client: str | None, everyone: bool) -> None:
        self.streams.post(sent, client, everyone)

    def _guarded(self) -> Middleware:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._guard.check(request)
            except Unauthorized:
                if request.path == "/" and request.method == "GET" and wants_page(request):
                    return _page("sign-in.html", status=401)
                raise
            return await handler(request)

        return guarded

    def _add_routes(self) -> None:
        add = self.app.router
        for row in COMMANDS.values():
            if not row.osc_only:
                add.add_post(row.http_path, self._command_handler(row))
        add.add_get("/api/status", self._status)
        add.add_get("/api/candidates", self._candidates)
        add.add_get("/api/candidates/{candidate_id}", self._candidate)
        add.add_get("/api/jobs/{job_id}", self._job)
        add.add_get("/api/events", self.streams.sse)
        add.add_get("/api/ws", self.streams.websocket)
        add.add_get(r"/files/{tail:[\s\S]*}", FileRoutes(self._desk).get)
        add.add_get("/api/export/{kind}", ExportRoute(self._desk).get)
        MidiRoutes(self._desk).add_to(add)
        LearningRoutes(self._desk).add_to(add)
        ReferenceRoutes(self._desk).add_to(add)
        add.add_get("/openapi.json", self._openapi)
        add.add_get("/docs", self._docs)
        add.add_get("/", at_root(_serve("index.html"), self._query.answer, self._sockets.serve))
        add.add_get("/midi", _serve("midi.html"))
        add.add_get(PREFIX, self._query.answer)
        add.add_get(PREFIX + r"/{tail:[\s\S]*}", self._query.answer)
        add.add_get("/static/style.css", _serve("style.css"))
        add.add_get("/static/app.js", _serve("app.js"))
        add.add_get("/static/player.js", _serve("player.js"))
        add.add_get("/static/midi.js", _serve("midi.js"))
        add.add_get("/favicon.ico", _serve("icon.svg"))
        add.add_post("/sign-in", self._sign_in)

    def _command_handler(self, row: Command) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            values = await body_of(request)
            for f in row.path_fields:
                if f.name in values:
                    raise InvalidRequest(f"{f.name} stands in the address: leave it out of the body")
                values[f.name] = request.match_info[f.name]
            if row.id_name in values:
                request_id.set(parse_request_id(row.id_name, values[row.id_name]))
            elif row.id_name and row.name != "cancel":
                values[row.id_name] = new_request_id()
                request_id.set(str(values[row.id_name]))
            command = decode_values(row, values, self._desk.bounds)
            answers = await self._desk.perform(command, client_of_request(request))
            return _answer(row, answers)

        return handle

    async def _status(self, request: web.Request) -> web.StreamResponse:
        answers = await self._desk.perform(Status(new_request_id()), client_of_request(request))
        return web.json_response(json.loads(str(answers[0].values[1])))

    async def _candidates(self, request: web.Request) -> web.StreamResponse:
        asked = request.query.get("limit", "50")
        limit = _LIMIT.parse(
            int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else asked, self._bounds
        )
        found = await self._desk.studio.candidates(limit)
        return web.json_response({"candidates": [candidate_json(each, self._desk.base_url) for each in found]})

    async def _candidate(self, request: web.Request) -> web.StreamResponse:
        candidate_id = _known_form(request.match_info["candidate_id"], "candidate")
        candidate = await self._desk.studio.candidate(candidate_id)
        return web.json_response(candidate_json(candidate, self._desk.base_url))

    async def _job(self, request: web.Request) -> web.StreamResponse:
        job = await self._desk.studio.job(_known_form(request.match_info["job_id"], "job"))
        return web.json_response(job_json(job))

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(openapi(self._bounds, self._desk.settings.server_name))

    async def _docs(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=docs_html(self._bounds, self._desk.settings.server_name), content_type="text/html")

    async def _sign_in(self, request: web.Request) -> web.StreamResponse:
        """Take the token from the sign-in page's form; a cookie stands for it from then on."""
        form = await request.post()
        shown = form.get("token", "")
        if not isinstance(shown, str) or not self._desk.settings.token or not self._guard.is_token(shown):
            return _page("sign-in.html", status=401)
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(COOKIE, self._guard.cookie, httponly=True, samesite="Strict", max_age=30 * 86400)
        return response

    @property
    def _bounds(self) -> Bounds:
        return self._desk.bounds


def _answer(row: Command, answers: list[Message]) -> web.Response:
    """The direct answer as JSON: 202 where work goes on, 204 where there is nothing to say."""
    direct = [sent for sent in answers if sent.address in row.answers and sent.address not in TERMINAL]
    if row.name == "cancel":
        direct = answers
    if not direct:
        return web.Response(status=204)
    if row.name == "model/list":
        return web.json_response({"models": [sent.named() for sent in direct]})
    body = direct[0].named()
    if "json" in body:
        body["status"] = json.loads(body.pop("json"))
    return web.json_response(body, status=202 if direct[0].address == "/ack" else 200)


def _known_form(text: str, noun: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise NotFound(f"there is no such {noun}")
    return text


def _page(name: str, status: int = 200) -> web.Response:
    kind = _PAGE_TYPES[name.rpartition(".")[2]]
    text = (files("antiphon.control") / "pages" / name).read_text("utf-8")
    return web.Response(text=text, content_type=kind, charset="utf-8", status=status)


def _serve(name: str) -> Handler:
    # Read once: pages are small, and the loop shall not wait for the disk.
    text = _page(name).text or ""
    kind = _PAGE_TYPES[name.rpartition(".")[2]]

    async def serve(request: web.Request) -> web.StreamResponse:
        headers = {"Cache-Control": "no-cache"}
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)

    return serve


async def _add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in _SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
