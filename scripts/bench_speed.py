#!/usr/bin/env python3
"""How fast finished music is made on two cores, and where the time goes; beside it peers at their published size.

python scripts/bench_speed.py                           about 12 minutes, most of it the peers
python scripts/bench_speed.py --skip-peers              about 3 minutes
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from benchmarks.report import Report, Table, median, spread, verdict

STEMS = 4
SPEED_TARGET, FIRST_STEM_TARGET_S = 8.0, 1.5
console = Console(stderr=True, highlight=False)


class Case(NamedTuple):
    """What is asked for: so many loops, their stems sounded by this engine (empty: as the server chooses)."""

    loops: int
    engine: str

    def __str__(self) -> str:
        return f"{self.loops}, all stems {self.engine}" if self.engine else str(self.loops)


Results = dict[Case, tuple[list[Any], Any]]


def pin(threads: int) -> None:
    """Keep this process and all its children on the first `threads` cores. Before torch is loaded."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(threads)
    if sys.platform == "linux":
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:threads]))


def our_request(options: argparse.Namespace, case: Case, seed: int, bpm: float) -> Any:
    from antiphon.domain.engines import parse_engines
    from antiphon.domain.request import GenerateRequest

    return GenerateRequest(
        bpm=bpm, bars=options.bars, count=case.loops, seed=seed, steps=options.steps, preset=options.preset,
        style=options.style, sample_rate=options.sample_rate, engines=parse_engines(case.engine),
    )  # fmt: skip


def run_ours(options: argparse.Namespace, backend: Any, folder: Path, case: Case) -> tuple[list[Any], Any]:
    """`runs` jobs, each with another seed; returns what came of them and the clock of their stages."""
    from benchmarks.stages import OUR_STAGES, StageClock
    from benchmarks.takes import make

    clock, made = StageClock(), []
    with clock.timing(OUR_STAGES):
        for run in range(options.runs):
            console.print(f"{case} loops, run {run + 1} of {options.runs} …")
            request = our_request(options, case, 1000 * case.loops + run, options.bpm)
            made.append(make(request, backend, folder, f"s{case.loops}{case.engine}-{run}"))
    return made, clock


def speeds(made: list[Any]) -> list[float]:
    from benchmarks.takes import delivered_s

    return [delivered_s(each.candidates) / each.wall_s for each in made]


def our_table(results: Results, first_ever: Any, load_s: float, options: Any) -> Table:
    rows = []
    for case, (made, _) in results.items():
        firsts = [each.first_stem_s for each in made]
        fast, soon = median(speeds(made)) >= SPEED_TARGET, median(firsts) <= FIRST_STEM_TARGET_S
        rows.append(
            (
                str(case), spread([each.wall_s for each in made]), f"{spread(speeds(made), 1)}",
                verdict(fast), spread(firsts), verdict(soon),
                str(sum(each.rejected_takes for each in made)),
                str(sum(each.mended_stems for each in made)),
                str(sum(case.loops - len(each.candidates) for each in made)),
            )
        )  # fmt: skip
    notes = (
        f"Compose → sound → finish → inspect → files (24-bit {options.sample_rate} Hz stems, mix, MIDI, sidecar), in "
        f"one process with the model warm, {options.threads} threads on as many cores; {options.bars} bars "
        f"at {options.bpm:g} bpm, style {options.style}, preset {options.preset or 'of the style'}, {options.runs} "
        "runs with seeds of their own.",
        "Time includes takes that were turned down and made again, and stems that the sampler plays where the model "
        "got them wrong (*mended*; not where it was asked for); only delivered loops count as music. Loading the "
        f"model took {load_s:.1f} s.",
        f"The very first loop at this tempo, whose effects had to be prepared: {first_ever.wall_s:.2f} s, first stem "
        f"after {first_ever.first_stem_s:.2f} s.",
    )
    head = (
        "loops", "wall s", "s of four-stem music per s", f"goal ≥ {SPEED_TARGET:g}", "first stem file, s",
        f"goal ≤ {FIRST_STEM_TARGET_S:g} s", "takes turned down", "stems mended", "loops left out",
    )  # fmt: skip
    return Table("Speed: median (range)", head, tuple(rows), notes)


def stage_table(results: Results) -> Table:
    from benchmarks.stages import OTHER

    per_loop: dict[Case, dict[str, float]] = {}
    for case, (made, clock) in results.items():
        count = max(1, sum(len(each.candidates) + each.rejected_takes for each in made))
        whole_s = sum(each.wall_s for each in made)
        seconds = dict(clock.seconds)
        seconds[OTHER] = whole_s - sum(seconds.values())
        per_loop[case] = {stage: value / count for stage, value in seconds.items()}
    stages = list(dict.fromkeys(stage for seconds in per_loop.values() for stage in seconds))
    rows = []
    for stage in stages:
        cells = []
        for seconds in per_loop.values():
            value, whole = seconds.get(stage, 0.0), sum(seconds.values())
            cells += [f"{1e3 * value:.0f}", f"{100 * value / whole:.1f} %"]
        rows.append((stage, *cells))
    rows.append(
        (
            "**all**",
            *(cell for seconds in per_loop.values() for cell in (f"{1e3 * sum(seconds.values()):.0f}", "100 %")),
        )
    )
    head = ("stage", *(cell for case in per_loop for cell in (f"ms per take, {case} loops", "share")))
    return Table(
        "Where the time goes", head, tuple(rows), ("Each stage without the stages that it calls; mean of all runs.",)
    )


def measure_server(options: argparse.Namespace) -> list[dict[str, float]]:
    """From an OSC request to its answers, as a client sees it: seconds until ack, first stem, done."""
    from benchmarks.server import Server, packet

    found: list[dict[str, float]] = []
    with Server({"model": options.model, "threads": options.threads}) as server, server.client() as client:
        console.print("starting a server …")
        server.ready_s()
        for run in range(-1, options.runs):
            request_id = f"speed{run}"
            keys = {
                "bpm": options.bpm, "bars": options.bars, "seed": 77 + run, "style": options.style,
                "rate": options.sample_rate, "preset": options.preset, "steps": options.steps,
            }  # fmt: skip
            given = [part for key, value in keys.items() if value is not None for part in (key, value)]
            client.heard.clear()
            began_s = client.send(packet("/antiphon/generate", request_id, *given))
            times = follow(client, request_id, began_s)
            if run >= 0:
                found.append(times)
    return found


def follow(client: Any, request_id: str, began_s: float) -> dict[str, float]:
    """Seconds from `began_s` until each kind of answer to a request first came, up to `/done`."""
    times: dict[str, float] = {}
    while "/antiphon/done" not in times:
        heard = client.wait(lambda message: bool(message.values) and message.values[0] == request_id, 300.0)
        if heard.address == "/antiphon/error":
            raise RuntimeError(f"the server refused: {heard.values}")
        times.setdefault(heard.address, heard.at_s - began_s)
    return times


def server_table(found: list[dict[str, float]]) -> Table:
    names = {
        "/antiphon/ack": "acknowledged, after the commit",
        "/antiphon/stem": "first stem on disk and announced",
        "/antiphon/done": "all four stems, mix, MIDI and sidecar",
    }
    rows = tuple((words, spread([times[address] for times in found], 3)) for address, words in names.items())
    return Table("One loop from a real server, OSC over UDP", ("until", "seconds, median (range)"), rows)


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--loops", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--engines", nargs="*", default=["", "neural"], help="'' is what the server chooses")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bars", type=int, default=4)
    parser.add_argument("--bpm", type=float, default=93.0)
    parser.add_argument("--style", default="lofi")
    parser.add_argument("--preset", help="default: what goes with the style")
    parser.add_argument("--sample-rate", type=int, default=44100)
    parser.add_argument("--steps", type=int, help="sampler steps; default: the model's own")
    parser.add_argument("--model", default="builtin", help="as in the settings: builtin, or package.module:function")
    parser.add_argument("--skip-peers", action="store_true")
    parser.add_argument("--skip-server", action="store_true")
    parser.add_argument("--peer-runs", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write all figures here too")
    return parser.parse_args(arguments)


def as_figures(made: Any) -> dict[str, Any]:
    return {**asdict(made), "candidates": len(made.candidates), "first_stem_s": made.first_stem_s}


def measure_ours(options: argparse.Namespace) -> tuple[Results, Any, float, str]:
    import torch

    from antiphon.generation.registry import load_backend
    from benchmarks.takes import make

    torch.set_num_threads(options.threads)
    began_s = time.perf_counter()
    backend = load_backend(options.model, "cpu")
    load_s = time.perf_counter() - began_s
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = Case(1, "")
        make(our_request(options, one, 1, options.bpm + 11.0), backend, folder, "warm")
        first_ever = make(our_request(options, one, 2, options.bpm), backend, folder, "first")
        cases = [Case(loops, engine) for engine in options.engines for loops in options.loops]
        results = {case: run_ours(options, backend, folder, case) for case in cases}
    return results, first_ever, load_s, backend.version


def main() -> int:
    options = parse()
    pin(options.threads)
    report = Report.begin("bench_speed", vars(options))
    results, first_ever, load_s, version = measure_ours(options)
    report.add(our_table(results, first_ever, load_s, options))
    report.add(stage_table(results))
    report.figures = {
        "model": version,
        "ours": {str(case): [as_figures(each) for each in made] for case, (made, _) in results.items()},
        "stages_s": {str(case): dict(clock.seconds) for case, (_, clock) in results.items()},
    }  # fmt: skip
    if not options.skip_server:
        found = measure_server(options)
        report.figures["server_s"] = found
        report.add(server_table(found))
    if not options.skip_peers:
        report.add(compare(options, results))
    report.end(options.json)
    return 0


def compare(options: argparse.Namespace, results: Results) -> Table:
    from peers.comparison import our_parameters, peer_table, peers_measured

    case, (made, _) = next(iter(results.items()))
    loop_s = options.bars * 4 * 60.0 / options.bpm
    what = f"{case.loops} × {loop_s:.1f} s, four stems and mix, finished files"
    walls = spread([each.wall_s for each in made])
    ours = ("Antiphon, built-in model", our_parameters(), what, walls, spread(speeds(made), 1))
    return peer_table(ours, peers_measured(options.threads, options.peer_runs, loop_s, console.print), loop_s)


if __name__ == "__main__":
    sys.exit(main())
