#!/usr/bin/env python3
"""From a hand to the disk: how long after a knob's last message its rating is stored, and a fader's level is told.

python scripts/bench_midi.py --rounds 100            # needs jackd (package jackd2); about two minutes

A real server, and a stand-in for a nanoKONTROL2 on MIDI ports of JACK's dummy driver. A rating counts when the knob has
rested for a documented time (control/settling.py); what is reported is both with it and without it. "On disk" is when
another process can read the row: the server commits with synchronous=FULL. Beside it stands the
figure that this project measures itself by: libossia's 10 ms from a control to what it changes.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.jack import Controller, JackServer

from antiphon.control.settling import REST_S
from benchmarks.report import Report, Table
from benchmarks.server import Client, Server, packet

LIBOSSIA_MS = 10.0
RATE_CC, LEVEL_CC = 16, 0
PERIOD_FRAMES, RATE_HZ = 64, 48000
POLL_S = 0.0005


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def wait(happened: Callable[[], bool], patience_s: float = 30.0) -> float:
    """Poll until it is so; the time then (time.perf_counter). Raises TimeoutError."""
    until_s = time.perf_counter() + patience_s
    while not happened():
        if time.perf_counter() > until_s:
            raise TimeoutError("the server did not do what was waited for")
        time.sleep(POLL_S)
    return time.perf_counter()


def ratings(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT count(*) FROM rating").fetchone()[0])


def prepare(client: Client, device: Controller) -> None:
    """A candidate is auditioned, and the device is connected: its fader changes a level."""
    client.ask(packet("/antiphon/subscribe", 0), ["/antiphon/subscribed"])
    client.send(packet("/antiphon/generate", "midi", "bars", 1, "steps", 1, "stems", "drums"))
    client.wait(lambda heard: heard.address == "/antiphon/done" and heard.values[0] == "midi", 300.0)
    client.ask(packet("/antiphon/audition/next"), ["/antiphon/current"])
    for value in range(60):
        device.cc(LEVEL_CC, 127 - value % 2)
        try:
            client.wait(lambda heard: heard.address == "/antiphon/mixer", 0.5)
            return
        except TimeoutError:
            continue
    raise TimeoutError("the server does not hear the controller")


def measure_ratings(device: Controller, database: sqlite3.Connection, rounds: int) -> list[float]:
    """Seconds from the last of a sweep's messages to its rating on disk, the rest included."""
    latencies_s = []
    # The knob has no motor: it is swept through all its range, so that it meets what stands.
    for round_ in range(rounds):
        before = ratings(database)
        sweep = range(128) if round_ % 2 == 0 else range(127, -1, -1)
        for value in sweep:
            device.cc(RATE_CC, value)
            time.sleep(0.0005)
        last_s = time.perf_counter()
        device.cc(RATE_CC, 64 + round_ % 32)
        latencies_s.append(wait(lambda before=before: ratings(database) > before) - last_s)
        time.sleep(0.02)
        if ratings(database) != before + 1:
            raise RuntimeError("a sweep left more than one rating")
    return latencies_s


def measure_levels(device: Controller, client: Client, rounds: int) -> list[float]:
    """Seconds from a fader's message to the news of it over OSC, which goes out after the commit."""
    latencies_s, random_ = [], random.Random(1)
    value = 126
    for _ in range(rounds):
        client.heard.clear()
        value += 1 if value < 100 else -1
        at_s = time.perf_counter()
        device.cc(LEVEL_CC, value)
        heard = client.wait(lambda heard: heard.address == "/antiphon/mixer", 10.0)
        latencies_s.append(heard.at_s - at_s)
        time.sleep(random_.uniform(0.005, 0.02))
    return latencies_s


def row(what: str, latencies_s: list[float], less_s: float = 0.0) -> tuple[str, ...]:
    ms = [1e3 * (latency - less_s) for latency in latencies_s]
    return what, str(len(ms)), f"{quantile(ms, 0.5):.1f}", f"{quantile(ms, 0.99):.1f}", f"{max(ms):.1f}"


def run(options: argparse.Namespace) -> tuple[list[float], list[float]]:
    settings: dict[str, Any] = {"model": options.model, "midi.api": "jack", "midi.virtual_ports": False}
    with JackServer("antiphon-bench", PERIOD_FRAMES), Server(settings) as server:
        server.ready_s()
        device = Controller("nanoKONTROL2")
        file = Path(server._folder.name) / "data" / "antiphon.db"
        database = sqlite3.connect(f"file:{file}?mode=ro", uri=True, isolation_level=None)
        try:
            with server.client() as client:
                prepare(client, device)
                return measure_ratings(device, database, options.rounds), measure_levels(device, client, options.levels)
        finally:
            database.close()
            device.unplug()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100, help="sweeps of a knob that rates")
    parser.add_argument("--levels", type=int, default=500, help="messages of a fader")
    parser.add_argument("--model", default="builtin", help="as in the settings")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    report = Report.begin("bench_midi", vars(options))
    rated_s, told_s = run(options)
    rest_ms = 1e3 * REST_S
    rows = (
        row(f"last CC of a sweep → rating on disk, the rest of {rest_ms:.0f} ms included", rated_s),
        row("the same, less the rest", rated_s, REST_S),
        row("CC → stem level on disk and told over OSC", told_s),
        ("libossia's figure, control to effect", "–", f"{LIBOSSIA_MS:g}", "–", "–"),
    )
    notes = (
        f"JACK's dummy driver at {RATE_HZ} Hz and {PERIOD_FRAMES} frames: a message waits up to two periods "
        f"({2e3 * PERIOD_FRAMES / RATE_HZ:.1f} ms) before the server can hear it.",
        f"Each sweep sends 129 messages and leaves one rating. The row is looked for every {1e3 * POLL_S:g} ms.",
    )
    report.add(Table("MIDI", ("what", "times", "p50 ms", "p99 ms", "greatest ms"), rows, notes))
    report.figures |= {"rated_s": rated_s, "told_s": told_s, "rest_s": REST_S}
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
