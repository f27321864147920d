#!/usr/bin/env python3
"""Do the stems of a loop stand together? Levels, width and what finishing costs, with and without balance and width.

    python scripts/eval_mix.py                          12 styles, 2 loops each
    python scripts/eval_mix.py --styles dub --loops 1 --stems all --out mixes

Each loop is sounded once, by the engines that play it by default, and finished twice: as loops were before stems were
balanced and had width, which is still how their genomes are played, and as they are now. Of every stem:
  level         its loudness while it plays against the mix's (LU, pyloudnorm), and how far that is from what was asked
  correlation   of left and right; 1 is mono, below 0 they cancel each other
  mono loss     how much fainter it is on one loudspeaker than on two, beside the mix's own loss (dB)
With --out both versions lie there as FLAC with spectrograms of sum and difference of the sides.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyloudnorm
import soundfile
from rich.progress import track

from antiphon.domain.genome import Genome
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS, STEMS, Score
from antiphon.generation.backend import LoopAudio, SoundRequest
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.registry import load_backend
from antiphon.generation.styles import get_style, style_names
from antiphon.rendering.balance import places_of
from antiphon.rendering.delivery import MIX
from antiphon.rendering.finish import FinishedLoop, finish
from antiphon.rendering.inspection import inspect_files
from antiphon.rendering.preset import load_preset
from benchmarks.judges import Audio, true_peak_db
from benchmarks.report import Report, Table, median, spread
from benchmarks.seam import seams
from listening_sheet import DEFAULT_STYLES, spectrogram

RATE_HZ = 44100
BEFORE, NOW = "before", "now"


@dataclass(frozen=True, slots=True)
class Sounded:
    """A loop before it is finished; `stems` as the engines gave them."""

    genome: Genome
    score: Score
    stems: Mapping[str, LoopAudio]


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one file of a loop. `off_lu` is how far the level is from what its genes ask for."""

    level_lu: float
    off_lu: float
    correlation: float
    mono_loss_db: float
    peak_dbtp: float
    seam: float
    clicks: float


def sounded(style: str, number: int, loops: int, stems: tuple[str, ...], engines: TwoEngines) -> Sounded:
    """One loop of a style, at one of `loops` tempi in its range."""
    low, high = get_style(style).bpm
    seed = 1 + 1000 * number + sum(map(ord, style))
    bpm = float(round(low + (high - low) * (number + 0.5) / loops))
    genome = draw_genome(GenerateRequest(bpm=bpm, bars=4, style=style, seed=seed, stems=stems), seed)
    score = express(genome)
    request = SoundRequest(
        score, seed, engines.default_steps, RATE_HZ, {genes.stem: genes.noise for genes in genome.stems},
        engines={stem: engines.default_engine(stem) for stem in stems},
        widths={genes.stem: genes.width or 0.0 for genes in genome.stems},
    )  # fmt: skip
    return Sounded(genome, score, engines.generate([request], lambda *_: None)[0])


def finished(loop: Sounded) -> tuple[dict[str, FinishedLoop], dict[str, float]]:
    """The loop both ways, and the seconds that each took once its preset's rooms were there."""
    preset = load_preset(get_style(loop.genome.style).preset)
    mono = {stem: audio.mean(axis=0, keepdims=True) for stem, audio in loop.stems.items()}
    ways: dict[str, Callable[[], FinishedLoop]] = {
        BEFORE: lambda: finish(mono, loop.score, preset, RATE_HZ),
        NOW: lambda: finish(loop.stems, loop.score, preset, RATE_HZ, places_of(loop.genome)),
    }
    made = {name: way() for name, way in ways.items()}
    seconds = dict.fromkeys(ways, float("inf"))
    for _ in range(3):
        for name, way in ways.items():
            began_s = time.perf_counter()
            way()
            seconds[name] = min(seconds[name], time.perf_counter() - began_s)
    return made, seconds


def loudness_lufs(audio: Audio) -> float:
    """Gated loudness by pyloudnorm itself, of the loop gone round often enough to be gated."""
    repeats = max(1, int(np.ceil(3.0 * RATE_HZ / audio.shape[1])))
    return float(pyloudnorm.Meter(RATE_HZ).integrated_loudness(np.tile(audio, (1, repeats)).T.astype(np.float64)))


def mono_loss_db(audio: Audio) -> float:
    mono = np.repeat(audio.mean(axis=0, keepdims=True), 2, axis=0)
    return loudness_lufs(audio) - loudness_lufs(mono)


def measured(loop: Sounded, made: FinishedLoop) -> dict[str, Measures]:
    """All files of a finished loop."""
    files = {**made.stems, MIX: made.mix}
    levels = {name: loudness_lufs(audio) for name, audio in files.items()}
    found = {}
    for name, audio in files.items():
        if not audio.any():
            continue
        level_lu = levels[name] - levels[MIX]
        asked_lu = 0.0 if name == MIX else loop.genome.genes(name).level_lu or 0.0
        marks = seams(audio, RATE_HZ)
        found[name] = Measures(
            level_lu, level_lu - asked_lu, float(np.corrcoef(audio)[0, 1]), mono_loss_db(audio), true_peak_db(audio),
            marks["step"].wrap / max(marks["step"].greatest, 1e-9),
            marks["click"].wrap / max(marks["click"].greatest, 1e-9),
        )  # fmt: skip
    return found


def check_sum(made: FinishedLoop) -> None:
    """Raises AssertionError where the stems are not the mix, bit for bit."""
    steps = sum(np.rint(audio.astype(np.float64) * 2**23).astype(np.int64) for audio in made.stems.values())
    assert np.array_equal(steps, np.rint(made.mix.astype(np.float64) * 2**23).astype(np.int64))


def write(folder: Path, name: str, made: FinishedLoop) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, audio in {**made.stems, MIX: made.mix}.items():
        soundfile.write(folder / f"{name}-{stem}.flac", audio.T, RATE_HZ, subtype="PCM_24")
        spectrogram(audio, RATE_HZ, folder / f"{name}-{stem}.png")
        spectrogram((audio[:1] - audio[1:]) / 2.0, RATE_HZ, folder / f"{name}-{stem}-side.png")


def by_style(rows: Mapping[tuple[str, str], Mapping[str, list[Measures]]]) -> Table:
    """Levels of every stem against the mix, before → now, the mean of a style's loops."""
    styles = list(dict.fromkeys(style for style, _ in rows))

    def cell(style: str, stem: str) -> str:
        both = [rows[style, way].get(stem, []) for way in (BEFORE, NOW)]
        return " → ".join(f"{np.mean([each.level_lu for each in found]):.1f}" if found else "–" for found in both)

    lines = tuple((style, *(cell(style, stem) for stem in STEMS)) for style in styles)
    return Table("Level against the mix, LU, before → now", ("style", *STEMS), lines)


def by_stem(rows: Mapping[tuple[str, str], Mapping[str, list[Measures]]]) -> Table:
    """Everything else, by stem: median (least–greatest)."""
    lines = []
    for stem in (*STEMS, MIX):
        for way in (BEFORE, NOW):
            found = [each for key, stems in rows.items() if key[1] == way for each in stems.get(stem, [])]
            if found:
                lines.append((
                    stem, way, spread([each.level_lu for each in found], 1),
                    f"{median(off := [abs(each.off_lu) for each in found]):.1f}, {max(off):.1f}",
                    spread([each.correlation for each in found]), spread([each.mono_loss_db for each in found], 1),
                    f"{max(each.peak_dbtp for each in found):.2f}",
                    f"{max(each.seam for each in found):.2f}, {max(each.clicks for each in found):.2f}",
                ))  # fmt: skip
    columns = ("stem", "", "level LU", "off the wish LU: median, most", "correlation", "mono loss dB",
               "highest dBTP", "seam: step, click / greatest inside")  # fmt: skip
    return Table("By stem, median (least–greatest)", columns, tuple(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--styles", nargs="+", choices=style_names(), default=list(style_names()[:DEFAULT_STYLES]))
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--stems", choices=("core", "all"), default="all")
    parser.add_argument("--model", default="builtin")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    report = Report.begin("eval_mix", vars(args))
    engines = TwoEngines(load_backend(args.model, "auto"))
    rows: dict[tuple[str, str], dict[str, list[Measures]]] = defaultdict(lambda: defaultdict(list))
    costs: list[tuple[float, float, float]] = []
    faults: dict[str, int] = {BEFORE: 0, NOW: 0}
    for style, number in track([(style, number) for style in args.styles for number in range(args.loops)]):
        began_s = time.perf_counter()
        loop = sounded(style, number, args.loops, STEMS if args.stems == "all" else CORE_STEMS, engines)
        sounding_s = time.perf_counter() - began_s
        made, seconds = finished(loop)
        costs.append((sounding_s, seconds[BEFORE], seconds[NOW]))
        for way, each in made.items():
            check_sum(each)
            faults[way] += len(inspect_files(each, loop.score))
            for stem, measures in measured(loop, each).items():
                rows[style, way][stem].append(measures)
            if args.out:
                write(args.out, f"{style}{number}-{way}", each)
    report.add(by_style(rows))
    report.add(by_stem(rows))
    sounding_s, before_s, now_s = (sum(column) for column in zip(*costs, strict=True))
    share = 100.0 * (now_s - before_s) / (sounding_s + before_s)
    report.add(Table("Cost and faults", ("", BEFORE, NOW), (
        ("finishing, seconds a loop", f"{before_s / len(costs):.3f}", f"{now_s / len(costs):.3f}"),
        ("more, of the time to sound and finish", "", f"{share:.1f} %"),
        ("faults that the gate finds", str(faults[BEFORE]), str(faults[NOW])),
    )))  # fmt: skip
    report.figures = {
        "costs_s": costs,
        "measures": [
            {"style": style, "way": way, "stem": stem} | asdict(each)
            for (style, way), stems in rows.items()
            for stem, found in stems.items()
            for each in found
        ],
    }
    report.end(args.json)


if __name__ == "__main__":
    main()
