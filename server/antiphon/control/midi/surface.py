"""The MIDI surface: looks for ports, connects what it knows, and passes on what comes and what is to be told."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from antiphon.control.desk import Desk
from antiphon.control.messages import Message
from antiphon.control.midi.clock import ClockFollower
from antiphon.control.midi.controller_map import ControllerMap, bare_port_name
from antiphon.control.midi.device import Device
from antiphon.control.midi.inbox import Inbox
from antiphon.control.midi.map_file import load_maps
from antiphon.control.midi.ports import MidiUnavailable, OpenPort, PortSystem
from antiphon.control.midi.wire import Decoder, Received
from antiphon.control.midi.wishes import OFF, Wishes, parse_wishes

log = logging.getLogger(__name__)

Result = TypeVar("Result")
#: How often the ports are looked at: a controller is there within two seconds of being plugged in.
LOOK_S = 0.5
#: Where there is no MIDI at all, it is looked for less and less often, at last this often.
SELDOM_S = 30.0
VIRTUAL = "Antiphon"
_CLOCK_KINDS = ("clock", "start", "continue", "stop", "position")


@dataclass(slots=True)
class _Connection:
    """An open input (and output), and what reads it. `device` is None for a port that only brings a clock."""

    input_name: str
    output_name: str | None
    inbox: Inbox
    decoder: Decoder = field(default_factory=Decoder)
    ports: list[OpenPort] = field(default_factory=list)
    device: Device | None = None
    received: int = 0


class MidiSurface:
    """All of MIDI. `folders` hold the maps, a later one going before an earlier; the last one is where new ones go."""

    def __init__(self, desk: Desk, system: PortSystem, folders: Sequence[Path]) -> None:
        """Raises SettingsError where the settings name a map that is not there."""
        self._desk, self._system, self._folders = desk, system, tuple(folders)
        self.maps: dict[str, ControllerMap] = {}
        self.map_faults: list[str] = []
        self._wishes = Wishes()
        self._take_maps(*load_maps(self._folders))
        self.clock = ClockFollower(desk.studio)
        #: Whoever wants every message as it came: learning, monitoring. They are called with the port's name.
        self.watchers: list[Callable[[str, Received], bool]] = []
        #: Beginnings of ports' names (in lower case) that somebody wants to hear although no map knows them.
        self.listening: list[str] = []
        self._connections: dict[str, _Connection] = {}
        self._ports: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self._fault = ""
        #: One thread for all that may block: drivers are slow, and not all of them like several threads.
        self._thread = ThreadPoolExecutor(1, "antiphon-midi")
        self._look: asyncio.Task[None] | None = None

    @property
    def map_folder(self) -> Path:
        """Where maps of the user's own are kept."""
        return self._folders[-1]

    def _take_maps(self, maps: dict[str, ControllerMap], faults: list[str]) -> None:
        self.maps, self.map_faults = maps, faults
        for fault in self.map_faults:
            log.warning("a controller's map is left out: %s", fault)
        self._wishes = parse_wishes(self._desk.settings.midi.devices, self.maps)

    async def reload_maps(self) -> None:
        """Read all maps anew, and connect everything again with what they say now."""
        self._take_maps(*await asyncio.to_thread(load_maps, self._folders))
        for name in list(self._connections):
            await self._disconnect(name)

    def start(self) -> None:
        self._look = asyncio.ensure_future(self._watch())

    async def close(self) -> None:
        """Disconnect everything and end the thread."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        for name in list(self._connections):
            await self._disconnect(name)
        await self._in_thread(self._system.close)
        self.clock.close()
        self._thread.shutdown(wait=False)

    def post(self, sent: Message, client: str | None, everyone: bool) -> None:
        for connection in self._connections.values():
            device = connection.device
            if device is not None and (everyone or client == device.client):
                device.hear(sent)

    def status(self) -> dict[str, Any]:
        """What is connected, what else is there, and what is wrong, as JSON-compatible data."""
        devices = [
            {
                "port": each.input_name, "lights": each.output_name, "map": each.device.map.name,
                "messages": each.received, "dropped": each.inbox.dropped, "last_error": each.device.last_error,
            }
            for each in self._connections.values() if each.device is not None
        ]  # fmt: skip
        inputs, outputs = self._ports
        return {
            "system": self._system.name, "fault": self._fault, "devices": devices, "inputs": list(inputs),
            "outputs": list(outputs), "map_faults": self.map_faults, "clock": self.clock.status(),
        }  # fmt: skip

    async def _watch(self) -> None:
        pause_s = LOOK_S
        while True:
            try:
                self._ports = await self._in_thread(self._system.scan)
                self._fault, pause_s = "", LOOK_S
                await self._match()
            except MidiUnavailable as error:
                if error.message != self._fault:
                    log.info("%s", error.message)
                    self._fault = error.message
                self._ports = ((), ())
                for name in list(self._connections):
                    await self._disconnect(name)
                pause_s = min(SELDOM_S, 2 * pause_s)
            except Exception:
                # The outermost boundary: a driver's surprise must not end the looking.
                log.exception("looking for MIDI ports failed")
                pause_s = min(SELDOM_S, 2 * pause_s)
            self.clock.look(time.perf_counter())
            await asyncio.sleep(pause_s)

    async def _match(self) -> None:
        """Connect what is new, and disconnect what has gone or whose output is another now."""
        wanted = self._wanted()
        for name, connection in list(self._connections.items()):
            if name == VIRTUAL and not await self._stale(connection):
                continue
            if name not in wanted or wanted[name][1] != connection.output_name or await self._stale(connection):
                await self._disconnect(name)
        for name, (controller, output) in wanted.items():
            if name not in self._connections:
                await self._connect(name, output, controller)
        if self._desk.settings.midi.virtual_ports and VIRTUAL not in self._connections:
            await self._offer_virtual()

    def _wanted(self) -> dict[str, tuple[ControllerMap | None, str | None]]:
        """Each input to be opened, with its map (None: for its clock only) and the output of the same device."""
        inputs, outputs = self._ports
        taken: dict[str, int] = {}
        found: dict[str, tuple[ControllerMap | None, str | None]] = {}
        clock = self._desk.settings.midi.clock
        for name in inputs:
            controller = self._wishes.map_of(name, self.maps)
            if controller is None:
                wanted = [*self.listening, *([] if clock in ("auto", OFF) else [clock.lower()])]
                if any(bare_port_name(name).lower().startswith(prefix) for prefix in wanted):
                    found[name] = (None, None)
                continue
            # The n-th input of a map goes with its n-th output: their names need not be alike.
            own = [each for each in outputs if self._wishes.map_of(each, self.maps) is controller]
            place = taken.get(controller.name, 0)
            taken[controller.name] = place + 1
            found[name] = (controller, own[place] if place < len(own) else None)
        return found

    async def _connect(self, name: str, output: str | None, controller: ControllerMap | None) -> None:
        connection = self._new_connection(name, output)
        try:
            connection.ports.append(await self._in_thread(self._system.open_input, name, connection.inbox.put))
            if output is not None:
                connection.ports.append(await self._in_thread(self._system.open_output, output))
        except MidiUnavailable as error:
            await self._free(connection)
            self._fault = error.message
            log.warning("%s", error.message)
            return
        self._connections[name] = connection
        if controller is not None:
            await self._give_hands(connection, controller)
        log.info("MIDI: %s is connected (%s)", name, controller.title if controller else "clock")

    async def _offer_virtual(self) -> None:
        connection = self._new_connection(VIRTUAL, VIRTUAL)
        try:
            connection.ports += await self._in_thread(self._system.open_virtual, connection.inbox.put)
        except MidiUnavailable as error:
            await self._free(connection)
            log.debug("%s", error.message)
            return
        self._connections[VIRTUAL] = connection
        if "generic" in self.maps:
            await self._give_hands(connection, self.maps["generic"])

    def _new_connection(self, name: str, output: str | None) -> _Connection:
        loop = asyncio.get_running_loop()
        made = _Connection(name, output, Inbox(loop, lambda at_s, data: self._receive(made, at_s, data)))
        return made

    async def _give_hands(self, connection: _Connection, controller: ControllerMap) -> None:
        client = f"midi:{_short(connection.input_name)}"
        send = partial(self._send, connection)
        connection.device = Device(connection.input_name, client, controller, self._desk, send)
        for sent in await self._desk.state():
            connection.device.hear(sent)
        connection.device.redraw()

    def _receive(self, connection: _Connection, at_s: float, data: bytes) -> None:
        for received in connection.decoder.feed(data):
            connection.received += 1
            # Every watcher is told, also where an earlier one has taken the message.
            taken = [watcher(connection.input_name, received) for watcher in tuple(self.watchers)]
            if any(taken):
                continue
            if received.kind in _CLOCK_KINDS:
                if self._clock_counts(connection.input_name):
                    self.clock.receive(connection.input_name, received, at_s)
            elif connection.device is not None:
                connection.device.receive(received)

    def _clock_counts(self, port: str) -> bool:
        wanted = self._desk.settings.midi.clock
        return wanted != OFF and (wanted == "auto" or bare_port_name(port).lower().startswith(wanted.lower()))

    async def _send(self, connection: _Connection, messages: list[bytes]) -> None:
        output = connection.ports[1] if len(connection.ports) > 1 else None
        if output is None:
            return
        try:
            await self._in_thread(_send_all, output, messages)
        except MidiUnavailable as error:
            log.debug("%s", error.message)

    async def _stale(self, connection: _Connection) -> bool:
        return any([await self._in_thread(self._system.stale, port) for port in connection.ports])

    async def _disconnect(self, name: str) -> None:
        connection = self._connections.pop(name)
        self.clock.forget(name)
        if connection.device is not None:
            await connection.device.close()
        await self._free(connection)
        log.info("MIDI: %s has gone", name)

    async def _free(self, connection: _Connection) -> None:
        connection.inbox.close()
        for port in connection.ports:
            await self._in_thread(port.close)

    async def _in_thread(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _send_all(output: OpenPort, messages: list[bytes]) -> None:
    for message in messages:
        output.send(message)


def _short(port: str) -> str:
    """A port's name as a client's: without the parts that change with every plugging."""
    return bare_port_name(port).partition(":")[0][:48].strip() or "controller"
