#!/usr/bin/env python3
"""Does it help a taste to hear? How well the liking of loops that nobody has rated is foretold, with measures and
without.

    python scripts/eval_hearing.py --keep tuned-loop      248 loops to sound, then 24 listeners: half an hour
    python scripts/eval_hearing.py --quick                a trial of the script itself, on a tiny random model

No people are asked: the listeners are simulated, those of bench_tuned_loop.py (half plan, half sound) and those of
bench_loop.py, for whom sound is nothing. Each rates some unselected loops; the taste learns from these ratings and from
what was measured of these loops, and tells what it expects of all the others, whose sound is foretold. The figure is
the correlation with their true liking. With --keep, loops that were sounded are remembered in the folder.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT), str(ROOT / "scripts")]

from antiphon.domain.genome import Genome  # noqa: E402
from antiphon.domain.lineage import Parent  # noqa: E402
from antiphon.domain.measures import LoopMeasures  # noqa: E402
from antiphon.domain.score import STEMS  # noqa: E402
from antiphon.evolution.hearing import hearing_of  # noqa: E402
from antiphon.evolution.proposing import Senses, evidence_of  # noqa: E402
from antiphon.feedback.features import Described  # noqa: E402
from antiphon.feedback.taste import learn  # noqa: E402
from antiphon.generation.builtin import BuiltinBackend  # noqa: E402
from simulated_raters.arms import Heard, draw, population  # noqa: E402
from simulated_raters.audience import Sessions, Taste, World, draw_taste  # noqa: E402
from simulated_raters.hearing import Memory, Sound  # noqa: E402
from simulated_raters.listener import Vector, draw_listener  # noqa: E402

#: Loops by which listeners are told what is usual (sounded, and as plans), and the first seed of those that are judged.
BASE_LOOPS, USUAL_LOOPS, FIRST_LOOP = 48, 200, 1000
#: Listeners that the groups were developed on.
FIRST_LISTENER = 300
GENES, BY_MEASURE, BY_STEM, AS_ONE = "genes and notes alone", "a group a measure", "a group a stem", "one group"

Groups = dict[str, Vector]
Describe = Callable[[Groups], Groups]


def _by_stem(groups: Groups) -> Groups:
    columns = {
        name: np.column_stack([each[:, place] for each in groups.values()])
        for place, name in enumerate((*STEMS, "all"))
    }
    return {f"the {name} as heard": each for name, each in columns.items()}


#: Ways to hear: what of the groups that the server has becomes what the taste is shown.
WAYS: dict[str, Describe | None] = {
    GENES: None, BY_MEASURE: dict, BY_STEM: _by_stem,
    AS_ONE: lambda groups: {"as heard": np.column_stack([*groups.values()])},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judged:
    """Loops with what there is to hear of them and what the server measures."""

    loops: tuple[Genome, ...]
    sounds: tuple[Sound, ...]
    measures: tuple[LoopMeasures, ...]


def seen(rated: Sequence[Parent], loops: Sequence[Genome], way: Describe | None) -> Described:
    """Loops as a taste sees them, after some were rated."""
    plain = Senses(None).of(loops)
    if way is None:
        return plain
    heard = way(hearing_of(rated).groups(loops))
    return Described({**plain.groups, **heard}, frozenset(heard))


def correlation(judged: Judged, liking: Vector, taste: Taste, rated: int, seed: int, way: Describe | None) -> float:
    """Between what is expected of unrated loops and their true liking, after `rated` ratings."""
    order = np.random.default_rng([seed, 7]).permutation(len(judged.loops))
    shown, others = order[:rated], order[rated:]
    loops = tuple(judged.loops[place] for place in shown)
    sessions = Sessions(World(), taste, np.random.default_rng([seed, 2]))
    said = sessions.rate_as(liking[shown], taste.descriptors(loops))
    heard = Heard(loops, (0,) * rated, tuple(said), tuple(judged.measures[place] for place in shown))
    parents = population(heard)
    model = learn(evidence_of(parents, seen(parents, loops, way)), np.random.default_rng(3))
    expected, _ = model.predict(seen(parents, [judged.loops[place] for place in others], way))
    return float(np.corrcoef(expected, liking[others])[0, 1])


def report(title: str, found: dict[str, list[float]]) -> None:
    """A row for each way, with its lead on genes and notes alone, paired."""
    print(f"\n{title}\n\n| the taste goes by | correlation | more |\n|---|---|---|")
    for way, values in found.items():
        leads = [one - other for one, other in zip(values, found[GENES], strict=True)]
        half = 1.96 * statistics.stdev(leads) / len(leads) ** 0.5 if len(leads) > 1 else float("nan")
        more = "" if way == GENES else f"{statistics.fmean(leads):+.3f} ± {half:.3f}"
        print(f"| {way} | {statistics.fmean(values):.3f} | {more} |")


def _sounded(options: argparse.Namespace, base_loops: int, count: int) -> tuple[list[Genome], list[Sound], Judged]:
    if options.quick:
        from tests.tiny_backend import load

        backend = load()
    else:
        backend = BuiltinBackend.load(ROOT / "presets" / "models" / "builtin", "cpu")
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    memory = Memory(None if options.keep is None else options.keep / "heard.jsonl")
    base, loops = (
        [draw(first + place) for place in range(size)] for first, size in ((0, base_loops), (FIRST_LOOP, count))
    )
    sounds = memory.hear(backend, base)
    measures = memory.measures(backend, loops)
    return base, sounds, Judged(tuple(loops), tuple(memory.hear(backend, loops)), tuple(measures))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=200)
    parser.add_argument("--listeners", type=int, default=24)
    parser.add_argument("--ratings", type=int, nargs="+", default=[24, 48])
    parser.add_argument("--keep", type=Path, help="a folder that keeps what was heard")
    parser.add_argument("--quick", action="store_true", help="a trial of the script itself; says nothing of quality")
    options = parser.parse_args(arguments)
    count, listeners, ratings = options.loops, options.listeners, options.ratings
    if options.quick:
        count, listeners, ratings = 12, 2, [6]
    base, sounds, judged = _sounded(options, 6 if options.quick else BASE_LOOPS, count)
    plans = [draw(seed) for seed in range(12 if options.quick else USUAL_LOOPS)]
    seeds = range(FIRST_LISTENER, FIRST_LISTENER + listeners)
    print(f"{listeners} simulated listeners, {count} loops; ± 95 % interval of the paired difference")
    for rated in ratings:
        by_sound: dict[str, list[float]] = {way: [] for way in WAYS}
        by_plan: dict[str, list[float]] = {GENES: [], BY_MEASURE: []}
        for seed in seeds:
            listener = draw_listener(World(), plans, base, sounds, seed)
            liking = listener.liking(judged.loops, judged.sounds)
            for name, way in WAYS.items():
                by_sound[name].append(correlation(judged, liking, listener.taste, rated, seed, way))
            taste = draw_taste(World(), plans, np.random.default_rng([seed, 1]))
            for name in by_plan:
                by_plan[name].append(correlation(judged, taste.liking(judged.loops), taste, rated, seed, WAYS[name]))
        report(f"After {rated} ratings, who listens to plan and sound:", by_sound)
        report(f"After {rated} ratings, who listens to plans alone:", by_plan)


if __name__ == "__main__":
    main()
