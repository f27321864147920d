"""MIDI over HTTP: what is plugged in, learning a control, writing a map."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from antiphon.control.desk import Desk
from antiphon.control.fields import Bounds, Field
from antiphon.control.http_json import body_of
from antiphon.control.midi.learn import QUESTIONS, Question, control_for
from antiphon.control.midi.map_file import write_map
from antiphon.control.midi.sources import Source
from antiphon.control.midi.surface import MidiSurface
from antiphon.control.midi.teaching import learn_source
from antiphon.errors import InvalidRequest, NotFound, SettingsError, UnknownKey

_NAME = re.compile(r"[a-z0-9_]{1,40}")
_PORT = Field("port", "text", "the beginning of a port's name", required=True, max_length=120)
#: How often it is looked whether whoever learns is still there.
_LOOK_S = 0.2
_TIMEOUT = Field("timeout_s", "float", "how long to wait", "seconds", 0.1, 60)


class MidiRoutes:
    """Routes under /api/midi; without MIDI they answer with an error that says so."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/midi", self._status)
        router.add_post("/api/midi/learn", self._learn)
        router.add_post("/api/midi/maps", self._write)

    @property
    def _midi(self) -> MidiSurface:
        if self._desk.midi is None:
            raise NotFound("MIDI is off on this server: set midi.enabled to true and start it again")
        return self._desk.midi

    async def _status(self, request: web.Request) -> web.StreamResponse:
        midi = self._midi
        maps = [{"name": each.name, "title": each.title, "ports": each.ports} for each in midi.maps.values()]
        questions = [{"do": each.do, "stem": each.stem, "text": each.text} for each in QUESTIONS]
        return web.json_response({**midi.status(), "maps": maps, "questions": questions})

    async def _learn(self, request: web.Request) -> web.StreamResponse:
        body = await body_of(request)
        for key in body:
            if key not in ("port", "timeout_s", "do", "stem"):
                raise UnknownKey(
                    f"there is no key {key[:40]!r} here: send port and, if need be, timeout_s, do and stem"
                )
        if "port" not in body:
            raise InvalidRequest("port is missing: the beginning of a port's name, as GET /api/midi lists them")
        port = _PORT.parse(body["port"], Bounds())
        timeout_s = _TIMEOUT.parse(body.get("timeout_s", 10.0), Bounds())
        question = _question(body)
        source = await _unless_gone(request, learn_source(self._midi, port, timeout_s))
        learnt: dict[str, Any] = {"source": dataclasses.asdict(source), "text": source.text}
        if question is not None:
            learnt["control"] = control_for(question, source)
        return web.json_response(learnt)

    async def _write(self, request: web.Request) -> web.StreamResponse:
        midi = self._midi
        body: dict[str, Any] = await body_of(request)
        name = body.pop("name", None)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidRequest("name must be the map's name: 1 to 40 of a to z, 0 to 9 and _")
        try:
            made = await asyncio.to_thread(write_map, midi.map_folder / f"{name}.toml", body)
        except SettingsError as error:
            raise InvalidRequest(error.message) from error
        await midi.reload_maps()
        return web.json_response({"name": made.name, "title": made.title, "controls": len(made.controls)})


async def _unless_gone(request: web.Request, work: Coroutine[Any, Any, Source]) -> Source:
    """Do the work, but not for a client that has hung up: its controller would do nothing else meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=_LOOK_S)
        if not task.done() and (request.transport is None or request.transport.is_closing()):
            task.cancel()
            await asyncio.wait({task})
    return task.result()


def _question(body: dict[str, Any]) -> Question | None:
    """What the control shall do, where the request says so. Raises InvalidRequest."""
    if "do" not in body and "stem" not in body:
        return None
    wanted = (body.get("do"), body.get("stem", ""))
    for question in QUESTIONS:
        if (question.do, question.stem) == wanted:
            return question
    raise InvalidRequest("do (and stem, where it belongs to one) must be one of the questions that GET /api/midi lists")
