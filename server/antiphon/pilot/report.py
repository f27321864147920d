"""A pilot's report in a folder: one HTML page with everything in it, its plots, its figures, the raw data as CSV."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from antiphon.pilot.records import SIMULATED, Pilot

if TYPE_CHECKING:  # numpy, scipy and matplotlib load only when a report is written: the command line starts without
    from antiphon.pilot.figures import CostFigures, Figures, GenerationFigures
    from antiphon.pilot.statistics import Estimate

PAGE = "report.html"
NOTHING = "–"


def write_report(pilot: Pilot, folder: Path) -> Path:
    """Write the report of `pilot` (Singh et al., arXiv 2506.04852) into `folder`, which is made if it isn't there.

    Leaves `ratings.csv` (a row per rating, 0 to 5), `shown.csv`, `figures.json`, the plots as PNG and `report.html`,
    which needs none of the others. Returns the path of `report.html`. Raises OSError where the folder can't be written.
    """
    from antiphon.pilot.figures import figures_of
    from antiphon.pilot.plots import draw_plots
    from antiphon.pilot.raw import RawData

    folder.mkdir(parents=True, exist_ok=True)
    RawData(folder, pilot.simulated).write(pilot)
    figures = figures_of(pilot)
    about = {name: getattr(pilot, name) for name in ("context", "simulated", "seed", "began")}
    (folder / "figures.json").write_text(json.dumps(about | asdict(figures), indent=1), encoding="utf-8")
    plots = draw_plots(pilot, figures, folder)
    path = folder / PAGE
    # The page last and in one go: who finds it, finds it whole.
    partial = path.with_suffix(".partial")
    partial.write_text(_page(pilot, figures, plots), encoding="utf-8")
    partial.replace(path)
    return path


def _page(pilot: Pilot, figures: Figures, plots: dict[str, Path]) -> str:
    label = " (simulated raters)" if pilot.simulated else ""
    parts = [_HEAD.format(label=label)]
    if pilot.simulated:
        parts.append(f'<p class="simulated">{SIMULATED}</p>')
    parts.append(
        f"<p>Context “{html.escape(pilot.context)}”, begun {html.escape(pilot.began)}, seed {pilot.seed}; planned: "
        f"{pilot.generations} generations of {pilot.per_generation} loops. The experiment is that of Singh et al., "
        "<a href='https://arxiv.org/abs/2506.04852'>arXiv 2506.04852</a>.</p>"
    )
    parts += ["<h2>In short</h2>", _in_short(figures), "<h2>Ratings by generation</h2>", _generations(figures)]
    parts += [_figure(title + label, path) for title, path in plots.items()]
    parts += ["<h2>How steady ratings are</h2>", _reliability(figures), "<h2>What it cost</h2>", _cost(figures.cost)]
    parts += ["<h2>What these figures can't say</h2>", _LIMITS]
    return "\n".join(parts) + "\n"


def _in_short(figures: Figures) -> str:
    last = figures.generations[-1] if figures.generations else None
    if last is None or not last.generation:
        lines = ["Only a first, unselected generation was rated: nothing could be gained yet."]
    else:
        lines = [
            f"Generation {last.generation}, new loops over the blind baseline: {_points(last.gain)}{_verdict(last)}",
            f"New loops over generation 0: {_points(last.cumulated)}. The blind baseline is the surer measure: it is "
            "rated in the same sitting, so that neither habit nor boredom can pass for learning.",
        ]
    steps = " and ".join(f"{gain:+.2f}" for gain in figures.paper_cumulated)
    lines.append(f"The paper's pilot with people: {steps} over generation 0, cumulated, after one and two generations.")
    return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"


def _verdict(last: GenerationFigures) -> str:
    if last.gain is None or last.gain.low is None or last.gain.high is None:
        return " (too few raters or loops for an interval)."
    if last.gain.low > 0.0:
        return ": the interval lies above zero."
    return ": the interval lies below zero." if last.gain.high < 0.0 else ": the interval holds zero, nothing is shown."


def _generations(figures: Figures) -> str:
    head = (
        "generation", "loops", "ratings", "raters", "mean of all", "new", "blind baseline", "gain over baseline",
        "the same, over raters only", "over loops only", "new over generation 0", "diversity", "made in", "true liking",
    )  # fmt: skip
    rows = [
        (each.generation, each.loops, each.ratings, each.raters, _level(each.everything), _level(each.new),
         _level(each.baseline), _points(each.gain), _points(each.gain_over_raters), _points(each.gain_over_loops),
         _points(each.cumulated), _number(each.diversity, "{:.0%}"),
         _number(each.making_s, "{:.1f} s"), _number(each.true_liking, "{:.2f}"))
        for each in figures.generations
    ]  # fmt: skip
    note = (
        "Ratings 0 to 5, with 95 % intervals. A mean is that of the raters' means and its interval Student's over "
        "raters, as one rater's ratings hang together; with one rater (marked ¹) over that rater's ratings: then "
        "it speaks for that rater alone. Gains are paired within raters where at least half of them rated both "
        "sides, and their interval is over raters and loops at once (Clark, 1973); over raters only it is too narrow. "
        "Repeats don't count here. Diversity: mean distance between new loops, as a share of generation 0's. True "
        "liking: known of simulated raters only."
    )
    return _table(head, rows) + f"<p class=note>{note}</p>"


def _reliability(figures: Figures) -> str:
    found = figures.reliability
    return _table(
        ("repeated ratings", "mean difference to the first", "ICC(1,1) of first and second", "loops of several raters",
         "ICC(1,1) of raters"),
        [(found.repeats, _number(found.repeat_difference, "{:.2f}"), _number(found.repeat_icc, "{:.2f}"),
          found.shared_loops, _number(found.raters_icc, "{:.2f}"))],
    )  # fmt: skip


def _cost(cost: CostFigures) -> str:
    head = (
        "raters", "ratings", "repeats among them", "seconds of making", "seconds of rating",
        "seconds per rating (median)", "gain over baseline per 100 ratings", "gain over generation 0 per 100 ratings",
    )  # fmt: skip
    row = (
        cost.raters, cost.ratings, cost.repeats, f"{cost.making_s:.1f}", _number(cost.rating_s, "{:.0f}"),
        _number(cost.seconds_per_rating, "{:.1f}"), _number(cost.gain_per_100, "{:+.2f}"),
        _number(cost.cumulated_per_100, "{:+.2f}"),
    )  # fmt: skip
    note = (
        f"Gain per 100 of the {cost.taught} ratings before the last generation, which alone could shape it. Seconds of "
        "rating: those between ratings, all raters' together, with the usual one for the first of a sitting."
    )
    return _table(head, [row]) + f"<p class=note>{note}</p>"


def _level(found: Estimate | None) -> str:
    return _estimate(found, "{:.2f}")


def _points(found: Estimate | None) -> str:
    return _estimate(found, "{:+.2f}")


def _estimate(found: Estimate | None, form: str) -> str:
    if found is None:
        return NOTHING
    alone = "¹" if found.over == "ratings" else ""
    if found.low is None or found.high is None:
        return f"{form.format(found.mean)}{alone}"
    return f"{form.format(found.mean)}{alone} ({form.format(found.low)} to {form.format(found.high)})"


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else form.format(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = ["<tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in head) + "</tr>"]
    lines += ["<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    return "<table>" + "".join(lines) + "</table>"


def _figure(title: str, path: Path) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<p><img alt="{html.escape(title)}" src="data:image/png;base64,{data}"></p>'


_HEAD = """<!doctype html><html lang=en><meta charset=utf-8>
<meta name=viewport content="width=device-width"><title>Antiphon: pilot{label}</title>
<style>body{{background:#fff;color:#222;font:15px/1.5 system-ui;margin:2em auto;max-width:75em;padding:0 1em}}
h2{{font-weight:500;margin-top:2em}}table{{border-collapse:collapse;display:block;overflow-x:auto}}
td,th{{padding:4px 10px;text-align:right;border-bottom:1px solid #ddd;font-size:13px}}th{{font-weight:500;color:#555}}
img{{max-width:100%}}.note{{color:#555;font-size:13px;max-width:60em}}
.simulated{{border:3px solid #c00;color:#c00;font-weight:700;padding:.6em 1em}}</style>
<h1>Pilot{label}</h1>"""
_LIMITS = """<ul><li>One context was learnt, in one run: another taste, style or seed may gain more or less.</li>
<li>Intervals of means, in the table and the plot, say what other raters like these would make of the same loops, not
how other loops would fare. Intervals of gains are over both; with a handful of loops in an arm they are wide, and
rightly so.</li>
<li>Few raters make wide intervals, and those who volunteer are not everybody. With one rater the figures hold for that
one person.</li>
<li>No correction is made for looking at several generations: the last one's gain over its blind baseline is what the
pilot was for.</li>
<li>Agreement between raters (ICC) treats every rating as exchangeable: that some raters are milder counts as
disagreement.</li></ul>"""
