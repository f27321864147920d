"""What is plugged in and listened to beside the sockets: MIDI, Ableton Link, and the host's transport."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from antiphon.control.desk import Desk
from antiphon.control.link import LinkFollower
from antiphon.control.midi.ports import PortSystem
from antiphon.control.midi.surface import MidiSurface
from antiphon.control.transport import TransportFollower


class Rig:
    """Everything of a performer's that the settings ask for, connected to one desk."""

    def __init__(self, desk: Desk, system: PortSystem, map_folders: Sequence[Path]) -> None:
        """Start listening. Raises SettingsError for a map that is not there, StartupError where Link is missing."""
        settings = desk.settings
        self._desk = desk
        self.midi = MidiSurface(desk, system, map_folders) if settings.midi.enabled else None
        self.link = LinkFollower(desk.studio) if settings.link.enabled else None
        # Where the server plays by itself, what its player makes audible is what is listened to.
        self._transport = None if settings.play.enabled else TransportFollower(desk)
        if self.midi is not None:
            desk.midi = self.midi
            desk.surfaces.append(self.midi)
            desk.add_status("midi", self.midi.status)
            self.midi.start()
        if self.link is not None:
            desk.add_status("link", self.link.status)

    async def close(self) -> None:
        """Disconnect everything; the host's listening time ends."""
        if self.midi is not None:
            self._desk.surfaces.remove(self.midi)
            self._desk.midi = None
            await self.midi.close()
        if self.link is not None:
            await self.link.close()
        if self._transport is not None:
            await self._transport.close()
