#!/usr/bin/env python3
"""How soon an OSCQuery client that listens hears of a change that somebody else made.

python scripts/bench_oscquery.py --changes 500

A real server; a WebSocket that has said LISTEN to the tempo and to a stem's level; an OSC client that changes them.
What is measured is from the sending of the change (a UDP datagram) to the value on the WebSocket: it is stored by then.
The aim is 50 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse
from pythonosc.osc_message import OscMessage

from benchmarks.report import Report, Table, quantile
from benchmarks.server import Client, Server, packet

AIM_MS = 50.0
PATIENCE_S = 10.0
TEMPO, LEVEL = "/antiphon/tempo", "/antiphon/stem/bass/level"


async def heard(socket: ClientWebSocketResponse, address: str, value: float) -> float:
    """Wait until this value comes; the time then (time.perf_counter). Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = OscMessage(await socket.receive_bytes())
            if message.address == address and abs(message.params[0] - value) < 1e-3:
                return time.perf_counter()


async def measure(server: Server, client: Client, changes: int) -> dict[str, list[float]]:
    """Seconds from each change to the news of it, by address."""
    random_ = random.Random(1)
    found: dict[str, list[float]] = {TEMPO: [], LEVEL: []}
    async with ClientSession() as http, http.ws_connect(f"http://127.0.0.1:{server.http_port}/") as socket:
        for address in found:
            await socket.send_str(json.dumps({"COMMAND": "LISTEN", "DATA": address}))
            await socket.receive_bytes()
        for number in range(changes):
            for address, value in ((TEMPO, 80.0 + number % 100), (LEVEL, (number % 99) / 100)):
                at_s = client.send(packet(address, value))
                found[address].append(await heard(socket, address, value) - at_s)
                await asyncio.sleep(random_.uniform(0.002, 0.02))
    return found


def row(what: str, latencies_s: list[float]) -> tuple[str, ...]:
    ms = [1e3 * latency for latency in latencies_s]
    late = sum(each > AIM_MS for each in ms)
    return what, str(len(ms)), f"{quantile(ms, 0.5):.1f}", f"{quantile(ms, 0.99):.1f}", f"{max(ms):.1f}", str(late)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=500, help="of each of two values")
    parser.add_argument("--model", default="builtin", help="as in the settings")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    report = Report.begin("bench_oscquery", vars(options))
    settings: dict[str, Any] = {"model": options.model, "midi.enabled": False}
    with Server(settings) as server:
        server.ready_s()
        with server.client() as client:
            found = asyncio.run(measure(server, client, options.changes))
    columns = ("what", "times", "p50 ms", "p99 ms", "greatest ms", f"over {AIM_MS:g} ms")
    rows = tuple(row(f"`{address}` changed over OSC → heard by LISTEN", times) for address, times in found.items())
    report.add(Table("OSCQuery", columns, rows, ("From the datagram to the WebSocket; the commit lies between.",)))
    report.figures |= found
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
