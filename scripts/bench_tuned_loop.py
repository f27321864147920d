#!/usr/bin/env python3
"""What a rating is worth where loops are really sounded and the model is really fine-tuned: simulated listeners, eight
ways to make the next loops.

    python scripts/bench_tuned_loop.py --keep tuned-loop       five listeners: an hour and a half of one idle core
    python scripts/bench_tuned_loop.py --quick                 a trial of the script itself, on a tiny random model

No people are asked: the raters are simulated. Half of what a listener likes is in a loop's plan (the taste of
simulated_raters/audience.py), half in how its bass, chords and lead sound (that of simulated_raters/ear.py). Every arm
begins with the same 24 rated loops; in each later generation of 24 a quarter stays unselected. Gain is the true mean
liking of the 24 loops that an arm proposes next, as the model sounds them that it then uses, less that of 48 unselected
loops by the base, from 0 to 5. With --keep, what was heard, fine-tuned and finished is kept in a folder, and
is not done again: it belongs to one state of the code.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT), str(ROOT / "scripts")]

from antiphon.evolution.proposing import Terms  # noqa: E402
from antiphon.generation.builtin import BuiltinBackend  # noqa: E402
from antiphon.training.finetune.material import Recipe  # noqa: E402
from benchmarks.report import Report, Table, points, share, verdict  # noqa: E402
from simulated_raters.arms import (  # noqa: E402
    draw,
    our_arm,
    paper_arm,
    plain_genetic_arm,
    random_arm,
    without_taste_arm,
)
from simulated_raters.contest import Contestant, OnTrial, PapersModel, Place, UsedAtOnce, hold  # noqa: E402
from simulated_raters.hearing import Memory  # noqa: E402
from simulated_raters.listener import Listener, draw_listener  # noqa: E402

RANDOM, PLAIN, PAPER = "random", "plain genetic algorithm", "the paper's loop, reconstructed"
BARE, SEARCH, OURS = "ours without taste model", "ours without fine-tuning", "ours"
DEAF = "ours without fine-tuning, deaf to sound"
AT_ONCE = "ours, the version used where it passes the measures"
#: In the order in which they are held: what is compared first is there first.
ARMS = {
    SEARCH: Contestant(our_arm, hears=True),
    DEAF: Contestant(partial(our_arm, hears=False)),
    PAPER: Contestant(paper_arm, PapersModel, asked_after=3),
    AT_ONCE: Contestant(our_arm, UsedAtOnce, asked_after=2, hears=True),
    OURS: Contestant(our_arm, OnTrial, hears=True),
    PLAIN: Contestant(plain_genetic_arm),
    BARE: Contestant(without_taste_arm),
    RANDOM: Contestant(random_arm),
}
#: As the tables have them.
ORDER = (RANDOM, PAPER, PLAIN, BARE, DEAF, SEARCH, OURS, AT_ONCE)
#: Listeners that no method was developed on.
LISTENERS = (101, 102, 103, 104, 105)
#: Unselected loops: those that gains are counted from, and those by which the taste over plans is told what is usual.
BASE_LOOPS, USUAL_LOOPS = 48, 200

#: How --quick is smaller.
QUICK_TERMS = Terms(candidates=8, candidates_per_loop=1, candidates_per_rated=2, rounds=2)
QUICK_RECIPE = Recipe(steps=2, replay_songs=1, check_steps=1, probes=1)
QUICK_SIZE, QUICK_LOOPS = 4, 4
#: Rated generations of a run, at most.
LONGEST = 9

Runs = dict[str, dict[str, Any]]


def listeners(place: Place, seeds: Sequence[int], base_loops: int, usual_loops: int) -> dict[int, Listener]:
    """By seed, all used to the same unselected loops."""
    usual = [draw(seed) for seed in range(usual_loops)]
    base = usual[:base_loops]
    sounds = place.memory.hear(place.base, base)
    return {seed: draw_listener(place.world, usual, base, sounds, seed) for seed in seeds}


def perform(
    arms: dict[str, Contestant], generations: int, heard_by: dict[int, Listener], place: Place, keep: Path | None,
    console: Console,
) -> Runs:  # fmt: skip
    """Hold what has not been held yet, listener by listener. Gives all that has been, by `arm/listener/generations`;
    random learns nothing, so that one generation tells all of it."""
    runs: Runs = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
    for seed, listener in heard_by.items():
        for arm, contestant in arms.items():
            count = 1 if arm == RANDOM else generations
            name = f"{arm}/{seed}/{count}"
            if any(f"{arm}/{seed}/{longer}" in runs for longer in range(count, LONGEST + 1)):
                continue
            runs[name] = hold(contestant, count, listener, place, seed)
            console.print(name, runs[name]["gains"])
            if keep is not None:
                partial_file = keep.with_suffix(".part")
                partial_file.write_text(json.dumps(runs, indent=1))
                partial_file.replace(keep)
    return runs


def gathered(runs: Runs) -> dict[str, dict[int, dict[str, Any]]]:
    """By arm and listener; a longer run with the same listener begins as the shorter one did."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for name in sorted(runs, key=lambda each: int(each.split("/")[-1])):
        arm, seed, _ = name.rsplit("/", 2)
        found.setdefault(arm, {})[int(seed)] = runs[name]
    return {arm: dict(sorted(found[arm].items())) for arm in ORDER if arm in found}


def gains_after(of_arm: dict[int, dict[str, Any]], ratings: int) -> dict[int, float]:
    """By listener, where there is one."""
    return {seed: run["gains"][str(ratings)] for seed, run in of_arm.items() if str(ratings) in run["gains"]}


def gain_table(found: dict[str, dict[int, dict[str, Any]]]) -> Table:
    counts = sorted({int(at) for of_arm in found.values() for run in of_arm.values() for at in run["gains"]})
    rows = []
    for arm, of_arm in found.items():
        cells = [list(gains_after(of_arm, count).values()) for count in counts]
        told = (f"{points(each)} ({len(each)})" if each else "" for each in cells)
        rows.append((arm, *told))
    notes = (
        f"Points of 5, mean of simulated listeners ± 95 % interval (their number). The first {counts[0]} ratings are "
        "of the loops that everybody begins with, unselected; each later count is one generation more.",
    )
    return Table("Gain", ("gain after … ratings", *map(str, counts)), tuple(rows), notes)


def beside_paper(found: dict[str, dict[int, dict[str, Any]]]) -> Table:
    """Listener by listener against the paper's arm, and the goals."""
    rows = []
    papers = found.get(PAPER, {})
    counts = sorted({int(at) for run in papers.values() for at in run["gains"]})[1:]
    for arm, of_arm in found.items():
        for count in counts if arm != PAPER else ():
            ours, theirs = gains_after(of_arm, count), gains_after(papers, count)
            both = [seed for seed in ours if seed in theirs]
            if not both:
                continue
            ahead, total = [ours[seed] - theirs[seed] for seed in both], sum(theirs[seed] for seed in both)
            gain = statistics.fmean(ours[seed] for seed in both)
            ratio = sum(ours[seed] for seed in both) / total if total > 0.0 else float("nan")
            rows.append((arm, str(count), str(len(both)), points(ahead), f"{ratio:.2f}", verdict(ratio >= 2.0),
                         verdict(gain >= 1.0)))  # fmt: skip
    columns = ("arm", "ratings", "listeners", "ahead of the paper's, points of 5", "multiple of its gain", "≥ 2",
               "gain ≥ +1.0")  # fmt: skip
    return Table("Beside the paper's loop", columns, tuple(rows), ("Same listeners, paired; ± 95 % interval.",))


def tunings_table(found: dict[str, dict[int, dict[str, Any]]]) -> Table:
    rows = []
    for arm in (AT_ONCE, PAPER):
        told = {seed: run for seed, run in found.get(arm, {}).items() if run["leads"]}
        for seed, run in told.items():
            (leads,) = run["leads"].values()
            said = "; ".join(each for tuning in run["tunings"] for each in tuning["reasons"])
            said = said or ("none against it" if arm == AT_ONCE else "not asked")
            minutes = sum(tuning["seconds"] for tuning in run["tunings"]) / 60.0
            rows.append((arm, str(seed), said, share(sum(lead > 0.0 for lead in leads), len(leads)),
                         f"{statistics.fmean(leads):+.2f}", f"{minutes:.1f}"))  # fmt: skip
        if told:
            leads = [lead for run in told.values() for each in run["leads"].values() for lead in each]
            means = [statistics.fmean(each) for run in told.values() for each in run["leads"].values()]
            rows.append((f"**{arm}**", f"{len(told)}", "", share(sum(lead > 0.0 for lead in leads), len(leads)),
                         points(means), "–"))  # fmt: skip
    looks = [f"listener {seed}: {look['text']} ({look['state']})" for seed, run in found.get(OURS, {}).items()
             for look in run["looks"]]  # fmt: skip
    notes = (
        "The same new loops as the version sounds them and as the base does: blind wins, and the gain of true liking. "
        "Ours after 48 ratings, whether the measures let it pass or not; the paper's model after its last epoch.",
        "Minutes of all fine-tunings of an arm; ours without the études that all of them replay, played once.",
        *(("Trials: " + "; ".join(looks),) if looks else ()),
    )
    columns = ("arm", "simulated listener", "the gate's findings", "blind wins", "points of 5", "minutes")
    return Table("What the model adds", columns, tuple(rows), notes)


def tables(runs: Runs) -> list[Table]:
    """Of whatever has been held."""
    found = gathered(runs)
    return [gain_table(found), beside_paper(found), tunings_table(found)]


def in_earnest(options: argparse.Namespace, folder: Path) -> tuple[Place, dict[int, Listener]]:
    """Where the real model is, and who listens to it."""
    base = BuiltinBackend.load(options.model, "cpu")
    place = Place(base, Memory(folder / "heard.jsonl"), folder / "versions", folder / "etudes")
    return place, listeners(place, options.listeners, BASE_LOOPS, USUAL_LOOPS)


def on_trial(options: argparse.Namespace, folder: Path) -> tuple[Place, dict[int, Listener]]:
    """The same on a tiny random model, with small generations."""
    from tests.tiny_backend import load

    memory = Memory(folder / "heard.jsonl")
    place = Place(
        load(), memory, folder / "versions", folder / "etudes", recipe=QUICK_RECIPE, per_generation=QUICK_SIZE
    )
    return place, listeners(place, options.listeners[:1], QUICK_LOOPS, QUICK_LOOPS)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--listeners", type=int, nargs="+", default=list(LISTENERS))
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=list(ARMS))
    parser.add_argument(
        "--generations", type=int, default=3, choices=range(1, LONGEST + 1), help="rated, of 24; the first one counted"
    )
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was done")
    parser.add_argument("--quick", action="store_true", help="a trial of the script itself; says nothing of quality")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    report = Report.begin("bench_tuned_loop", vars(options))
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        place, heard_by = (on_trial if options.quick else in_earnest)(options, folder)
        arms = {arm: each for arm, each in ARMS.items() if arm in options.arms}
        if options.quick:
            small = {
                arm: partial(our_arm, terms=QUICK_TERMS, hears=arm != DEAF) for arm in (SEARCH, DEAF, AT_ONCE, OURS)
            }
            arms = {arm: replace(each, search=small.get(arm, each.search)) for arm, each in arms.items()}
        runs = perform(arms, options.generations, heard_by, place, folder / "runs.json", Console(stderr=True))
    for table in tables(runs):
        report.add(table)
    report.figures = runs
    report.end(options.json)


if __name__ == "__main__":
    main()
