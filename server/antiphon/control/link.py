"""Ableton Link: the tempo and start/stop that programs on a local network share, through the library aalink."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from antiphon.errors import StartupError
from antiphon.studio import Studio

log = logging.getLogger(__name__)

SOURCE = "link"
#: Link keeps its state itself; it is read this often.
LOOK_S = 0.1


class LinkFollower:
    """A peer that follows and never leads: it joins with the session's tempo, so that nobody's tempo is changed."""

    def __init__(self, studio: Studio) -> None:
        """Joins at once. Raises StartupError where aalink is not installed."""
        try:
            import aalink
        except ImportError as error:
            raise StartupError(
                "the setting link.enabled needs the library aalink: pip install 'antiphon[link]', or turn it off"
            ) from error
        self._studio = studio
        self._link: Any = aalink.Link(studio.tempo_bpm, asyncio.get_running_loop())
        self._link.start_stop_sync_enabled = True
        self._link.enabled = True
        self._peers = 0
        self._playing = False
        self._work = asyncio.ensure_future(self._run())

    async def close(self) -> None:
        """Leave the session."""
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
        self._link.enabled = False
        self._studio.follow_tempo(SOURCE, None)

    def status(self) -> dict[str, Any]:
        return {
            "peers": self._peers,
            "bpm": self._link.tempo if self._peers else None,
            "playing": self._playing,
            "beats": round(self._link.beat, 3),
        }

    async def _run(self) -> None:
        while True:
            self._look()
            await asyncio.sleep(LOOK_S)

    def _look(self) -> None:
        peers = int(self._link.num_peers)
        if peers != self._peers:
            log.info("Ableton Link: %d peers", peers)
        self._peers = peers
        # Link keeps tempos as whole microseconds per beat: to the hundredth they are what was set.
        self._studio.follow_tempo(SOURCE, round(float(self._link.tempo), 2) if peers else None)
        playing = bool(self._link.playing) and peers > 0
        if playing != self._playing:
            self._playing = playing
            self._studio.follow_transport(SOURCE, playing, float(self._link.beat))
