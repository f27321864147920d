"""The codec against packets that stop, stall or crash other servers. A hang fails by the suite's timeout."""

from __future__ import annotations

import math
import random
import struct
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder, build_msg

from antiphon.control.messages import MESSAGES, Message, message
from antiphon.control.osc_codec import MAX_DATAGRAM_BYTES, MAX_PACKET_BYTES, UnreadablePacket, decode, encode
from tests.control.clients import osc

STATUS = osc("/status", "r1")


def bundle(tag: int, *elements: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", tag) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def nested(depth: int, inner: bytes = STATUS) -> bytes:
    for _ in range(depth):
        inner = bundle(1, inner)
    return inner


def message_with(tags: str, payload: bytes = b"") -> bytes:
    head = b"/antiphon/status\0\0\0\0"
    text = b"," + tags.encode()
    return head + text + b"\0" * (4 - len(text) % 4) + payload


KILLERS = {
    "element of size -4, on which python-osc loops for ever": b"#bundle\0" + struct.pack(">Qi", 1, -4),
    "element of size 0": b"#bundle\0" + struct.pack(">Qi", 1, 0),
    "element larger than the packet": b"#bundle\0" + struct.pack(">Qi", 1, 2**31 - 1) + STATUS,
    "element size that is no multiple of 4": b"#bundle\0" + struct.pack(">Qi", 1, 5) + STATUS,
    "element size cut off": b"#bundle\0" + struct.pack(">Q", 1) + b"\0\0",
    "17 stars, on which python-osc backtracks for 40 s": osc("/" + "*" * 17),
    "character class in the address": osc("/[a-z]"),
    "alternatives in the address": osc("/{rate,tempo}"),
    "a question mark in the address": osc("/statu?", "r1"),
    "500 nested bundles": nested(500),
    "9 nested bundles": nested(9),
    "address without slash, as Ardour's #reply": b"#reply\0\0,s\0\0abc\0",
    "address that is plain text": b"hello\0\0\0,\0\0\0",
    "address with a space": b"/a b\0\0\0\0,\0\0\0",
    "address that is not ASCII": "/ü".encode() + b"\0,\0\0\0",
    "no type tags but data": b"/a\0\0abc\0",
    "a type that is not taken": message_with("c", b"\0\0\0a"),
    "impulse": message_with("I"),
    "array": message_with("[i]", b"\0\0\0\1"),
    "text without end": message_with("s", b"abcd"),
    "text that is not padded": b"/a\0\0,s\0\0abc",
    "text with a byte where padding belongs": message_with("s", b"a\0b\0"),
    "invalid UTF-8": message_with("s", b"\xff\xfe\xfd\0"),
    "blob of negative size": message_with("b", struct.pack(">i", -8)),
    "blob beyond the packet": message_with("b", struct.pack(">i", 2**31 - 1)),
    "arguments missing": message_with("iiii", b"\0\0\0\1"),
    "bytes left over": message_with("i", b"\0\0\0\1\0\0\0\2"),
    "300 arguments": message_with("T" * 300),
    "300 messages": bundle(1, *[osc("/refresh")] * 300),
    "60 kB": osc("/generate", "r1", "prompt", "x" * 60_000),
    "nothing": b"",
    "three bytes": b"/a\0",
    "only zeros": bytes(64),
    "half a bundle head": b"#bundle\0\0\0\0\0",
}


@pytest.mark.parametrize("name", KILLERS)
def test_killer_packets_are_refused_at_once(name: str) -> None:
    started_s = time.process_time()  # of ours, whatever runs beside
    with pytest.raises(UnreadablePacket) as caught:
        decode(KILLERS[name])
    assert time.process_time() - started_s < 0.5
    assert caught.value.code == "malformed"
    assert caught.value.message


def test_the_codec_s_own_library_still_has_the_illness() -> None:
    """If python-osc refuses these one day, our walk before it may become simpler."""
    with pytest.raises(UnicodeDecodeError):
        OscMessage(KILLERS["invalid UTF-8"])


@pytest.mark.parametrize(
    ("packet", "request_id"),
    [
        (message_with("si", b"r7\0\0"), "r7"),
        (message_with("is", struct.pack(">i", 7) + b"\xff\0\0\0"), 7),
        (message_with("fs", bytes(4) + b"\xff\0\0\0"), "-"),
        (bundle(1, STATUS, message_with("sc", b"r8\0\0\0\0\0a")), "r8"),
        (b"garbage!", "-"),
    ],
)
def test_a_readable_request_id_is_in_the_error(packet: bytes, request_id: str | int) -> None:
    with pytest.raises(UnreadablePacket) as caught:
        decode(packet)
    assert caught.value.request_id == request_id


def test_values_beyond_32_bits_are_read_and_left_to_the_field_check() -> None:
    (call,) = decode(osc("/generate", "r", "seed", 2**40))
    assert call.arguments == ("r", "seed", 2**40)


def test_bundles_by_python_osc_are_read() -> None:
    inner = OscBundleBuilder(IMMEDIATELY)  # type: ignore[arg-type]
    inner.add_content(build_msg("/antiphon/tempo", 124.0))
    outer = OscBundleBuilder(1_900_000_000.5)  # type: ignore[arg-type]
    outer.add_content(build_msg("/antiphon/status", ["r1"]))
    outer.add_content(inner.build())
    first, second = decode(outer.build().dgram)
    assert first.arguments == ("r1",)
    assert first.due_s == pytest.approx(1_900_000_000.5, abs=1e-3)
    assert (second.arguments, second.due_s) == ((124.0,), None)
    assert decode(bundle(1)) == []
    assert len(decode(nested(8))) == 1


@pytest.mark.parametrize("tag", ["i", "f", "h", "d"])
def test_all_number_types_are_read(tag: str) -> None:
    builder = OscMessageBuilder("/a")
    builder.add_arg(4 if tag in "ih" else 4.0, tag)
    assert decode(builder.build().dgram)[0].arguments == (4,)


@given(st.floats(20, 400).map(lambda x: round(x, 3)))
def test_a_tempo_of_three_decimals_survives_float32(bpm: float) -> None:
    assert decode(osc("/tempo", bpm))[0].arguments == (bpm,)


@given(st.floats(width=32, allow_nan=False))
def test_every_float32_is_read_as_a_number_that_stands_for_it(value: float) -> None:
    (read,) = decode(osc("/tempo", value))[0].arguments
    assert isinstance(read, float)
    assert read == value or struct.pack(">f", read) == struct.pack(">f", value)
    if math.isinf(value) or value.is_integer():
        assert read == value, "whole numbers stay what they are: a Pd float may be a request id"


@given(st.binary(max_size=400))
@hypothesis_settings(max_examples=400)
def test_random_bytes_raise_nothing_else(packet: bytes) -> None:
    refuse_or_read(packet)


def test_mutated_packets_raise_nothing_else() -> None:
    rng = random.Random(7)
    seeds = [osc("/generate", "r1", "bpm", 93.5, "key", "Am"), nested(3), bundle(1, STATUS, osc("/tempo", 1.0))]
    for _ in range(20_000):
        packet = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 6)):
            packet[rng.randrange(len(packet))] = rng.choice((0, 1, 4, 35, 47, 127, 255, rng.randrange(256)))
        refuse_or_read(bytes(packet[: rng.randrange(len(packet) + 1)]) if rng.random() < 0.2 else bytes(packet))


def refuse_or_read(packet: bytes) -> None:
    try:
        calls = decode(packet)
    except UnreadablePacket:
        return
    assert all(call.address.startswith("/") for call in calls)


SAMPLES = {"s": "Ääh 'x'", "i": 2**31 - 1, "f": 0.5, "id": "r1"}


@pytest.mark.parametrize("address", MESSAGES)
def test_every_outgoing_message_is_plain_osc(address: str) -> None:
    values = [SAMPLES[kind] for _, kind in MESSAGES[address].arguments]
    packet = encode(message(address, *values))
    tags = packet[packet.index(b",") :].split(b"\0")[0]
    assert set(tags[1:].decode()) <= set("sif")
    (call,) = decode(packet)
    assert list(call.arguments) == values


def test_types_are_those_of_the_table() -> None:
    assert encode(message("/progress", "r", 1, "x")) == encode(Message("/progress", ("r", 1.0, "x")))
    assert decode(encode(message("/job", "j", "generate", "done", math.nan)))[0].arguments[-1] == 0.0
    assert decode(encode(message("/stem", 2**40, "c", "s", "p", "u", 2**40, 44100)))[0].arguments[5] == 2**31 - 1


@pytest.mark.parametrize(
    "sent",
    [
        message("/error", "r", "invalid", "ü" * 5000),
        message("/status", "r", '{"a":1,"b":"' + "x" * 5000 + '"}'),
        message("/stem", "r", "c1", "drums", "/" + "d" * 4000, "http://x/" + "u" * 4000, 1, 44100),
        message("/done", "r", *[f"candidate-{n:06}" for n in range(500)]),
        message("/progress", "r", 0.5, "\0" + "x" * 2000),
    ],
)
def test_datagrams_stay_small_and_readable(sent: Message) -> None:
    packet = encode(sent)
    assert len(packet) <= MAX_DATAGRAM_BYTES < 1400
    (call,) = decode(packet)
    assert call.arguments[0] == "r"
    whole = encode(sent, None)
    assert len(whole) > MAX_DATAGRAM_BYTES


def test_a_path_that_does_not_fit_is_empty_not_wrong() -> None:
    (call,) = decode(encode(message("/stem", "r", "c", "drums", "/" + "d" * 4000, "http://x/y", 1, 44100)))
    assert call.arguments[3:5] == ("", "http://x/y")


def test_the_size_limit_is_a_limit() -> None:
    fits = osc("/generate", "r", "prompt", "x" * (MAX_PACKET_BYTES - 64))
    assert len(fits) <= MAX_PACKET_BYTES
    assert decode(fits)
