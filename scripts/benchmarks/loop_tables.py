"""The tables of the loop's benchmark, as Markdown, and what is said of its goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulated_raters.plans import BARE, FEW_RATINGS, FOURS, HEARD, ORACLE, OURS, PAPER, PLAIN, PLANS, TOLD, Plan


def mean_and_error(values: Sequence[float]) -> str:
    """A mean with the half width of its 95 % interval (normal), as `+0.52 ± 0.11`."""
    if not values:
        return ""
    half = 1.96 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{np.mean(values):+.2f} ± {half:.2f}"


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
            if name == FOURS:
                continue
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
    late = plain.after(192)
    for name in (OURS, FOURS):
        early = arms[name].after(FEW_RATINGS) if name in arms else []
        if early and late:
            measured = f"{mean_and_error(early)} against {mean_and_error(late)}"
            what = f"gain at {FEW_RATINGS} ratings against the plain algorithm's at 192, {name}"
            lines.append(_goal(what, "not less", measured, np.mean(early) >= np.mean(late)))
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
