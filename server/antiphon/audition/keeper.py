"""Keeps a player in work: starts its process, tells it what to play, replaces it when it dies, notes what was heard."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from antiphon.audition.messages import (
    MAX_LINE_BYTES,
    Follow,
    Hush,
    Mix,
    Order,
    Play,
    Report,
    Setup,
    Transport,
    decode,
    encode,
)
from antiphon.child_process import ChildProcess
from antiphon.domain.candidate import Candidate
from antiphon.domain.event import (
    CurrentChanged,
    PlayerChanged,
    StemMixChanged,
    StudioEvent,
    TempoChanged,
    TransportChanged,
)
from antiphon.domain.mixer import StemMix
from antiphon.errors import AntiphonError
from antiphon.settings import Playing

log = logging.getLogger(__name__)

#: Under which name listening to the player is noted.
CLIENT = "player"
#: A player that says nothing for so long hangs; while it starts, or looks for devices, it may be silent for longer.
SILENT_S, STARTING_S = 10.0, 60.0
#: Waits before a dead player is replaced: short, but doubling while it dies before it has said anything.
FIRST_REST_S, LONGEST_REST_S = 0.1, 30.0


class AuditionFloor(Protocol):
    """What the keeper asks of the studio; `floor.Floor` has it."""

    async def candidate(self, candidate_id: str) -> Candidate: ...
    async def listening(self, client: str, candidate_id: str) -> None: ...
    async def stopped(self, client: str, candidate_id: str) -> None: ...
    def listen(self, listener: Callable[[StudioEvent], None]) -> Callable[[], None]: ...
    @property
    def stem_mix(self) -> tuple[StemMix, ...]: ...


class Audition:
    """Plays what the studio has as its current candidate. `emit` gets a `PlayerChanged` for every change."""

    def __init__(
        self, floor: AuditionFloor, settings: Playing, log_path: Path, emit: Callable[[StudioEvent], None],
        session_bpm: float | None = None,
    ) -> None:  # fmt: skip
        """`session_bpm`: the tempo that was set before this start, None where none was."""
        self._floor, self._settings, self._log_path, self._emit = floor, settings, log_path, emit
        self._session_bpm = session_bpm
        self._process: ChildProcess | None = None
        self._restarts = 0
        self._report = Report("restarting")
        self._current_id = self._noted_id = ""
        self._play: Play | None = None
        self._transport: Transport | None = None
        self._news = asyncio.Event()
        self._stop_listening = floor.listen(self._on_event)

    async def run(self) -> None:
        """Employ one player after another until cancelled; then nothing is heard any more."""
        following = asyncio.create_task(self._follow_news())
        rest_s = FIRST_REST_S
        try:
            while True:
                reason = await self._employ()
                spoke = self._report.state != "restarting"
                log.warning("the player is gone (%s): it is replaced", reason)
                self._restarts += 1
                self._hear(Report("restarting", message=f"the player is started again: {reason}"))
                await asyncio.sleep(rest_s)
                rest_s = FIRST_REST_S if spoke else min(rest_s * 2, LONGEST_REST_S)
        finally:
            self._stop_listening()
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            self._report = Report("silent")
            await self._note_heard()

    def status(self) -> dict[str, Any]:
        """What the player does, for the status."""
        told = dataclasses.asdict(self._report)
        del told["began_s"]
        pid = self._process.pid if self._process else None
        return told | {"change": self._settings.change, "restarts": self._restarts, "pid": pid}

    async def _employ(self) -> str:
        """One player's life; returns why it ended."""
        try:
            process = await ChildProcess.launch("antiphon.audition.player", self._log_path, MAX_LINE_BYTES)
        except OSError as error:
            return f"it could not be started: {error}"
        self._process = process
        self._brief()
        patience = process.end_if_silent(
            "the player", lambda: STARTING_S if self._report.state == "restarting" else SILENT_S
        )
        watch = asyncio.create_task(patience)
        try:
            await process.read_lines(self._read)
            return await process.farewell()
        finally:
            self._process = None
            watch.cancel()
            await process.end()

    def _brief(self) -> None:
        """Tell a new player everything."""
        own = self._settings
        self._send(Setup(own.device, own.channel, own.latency_ms, own.gain_db, own.change))
        self._send_mix()
        if self._session_bpm is not None and own.follow:
            self._send(Follow(self._session_bpm))
        if self._play is not None:
            self._send(self._play)
        if self._transport is not None:
            self._send(self._transport)

    def _send(self, order: Order) -> None:
        if self._process is not None:
            self._process.send_line(encode(order))

    def _send_mix(self) -> None:
        self._send(Mix({mix.stem: 0.0 if mix.muted else mix.level for mix in self._floor.stem_mix}))

    def _on_event(self, event: StudioEvent) -> None:
        match event:
            case CurrentChanged():
                self._current_id = event.candidate_id
                self._news.set()
            case StemMixChanged():
                self._send_mix()
            case TempoChanged() if self._settings.follow:
                self._session_bpm = event.bpm
                self._send(Follow(event.bpm))
            case TransportChanged() if self._settings.follow:
                self._transport = Transport(event.playing, event.beats, time.monotonic())
                self._send(self._transport)
            case _:
                pass

    def _read(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ValueError as error:
            log.error("the player said something else than we agreed on: %s", error)
        else:
            if isinstance(message, Report):
                self._hear(message)

    def _hear(self, report: Report) -> None:
        before, self._report = self._report, report
        if self._play is not None and report.coming_id == self._play.candidate_id and report.began_s is not None:
            # For the next player, if this one dies: to go on in the same time.
            self._play = dataclasses.replace(self._play, began_s=report.began_s)
        told = [(each.state, each.candidate_id, each.device, each.message) for each in (before, report)]
        if told[0] != told[1]:
            if report.message and report.message != before.message:
                log.warning("player: %s", report.message)
            self._emit(PlayerChanged(*told[1]))
        self._news.set()

    async def _follow_news(self) -> None:
        """Fetch the candidate that is current, and note what is heard, one after the other."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._choose()
            await self._note_heard()

    async def _choose(self) -> None:
        wanted_id = self._current_id
        if wanted_id == (self._play.candidate_id if self._play is not None else ""):
            return
        if not wanted_id:
            self._play = None
            self._send(Hush())
            return
        try:
            candidate = await self._floor.candidate(wanted_id)
        except AntiphonError as error:
            log.error("%s can't be played: %s", wanted_id, error)
            return
        stems = [[file.stem, file.path] for file in candidate.stems]
        self._play = Play(wanted_id, candidate.bpm, candidate.bars, candidate.meter, stems)
        self._send(self._play)

    async def _note_heard(self) -> None:
        """Let the records know what is audible, so that listening time is true."""
        heard_id = self._report.candidate_id
        if heard_id == self._noted_id:
            return
        try:
            if heard_id:
                await self._floor.listening(CLIENT, heard_id)
            else:
                await self._floor.stopped(CLIENT, self._noted_id)
        except AntiphonError as error:
            log.error("what is heard could not be noted: %s", error)
        self._noted_id = heard_id
