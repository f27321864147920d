"""How often does the model hiss, and is what the guard flags really hiss? (docs/architecture.md, decision gg)

    python scripts/eval_hiss.py                 14 styles, 4 loops of each: with seed 1 the listening sheet's and 8 more
    python scripts/eval_hiss.py --seeds 1 2 3 --coloured 50 --pictures hiss --json hiss.json

Every bass, chords and lead that the model plays, beside the sampler's of the same notes in the same colours. Coloured:
loops with timbres of any kind and up to two colours a stem, at random. Pictures: of what is flagged and of what comes
nearest to it, the model's on the left, the sampler's on the right; look at them before you believe the table.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from antiphon.domain.genome import Genome
from antiphon.domain.request import GenerateRequest
from antiphon.domain.timbres import COLOURS, timbres_of
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome
from antiphon.generation.styles import get_style, style_names
from antiphon.rendering.hiss import hiss, noise_floor
from antiphon.training.finetune.pictures import sound_request
from benchmarks.report import Report, Table, median
from listening_sheet import spectrogram

ROOT = Path(__file__).resolve().parent.parent
STEMS = ("bass", "chords", "lead")
LOOPS = 4
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Heard:
    """One stem of the model, measured."""

    arm: str
    loop: str
    stem: str
    timbre: str
    colours: tuple[str, ...]
    suspicious: bool
    duration_s: float
    level_db: float
    found: bool
    look_ms: float
    sampler_ms: float


def drawn(seeds: list[int]) -> Iterator[tuple[str, str, Genome]]:
    """Loops as `scripts/listening_sheet.py` asks for them."""
    for seed in seeds:
        for style in style_names():
            low, high = get_style(style).bpm
            for number in range(LOOPS):
                bpm = float(round(low + (high - low) * (number + 0.5) / LOOPS))
                asked = GenerateRequest(bpm=bpm, style=style, seed=seed + 1000 * number + sum(map(ord, style)))
                yield f"seed {seed}", f"{style} {asked.seed}", draw_genome(asked, asked.seed)


def coloured(loops: int) -> Iterator[tuple[str, str, Genome]]:
    """Loops with timbres and colours that no style would choose."""
    rng = np.random.default_rng(11)
    for index in range(loops):
        style = str(rng.choice(style_names()))
        asked = GenerateRequest(bpm=float(rng.integers(70, 160)), style=style, seed=int(rng.integers(1, 2**31)))
        genome = draw_genome(asked, asked.seed)
        for stem in STEMS:
            timbre = str(rng.choice([timbre.name for timbre in timbres_of(stem)]))
            chosen = rng.choice(COLOURS, size=int(rng.integers(3)), replace=False)
            genome = genome.with_genes(
                replace(genome.genes(stem), timbre=timbre, colours=tuple(sorted(map(str, chosen))))
            )
        yield "coloured", f"{style} {asked.seed} ({index})", genome


def measured(
    arm: str, loop: str, genome: Genome, backend: BuiltinBackend, engines: TwoEngines
) -> Iterator[tuple[Heard, tuple[NDArray[np.float32], NDArray[np.float32]]]]:
    """Each stem of a loop, with the model's sound and the sampler's, both (1, frames)."""
    request = sound_request(genome, backend, STEMS)
    (stems,) = backend.generate([request], lambda *_: None)
    for part in request.score.stems:
        if not part.notes:
            continue
        began_s = time.process_time()
        floor = noise_floor(stems[part.stem][0], request.sample_rate)
        looked_s = time.process_time()
        own = engines.by_sampler(request, {part.stem})[part.stem]
        played_s = time.process_time()
        found = hiss(floor, noise_floor(own[0], request.sample_rate))
        heard = Heard(
            arm, loop, part.stem, part.timbre, part.colours, floor.suspicious, round(found.duration_s, 2),
            round(found.level_db, 1), floor.suspicious and found.heard,
            1000 * (looked_s - began_s), 1000 * (played_s - looked_s),
        )  # fmt: skip
        yield heard, (stems[part.stem], own)


def picture(sounds: tuple[NDArray[np.float32], NDArray[np.float32]], rate: int, path: Path) -> None:
    """Both spectrograms in one image."""
    sides = []
    for sound in sounds:
        spectrogram(sound, rate, path)
        with Image.open(path) as image:
            sides.append(np.asarray(image.convert("RGB")))
    least = min(side.shape[1] for side in sides)
    Image.fromarray(np.concatenate([side[:, :least] for side in sides], axis=1)).save(path)


def tables(heard: list[Heard]) -> Iterator[Table]:
    arms = list(dict.fromkeys(each.arm for each in heard))
    rows = []
    for arm in (*arms, "all"):
        mine = [each for each in heard if arm in (each.arm, "all")]
        beyond = sorted((each.duration_s for each in mine if not each.found), reverse=True)
        hits = sorted(each.duration_s for each in mine if each.found)
        rows.append((
            arm, str(len(mine)), str(sum(each.suspicious for each in mine)), str(len(hits)),
            f"{hits[0]:.2f}" if hits else "–", f"{beyond[0]:.2f}" if beyond else "–",
        ))  # fmt: skip
    columns = ("loops", "stems", "suspected at first look", "hiss", "shortest hiss, s", "longest beside these, s")
    look, sampler = (median([getattr(each, name) for each in heard]) for name in ("look_ms", "sampler_ms"))
    suspected = [each.sampler_ms for each in heard if each.suspicious]
    notes = (
        f"The first look takes {look:.1f} ms of processor time a stem; the sampler then {sampler:.0f} ms (of what was "
        f"suspected {median(suspected):.0f} ms, {sum(suspected) / len(heard):.1f} ms a stem on average).",
    )
    yield Table("Hiss of the model's stems", columns, tuple(rows), notes)
    worst = sorted(heard, key=lambda each: -each.duration_s)[:_SHOWN]
    yield Table(
        "The worst", ("stem", "loop", "noise that the instrument hasn't, s", "dB below its notes", "hiss"),
        tuple(
            (f"{each.timbre} {' '.join(each.colours)}".strip(), each.loop, f"{each.duration_s:.2f}",
             f"{-each.level_db:.0f}", "yes" if each.found else "") for each in worst
        ),
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1])
    parser.add_argument("--coloured", type=int, default=0, help="so many loops with timbres and colours at random")
    parser.add_argument("--pictures", type=Path, help="a folder for spectrograms of what lasts longest")
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = Report.begin("eval_hiss", vars(options))
    backend = BuiltinBackend.load(options.model, "cpu")
    engines = TwoEngines(backend)
    heard = []
    for loop in track([*drawn(options.seeds), *coloured(options.coloured)], description="loops"):
        for each, sounds in measured(*loop, backend, engines):
            heard.append(each)
            if options.pictures and each.duration_s > 0.1:
                options.pictures.mkdir(parents=True, exist_ok=True)
                name = f"{each.duration_s:05.2f}s {each.loop} {each.timbre} {' '.join(each.colours)}.png"
                picture(sounds, 44100, options.pictures / name)
    for table in tables(heard):
        report.add(table)
    report.figures = {"stems": [asdict(each) for each in heard]}
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
