"""The kiosk: one page, one gesture, for whoever comes by. Nobody is told from which arm or generation a loop is."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from antiphon.errors import AntiphonError, InvalidRequest, OutOfRange, StartupError
from antiphon.pilot.people import PeoplePanel
from antiphon.pilot.records import BEST

PAGE = Path(__file__).with_name("kiosk.html")
#: What a visitor's browser sends is far smaller.
MOST_BYTES = 4096
#: A loop lasts seconds; nobody listens to one for longer than this.
LONGEST_S = 3600.0


class Kiosk:
    """Routes of the page over a panel of people."""

    def __init__(self, panel: PeoplePanel) -> None:
        self._panel = panel

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[_told])
        app.router.add_get("/", self._page)
        app.router.add_post("/session", self._session)
        app.router.add_post("/next", self._next)
        app.router.add_get("/audio/{candidate_id}", self._audio)
        app.router.add_post("/rate", self._rate)
        return app

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text=PAGE.read_text(encoding="utf-8"), content_type="text/html")

    async def _session(self, request: web.Request) -> web.StreamResponse:
        await _body(request)
        return web.json_response({"session": self._panel.welcome()})

    async def _next(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        return web.json_response(self._panel.next_for(_text(body, "session")))

    async def _audio(self, request: web.Request) -> web.StreamResponse:
        audio = self._panel.audio(request.match_info["candidate_id"])
        kind = "audio/flac" if audio.startswith(b"fLaC") else "audio/wav"
        return web.Response(body=audio, content_type=kind, headers={"Cache-Control": "private, max-age=3600"})

    async def _rate(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        value, heard = _number(body, "value", BEST), body.get("listened_s")
        listened_s = None if heard is None else _number(body, "listened_s", LONGEST_S)
        await self._panel.take(_text(body, "session"), _text(body, "candidate"), value / BEST, listened_s)
        return web.json_response({"taken": True})


@asynccontextmanager
async def serving(panel: PeoplePanel, host: str, port: int) -> AsyncIterator[str]:
    """The kiosk, open while this is entered; its address. Raises StartupError for a port that is taken."""
    runner = web.AppRunner(Kiosk(panel).app(), access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as fault:
            raise StartupError(
                f"the kiosk can't be served on {host}:{port} ({fault.strerror or fault}): choose another --kiosk-port"
            ) from fault
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@web.middleware
async def _told(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
    """Errors of ours as JSON; nothing else is disturbed by them."""
    try:
        answer: web.StreamResponse = await handler(request)
    except AntiphonError as error:
        answer = web.json_response(
            {"error": {"code": error.code, "message": error.message}}, status=min(error.http_status, 503)
        )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


async def _body(request: web.Request) -> dict[str, Any]:
    """The request's JSON object. Another site's page can't send that type without asking first, so it stays outside."""
    if request.content_type != "application/json":
        raise InvalidRequest("send JSON, with Content-Type: application/json")
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise InvalidRequest("this is no JSON") from None
    if not isinstance(body, dict):
        raise InvalidRequest("send a JSON object")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        raise InvalidRequest(f"{name} has to be a text of 1 to 64 characters, as it was given to you")
    return value


def _number(body: dict[str, Any], name: str, most: float) -> float:
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most or math.isnan(value):
        raise OutOfRange(f"{name} has to be a number from 0 to {most:g}")
    return float(value)
