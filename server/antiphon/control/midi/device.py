"""One connected controller: what its hands do becomes commands, what stands becomes its lights."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from antiphon.control.command_values import AnyCommand
from antiphon.control.commands import COMMANDS
from antiphon.control.desk import Desk
from antiphon.control.messages import Message
from antiphon.control.midi.actions import Action, Stage, command_for
from antiphon.control.midi.controller_map import Control, ControllerMap
from antiphon.control.midi.lights import PAUSE_S, Lights
from antiphon.control.midi.sources import PickUp, Reading, Signal, Source
from antiphon.control.midi.wire import Received
from antiphon.errors import AntiphonError

log = logging.getLogger(__name__)

#: Presses that wait for the studio; beyond them the buttons of one device are not heard.
MOST_PENDING = 32
#: What is sent in the first moment after plugging in is lost: the device starts up, the system connects. It is told
#: everything once more a little later, for those that take longer.
AWAKE_S, AWAKE_AGAIN_S = 0.3, 2.0
Send = Callable[[list[bytes]], Awaitable[None]]


@dataclass(slots=True)
class _Held:
    """What is known of one control between two messages."""

    pickup: PickUp = field(default_factory=PickUp)
    pressed: bool = False
    #: The latest value, performed or waiting, while one is on its way to the studio.
    latest: float = 0.0
    busy: bool = False


class Device:
    """One controller with its map. Everything happens in the event loop; `send` hands messages to its output port."""

    def __init__(self, name: str, client: str, controller: ControllerMap, desk: Desk, send: Send) -> None:
        self.name, self.client, self.map = name, client, controller
        self.stage = Stage()
        self.last_error = ""
        self._desk, self._send = desk, send
        self._numbers: dict[Source, int] = {each.source: number for number, each in enumerate(controller.controls)}
        self._held = [_Held() for _ in controller.controls]
        self._reading = Reading(self._numbers)
        self._lights = Lights(controller)
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._painter = asyncio.ensure_future(self._paint())

    async def close(self) -> None:
        tasks = [*self._tasks, self._painter]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def receive(self, received: Received) -> None:
        """Take one message. Never raises."""
        for signal in self._reading.feed(received):
            number = self._numbers[signal.source]
            control, held = self.map.controls[number], self._held[number]
            if signal.pressed is not None:
                if signal.pressed and not held.pressed:
                    self._press(control.action)
                held.pressed = signal.pressed
                continue
            self._lights.touched(number, time.monotonic())
            value = self._turned(control, held, signal)
            if value is not None:
                self._set(control.action, held, value)

    def _turned(self, control: Control, held: _Held, signal: Signal) -> float | None:
        """The value that a turn means; None where the control has not met the one that stands."""
        # What is on its way to the studio stands already: quick steps add up.
        standing = held.latest if held.busy else self.stage.standing(control.action)
        if signal.steps is not None:
            start = 0.5 if standing is None else standing
            return min(1.0, max(0.0, start + signal.steps * control.step))
        assert signal.position is not None
        if control.pickup and not held.pickup.takes(signal.position, standing):
            return None
        return signal.position

    def _set(self, action: Action, held: _Held, value: float) -> None:
        """Perform the latest value; those that come while one is on its way wait, and only the last of them counts."""
        if action.do == "set":
            self._set_number(action, value)
        else:
            held.latest = value
            if not held.busy:
                held.busy = True
                self._start(self._perform_values(action, held))
        if action.do == "rate":
            # Shown and stepped on from now on, although it counts only once it rests.
            self.stage.rating = value
            self.redraw()

    def _set_number(self, action: Action, value: float) -> None:
        number = action.minimum + value * (action.maximum - action.minimum)
        kind = next(f.kind for f in COMMANDS["generate"].keys if f.name == action.key)
        self.stage.settings[action.key] = round(number) if kind == "int" else number
        self.redraw()

    async def _perform_values(self, action: Action, held: _Held) -> None:
        try:
            performed = None
            while performed != held.latest:
                performed = held.latest
                await self._perform(action, performed)
        finally:
            held.busy = False

    def _press(self, action: Action) -> None:
        if len(self._tasks) >= MOST_PENDING:
            self.last_error = "too many presses at once: the last ones were not heard"
            return
        if action.do == "rate":
            self.stage.rating = action.value
            self.redraw()
        self._start(self._perform(action, None))

    async def _perform(self, action: Action, position: float | None) -> None:
        try:
            command = command_for(action, self.stage, position, self._desk.bounds)
            self._note_request(action, command)
            for answer in await self._desk.perform(command, self.client):
                self.hear(answer)
        except AntiphonError as error:
            self.last_error = f"{action.do}: {error.message}"
            log.info("%s: %s", self.client, self.last_error)
        except Exception:
            # The outermost boundary: one command's bug must not silence a controller.
            log.exception("%s: a command failed", self.client)
            self.last_error = f"{action.do}: something went wrong in the server: its log says what"

    def _note_request(self, action: Action, command: AnyCommand) -> None:
        if action.deed.shows == "busy" and action.do != "cancel":
            self.stage.last_request = getattr(command, "request_id", "")

    def hear(self, sent: Message) -> None:
        """Take note of a message to this client or to everyone."""
        stage, values = self.stage, sent.values
        if sent.address == "/current":
            self._hear_current(str(values[0]), int(values[1]), int(values[2]))
        elif sent.address == "/rated" and values[1] == stage.current:
            stage.rating = float(values[2])
        elif sent.address == "/kept" and values[0] == stage.current:
            stage.kept = bool(values[1])
        elif sent.address == "/mixer":
            stage.levels[str(values[0])], stage.muted[str(values[0])] = float(values[1]), bool(values[2])
        elif sent.address == "/transport":
            stage.playing = bool(values[1])
        elif sent.address == "/job":
            over = values[2] in ("done", "failed", "cancelled")
            (stage.jobs.discard if over else stage.jobs.add)(str(values[0]))
        elif sent.address == "/error":
            self.last_error = str(values[2])
        else:
            return
        self.redraw()

    def _hear_current(self, candidate_id: str, index: int, count: int) -> None:
        stage = self.stage
        stage.index, stage.count = index, count
        if candidate_id == stage.current:
            return
        if stage.current:
            stage.previous = stage.current
        stage.current, stage.rating, stage.kept = candidate_id, None, False
        for held in self._held:
            held.pickup.release()
        if candidate_id:
            self._start(self._look_up(candidate_id))

    async def _look_up(self, candidate_id: str) -> None:
        """What this client rated the candidate, and whether it is kept."""
        try:
            rating = await self._desk.studio.rating_of(candidate_id, self.client)
            kept = await self._desk.studio.is_kept(candidate_id)
        except AntiphonError as error:
            self.last_error = error.message
            return
        if self.stage.current == candidate_id:
            self.stage.rating = rating if self.stage.rating is None else self.stage.rating
            self.stage.kept = kept
            self.redraw()

    def redraw(self) -> None:
        self._lights.draw(self.stage)
        self._changed.set()

    async def _paint(self) -> None:
        """Send what the lights have to show: a few messages, a pause, and only the latest state of each."""
        await asyncio.sleep(AWAKE_S)
        await self._greet()
        asyncio.get_running_loop().call_later(AWAKE_AGAIN_S, self._forget_lights)
        while True:
            wait_s = self._lights.wait_s(time.monotonic())
            if wait_s is None:
                self._changed.clear()
                await self._changed.wait()
                continue
            await asyncio.sleep(wait_s)
            batch = self._lights.batch(time.monotonic())
            if batch:
                await self._send(batch)
                await asyncio.sleep(PAUSE_S)

    async def _greet(self) -> None:
        if self.map.greeting:
            await self._send(list(self.map.greeting))

    def _forget_lights(self) -> None:
        self._lights.forget()
        self.redraw()

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
