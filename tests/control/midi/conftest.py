"""A control surface with its rig, on real MIDI ports of a JACK server, above a studio in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from antiphon.control.midi.ports import RtMidiSystem
from antiphon.control.midi.surface import MidiSurface
from antiphon.control.rig import Rig
from antiphon.control.server import ControlHandle, start_control
from antiphon.settings import Midi, Settings
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio
from tests.jack import Controller, JackServer, jack_server

PRESETS = Path(__file__).resolve().parents[3] / "presets" / "controllers"
#: The promise is two seconds; a busy machine gets more before a test fails.
PATIENCE_S = 15.0


@pytest.fixture(scope="module")
def jack() -> Iterator[JackServer]:
    with jack_server("midi") as server:
        yield server


@dataclass(frozen=True, slots=True)
class Playing:
    """A running server with MIDI, and ways to wait for what it does."""

    control: ControlHandle
    midi: MidiSurface
    studio: MemoryStudio
    plugged: list[Controller] = field(default_factory=list)

    async def until(self, happened: Callable[[], object], what: str = "it") -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not happened():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"{what} did not happen; status: {self.midi.status()}", pytrace=False)

    async def plug(self, name: str) -> Controller:
        """Plug a controller in, and wait until the server has it."""
        controller = Controller(name)
        self.plugged.append(controller)
        await self.until(lambda: self.has(name), f"connecting {name}")
        # JACK connects at its next period: what is sent before is lost, as it is not with hands.
        before = self._received(name)
        while self._received(name) == before:
            controller.cc(119, 0, 16)
            await asyncio.sleep(0.02)
        return controller

    def _received(self, name: str) -> int:
        return sum(each["messages"] for each in self.midi.status()["devices"] if each["port"].startswith(name))

    @property
    def current(self) -> str:
        """The candidate being auditioned, as the first device knows it."""
        known = (each.device.stage.current for each in self.midi._connections.values() if each.device)
        return next(known, "")

    def has(self, name: str) -> bool:
        devices = self.midi.status()["devices"]
        return any(device["port"].startswith(name) and device["lights"] for device in devices)


@pytest.fixture
def midi_settings() -> Midi:
    return Midi(api="jack", virtual_ports=False)


@pytest.fixture
async def playing(
    jack: JackServer, settings: Settings, studio: MemoryStudio, midi_settings: Midi, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Playing]:
    # Each plug and unplug waits for the next look at the ports.
    monkeypatch.setattr("antiphon.control.midi.surface.LOOK_S", 0.1)
    control = await start_control(studio, replace(settings, midi=midi_settings), VOCABULARY)
    rig = Rig(control.desk, RtMidiSystem(midi_settings.api), (PRESETS, settings.data_dir / "controllers"))
    assert rig.midi is not None
    running = Playing(control, rig.midi, studio)
    yield running
    await rig.close()
    await control.close()
    for controller in running.plugged:
        controller.unplug()
