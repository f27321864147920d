"""How much of what spam costs is won back? Simulated raters; ours beside the plain mean, sureal and crowd-kit.

    python scripts/bench_reliability.py                       # every cell, 20 studies each: about 8 idle minutes
    python scripts/bench_reliability.py --informed            # and what could be known at best: 3 more
    python scripts/bench_reliability.py --keep cells.json     # go on where a run was ended
    python scripts/bench_reliability.py --nflx NFLX_dataset_public_raw.py   # instead: real answers, subjects shuffled

Prints Spearman's correlation with the truth, and the share of the gap from the plain mean to an oracle that is closed
(the oracle knows spammers, biases and noises). The NFLX file is published with Netflix/vmaf, in resource/dataset/.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from antiphon.feedback import estimate, ratings
from benchmarks.aggregators import Aggregate, Floats, installed
from benchmarks.raters import CLIPS, FORMS, OTHER_FORMS, informed, oracle, plain_mean, simulate
from benchmarks.report import Report, Table, verdict

MEAN, ORACLE, OURS, INFORMED = "plain mean", "oracle", "ours", "told everything but who is who"
TOLD = "ours, told whom to leave out"
#: Share of the gap to close at 30 % spam, by ratings a clip.
GOALS = {3: 0.75, 6: 0.90}
BOOTSTRAPS = 2000

Cell = tuple[int, float, str]


def ours(rater: object, clip: object, value: Floats, clips: int) -> Floats:
    """Sees who rated what how, and nothing else; worth on 1 to 5."""
    given = ratings(rater, clip, (value - 1.0) / 4.0, clips=clips)  # type: ignore[arg-type]
    return np.asarray(1.0 + 4.0 * estimate(given, np.random.default_rng(0)).clips.mean)


def rank_correlation(one: Floats, two: Floats) -> float:
    """Spearman's; clips left without a number count as average."""
    found = float(spearmanr(np.nan_to_num(one, nan=float(np.nanmean(one))), two).statistic)
    return found if np.isfinite(found) else 0.0


def judge(cell: Cell, seeds: int, with_informed: bool, seed: int) -> dict[str, Floats]:
    """Correlations (seeds,) of every method on the same studies."""
    per_clip, spam, form = cell
    # crowd-kit takes most of the time: it is asked in the cells that tell most. What could be known at best is asked
    # where there is a goal, and of forms that it can be told of.
    slow_too = per_clip < 12 and spam == 0.3 and form in ("uniform", "mix")
    with_informed = with_informed and (per_clip < 12 or not spam) and spam != 0.1 and form not in OTHER_FORMS
    peers = {name: by for name, by in installed()[0].items() if slow_too or not name.startswith("crowd-kit")}
    others: dict[str, Aggregate] = {OURS: ours, **peers}
    found: dict[str, list[float]] = {}
    for number in range(seeds):
        study = simulate(per_clip, spam, form, np.random.default_rng([seed, number]))
        told = {MEAN: plain_mean(study), ORACLE: oracle(study)}
        told |= {name: by(study.rater, study.clip, study.value, CLIPS) for name, by in others.items()}
        if with_informed:
            kept = ~study.spammer[study.rater]
            told[TOLD] = ours(study.rater[kept], study.clip[kept], study.value[kept], CLIPS)
            told[INFORMED] = informed(study, spam, form, np.random.default_rng(number))
        for name, worth in told.items():
            found.setdefault(name, []).append(rank_correlation(worth, study.worth))
    return {name: np.array(values) for name, values in found.items()}


def closed(found: dict[str, Floats], name: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Share of the gap from plain mean to oracle that a method closes, with a 95 % interval over studies."""
    base, top, own = found[MEAN], found[ORACLE], found[name]

    def share(rows: NDArray[np.intp]) -> float:
        return float((own[rows].mean() - base[rows].mean()) / (top[rows].mean() - base[rows].mean()))

    drawn = [share(rng.integers(0, len(base), len(base))) for _ in range(BOOTSTRAPS)]
    return share(np.arange(len(base))), float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def interval(values: Floats) -> str:
    half = 1.96 * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():.3f} ± {half:.3f}"


def cell_name(cell: Cell) -> str:
    return f"{cell[0]} a clip, {100 * cell[1]:.0f} % {cell[2]}" if cell[1] else f"{cell[0]} a clip, no spam"


def all_cells(quick: bool) -> list[Cell]:
    cells: list[Cell] = [(per_clip, 0.3, form) for per_clip in GOALS for form in FORMS]
    cells += [(per_clip, 0.0, "none") for per_clip in (3, 6, 12)]
    if quick:
        return cells
    cells += [(12, 0.3, form) for form in FORMS]
    cells += [(per_clip, 0.1, form) for per_clip in (3, 6, 12) for form in FORMS]
    return cells + [(6, 0.3, form) for form in OTHER_FORMS]


def plain(by_cell: dict[str, dict[str, Floats]]) -> dict[str, Any]:
    """The figures of each cell as JSON holds them."""
    return {cell: {name: values.tolist() for name, values in found.items()} for cell, found in by_cell.items()}


def kept_cells(path: Path | None) -> dict[str, dict[str, Floats]]:
    """Cells that an earlier run has noted."""
    noted = json.loads(path.read_text()) if path is not None and path.exists() else {}
    return {cell: {name: np.array(values) for name, values in found.items()} for cell, found in noted.items()}


def tables(cells: Sequence[Cell], all_found: Sequence[dict[str, Floats]], names: Sequence[str]) -> list[Table]:
    rng = np.random.default_rng(0)
    first = [
        [cell_name(cell)] + [interval(f[n]) if n in f else "–" for n in names]
        for cell, f in zip(cells, all_found, strict=True)
    ]
    second = []
    for cell, found in zip(cells, all_found, strict=True):
        row = [cell_name(cell)]
        for name in names:
            if name in (MEAN, ORACLE):
                continue
            share = closed(found, name, rng) if name in found else None
            row.append(
                "–" if share is None else f"{100 * share[0]:.0f} % ({100 * share[1]:.0f} to {100 * share[2]:.0f})"
            )
        second.append(row)
    others = [name for name in names if name not in (MEAN, ORACLE)]
    return [
        Table("Spearman's correlation with the truth", ("cell", *names), tuple(map(tuple, first))),
        Table("Share of the gap from mean to oracle that is closed", ("cell", *others), tuple(map(tuple, second))),
    ]


def verdicts(cells: Sequence[Cell], all_found: Sequence[dict[str, Floats]]) -> Table:
    """Our goals, over the three named forms and their mix, each counted the same."""
    rng = np.random.default_rng(0)
    rows: list[tuple[str, ...]] = []
    by_cell = dict(zip(cells, all_found, strict=True))
    for per_clip, goal in GOALS.items():
        for form in FORMS:
            share, low, high = closed(by_cell[per_clip, 0.3, form], OURS, rng)
            told = f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
            rows.append(
                (f"gap closed at {per_clip} a clip, 30 % {form}", f"≥ {100 * goal:.0f} %", told, verdict(share >= goal))
            )
    for per_clip in (3, 6, 12):
        found = by_cell[per_clip, 0.0, "none"]
        gain = found[OURS] - found[MEAN]
        below = int((gain < 0).sum())
        told = f"{interval(gain)}; below in {below} of {len(gain)} studies"
        rows.append((f"gain over the mean at {per_clip} a clip, no spam", "≥ 0", told, verdict(bool(gain.mean() >= 0))))
    return Table("Goals", ("what", "goal", "measured", "verdict"), tuple(rows))


def read_nflx(path: Path) -> Floats:
    """Answers (clips, subjects) of a published data set; read as data, never run."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "dis_videos":
            lists = [
                ast.literal_eval(value)
                for entry in ast.walk(node.value)
                if isinstance(entry, ast.Dict)
                for key, value in zip(entry.keys, entry.values, strict=True)
                if isinstance(key, ast.Constant) and key.value == "os"
            ]
            return np.array(lists, dtype=float)
    raise SystemExit(f"{path} has no dis_videos: give the file NFLX_dataset_public_raw.py of Netflix/vmaf")


def _mean(rater: object, clip: Any, value: Any, clips: int) -> Floats:
    return np.asarray(np.bincount(clip, value, clips) / np.bincount(clip, minlength=clips))


def shuffled_subjects(path: Path, seeds: int, others: dict[str, Aggregate]) -> Table:
    """Root mean square distance of each method from its own estimate on untouched answers.

    Beside them: ours told whom to leave out, which is as near as ours can come.
    """
    answers = read_nflx(path)
    clips, people = answers.shape
    clip, rater = np.repeat(np.arange(clips), people), np.tile(np.arange(people), clips)
    methods: dict[str, Aggregate] = {MEAN: _mean, **others}
    clean = {name: by(rater, clip, answers.ravel(), clips) for name, by in methods.items()}
    rows = []
    for name in (*methods, TOLD):
        by, own = (ours, clean[OURS]) if name == TOLD else (methods[name], clean[name])
        row = [name]
        for corrupted in (5, 10):
            errors = []
            for seed in range(seeds):
                rng = np.random.default_rng([7, seed])
                broken = answers.copy()
                shuffled = rng.permutation(people)[:corrupted]
                for who in shuffled:
                    broken[:, who] = rng.permutation(broken[:, who])
                kept = ~np.isin(rater, shuffled) if name == TOLD else np.ones(len(rater), dtype=bool)
                worth = by(rater[kept], clip[kept], broken.ravel()[kept], clips)
                errors.append(float(np.sqrt(np.mean((worth - own) ** 2))))
            row.append(interval(np.array(errors)))
        rows.append(tuple(row))
    title = f"Real answers ({clips} clips, {people} subjects), whole subjects shuffled: distance, 1 to 5"
    return Table(title, ("method", "5 shuffled", "10 shuffled (goal ≤ 0.10)"), tuple(rows))


def speed() -> str:
    rng = np.random.default_rng(0)
    given = ratings(np.repeat(np.arange(200), 25), rng.integers(0, 500, 5000), rng.random(5000), raters=200, clips=500)
    wall, processor = time.perf_counter(), time.process_time()
    estimate(given, rng)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return f"5,000 ratings of 500 clips by 200 raters: {processor:.2f} s of processor time, {wall:.2f} s on the clock."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="studies per cell")
    parser.add_argument("--quick", action="store_true", help="only the cells that have goals")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--informed", action="store_true", help="also what could be known at best")
    parser.add_argument("--seed", type=int, default=20261124, help="of the studies; the model was made beside others")
    parser.add_argument("--keep", type=Path, help="note finished cells here, and take those that are there from it")
    parser.add_argument("--nflx", type=Path, help="NFLX_dataset_public_raw.py, for real answers")
    parser.add_argument("--json", type=Path, help="write all figures here too")
    options = parser.parse_args()
    report = Report.begin("bench_reliability", vars(options))
    peers, missing = installed()
    print("".join(f"{sentence}\n" for sentence in missing), end="", flush=True)
    if options.nflx:
        report.add(shuffled_subjects(options.nflx, options.seeds, {OURS: ours, **peers}))
        report.end(options.json)
        return 0
    cells = all_cells(options.quick)
    by_cell = kept_cells(options.keep)
    missing_cells = [cell for cell in cells if cell_name(cell) not in by_cell]
    with ProcessPoolExecutor(options.workers) as pool:
        one = partial(judge, seeds=options.seeds, with_informed=options.informed, seed=options.seed)
        for cell, result in zip(missing_cells, pool.map(one, missing_cells), strict=True):
            by_cell[cell_name(cell)] = result
            told = ", ".join(f"{name} {values.mean():.3f}" for name, values in result.items())
            print(f"{cell_name(cell)}: {told}", file=sys.stderr, flush=True)
            if options.keep:
                options.keep.write_text(json.dumps(plain(by_cell)))
    found = [by_cell[cell_name(cell)] for cell in cells]
    names = [MEAN, OURS, *peers, *([TOLD, INFORMED] if options.informed else []), ORACLE]
    report.add(verdicts(cells, found))
    for table in tables(cells, found, names):
        report.add(table)
    print(speed() + "\n")
    report.figures = plain({cell_name(cell): each for cell, each in zip(cells, found, strict=True)})
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
