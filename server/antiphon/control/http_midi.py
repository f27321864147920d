"""MIDI over HTTP: what is plugged in, learning a control, writing a map."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from typing import Any

from aiohttp import web

from antiphon.control.desk import Desk
from antiphon.control.fields import Bounds, Field
from antiphon.control.http_json import body_of
from antiphon.control.midi.map_file import write_map
from antiphon.control.midi.surface import MidiSurface
from antiphon.control.midi.teaching import learn_source
from antiphon.errors import InvalidRequest, NotFound, SettingsError, UnknownKey

_NAME = re.compile(r"[a-z0-9_]{1,40}")
_PORT = Field("port", "text", "the beginning of a port's name", required=True, max_length=120)
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
        return web.json_response({**midi.status(), "maps": maps})

    async def _learn(self, request: web.Request) -> web.StreamResponse:
        body = await body_of(request)
        for key in body:
            if key not in ("port", "timeout_s"):
                raise UnknownKey(f"there is no key {key[:40]!r} here: send port and, if need be, timeout_s")
        if "port" not in body:
            raise InvalidRequest("port is missing: the beginning of a port's name, as GET /api/midi lists them")
        port = _PORT.parse(body["port"], Bounds())
        timeout_s = _TIMEOUT.parse(body.get("timeout_s", 10.0), Bounds())
        source = await learn_source(self._midi, port, timeout_s)
        return web.json_response({"source": dataclasses.asdict(source), "text": source.text})

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
