"""MIDI messages as values: what came over a port, decoded by mido, without anything that could raise.

The numbers are those of the MIDI 1.0 Detailed Specification (MMA, 1996).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mido

#: Longer than any message but system exclusive: what is longer is noise.
LONGEST_BYTES = 64
SYSTEM_EXCLUSIVE = 0xF0
_REAL_TIME = {"clock": "clock", "start": "start", "continue": "continue", "stop": "stop", "songpos": "position"}


@dataclass(frozen=True, slots=True)
class Received:
    """One message. `kind`: cc, note, program, pitch, or of a host: clock, start, continue, stop, position.

    `channel` counts from 1, and is 0 where the message has none. `value` is 0 to 127; of `pitch` 0 to 16383, of
    `position` sixteenth notes. A note that ends has the value 0.
    """

    kind: str
    channel: int
    number: int
    value: int


class Decoder:
    """Bytes of one port to messages. It keeps half a message until the rest comes, and nothing of noise."""

    def __init__(self) -> None:
        self._parser = mido.Parser()

    def feed(self, data: bytes) -> Iterator[Received]:
        """The messages that these bytes complete; system exclusive and whatever is too long is passed over."""
        if not data or data[0] == SYSTEM_EXCLUSIVE or len(data) > LONGEST_BYTES:
            return
        self._parser.feed(data)
        for message in self._parser:
            received = _received(message)
            if received is not None:
                yield received


def _received(message: Any) -> Received | None:
    kind = message.type
    if kind in _REAL_TIME:
        return Received(_REAL_TIME[kind], 0, 0, message.pos if kind == "songpos" else 0)
    if kind == "control_change":
        return Received("cc", message.channel + 1, message.control, message.value)
    if kind in ("note_on", "note_off"):
        return Received("note", message.channel + 1, message.note, message.velocity if kind == "note_on" else 0)
    if kind == "program_change":
        return Received("program", message.channel + 1, message.program, 127)
    if kind == "pitchwheel":
        return Received("pitch", message.channel + 1, 0, message.pitch + 8192)
    return None


def control_change(channel: int, number: int, value: int) -> bytes:
    """`channel` counts from 1."""
    return bytes(mido.Message("control_change", channel=channel - 1, control=number, value=value).bytes())


def note(channel: int, number: int, velocity: int) -> bytes:
    """A note; velocity 0 ends it."""
    return bytes(mido.Message("note_on", channel=channel - 1, note=number, velocity=velocity).bytes())


def pitch(channel: int, value: int) -> bytes:
    """A pitch wheel, as motor faders take their position: `value` 0 to 16383."""
    return bytes(mido.Message("pitchwheel", channel=channel - 1, pitch=value - 8192).bytes())
