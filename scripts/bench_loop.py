"""What is a rating worth? Simulated raters, hidden tastes, five ways to make the next generation of loops out of
ratings.

    python scripts/bench_loop.py                     # 20 audiences, all arms: about an hour of one processor core
    python scripts/bench_loop.py --quick             # two audiences, small broods: seconds; says nothing about quality
    python scripts/bench_loop.py --seeds 5 --arms ours --keep runs.json

No people are asked: the raters are simulated (scripts/simulated_raters/audience.py says what they like and how badly
they press the knob), and no sound is made, so this measures search alone, without fine-tuning. Every arm begins with
the same 24 loops and the same audience; ratings are equal in number; a share of what is shown stays the unchanged
baseline. Gain is the audience's true mean liking of what an arm would show next, less that of unselected loops, from 0
to 5. With --keep, finished runs are written to a file as they come, and are not run again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from antiphon.domain.genome import Genome, noise_of
from antiphon.evolution.distance import features, table
from antiphon.evolution.harmony import transposed
from antiphon.evolution.portfolio import mean_distance
from antiphon.evolution.proposing import Terms
from benchmarks.loop_tables import report
from simulated_raters.arms import ARMS, Arm, Heard, draw, oracle_arm, our_arm, told_terms_arm
from simulated_raters.audience import Sessions, Taste, World, draw_taste
from simulated_raters.fidelity import fidelity
from simulated_raters.plans import (
    BARE,
    EVERY,
    FEW_RATINGS,
    FIRST_LOOPS,
    FIRST_SEED,
    FOURS,
    HEARD,
    LIMITS,
    LOOPS_AT_A_TIME,
    ORACLE,
    OURS,
    PAPER,
    PLAIN,
    PLANS,
    STRICT,
    TOLD,
    WIDTHS,
    Plan,
)

WORLDS = {
    "usual": World(),
    "rugged": World(peaks=5, descriptors_per_peak=4, peak_share=0.5, interaction_share=0.25, timbre_share=0.1,
                    genre_share=0.0),
    "a third press at random": World(inattentive=0.33),
}  # fmt: skip


@cache
def base(count: int) -> tuple[Genome, ...]:
    """Unselected loops."""
    return tuple(draw(seed) for seed in range(count))


def spread(loops: Sequence[Genome]) -> float:
    """The mean distance of two loops (evolution/distance.py), 0 to 1."""
    return mean_distance(table([features(loop) for loop in loops]))


def spreads(loops: Sequence[Genome], taste: Taste) -> dict[str, float]:
    """How far apart two loops are in the mean: as plans; as plans in one key and from one noise; and as the simulated
    audience hears them, by descriptors in standard deviations of unselected loops."""
    noise = noise_of(0)
    bare = [transposed(loop, -loop.key.tonic) for loop in loops]
    bare = [replace(loop, stems=tuple(replace(genes, noise=noise) for genes in loop.stems)) for loop in bare]
    heard = float(pdist(np.clip(taste.descriptors(loops), -4.0, 4.0)).mean())
    return {PLANS: spread(loops), BARE: spread(bare), HEARD: heard}


def run(plan: Plan) -> dict[str, Any]:
    """One arm with one audience: gains by number of ratings, and the spreads of each generation."""
    if plan.arm == FOURS:
        return _by_fours(plan)
    world = WORLDS[plan.world]
    taste = draw_taste(world, base(plan.base_loops), np.random.default_rng([plan.seed, 1]))
    arm = _arm(plan, taste)
    sessions = Sessions(world, taste, np.random.default_rng([plan.seed, 2]))
    first, rng = np.random.default_rng([plan.seed, 3]), np.random.default_rng([plan.seed, 4])
    shown = [draw(int(first.integers(2**31))) for _ in range(plan.per_generation)]
    gains: dict[str, float] = {}
    heard, apart = Heard((), (), ()), [spreads(shown, taste)]
    unchanged = round(plan.baseline_share * plan.per_generation)
    for generation in range(plan.generations):
        heard = _after(heard, shown, sessions, generation, taste, arm, plan, gains)
        children = arm(heard, plan.per_generation, np.random.default_rng([plan.seed, 5, generation]))
        gains[str(len(heard.ratings))] = float(taste.liking(children).mean()) - world.base_mean
        apart.append(spreads(children, taste))
        shown = [draw(int(rng.integers(2**31))) for _ in range(unchanged)] + children[: plan.per_generation - unchanged]
    return {"gains": gains, "spreads": apart}


def _by_fours(plan: Plan) -> dict[str, Any]:
    """Ours, asked for few loops at a time. Gain is that of a whole generation, as everybody's."""
    world, arm = WORLDS[plan.world], partial(our_arm, terms=plan.terms)
    taste = draw_taste(world, base(plan.base_loops), np.random.default_rng([plan.seed, 1]))
    sessions = Sessions(world, taste, np.random.default_rng([plan.seed, 2]))
    first, rng = np.random.default_rng([plan.seed, 3]), np.random.default_rng([plan.seed, 4])
    shown, heard, step = [draw(int(first.integers(2**31))) for _ in range(FIRST_LOOPS)], Heard((), (), ()), 0
    unchanged = round(plan.baseline_share * LOOPS_AT_A_TIME)
    while True:
        start, rated = len(heard.loops), sessions.rate(shown)
        shifted = tuple(type(each)(start + each.place, each.rater, each.value) for each in rated)
        heard, step = _known(heard, shown, shifted, step), step + 1
        if len(heard.ratings) >= FEW_RATINGS:
            break
        children = arm(heard, LOOPS_AT_A_TIME - unchanged, np.random.default_rng([plan.seed, 5, step]))
        shown = [draw(int(rng.integers(2**31))) for _ in range(unchanged)] + children
    children = arm(heard, plan.per_generation, np.random.default_rng([plan.seed, 6, FEW_RATINGS]))
    return {"gains": {str(FEW_RATINGS): float(taste.liking(children).mean()) - world.base_mean}, "spreads": []}


def _arm(plan: Plan, taste: Taste) -> Arm:
    if plan.arm == ORACLE:
        return oracle_arm(taste, plan.terms)
    if plan.arm in WIDTHS:
        width = WIDTHS[plan.arm]
        return partial(our_arm, terms=replace(plan.terms, early=width, late=width))
    with_terms = {OURS: our_arm, TOLD: told_terms_arm}
    return partial(with_terms[plan.arm], terms=plan.terms) if plan.arm in with_terms else ARMS[plan.arm]


def _after(
    heard: Heard, shown: Sequence[Genome], sessions: Sessions, generation: int, taste: Taste, arm: Arm, plan: Plan,
    gains: dict[str, float],
) -> Heard:  # fmt: skip
    """What is known after the generation was rated; gains between generations are noted where a check falls there."""
    start, rated = len(heard.loops), sessions.rate(shown)
    shifted = tuple(type(each)(start + each.place, each.rater, each.value) for each in rated)
    for check in plan.checks:
        place = check - len(heard.ratings)
        if 0 < place < len(shifted):
            known = _known(heard, shown, shifted[:place], generation)
            children = arm(known, plan.per_generation, np.random.default_rng([plan.seed, 6, check]))
            gains[str(check)] = float(taste.liking(children).mean()) - WORLDS[plan.world].base_mean
    return _known(heard, shown, shifted, generation)


def _known(heard: Heard, shown: Sequence[Genome], ratings: Sequence[Any], generation: int) -> Heard:
    """Only loops that have been rated are known, in the order of their ratings."""
    start = len(heard.loops)
    loops = tuple(shown[each.place - start] for each in ratings)
    moved = tuple(type(each)(start + place, each.rater, each.value) for place, each in enumerate(ratings))
    return Heard((*heard.loops, *loops), (*heard.generation, *[generation] * len(loops)), (*heard.ratings, *moved))


def plans(options: argparse.Namespace) -> list[Plan]:
    """Every run that is asked for: main figures, spread over five generations, the plain algorithm up to 200
    ratings."""
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    long_runs = {} if options.quick else {PAPER: 5, OURS: 5, PLAIN: 8}
    found = []
    for place, seed in enumerate(seeds):
        for arm in options.arms:
            generations = long_runs.get(arm, 2) if place < options.long_seeds else 2
            if arm not in LIMITS or place < options.limit_seeds:
                checks = (28,) if arm in (OURS, STRICT) and not options.quick else ()
                found.append(Plan(arm, "usual", seed, generations, checks))
    contestants = [arm for arm in options.arms if arm not in (*LIMITS, *WIDTHS, FOURS)]
    for world in options.worlds:
        found += [Plan(arm, world, seed, 2, ()) for seed in seeds[: options.world_seeds] for arm in contestants]
    if options.quick:
        small = Terms(candidates=24, candidates_per_loop=2, rounds=2)
        return [replace(plan, per_generation=12, base_loops=40, terms=small) for plan in found]
    return found


def perform(every: Sequence[Plan], keep: Path | None, processes: int) -> dict[str, Any]:
    """Do what has not been done yet, several at a time."""
    done: dict[str, Any] = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
    left = [plan for plan in every if plan.name not in done]
    if processes <= 1:
        for plan in left:
            done[plan.name] = run(plan)
        return done
    with ProcessPoolExecutor(processes) as pool:
        waiting = {pool.submit(run, plan): plan for plan in left}
        for finished in as_completed(waiting):
            done[waiting[finished].name] = finished.result()
            if keep is not None:
                keep.write_text(json.dumps(done))
    return done


def fidelity_table(loops: int, audiences: int) -> list[str]:
    """Transmission fidelity of each operator."""
    every = base(max(loops, 40))
    tastes = [
        draw_taste(World(), every, np.random.default_rng([FIRST_SEED + number, 1])) for number in range(audiences)
    ]
    found = fidelity(every[:loops], tastes, np.random.default_rng(FIRST_SEED))
    lines = ["", "| operator | descriptors | simulated liking |", "|---|---|---|"]
    return lines + [f"| {name} | {heard:.2f} | {liked:.2f} |" for name, (heard, liked) in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--arms", nargs="+", default=list(EVERY), choices=list(EVERY))
    parser.add_argument("--worlds", nargs="*", default=[*WORLDS][1:], choices=[*WORLDS][1:], help="beside the usual")
    parser.add_argument("--world-seeds", type=int, default=10, help="audiences in these")
    parser.add_argument("--long-seeds", type=int, default=20, help="audiences that hear five generations, or eight")
    parser.add_argument("--limit-seeds", type=int, default=8, help="audiences whose taste an arm is told")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--keep", type=Path, help="a JSON file that collects finished runs")
    parser.add_argument("--quick", action="store_true", help="a trial of the script itself")
    parser.add_argument("--no-fidelity", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.processes, options.worlds = 2, 1, []
    every = plans(options)
    print(
        f"`python scripts/bench_loop.py`, load average at the start {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )
    print("\n".join(report(every, perform(every, options.keep, options.processes), options.quick)))
    if not options.no_fidelity:
        print("\n".join(fidelity_table(24 if options.quick else 60, 2 if options.quick else 20)))


if __name__ == "__main__":
    main()
