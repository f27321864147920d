#!/usr/bin/env python3
"""Throw mutated packets at the OSC decoder and count what comes out of it.

python3 scripts/fuzz_osc.py [COUNT] [SEED]      1,000,000 packets and seed 0, where not given

Every packet must be read or refused with our own error. Anything else, or a packet that takes more than
5 ms of processor time or 1 s by the clock, is printed as hex and fails the run.
"""

from __future__ import annotations

import random
import struct
import sys
import time
from collections import Counter

from pythonosc.osc_message_builder import build_msg
from rich.progress import track

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from antiphon.control.osc_codec import OscCall, UnreadablePacket, decode
from antiphon.errors import AntiphonError

SLOW_S = 0.005
HUNG_S = 1.0
INTERESTING = (0, 1, 3, 4, 8, 0x23, 0x2A, 0x2C, 0x2F, 0x7F, 0x80, 0xC0, 0xDB, 0xFC, 0xFF)


def bundle(*elements: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", 1) + b"".join(struct.pack(">i", len(e)) + e for e in elements)


def seeds() -> list[bytes]:
    """Good packets to start from: each kind of argument, of nesting and of address."""
    generate = build_msg("/antiphon/generate", ["r1", "bpm", 93.5, "bars", 4, "key", "Am", "stems", "drums bass"]).dgram
    rate = build_msg("/antiphon/rate", [7, "c8f2", 0.8, "stem", "bass"]).dgram
    odd = build_msg("/antiphon/status", [True, None, b"blob", 2**40, (0, 1, 2, 3)]).dgram
    cross = build_msg("/antiphon/cross", ["x", "c8f2", "c8f3", "mix", 0.25, "stems", "bass"]).dgram
    restem = build_msg("/antiphon/restem", ["s", "c8f2", "bass", "seed", 7, "prompt", "warm"]).dgram
    knob = build_msg("/antiphon/candidate/c8f2/rate", [0.5]).dgram
    return [
        generate,
        rate,
        cross,
        restem,
        odd,
        knob,
        bundle(generate, rate),
        bundle(bundle(bundle(knob), odd)),
        bundle(),
    ]


def mutated(packet: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled, or the packet cut short."""
    data = bytearray(packet)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        position = rng.randrange(len(data)) if data else 0
        if rng.random() < 0.7:
            position -= position % 4  # OSC lives on a grid of 4 bytes: what stays on it gets deeper in
        match rng.randrange(6):
            case 0 | 1 if data:
                data[position] = rng.choice(INTERESTING)
            case 2 if data:
                data[position] ^= 1 << rng.randrange(8)
            case 3:
                del data[position : position + rng.choice((4, 4, 8, 1))]
            case 4:
                data[position:position] = data[position : position + 4 * rng.randrange(1, 8)]
            case _:
                data[position : position + 4] = struct.pack(">i", rng.choice((-4, -1, 0, 4, 2**31 - 1)))
    return bytes(data)


def judged(packet: bytes, bounds: Bounds) -> str:
    """What became of a packet; whatever else is raised is a finding."""
    try:
        calls = decode(packet)
    except UnreadablePacket:
        return "malformed"
    return Counter(_judged_call(call, bounds) for call in calls).most_common(1)[0][0] if calls else "empty bundle"


def _judged_call(call: OscCall, bounds: Bounds) -> str:
    try:
        row, path = find_command(call.address)
        decode_osc(row, path, call.arguments, bounds)
    except AntiphonError as error:
        return error.code if error.message else "without a text"
    return "read"


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    start, bounds = seeds(), Bounds()
    outcomes: Counter[str] = Counter()
    slowest_s = 0.0
    started = time.perf_counter()
    for _ in track(range(count), description="fuzzing", disable=not sys.stderr.isatty()):
        packet = mutated(rng.choice(start), rng)
        before_s, before_wall_s = time.process_time(), time.perf_counter()
        try:
            outcome = judged(packet, bounds)
        except Exception as error:  # noqa: BLE001  (what escapes is what we look for)
            print(f"escaped: {error!r} from {packet.hex()}", file=sys.stderr)
            return 1
        elapsed_s = time.process_time() - before_s
        if elapsed_s > SLOW_S or time.perf_counter() - before_wall_s > HUNG_S:
            print(f"slow: {elapsed_s * 1000:.1f} ms for {packet.hex()}", file=sys.stderr)
            return 1
        slowest_s = max(slowest_s, elapsed_s)
        outcomes[outcome] += 1
    took_s = time.perf_counter() - started
    print(f"{count} packets in {took_s:.1f} s, nothing escaped; slowest {slowest_s * 1000:.2f} ms of processor time")
    print(", ".join(f"{name} {number}" for name, number in outcomes.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
