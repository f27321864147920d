"""MIDI clock as the session's tempo, and start, stop and song position as its transport."""

from __future__ import annotations

import logging
from typing import Any

from antiphon.control.midi.tempo_filter import LONGEST_GAP_S, PULSES_PER_BEAT, TempoFilter
from antiphon.control.midi.wire import Received
from antiphon.studio import Studio

log = logging.getLogger(__name__)

SOURCE = "midi_clock"
#: A song position counts in sixteenth notes.
SIXTEENTHS_PER_BEAT = 4


class ClockFollower:
    """Follows the first port that sends a clock, until it falls silent; tells the studio tempo, start and stop."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._filter = TempoFilter()
        self._port = ""
        self._last_s = 0.0
        self._told_bpm: float | None = None
        self._ticking = False
        self._playing = False
        self._beats = 0.0

    def receive(self, port: str, received: Received, at_s: float) -> None:
        """A clock message of one port, with the time (s) it came. Other ports wait while one leads."""
        if self._port and port != self._port and at_s - self._last_s <= LONGEST_GAP_S:
            return
        if port != self._port:
            self._filter.restart()
            self._port = port
        if received.kind == "clock":
            self._tick(at_s)
        elif received.kind == "position":
            self._beats = received.value / SIXTEENTHS_PER_BEAT
        elif received.kind in ("start", "continue"):
            if received.kind == "start":
                self._beats = 0.0
            self._play(True)
        elif received.kind == "stop":
            self._play(False)

    def look(self, now_s: float) -> None:
        """Notice a clock that has fallen silent."""
        if self._ticking and now_s - self._last_s > 2 * LONGEST_GAP_S:
            self._fall_silent()

    def forget(self, port: str) -> None:
        """A port has gone, and its clock with it."""
        if port == self._port:
            self._fall_silent()
            self._port, self._told_bpm = "", None
            self._studio.follow_tempo(SOURCE, None)

    def close(self) -> None:
        self.forget(self._port)

    def status(self) -> dict[str, Any]:
        """Port, tempo as measured and as meant, its standard error, and where the host is."""
        estimate = self._filter.estimate_bpm if self._ticking else None
        return {
            "port": self._port,
            "ticking": self._ticking,
            "bpm": self._told_bpm,
            "measured_bpm": None if estimate is None else round(estimate, 4),
            "error_bpm": None if estimate is None else round(self._filter.error_bpm, 4),
            "playing": self._playing,
            "beats": round(self._beats, 4),
        }

    def _tick(self, at_s: float) -> None:
        self._filter.tick(at_s)
        self._last_s, self._ticking = at_s, True
        if self._playing:
            self._beats += 1 / PULSES_PER_BEAT
        bpm = self._filter.bpm
        if bpm is not None:
            if bpm != self._told_bpm:
                log.info("MIDI clock of %s: %g bpm", self._port, bpm)
            self._told_bpm = bpm
            self._studio.follow_tempo(SOURCE, bpm)

    def _fall_silent(self) -> None:
        self._ticking = False
        self._filter.restart()
        self._play(False)
        if self._told_bpm is not None:
            self._studio.follow_tempo(SOURCE, self._told_bpm, live=False)

    def _play(self, playing: bool) -> None:
        if playing != self._playing:
            self._playing = playing
            self._studio.follow_transport(SOURCE, playing, self._beats)
