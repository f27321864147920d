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
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist

from antiphon.domain.genome import Genome, noise_of
from antiphon.evolution.distance import features, table
from antiphon.evolution.harmony import transposed
from antiphon.evolution.portfolio import mean_distance
from antiphon.evolution.proposing import Terms, Width
from simulated_raters.arms import ARMS, Arm, Heard, draw, oracle_arm, our_arm, told_terms_arm
from simulated_raters.audience import Sessions, Taste, World, draw_taste
from simulated_raters.fidelity import fidelity

OURS, PLAIN, PAPER = "ours", "plain genetic algorithm", "the paper's loop, reconstructed"
#: Limits, not contestants: they are told what nobody could know.
TOLD, ORACLE = "ours, told what is listened for", "oracle: our breeding, told the taste"
#: Ours without its demand that loops lie apart, and with all of it from the first rating on: what diversity costs.
LOOSE = "ours, not asked to stay diverse"
STRICT = "ours, as diverse as unselected loops"
WIDTHS = {LOOSE: Width(0.0, 0.0, 0.0), STRICT: Terms().late}
EVERY, LIMITS = (*ARMS, LOOSE, STRICT, ORACLE), (TOLD, ORACLE)
#: Seeds of audiences: reported ones; those that the methods were developed on begin at 100.
FIRST_SEED = 2000
#: Ways to tell how far apart loops are (`spreads`).
PLANS, BARE, HEARD = "as plans", "as plans, key and noise apart", "by what simulated listeners hear"
WORLDS = {
    "usual": World(),
    "rugged": World(peaks=5, descriptors_per_peak=4, peak_share=0.5, interaction_share=0.25, timbre_share=0.1,
                    genre_share=0.0),
    "a third press at random": World(inattentive=0.33),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: `checks` are numbers of ratings at which the gain is measured."""

    arm: str
    world: str
    seed: int
    generations: int
    checks: tuple[int, ...]
    per_generation: int = 24
    baseline_share: float = 0.25
    base_loops: int = 200
    terms: Terms = Terms()  # noqa: RUF009

    @property
    def name(self) -> str:
        return f"{self.arm}/{self.world}/{self.seed}/{self.generations}/{self.per_generation}"


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


def mean_and_error(values: Sequence[float]) -> str:
    """A mean with the half width of its 95 % interval (normal), as `+0.52 ± 0.11`."""
    if not values:
        return ""
    half = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{np.mean(values):+.2f} ± {half:.2f}"


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
    contestants = [arm for arm in options.arms if arm not in (*LIMITS, *WIDTHS)]
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


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured of one arm in one world: by audience the gains by number of ratings, and the spreads."""

    gains: dict[int, dict[str, float]]
    spreads: dict[int, list[dict[str, float]]]

    def after(self, ratings: int) -> list[float]:
        return [gains[str(ratings)] for gains in self.gains.values() if str(ratings) in gains]


def gathered(every: Sequence[Plan], done: dict[str, Any]) -> dict[str, Found]:
    """By arm; a longer run of the same audience begins as the shorter one did."""
    found: dict[str, Found] = {}
    for plan in every:
        arm, outcome = found.setdefault(plan.arm, Found({}, {})), done[plan.name]
        arm.gains.setdefault(plan.seed, {}).update(outcome["gains"])
        if len(outcome["spreads"]) > len(arm.spreads.get(plan.seed, [])):
            arm.spreads[plan.seed] = outcome["spreads"]
    return found


def report(every: Sequence[Plan], done: dict[str, Any], quick: bool) -> list[str]:
    """The tables, as Markdown; of whatever has been done."""
    lines = []
    every = [plan for plan in every if plan.name in done]
    for world in dict.fromkeys(plan.world for plan in every):
        of_world = [plan for plan in every if plan.world == world]
        size, arms = of_world[0].per_generation, gathered(of_world, done)
        counts = sorted({int(n) for arm in arms.values() for gains in arm.gains.values() for n in gains})
        counts = [count for count in counts if count % size == 0]
        lines += ["", f"Audiences: {world}, simulated.", ""]
        lines += ["| gain after … ratings | audiences | " + " | ".join(map(str, counts)) + " |"]
        lines += ["|---|---|" + "---|" * len(counts)]
        for name, arm in arms.items():
            cells = " | ".join(mean_and_error(arm.after(count)) for count in counts)
            lines.append(f"| {name} | {len(arm.gains)} | {cells} |")
        lines += [] if quick else _verdicts(arms)
    return lines


def _verdicts(arms: dict[str, Found]) -> list[str]:
    """The goals, met or not."""
    lines = ["", "| what | goal | measured | |", "|---|---|---|---|"]
    ours, paper, plain, oracle, told = (
        arms[name] if name in arms else Found({}, {}) for name in (OURS, PAPER, PLAIN, ORACLE, TOLD)
    )
    gain = ours.after(48)
    if gain:
        lines.append(_goal("gain after two generations", "≥ +1.0", mean_and_error(gain), np.mean(gain) >= 1.0))
    ratio = _multiple(ours, paper)
    if ratio is not None:
        lines.append(_goal("… as a multiple of the paper's loop", "≥ 2", f"{ratio:.2f}", ratio >= 2))
    for name, limit in (("what is listened for", told), ("the taste", oracle)):
        ratio = _multiple(limit, paper)
        if ratio is not None:
            lines.append(f"| limit: that multiple, where ours is told {name} | | {ratio:.2f} | |")
    early, late = ours.after(28), plain.after(192)
    if early and late:
        measured = f"{mean_and_error(early)} against {mean_and_error(late)}"
        met = np.mean(early) >= np.mean(late)
        lines.append(_goal("gain at 28 ratings against the plain algorithm's at 192", "not less", measured, met))
    for name, arm in arms.items():
        for measure in (PLANS, BARE, HEARD) if name == OURS else (PLANS,):
            share = [each[5][measure] / each[0][measure] for each in arm.spreads.values() if len(each) > 5]
            if share:
                what, measured = f"spread after five generations, {name}, {measure}", _share(share)
                lines.append(_goal(what, "≥ 95 %", measured, np.mean(share) >= 0.95))
    return lines


def _multiple(arm: Found, other: Found) -> float | None:
    """The mean gain after two generations as a multiple of another arm's, over the audiences that both had."""
    both = [
        (gains["48"], other.gains[seed]["48"])
        for seed, gains in arm.gains.items()
        if "48" in gains and "48" in other.gains.get(seed, {})
    ]
    return float(np.sum([one for one, _ in both]) / np.sum([two for _, two in both])) if both else None


def _share(values: Sequence[float]) -> str:
    half = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{np.mean(values):.0%} ± {half:.0%} ({len(values)} audiences)"


def _goal(what: str, goal: str, measured: str, met: Any) -> str:
    return f"| {what} | {goal} | {measured} | {'met' if met else '**missed**'} |"


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
    parser.add_argument("--worlds", nargs="+", default=[*WORLDS][1:], choices=[*WORLDS][1:], help="beside the usual")
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
