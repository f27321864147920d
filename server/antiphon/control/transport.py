"""Listening time from the host's transport: while it plays, the candidate being auditioned is playing."""

from __future__ import annotations

import asyncio
import logging

from antiphon.control.command_values import Playing, Stopped
from antiphon.control.desk import Desk
from antiphon.domain.event import CurrentChanged, StudioEvent, TransportChanged
from antiphon.errors import AntiphonError

log = logging.getLogger(__name__)


class TransportFollower:
    """Sends `/playing` and `/stopped` in the host's name, where Link or a MIDI clock tells what the host does.

    The client is `host:link` or `host:midi_clock`. Commands go one after another, so that a start and a stop that
    follow each other at once are noted in this order.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._source = ""
        self._current = ""
        self._sounding = ""
        self._playing = False
        self._commands: asyncio.Queue[Playing | Stopped] = asyncio.Queue()
        self._stop_listening = desk.studio.listen(self._on_event)
        self._work = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Note that the host is heard no more, and end."""
        self._stop_listening()
        self._playing = False
        self._follow()
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        while not self._commands.empty():
            await self._perform(self._commands.get_nowait())

    def _on_event(self, event: StudioEvent) -> None:
        if isinstance(event, CurrentChanged):
            self._current = event.candidate_id
        elif isinstance(event, TransportChanged):
            self._playing = event.playing
            self._source = event.source
        else:
            return
        self._follow()

    def _follow(self) -> None:
        wanted = self._current if self._playing else ""
        if wanted == self._sounding:
            return
        # To play another one ends the one before: a client hears one candidate at a time.
        self._commands.put_nowait(Playing(wanted) if wanted else Stopped(self._sounding))
        self._sounding = wanted

    async def _run(self) -> None:
        while True:
            await self._perform(await self._commands.get())

    async def _perform(self, command: Playing | Stopped) -> None:
        try:
            await self._desk.perform(command, f"host:{self._source}")
        except AntiphonError as error:
            log.info("the host's transport could not be noted: %s", error)
