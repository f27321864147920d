"""What a knob, fader, button or pad sends, and what it means: a position, some steps, a press.

7-bit and 14-bit controllers, NRPN, the three relative encodings of endless encoders (as Control Surface by tttapa and
the DAWs call them), notes, program changes and pitch wheels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from antiphon.control.midi.wire import Received

KINDS = ("cc", "cc14", "nrpn", "note", "program", "pitch")
#: How a control's value is to be read. `button`: pressed above 63 (of notes: above 0).
MODES = ("absolute", "twos_complement", "binary_offset", "sign_magnitude", "button")
RELATIVE = ("twos_complement", "binary_offset", "sign_magnitude")
#: The greatest number that each kind's key takes.
LARGEST_NUMBER = {"cc": 127, "cc14": 31, "nrpn": 16383, "note": 127, "program": 127, "pitch": 0}

_NRPN_MSB, _NRPN_LSB, _RPN_LSB, _RPN_MSB = 99, 98, 100, 101
_DATA_MSB, _DATA_LSB, _INCREMENT, _DECREMENT = 6, 38, 96, 97
_FOURTEEN_BITS = 16383
_PRESSED_FROM = 64


@dataclass(frozen=True, slots=True)
class Source:
    """What one control sends. `channel` counts from 1; `number` is the controller, note, program or NRPN."""

    kind: str
    channel: int
    number: int
    mode: str = "absolute"

    @property
    def text(self) -> str:
        """As people write it: `CC 16 on channel 1`."""
        name = {"cc": "CC", "cc14": "14-bit CC", "nrpn": "NRPN", "note": "note", "program": "program"}.get(self.kind)
        what = f"{name} {self.number}" if name else "pitch wheel"
        return f"{what} on channel {self.channel}"


@dataclass(frozen=True, slots=True)
class Signal:
    """What a hand did to a control: `position` 0 to 1, `steps` of an endless encoder (clockwise positive), or
    `pressed`; the other two are None."""

    source: Source
    position: float | None = None
    steps: int | None = None
    pressed: bool | None = None


def relative_steps(mode: str, value: int) -> int:
    """Steps that a relative controller's value 0 to 127 means, clockwise positive.

    `twos_complement`: 1 is +1, 127 is −1. `binary_offset`: 65 is +1, 63 is −1. `sign_magnitude`: 1 is +1, 65 is −1.
    """
    if mode == "twos_complement":
        return value if value < 64 else value - 128
    if mode == "binary_offset":
        return value - 64
    return -(value & 0x3F) if value & 0x40 else value


class Reading:
    """Messages of one device to signals of the controls that its map names."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._plain = {(s.kind, s.channel, s.number): s for s in sources if s.kind not in ("cc14", "nrpn")}
        self._wide = {(s.channel, s.number): s for s in sources if s.kind == "cc14"}
        self._nrpn = {(s.channel, s.number): s for s in sources if s.kind == "nrpn"}
        #: The upper seven bits of 14-bit controllers, by channel and number.
        self._upper: dict[tuple[int, int], int] = {}
        #: Per channel: which NRPN is selected (upper, lower), and the upper data bits.
        self._selected: dict[int, tuple[int, int]] = {}
        self._data: dict[int, int] = {}

    def feed(self, received: Received) -> Iterator[Signal]:
        """The signals that a message brings: none for what the map does not name."""
        if received.kind == "cc" and self._nrpn:
            yield from self._feed_nrpn(received)
        if received.kind == "cc" and self._wide:
            yield from self._feed_wide(received)
        source = self._plain.get((received.kind, received.channel, received.number))
        if source is not None:
            yield _signal(source, received.value, _FOURTEEN_BITS if source.kind == "pitch" else 127)

    def _feed_wide(self, received: Received) -> Iterator[Signal]:
        channel, number, value = received.channel, received.number, received.value
        if (channel, number) in self._wide:
            # By the specification a new upper half sets the lower one to zero; many devices send no lower half then.
            self._upper[channel, number] = value
            yield _signal(self._wide[channel, number], value << 7, _FOURTEEN_BITS)
        elif (channel, number - 32) in self._wide:
            upper = self._upper.get((channel, number - 32), 0)
            yield _signal(self._wide[channel, number - 32], upper << 7 | value, _FOURTEEN_BITS)

    def _feed_nrpn(self, received: Received) -> Iterator[Signal]:
        channel, number, value = received.channel, received.number, received.value
        upper, lower = self._selected.get(channel, (127, 127))
        if number == _NRPN_MSB:
            self._selected[channel] = (value, lower)
        elif number == _NRPN_LSB:
            self._selected[channel] = (upper, value)
        elif number in (_RPN_LSB, _RPN_MSB):
            self._selected.pop(channel, None)
        source = self._nrpn.get((channel, upper << 7 | lower))
        if source is None:
            return
        if number == _DATA_MSB:
            self._data[channel] = value
            yield _signal(source, value << 7, _FOURTEEN_BITS)
        elif number == _DATA_LSB:
            yield _signal(source, self._data.get(channel, 0) << 7 | value, _FOURTEEN_BITS)
        elif number in (_INCREMENT, _DECREMENT):
            yield Signal(source, steps=1 if number == _INCREMENT else -1)


def _signal(source: Source, value: int, largest: int) -> Signal:
    if source.mode in RELATIVE:
        return Signal(source, steps=relative_steps(source.mode, value))
    if source.mode == "button":
        return Signal(source, pressed=value > 0 if source.kind == "note" else value >= _PRESSED_FROM)
    return Signal(source, position=value / largest)


class PickUp:
    """Soft takeover of an absolute control without a motor: it counts once it has met the value that stands.

    Otherwise a knob that stands at 20 % would throw a rating of 90 % away at the first touch.
    """

    #: So near is met: one step of a 7-bit control and a half.
    NEAR = 1.5 / 127

    def __init__(self) -> None:
        self._last: float | None = None
        self._standing: float | None = None
        self._held = False

    def takes(self, position: float, standing: float | None) -> bool:
        """Whether a position counts, where `standing` is the value to be changed (None: there is none yet)."""
        if standing != self._standing and not (standing is not None and self._near(self._last, standing)):
            self._held = False
        self._standing = standing
        before, self._last = self._last, position
        if not self._held:
            crossed = before is not None and standing is not None and (before - standing) * (position - standing) <= 0
            self._held = standing is None or crossed or self._near(position, standing)
        return self._held

    def release(self) -> None:
        """Something else is to be changed from now on: the control has to meet it first."""
        self._held = False
        self._standing = None

    def _near(self, position: float | None, standing: float) -> bool:
        return position is not None and abs(position - standing) <= self.NEAR
