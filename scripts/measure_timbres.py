#!/usr/bin/env python3
"""What each timbre sounds like: measures loops that are played as the server plays them, and writes the table by which
the taste model foretells how loops will sound that nobody has heard.

    python scripts/measure_timbres.py --keep measured.jsonl            280 loops: ten minutes of one idle core
    python scripts/measure_timbres.py --keep measured.jsonl --check    how well is foretold: writes nothing

With --keep, measured loops are kept in a file, and not played again. Timbres are drawn evenly, and four stems in ten
have a colour or two, so that what is rare is known as well. Correlations are over a quarter of the loops, which the
table has not seen: by the table alone, and put right by 48 more of the same kind that were measured, as after 48
ratings.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT), str(ROOT / "scripts")]

from antiphon.domain.genome import Genome  # noqa: E402
from antiphon.domain.genome_wire import genome_from_json, genome_to_json  # noqa: E402
from antiphon.domain.lineage import Parent  # noqa: E402
from antiphon.domain.measures import MEASURES, LoopMeasures, measures_from_json, measures_to_json  # noqa: E402
from antiphon.domain.request import GenerateRequest  # noqa: E402
from antiphon.domain.score import STEMS  # noqa: E402
from antiphon.domain.timbres import COLOURS, timbres_of  # noqa: E402
from antiphon.evolution.hearing import Hearing, hearing_of, plans_of  # noqa: E402
from antiphon.feedback.foretelling import Table, fit  # noqa: E402
from antiphon.generation.backend import SoundRequest  # noqa: E402
from antiphon.generation.builtin import BuiltinBackend  # noqa: E402
from antiphon.generation.engines import TwoEngines  # noqa: E402
from antiphon.generation.grammar import draw_genome, express  # noqa: E402
from antiphon.generation.styles import get_style  # noqa: E402
from antiphon.generation.usual_sounds import TABLES  # noqa: E402
from antiphon.rendering.balance import places_of  # noqa: E402
from antiphon.rendering.finish import MIX, finish  # noqa: E402
from antiphon.rendering.measures import measure_stems  # noqa: E402
from antiphon.rendering.preset import load_preset  # noqa: E402

#: Far from the seeds of anything else that is measured.
FIRST_SEED = 40_000_000
COLOURED_SHARE = 0.4
RATE_HZ = 44100
#: How many usual stems pull each weight of the table towards none.
RIDGE = 2.0
#: Of the loops, those by which the table is judged; and so many that were measured besides, as after so many ratings.
HELD_OUT_SHARE, RATED = 0.25, 48


def drawn(seed: int) -> Genome:
    """A loop of two bars with all six stems, in a style, tempo and key by seed, its timbres drawn evenly."""
    rng = np.random.default_rng([seed, 1])
    genome = draw_genome(GenerateRequest(bpm=float(rng.integers(70, 161)), bars=2, stems=STEMS), seed)
    stems = []
    for genes in genome.stems:
        timbres = timbres_of(genes.stem)
        timbre = timbres[int(rng.integers(len(timbres)))].name
        count = int(rng.integers(1, 3)) if rng.random() < COLOURED_SHARE else 0
        chosen = {COLOURS[int(place)] for place in rng.integers(len(COLOURS), size=count)}
        stems.append(replace(genes, timbre=timbre, colours=tuple(each for each in COLOURS if each in chosen)))
    return replace(genome, stems=tuple(stems))


def heard(genome: Genome, engines: TwoEngines) -> LoopMeasures:
    """Sound and finish a loop as the worker does, and measure its stems."""
    score = express(genome)
    request = SoundRequest(
        score, genome.seed, engines.default_steps, RATE_HZ, {genes.stem: genes.noise for genes in genome.stems},
        engines={stem: engines.default_engine(stem) for stem in genome.playing},
        widths={genes.stem: genes.width for genes in genome.stems if genes.width is not None},
    )  # fmt: skip
    (stems,) = engines.generate([request], lambda *_: None)
    preset = load_preset(genome.preset or get_style(genome.style).preset)
    finished = finish(stems, score, preset, RATE_HZ, places_of(genome))
    lufs = finished.loudness_lufs
    return measure_stems(finished.stems, lufs, lufs[MIX], score, RATE_HZ)


@dataclass(frozen=True, slots=True)
class Measured:
    """A loop and how its stems sound."""

    genome: Genome
    measures: LoopMeasures


def gather(count: int, keep: Path | None) -> list[Measured]:
    """`count` loops, from the file as far as they are there."""
    known: dict[int, Measured] = {}
    for line in keep.read_text().splitlines() if keep is not None and keep.exists() else ():
        data = json.loads(line)
        measures = measures_from_json(data["measures"])
        if measures:
            known[data["seed"]] = Measured(genome_from_json(data["genome"]), measures)
    missing = [seed for seed in range(FIRST_SEED, FIRST_SEED + count) if seed not in known]
    if missing:
        engines = TwoEngines(BuiltinBackend.load(ROOT / "presets" / "models" / "builtin", "cpu"))
    for seed in track(missing, "playing"):
        genome = drawn(seed)
        known[seed] = Measured(genome, heard(genome, engines))
        if keep is not None:
            line = {"seed": seed, "genome": genome_to_json(genome), "measures": measures_to_json(known[seed].measures)}
            with keep.open("a") as file:
                file.write(json.dumps(line) + "\n")
    return [known[seed] for seed in range(FIRST_SEED, FIRST_SEED + count)]


def tables_of(loops: Sequence[Measured]) -> dict[str, Table]:
    """What plans usually sound like, by stem."""
    found = {}
    for stem in STEMS:
        pairs = [(plans_of(loop.genome)[stem], dict(loop.measures)) for loop in loops]
        heard_of = [(plan, measures[stem]) for plan, measures in pairs if stem in measures]
        found[stem] = fit([plan for plan, _ in heard_of], np.array([values for _, values in heard_of]), RIDGE)
    return found


def write(tables: dict[str, Table], path: Path) -> None:
    """As `generation.usual_sounds` reads them; numbers with as many digits as matter."""
    stems = {
        stem: {"measures": [each.key for each in MEASURES], "names": list(table.names)}
        | {name: np.round(getattr(table, name), 4).tolist() for name in ("plan_mean", "plan_sd", "mean", "sd")}
        | {"weights": np.round(table.weights, 4).tolist()}
        for stem, table in tables.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f" {json.dumps(stem)}: {json.dumps(data)}" for stem, data in stems.items())
    path.write_text('{"stems": {\n' + ",\n".join(lines) + "\n}}\n")


def correlations(tables: dict[str, Table], rated: Sequence[Measured], asked: Sequence[Measured]) -> np.ndarray:
    """Between foretold and measured, (stems, measures), where `rated` were measured."""
    parents = [Parent("", loop.genome, measures=loop.measures) for loop in rated]
    expected = Hearing(tables, hearing_of(parents).measured).expected([loop.genome for loop in asked])
    found = np.full((len(STEMS), len(MEASURES)), np.nan)
    for place, stem in enumerate(STEMS):
        rows = [row for row, loop in enumerate(asked) if stem in dict(loop.measures)]
        real = np.array([dict(asked[row].measures)[stem] for row in rows]).reshape(len(rows), len(MEASURES))
        for column in range(len(MEASURES)):
            if len(rows) > 1 and real[:, column].std() > 1e-6:
                found[place, column] = np.corrcoef(expected[rows, place, column], real[:, column])[0, 1]
    return found


def check(loops: Sequence[Measured]) -> None:
    """Print how well sounds are foretold, by stem and measure."""
    cut = round((1.0 - HELD_OUT_SHARE) * len(loops))
    tables, rated, asked = tables_of(loops[: cut - RATED]), loops[cut - RATED : cut], loops[cut:]
    print(f"Correlation of foretold with measured, {len(asked)} loops that the table of {cut - RATED} has not seen:")
    print("the table alone / put right by 48 that were measured\n")
    print("| stem | " + " | ".join(each.name for each in MEASURES) + " |")
    print("|---|" + "---|" * len(MEASURES))
    alone, right = correlations(tables, (), asked), correlations(tables, rated, asked)
    for place, stem in enumerate(STEMS):
        cells = (f"{one:.2f} / {other:.2f}" for one, other in zip(alone[place], right[place], strict=True))
        print(f"| {stem} | " + " | ".join(cells) + " |")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=280)
    parser.add_argument("--keep", type=Path, help="a file that keeps what was measured")
    parser.add_argument("--check", action="store_true", help="write nothing: say how well is foretold")
    parser.add_argument("--out", type=Path, default=ROOT / "presets" / TABLES)
    options = parser.parse_args(arguments)
    loops = gather(options.loops, options.keep)
    if options.check:
        check(loops)
    else:
        write(tables_of(loops), options.out)


if __name__ == "__main__":
    main()
