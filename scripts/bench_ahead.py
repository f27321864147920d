#!/usr/bin/env python3
"""How long `/evolve` takes with and without a generation prepared ahead, and what that costs who asks meanwhile.

    python scripts/bench_ahead.py                     the built-in model: about two minutes
    python scripts/bench_ahead.py --rounds 5

A real server, once with `ahead.enabled` and once without. In each round loops are asked for and rated, and then nothing
is asked for until the generation is ready; without, for as long (at most 10 s). Ratings are made up: what they say has
no part in the times. Interrupting: a `/generate` that comes while the worker prepares, beside one that finds it idle.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from benchmarks.report import spread
from benchmarks.server import Client, Server, Value, packet

#: Longest wait for anything that is asked for, in seconds.
PATIENCE_S = 180.0


@dataclass(slots=True)
class Times:
    """Seconds from asking: `first` to the first stem and `whole` to `/done` of a generation; `meanwhile` to the first
    stem of a `/generate` that finds the worker preparing, or idle."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    meanwhile: list[float] = field(default_factory=list)


def asked(client: Client, command: str, request_id: str, *keys: Value) -> tuple[float, float, list[str]]:
    """Ask for loops; seconds to the first stem and to the end, and the candidates' ids. Raises RuntimeError."""
    client.heard.clear()
    began_s = client.send(packet(f"/antiphon/{command}", request_id, *keys))
    first_s = 0.0
    while True:
        heard = client.wait(lambda message: message.values[:1] == (request_id,), PATIENCE_S)
        if heard.address == "/antiphon/error":
            raise RuntimeError(f"{command} was refused: {heard.values}")
        if heard.address == "/antiphon/stem" and not first_s:
            first_s = heard.at_s - began_s
        if heard.address == "/antiphon/done":
            return first_s, heard.at_s - began_s, [str(value) for value in heard.values[1:] if isinstance(value, str)]


def status(server: Server) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/api/status") as answer:
        return dict(json.load(answer))


def until(server: Server, wanted: str) -> None:
    """Wait until the status tells that state of what is prepared ahead. Raises TimeoutError."""
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s:
        told = status(server)
        working = told["worker"]["stage"] == "sounding"
        if told["ahead"]["state"] == wanted and (working or wanted != "preparing"):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing ahead is {wanted} within {PATIENCE_S:g} s: {told['ahead']}")


def measured(model: str, enabled: bool, rounds: int, count: int, idle_s: float) -> tuple[Times, float]:
    """The times of one server, and the longest wait for a generation to be prepared."""
    times, longest_s = Times(), 0.0
    loop: tuple[Value, ...] = ("bpm", 96, "bars", 2)
    with (
        Server({"model": model, "ahead.enabled": enabled, "training.auto": False}) as server,
        server.client() as client,
    ):
        server.ready_s()
        _, _, made = asked(client, "generate", "first", *loop, "count", count, "seed", 1)
        for number in range(rounds):
            for place, candidate_id in enumerate(made):
                rated = packet("/antiphon/rate", f"r{number}-{place}", candidate_id, (place + 1) / (len(made) + 1))
                client.ask(rated, ["/antiphon/rated"])
            began_s = time.monotonic()
            if enabled:
                until(server, "preparing")
            times.meanwhile.append(asked(client, "generate", f"m{number}", *loop, "seed", 100 + number)[0])
            if enabled:
                until(server, "ready")
            else:
                time.sleep(max(0.0, began_s + idle_s - time.monotonic()))
            longest_s = max(longest_s, time.monotonic() - began_s)
            first_s, whole_s, made = asked(client, "evolve", f"e{number}", "count", count)
            times.first.append(first_s)
            times.whole.append(whole_s)
    return times, longest_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=4, help="loops of a generation")
    options = parser.parse_args()
    print(
        f"`python scripts/bench_ahead.py`, load average at the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    with_it, waited_s = measured(options.model, True, options.rounds, options.count, 0.0)
    without, _ = measured(options.model, False, options.rounds, options.count, min(waited_s, 10.0))
    print(f"\n| seconds, median (least–greatest) of {options.rounds} | prepared ahead | not |\n|---|---|---|")
    for name, ours, other in (
        ("`/evolve` to its first stem", with_it.first, without.first),
        (f"`/evolve` to `/done`, {options.count} loops of two bars", with_it.whole, without.whole),
        ("`/generate` to its first stem, worker preparing or idle", with_it.meanwhile, without.meanwhile),
    ):
        print(f"| {name} | {spread(ours)} | {spread(other)} |")
    print(f"\nFrom the last rating until the generation was ready, the `/generate` between included: {waited_s:.1f} s.")


if __name__ == "__main__":
    main()
