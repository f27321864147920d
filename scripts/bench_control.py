#!/usr/bin/env python3
"""How fast control answers, idle and while the worker works, beside a bare python-osc echo server.

python scripts/bench_control.py                          about 8 minutes
python scripts/bench_control.py --rates 1 100 --seconds 0.2 --json control.json
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.report import ROOT, Report, Table, quantile, spread, verdict
from benchmarks.server import Client, Load, Server, offer, packet

#: Seconds of load per rate; slower rates need longer to give figures.
SECONDS = {1.0: 40.0}
USUAL_SECONDS = 10.0
#: The queue's greatest length that settings allow: no request of this load is refused for it.
QUEUE = 100_000
#: Loop lag is sampled by requests this often while the worker works and nothing else is asked.
PROBE_HZ = 20.0
LAG_TARGET_MS, WELCOME_TARGET_S = 20.0, 1.5

console = Console(stderr=True, highlight=False)
Ask = Callable[[int], tuple[str, bytes]]


def hello(tag: str) -> Ask:
    return lambda number: (f"{tag}-{number}", packet("/antiphon/hello", f"{tag}-{number}"))


def rating(tag: str, candidate_id: str) -> Ask:
    """Each a rating of its own, so that each costs a commit."""

    def ask(number: int) -> tuple[str, bytes]:
        values = (f"{tag}-{number}", candidate_id, (number % 101) / 100.0, "rater", f"rater{number % 50}")
        return values[0], packet("/antiphon/rate", *values)

    return ask


def generating(tag: str) -> Ask:
    """The smallest loop there is: the acknowledgement is what is measured, and it follows the job's commit."""

    def ask(number: int) -> tuple[str, bytes]:
        request_id = f"{tag}-{number}"
        return request_id, packet(
            "/antiphon/generate", request_id, "bars", 1, "bpm", 120.0, "stems", "drums", "steps", 1
        )

    return ask


def seconds_for(rate_hz: float, scale: float) -> float:
    return SECONDS.get(rate_hz, USUAL_SECONDS) * scale


def stream(client: Client, what: str, ask: Callable[[str], Ask], answers: tuple[str, ...], options: Any) -> list[Load]:
    """One kind of request at every rate, one rate after another."""
    loads = []
    for rate_hz in options.rates:
        seconds = seconds_for(rate_hz, options.seconds)
        console.print(f"{what}: {rate_hz:g} a second for {seconds:g} s …")
        loads.append(offer(client, ask(f"{what.replace(' ', '')}{rate_hz:g}"), rate_hz, seconds, answers))
    return loads


@contextmanager
def echo_server() -> Iterator[int]:
    """The reference server; gives its port."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts/peers/osc_echo.py")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def measure_echo(options: Any) -> list[Load]:
    with echo_server() as port, Client(port) as client:
        return stream(
            client, "echo", lambda tag: lambda number: (f"{tag}-{number}", packet("/echo", f"{tag}-{number}")),
            ("/echoed",), options,
        )  # fmt: skip


def server(options: Any) -> Server:
    return Server({"model": options.model}, {"queue": QUEUE, "count": 16, "bars": 16, "duration_s": 120.0})


def status(client: Client) -> dict[str, Any]:
    """The server's own account of itself, with its loop lag of the last minute."""
    answer = client.ask(packet("/antiphon/status", "status"), ("/antiphon/status",))
    found: dict[str, Any] = json.loads(answer.values[1])
    return found


def first_candidate(client: Client) -> str:
    """Have one loop made, so that there is something to rate."""
    console.print("making a loop to rate …")
    client.heard.clear()
    client.send(packet("/antiphon/generate", "to-rate", "bars", 2, "bpm", 120.0, "seed", 1))
    ends = ("/antiphon/done", "/antiphon/error")
    answer = client.wait(lambda heard: heard.address in ends and heard.values[0] == "to-rate", 180.0)
    if answer.address != ends[0]:
        raise RuntimeError(f"the loop to rate was not made: {answer.values}")
    return str(answer.values[1])


def keep_busy(client: Client, jobs: int) -> None:
    """Queue work for many minutes, and wait until the worker is at it."""
    for number in range(jobs):
        busy = packet("/antiphon/generate", f"busy{number}", "bars", 16, "count", 16, "bpm", 120.0, "seed", number)
        client.ask(busy, ("/antiphon/ack", "/antiphon/error"))
    client.wait(lambda heard: heard.address == "/antiphon/progress", 60.0)


def measure_streams(options: Any, figures: dict[str, Any]) -> dict[str, list[Load]]:
    """Everything that one long-lived server shows: idle, then with its worker at work."""
    found: dict[str, list[Load]] = {}
    with server(options) as served, served.client() as client:
        served.ready_s()
        candidate_id = first_candidate(client)
        found["/hello, worker idle"] = stream(client, "hello idle", hello, ("/antiphon/welcome",), options)
        found["/rate, worker idle"] = stream(
            client, "rate idle", lambda tag: rating(tag, candidate_id), ("/antiphon/rated",), options
        )
        figures["status_idle"] = status(client)
        keep_busy(client, options.busy_jobs)
        seconds = 65.0 * options.seconds
        console.print(f"probing the loop {PROBE_HZ:g} times a second for {seconds:g} s while the worker works …")
        figures["probe"] = asdict(offer(client, hello("probe"), PROBE_HZ, seconds, ("/antiphon/welcome",)))
        figures["status_busy"] = status(client)
        found["/hello, worker at work"] = stream(client, "hello busy", hello, ("/antiphon/welcome",), options)
        found["/rate, worker at work"] = stream(
            client, "rate busy", lambda tag: rating(tag, candidate_id), ("/antiphon/rated",), options
        )
        figures["status_after_busy_load"] = status(client)
    return found


def measure_generate(options: Any) -> list[Load]:
    """Acknowledgements of /generate; a fresh server for each rate, as thousands of jobs stay queued after each."""
    loads = []
    for rate_hz in options.rates:
        seconds = seconds_for(rate_hz, options.seconds) / 2.0
        console.print(f"generate: {rate_hz:g} a second for {seconds:g} s …")
        with server(options) as served, served.client() as client:
            served.ready_s()
            loads.append(
                offer(client, generating(f"g{rate_hz:g}"), rate_hz, seconds, ("/antiphon/ack",), patience_s=20.0)
            )
    return loads


def measure_cold_starts(options: Any) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"welcome_s": [], "ready_s": []}
    for number in range(options.starts):
        console.print(f"cold start {number + 1} of {options.starts} …")
        with server(options) as served:
            found["welcome_s"].append(served.welcome_s())
            found["ready_s"].append(served.ready_s())
        time.sleep(0.5)
    return found


def latency_table(streams: dict[str, list[Load]], options: Any) -> Table:
    rows = []
    for what, loads in streams.items():
        for load in loads:
            ms = [1e3 * latency for latency in load.latencies_s]
            problems = f"{load.lost} lost, {load.errors} errors" if load.lost or load.errors else "none"
            cells = (f"{quantile(ms, 0.5):.2f}", f"{quantile(ms, 0.99):.2f}", f"{max(ms, default=float('nan')):.1f}")
            rows.append((what, f"{load.rate_hz:g}", str(load.sent), *cells, problems, f"{1e3 * load.late_s:.1f}"))
    errors = {load.error for loads in streams.values() for load in loads if load.error}
    notes = (
        "UDP on the loopback, from the send call to the answer's arrival; client, server and worker share the machine.",
        "/rate and /generate are acknowledged after their commit to disk (SQLite, WAL, synchronous=FULL); /hello and "
        f"the echo touch no disk. Limit of the queue raised from 64 to {QUEUE:,}; during /generate the worker works.",
        "Nothing is sent again: a lost datagram stays lost here, where a client of ours would repeat its request.",
        *(f"Error: {error}" for error in errors),
    )
    head = (
        "what",
        "requests a second",
        "sent",
        "p50 ms",
        "p99 ms",
        "greatest ms",
        "unanswered",
        "sender late, at worst, ms",
    )
    return Table("Acknowledgement latency", head, tuple(rows), notes)


def lag_table(figures: dict[str, Any]) -> Table:
    def lag(name: str) -> tuple[str, ...]:
        found = figures[name].get("loop_lag", {})
        return tuple(f"{found[key]:.2f}" if key in found else "–" for key in ("p50_ms", "p99_ms", "max_ms"))

    probe = [1e3 * latency for latency in figures["probe"]["latencies_s"]]
    p99 = figures["status_busy"].get("loop_lag", {}).get("p99_ms", float("nan"))
    trip = (quantile(probe, 0.5), quantile(probe, 0.99), max(probe, default=float("nan")))
    rows = (
        ("server's own loop lag, worker idle, last minute of the load above", *lag("status_idle")),
        ("server's own loop lag, worker at work, no other load", *lag("status_busy")),
        ("round trip of a probe, worker at work, no other load", *(f"{value:.2f}" for value in trip)),
        ("server's own loop lag, worker at work and the load above", *lag("status_after_busy_load")),
    )
    notes = (
        f"Goal: p99 under {LAG_TARGET_MS:g} ms while the worker works: {verdict(p99 < LAG_TARGET_MS)} ({p99:.2f} ms).",
        "Own lag: how late the event loop runs a timer of 20 ms, over the last minute. The probe is a /hello, and an "
        "upper bound of the lag.",
    )
    return Table("Event loop lag", ("what", "p50 ms", "p99 ms", "greatest ms"), rows, notes)


def start_table(starts: dict[str, list[float]]) -> Table:
    soon = max(starts["welcome_s"]) <= WELCOME_TARGET_S
    rows = (
        ("process start → first /welcome", spread(starts["welcome_s"]), f"≤ {WELCOME_TARGET_S} s: {verdict(soon)}"),
        ("process start → `ready` line (model loaded and warm)", spread(starts["ready_s"]), "–"),
    )
    notes = (f"Starts: {len(starts['welcome_s'])}, each with an empty data folder; files are in the system's cache.",)
    return Table("Cold start", ("what", "seconds, median (range)", "goal"), rows, notes)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[1.0, 100.0, 1000.0], help="requests a second")
    parser.add_argument("--seconds", type=float, default=1.0, help="scales how long each rate is kept up")
    parser.add_argument("--starts", type=int, default=5, help="cold starts")
    parser.add_argument(
        "--busy-jobs", type=int, default=20, help="jobs of 16 loops of 16 bars that keep the worker at work"
    )
    parser.add_argument("--model", default="builtin", help="as in the settings: builtin, or package.module:function")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    return parser.parse_args(arguments)


def main() -> int:
    options = parse()
    report = Report.begin("bench_control", vars(options))
    starts = measure_cold_starts(options)
    report.add(start_table(starts))
    streams = {"reference: python-osc echo": measure_echo(options)}
    streams |= measure_streams(options, report.figures)
    streams["/generate"] = measure_generate(options)
    report.add(latency_table(streams, options))
    report.add(lag_table(report.figures))
    report.figures |= {
        "starts": starts,
        "streams": {what: [asdict(load) for load in loads] for what, loads in streams.items()},
    }
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
