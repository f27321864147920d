"""Bytes to OSC calls and messages to bytes, safely.

python-osc does the encoding and decoding of single messages; but a 20-byte bundle makes its parser loop for ever, and
its dispatcher sleeps and backtracks. So every packet is walked and measured here first, bundles are unpacked here, and
only messages whose every byte is accounted for reach the library. Specification: OSC 1.0, 1.1.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import OscMessageBuilder

from antiphon.control.messages import Message, Value
from antiphon.errors import MalformedPacket

MAX_PACKET_BYTES = 16_384
MAX_DEPTH = 8
MAX_ELEMENTS = 256
MAX_ARGUMENTS = 128
#: Replies over UDP stay below this, so that no network on the way cuts them up.
MAX_DATAGRAM_BYTES = 1_396

_BUNDLE = b"#bundle\0"
_IMMEDIATELY = 1
_NTP_TO_UNIX_S = 2_208_988_800
#: Printable ASCII without the characters that OSC reserves for patterns and bundles.
_ADDRESS = re.compile(rb"(?:/[!-~]*)")
_PATTERN_CHARACTERS = frozenset(b"#*,?[]{}")
_FIXED_SIZE = {"i": 4, "f": 4, "h": 8, "d": 8, "t": 8, "r": 4, "m": 4, "T": 0, "F": 0, "N": 0}


class UnreadablePacket(MalformedPacket):
    """A packet that is not OSC; `request_id` is the sender's where it could still be read, else `-`."""

    def __init__(self, text: str, request_id: str | int = "-") -> None:
        super().__init__(text)
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class OscCall:
    """A message that came in. `due_s` is when it is meant (seconds since the epoch); None: now."""

    address: str
    arguments: tuple[object, ...]
    due_s: float | None = None


def decode(packet: bytes) -> list[OscCall]:
    """All messages of a packet, in order. Raises UnreadablePacket; nothing else, whatever the bytes."""
    if len(packet) > MAX_PACKET_BYTES:
        raise UnreadablePacket(
            f"the packet has {len(packet)} bytes: at most {MAX_PACKET_BYTES} are read; send less at once"
        )
    calls: list[OscCall] = []
    for element, due_s in _elements(packet, 0, None):
        calls.append(_decode_message(element, due_s))
        if len(calls) > MAX_ELEMENTS:
            raise UnreadablePacket(f"the bundle holds more than {MAX_ELEMENTS} messages: send several bundles")
    return calls


def _elements(packet: bytes, depth: int, due_s: float | None) -> Iterator[tuple[bytes, float | None]]:
    """The messages of a packet or bundle element with the time tag of the bundle they lie in."""
    if not packet or len(packet) % 4:
        raise UnreadablePacket(f"not OSC: a packet's length is a multiple of 4, but this has {len(packet)} bytes")
    if not packet.startswith(b"#"):
        yield packet, due_s
        return
    if not packet.startswith(_BUNDLE) or len(packet) < 16:
        raise UnreadablePacket("not OSC: it begins with # but is no bundle")
    if depth >= MAX_DEPTH:
        raise UnreadablePacket(f"bundles lie more than {MAX_DEPTH} deep in each other: send them flat")
    due_s = _unix_time(struct.unpack_from(">Q", packet, 8)[0])
    position = 16
    while position < len(packet):
        (size,) = struct.unpack_from(">i", packet, position)
        position += 4
        if size <= 0 or size > len(packet) - position:
            raise UnreadablePacket(f"a bundle element claims {size} bytes where {len(packet) - position} are left")
        yield from _elements(packet[position : position + size], depth + 1, due_s)
        position += size


def _unix_time(tag: int) -> float | None:
    return None if tag <= _IMMEDIATELY else (tag >> 32) - _NTP_TO_UNIX_S + (tag & 0xFFFFFFFF) / 2**32


def _decode_message(data: bytes, due_s: float | None) -> OscCall:
    try:
        tags = _walk(data)
        parsed = OscMessage(data)
    except UnreadablePacket as error:
        raise UnreadablePacket(str(error), _salvaged_request_id(data)) from None
    except ParseError as error:
        raise UnreadablePacket(f"not OSC: {error}", _salvaged_request_id(data)) from error
    values = (_decimal(value) if tag == "f" else value for tag, value in zip(tags, parsed.params, strict=True))
    return OscCall(parsed.address, tuple(values), due_s)


def _walk(data: bytes) -> str:
    """Account for every byte of a message; returns its type tags. Raises UnreadablePacket."""
    address, position = _string(data, 0)
    if not _ADDRESS.fullmatch(address):
        raise UnreadablePacket("an OSC address begins with / and is plain ASCII without spaces")
    if _PATTERN_CHARACTERS.intersection(address):
        raise UnreadablePacket("address patterns are not taken here: send the plain address")
    if position == len(data):
        return ""
    tags, position = _string(data, position)
    if not tags.startswith(b","):
        raise UnreadablePacket("the type tags are missing: send OSC 1.0 with a , before them")
    if len(tags) - 1 > MAX_ARGUMENTS:
        raise UnreadablePacket(f"{len(tags) - 1} arguments: at most {MAX_ARGUMENTS} are read")
    names = tags[1:].decode("latin-1")
    for tag in names:
        position = _skip_argument(data, position, tag)
    if position != len(data):
        raise UnreadablePacket(f"{len(data) - position} bytes are left over after the arguments")
    return names


def _skip_argument(data: bytes, position: int, tag: str) -> int:
    """Where the next argument begins."""
    if tag == "s":
        text, position = _string(data, position)
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise UnreadablePacket("a text argument is not UTF-8") from None
        return position
    if tag == "b":
        if position + 4 > len(data):
            raise UnreadablePacket("the packet ends in the middle of its arguments")
        (size,) = struct.unpack_from(">i", data, position)
        if size < 0:
            raise UnreadablePacket(f"a blob claims {size} bytes")
        position += 4 + size + -size % 4
    elif tag in _FIXED_SIZE:
        position += _FIXED_SIZE[tag]
    else:
        raise UnreadablePacket(f"type tag {tag!r} is not taken here: send i, f and s")
    if position > len(data):
        raise UnreadablePacket("the packet ends in the middle of its arguments")
    return position


def _string(data: bytes, start: int) -> tuple[bytes, int]:
    """A padded OSC string and where the next item begins."""
    end = data.find(b"\0", start)
    if end < 0:
        raise UnreadablePacket("a text has no end")
    following = end + 4 - end % 4
    if following > len(data) or data[end:following].strip(b"\0"):
        raise UnreadablePacket("a text is not padded with zeros to a multiple of 4 bytes")
    return data[start:end], following


def _salvaged_request_id(data: bytes) -> str | int:
    """The first argument of a broken message where it can be a request id, else `-`."""
    try:
        _, position = _string(data, 0)
        tags, position = _string(data, position)
        if tags.startswith(b",i"):
            return int(struct.unpack_from(">i", data, position)[0])
        if tags.startswith(b",s"):
            text = _string(data, position)[0].decode("utf-8")
            return text if text.isprintable() and 0 < len(text) <= 64 else "-"
    except (UnreadablePacket, UnicodeDecodeError, struct.error):
        pass
    return "-"


def _decimal(value: float) -> float:
    """The shortest decimal that a float32 stands for: who types 93.1 means 93.1, not 93.09999847, and a tempo decides
    how many frames a loop has."""
    if not math.isfinite(value) or value.is_integer():
        return value
    for digits in range(6, 10):
        candidate = float(f"{value:.{digits}g}")
        try:
            if struct.unpack(">f", struct.pack(">f", candidate))[0] == value:
                return candidate
        except OverflowError:
            continue
    return value


def encode(sent: Message, max_bytes: int | None = MAX_DATAGRAM_BYTES) -> bytes:
    """An outgoing message as OSC: strings, int32 and float32 only.

    What does not fit `max_bytes` (None: no bound, for TCP) is made shorter, so that it stays true: a path that is too
    long becomes empty (the URL serves), JSON loses its largest members and says which, other text ends with `…`, and
    of repeated ids the last are left out (each had its own `/mix`).
    """
    data = encode_values(sent.osc_address, sent.values)
    if max_bytes is None or len(data) <= max_bytes:
        return data
    values = list(sent.values)
    while len(data) > max_bytes:
        _shorten(sent, values, len(data) - max_bytes)
        data = encode_values(sent.osc_address, values)
    return data


def encode_values(address: str, values: Sequence[Value]) -> bytes:
    """A packet with one message of any address: strings, int32 and float32."""
    builder = OscMessageBuilder(address)
    for value in values:
        if isinstance(value, str):
            builder.add_arg(
                value.replace("\0", " ").encode("utf-8", "replace").decode(), OscMessageBuilder.ARG_TYPE_STRING
            )
        elif isinstance(value, float):
            builder.add_arg(value, OscMessageBuilder.ARG_TYPE_FLOAT)
        else:
            builder.add_arg(max(-(2**31), min(value, 2**31 - 1)), OscMessageBuilder.ARG_TYPE_INT)
    return builder.build().dgram


def _shorten(sent: Message, values: list[Value], excess: int) -> None:
    names = [name for name, _ in sent.spec.arguments]
    if names[-1].endswith("...") and len(values) > len(names):
        values.pop()
        return
    position = max(range(len(values)), key=lambda i: len(values[i]) if isinstance(values[i], str) else 0)  # type: ignore[arg-type]
    text = str(values[position])
    if names[position] in ("path", "url"):
        values[position] = ""
    elif names[position] == "json":
        values[position] = _smaller_json(text, max(64, len(text.encode()) - excess - 4))
    else:
        kept = max(0, len(text.encode()) - excess - 8)
        values[position] = text.encode()[:kept].decode("utf-8", "ignore") + "…" if kept else ""


def _smaller_json(text: str, max_bytes: int) -> str:
    """The JSON object without its largest members, which `omitted` names."""
    members = json.loads(text)
    omitted: list[str] = []
    while members and len(text.encode()) > max_bytes:
        largest = max(members, key=lambda name: len(json.dumps(members[name])))
        omitted.append(largest[:40])
        del members[largest]
        text = json.dumps(members | {"omitted": omitted[:16]}, ensure_ascii=False, separators=(",", ":"))
    return text if len(text.encode()) <= max_bytes else "{}"
