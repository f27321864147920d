"""From what stands to what a controller shows: rings, button lights, motor faders; changes only, and never a flood."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon.control.midi.actions import Stage
from antiphon.control.midi.controller_map import Control, ControllerMap, Light
from antiphon.control.midi.wire import control_change, note, pitch

#: Messages sent together, and the pause after them: at most 400 a second, and less than half of what a DIN cable
#: carries (31,250 bit/s are 1,041 messages of three bytes), so that slow devices keep up.
BATCH = 8
PAUSE_S = 0.02
#: A control that a hand is on is not moved or redrawn; it is brought up to date this long after the last touch.
HANDS_OFF_S = 0.3


def shown(control: Control, stage: Stage) -> float | bool | None:
    """What a control's light shows: a value 0 to 1, on or off, or None where there is no value."""
    assert control.light is not None
    action, shows = control.action, control.light.shows
    if shows == "rating":
        if action.do == "rate" and action.value is not None:
            return stage.rating is not None and stage.rating >= action.value - 1e-6
        return stage.rating
    if shows in ("mute", "heard"):
        return stage.muted[action.stem] == (shows == "mute")
    if shows in ("level", "set"):
        return stage.standing(action)
    return {
        "kept": stage.kept,
        "busy": bool(stage.jobs),
        "has_next": stage.index < stage.count - 1,
        "has_previous": stage.index > 0,
        "auditioning": bool(stage.current),
        "playing": stage.playing,
        "always": True,
        "never": False,
    }[shows]


def message_for(light: Light, state: float | bool | None) -> bytes:
    """The MIDI message that sets a light to a state."""
    if state is None:
        value = light.off
    elif isinstance(state, bool):
        value = (light.blink if light.shows == "busy" else light.on) if state else light.off
    else:
        value = light.low + round(min(1.0, max(0.0, state)) * (light.high - light.low))
    if light.kind == "cc":
        return control_change(light.channel, light.number, value)
    if light.kind == "note":
        return note(light.channel, light.number, value)
    if light.kind == "pitch":
        return pitch(light.channel, value)
    return bytes(value if part is None else part for part in light.sysex)


class Lights:
    """What one device shows and what it has still to be told. Only the latest state of each light is kept waiting."""

    def __init__(self, controller: ControllerMap) -> None:
        self._lit = [(number, each) for number, each in enumerate(controller.controls) if each.light]
        self._sent: dict[int, bytes] = {}
        self._waiting: dict[int, bytes] = {}
        self._touched_s: dict[int, float] = {}

    def touched(self, number: int, now_s: float) -> None:
        """A hand is on this control."""
        self._touched_s[number] = now_s

    def draw(self, stage: Stage) -> None:
        """Take note of all that has to change."""
        for number, control in self._lit:
            assert control.light is not None
            wanted = message_for(control.light, shown(control, stage))
            if self._sent.get(number) != wanted:
                self._waiting[number] = wanted
            else:
                self._waiting.pop(number, None)

    def forget(self) -> None:
        """The device was plugged in anew, or shows something else: everything is to be sent again."""
        self._sent.clear()
        self._waiting.clear()

    def batch(self, now_s: float) -> list[bytes]:
        """The next messages to be sent, at most BATCH; controls under a hand wait."""
        return [message for _, message in zip(range(BATCH), self._due(now_s), strict=False)]

    def wait_s(self, now_s: float) -> float | None:
        """How long until something may be sent; None where nothing waits."""
        if not self._waiting:
            return None
        return max(0.0, min(self._free_s(number) - now_s for number in self._waiting))

    def _due(self, now_s: float) -> Iterator[bytes]:
        for number in [number for number in self._waiting if self._free_s(number) <= now_s]:
            self._sent[number] = self._waiting.pop(number)
            yield self._sent[number]

    def _free_s(self, number: int) -> float:
        return self._touched_s.get(number, -HANDS_OFF_S) + HANDS_OFF_S
