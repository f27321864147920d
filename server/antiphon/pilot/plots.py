"""A pilot's plots as PNGs. This module loads matplotlib: import it only where a report is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from antiphon.pilot.figures import Figures
from antiphon.pilot.records import BEST, Pilot
from antiphon.pilot.statistics import Estimate

_NEW, _BASELINE, _ALL = "#c1440e", "#3b6ea5", "#777777"
_INCHES, _DOTS_PER_INCH = (7.2, 4.0), 110
#: Steps of the distribution: half a point, as a quick hand rates.
_STEPS = 10
#: How many ratings in a row are averaged to show where a session goes.
_IN_A_ROW = 9


def draw_plots(pilot: Pilot, figures: Figures, folder: Path) -> dict[str, Path]:
    """Write every plot into `folder`; returns their paths by what they show.

    Of simulated raters each title says so, because pictures are passed on without their page.
    """
    drawn = {
        "Mean rating by generation": (_means, "means.png"),
        "Distribution of ratings by generation": (_distributions, "distributions.png"),
        "Ratings over a rater's session": (_session, "session.png"),
    }
    paths = {}
    for title, (draw, name) in drawn.items():
        # matplotlib's objects without pyplot: no state that outlives the report, no screen looked for.
        figure = Figure(figsize=_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        axes.set_title(f"{title} (simulated raters)" if pilot.simulated else title)
        draw(axes, pilot, figures)
        paths[title] = folder / name
        figure.savefig(paths[title])
    return paths


def _means(axes: Axes, _: Pilot, figures: Figures) -> None:
    numbers = [each.generation for each in figures.generations]
    _course(axes, numbers, [each.everything for each in figures.generations], "all", _ALL, -0.06)
    _course(axes, numbers, [each.new for each in figures.generations], "new loops", _NEW, 0.0)
    _course(axes, numbers, [each.baseline for each in figures.generations], "blind baseline", _BASELINE, 0.06)
    axes.set(xlabel="generation (0: unselected)", ylabel="mean rating, 0 to 5", ylim=(0.0, BEST))
    axes.set_xticks(numbers)
    axes.grid(axis="y", alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", title="95 % intervals")


def _course(
    axes: Axes, numbers: Sequence[int], found: Sequence[Estimate | None], label: str, colour: str, aside: float
) -> None:
    """One line of means with their intervals, a little `aside` so that intervals don't hide one another."""
    seen = [(number, each) for number, each in zip(numbers, found, strict=True) if each is not None]
    if not seen:
        return
    reach = [each.mean - each.low if each.low is not None else 0.0 for _, each in seen]
    axes.errorbar(
        [number + aside for number, _ in seen], [each.mean for _, each in seen], yerr=reach,
        label=label, color=colour, marker="o", capsize=4,
    )  # fmt: skip


def _distributions(axes: Axes, pilot: Pilot, figures: Figures) -> None:
    """How many ratings of a generation fall where: one column of bars each, as shares of the generation's ratings."""
    edges = np.linspace(0.0, BEST, _STEPS + 1)
    for each in figures.generations:
        values = [BEST * one.value for one in pilot.rated if one.generation == each.generation and not one.again]
        if values:
            shares = np.histogram(values, edges)[0] / len(values)
            axes.barh(
                edges[:-1], 0.9 * shares / shares.max(), 0.9 * BEST / _STEPS, left=each.generation,
                align="edge", color=_NEW if each.generation else _ALL,
            )  # fmt: skip
            axes.text(each.generation, BEST + 0.05, f"{len(values)} ratings", fontsize=8)
    axes.set(xlabel="generation (bars: share of its ratings)", ylabel="rating, 0 to 5", ylim=(0.0, BEST + 0.35))
    axes.set_xticks([each.generation for each in figures.generations])


def _session(axes: Axes, pilot: Pilot, _: Figures) -> None:
    """Each rating against how many the rater had given before, with their running mean: does it sink as people tire?"""
    places: dict[str, list[float]] = defaultdict(list)
    for each in sorted(pilot.rated, key=lambda one: one.at_s):
        places[each.rater].append(BEST * each.value)
    for values in places.values():
        axes.plot(range(1, len(values) + 1), values, ".", color=_ALL, alpha=0.35, markersize=5)
    longest = max(map(len, places.values()), default=0)
    means = [float(np.mean([values[at] for values in places.values() if at < len(values)])) for at in range(longest)]
    if longest >= _IN_A_ROW:
        smooth = np.convolve(means, np.ones(_IN_A_ROW) / _IN_A_ROW, "valid")
        axes.plot(np.arange(len(smooth)) + (_IN_A_ROW + 1) / 2, smooth, color=_NEW, label=f"mean of {_IN_A_ROW}")
        axes.legend(loc="lower right")
    axes.set(xlabel="rater's rating, from the first on", ylabel="rating, 0 to 5", ylim=(-0.1, BEST + 0.1))
    axes.grid(axis="y", alpha=0.3)
