"""How OSC packets are told apart on a TCP stream: OSC 1.1 (SLIP, RFC 1055) and OSC 1.0 (length prefix).

Clients disagree on SLIP: some put END on both sides of a packet, as OSC 1.1 says, others after it only, as RFC 1055
does. The first byte of a connection shows which of the three it speaks.
"""

from __future__ import annotations

import struct
from typing import Protocol

from antiphon.control.osc_codec import MAX_PACKET_BYTES
from antiphon.errors import MalformedPacket

_END, _ESC = b"\xc0", b"\xdb"
#: A frame may be twice as long as its packet, if every byte is escaped.
_MAX_SLIP_BYTES = 2 * MAX_PACKET_BYTES


class BrokenFraming(MalformedPacket):
    """Bytes in a stream after which the next packet's start can't be found; the connection has to end."""


class Framing(Protocol):
    """Cuts a stream into packets and wraps packets for it."""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now. Raises BrokenFraming."""
        ...

    def wrap(self, packet: bytes) -> bytes: ...


def detect(first: bytes) -> Framing:
    """The framing of a connection by its first byte. Raises BrokenFraming."""
    if first[:1] == _END:
        return SlipFraming(leading_end=True)
    if first[:1] in (b"/", b"#"):
        return SlipFraming(leading_end=False)
    if first[:1] == b"\0":
        return LengthFraming()
    raise BrokenFraming("this is not OSC over TCP: frame packets with SLIP (OSC 1.1) or a 4-byte length (OSC 1.0)")


class SlipFraming:
    """SLIP; `leading_end` says whether packets that go out have END before them too."""

    def __init__(self, leading_end: bool) -> None:
        self._leading = _END if leading_end else b""
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *frames, self._rest = (self._rest + data).split(_END)
        if max(map(len, [self._rest, *frames])) > _MAX_SLIP_BYTES:
            raise BrokenFraming(f"a packet has more than {MAX_PACKET_BYTES} bytes: send less at once")
        # A broken escape is left in: the codec then refuses that packet alone.
        return [_unescape(frame) for frame in frames if frame]

    def wrap(self, packet: bytes) -> bytes:
        return self._leading + packet.replace(_ESC, b"\xdb\xdd").replace(_END, b"\xdb\xdc") + _END


def _unescape(frame: bytes) -> bytes:
    return frame.replace(b"\xdb\xdc", _END).replace(b"\xdb\xdd", _ESC) if _ESC in frame else frame


class LengthFraming:
    """A big-endian int32 length before every packet."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        self._rest += data
        packets: list[bytes] = []
        position = 0
        while len(self._rest) - position >= 4:
            (size,) = struct.unpack_from(">i", self._rest, position)
            if not 0 < size <= MAX_PACKET_BYTES:
                raise BrokenFraming(f"a packet claims {size} bytes: it must be 1 to {MAX_PACKET_BYTES}")
            if len(self._rest) - position - 4 < size:
                break
            packets.append(self._rest[position + 4 : position + 4 + size])
            position += 4 + size
        self._rest = self._rest[position:]
        return packets

    def wrap(self, packet: bytes) -> bytes:
        return struct.pack(">i", len(packet)) + packet
