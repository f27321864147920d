"""Does the quality gate believe notes that glide? Run it after changing how they sound, or the gate.

    python scripts/check_glides.py                      24 loops with glides, and the same loops without
    python scripts/check_glides.py --pictures glides    spectrograms too: an acid bass and an 808, by both engines

Loops of styles that live from glides, their basses and leads with a timbre that can, are composed twice, with glides
and without; the bass and the lead of both are sounded by the engine that is named and go through the gate as a worker's
takes do. Told is how many takes are turned down, and how many stems the sampler plays instead of the model.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from antiphon.domain.engines import NEURAL, SAMPLER
from antiphon.domain.genome import Genome
from antiphon.domain.glides import GLIDES
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ONE_VOICE, Note, StemScore
from antiphon.generation.backend import SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.styles import get_style
from antiphon.jobs.mending import Take, inspected
from benchmarks.report import Report, Table
from listening_sheet import spectrogram

ROOT = Path(__file__).resolve().parent.parent
STYLES = ("techno", "trap", "house", "dnb", "synthwave", "funk")
RATE_HZ = 44100
#: What the pictures show: four beats with slides up and down, at 120 bpm.
SHOWN = {
    "bass_acid": (
        (0.0, 0.2, 33, 0), (0.5, 0.5, 33, 0), (1.0, 0.25, 45, 1), (1.25, 0.2, 33, 0), (1.75, 0.25, 36, 0),
        (2.0, 0.5, 40, 1), (2.5, 0.25, 33, 1), (2.75, 0.2, 33, 0), (3.25, 0.25, 28, 0), (3.5, 0.5, 40, 1),
    ),
    "bass_808": ((0.0, 1.5, 33, 0), (1.5, 0.5, 45, 1), (2.0, 1.25, 33, 1), (3.25, 0.75, 28, 0)),
}  # fmt: skip


def drawn(number: int, share: float) -> Genome:
    """Loop number `number`, its bass and lead with a timbre that can glide, and does so with `share`."""
    style = get_style(STYLES[number % len(STYLES)])
    rng = np.random.default_rng((31, number))
    asked = GenerateRequest(
        bpm=float(rng.integers(*map(int, style.bpm))), style=style.name, energy=0.6, stems=ONE_VOICE
    )
    genome = draw_genome(asked, number)
    for stem in ONE_VOICE:
        able = [name for name in GLIDES if name.startswith(stem)]
        genes = genome.genes(stem)
        timbre = genes.timbre if genes.timbre in able else str(rng.choice(able))
        genome = genome.with_genes(replace(genes, timbre=timbre, glide=share))
    return genome


def judged(genome: Genome, engine: str, engines: TwoEngines) -> tuple[Take, int]:
    """The take as the gate leaves it, and how many of its notes glide."""
    genome = replace(genome, stems=tuple(replace(genes, engine=engine) for genes in genome.stems))
    score = express(genome)
    told = dict.fromkeys(genome.playing, engine)
    noise = {genes.stem: genes.noise for genes in genome.stems}
    request = SoundRequest(score, genome.seed, engines.default_steps, RATE_HZ, noise, engines=told)
    (stems,) = engines.generate([request], lambda *_: None)
    free = frozenset(genome.playing) if engine == NEURAL else frozenset()
    take = inspected(Take(genome, stems), request, free, [], engines, lambda: None)
    return take, sum(note.glide for stem in score.stems for note in stem.notes)


def row(share: float, engine: str, loops: int, engines: TwoEngines) -> tuple[str, ...]:
    """One line of the table."""
    down = gliding = 0
    mended: Counter[str] = Counter()
    for number in range(loops):
        take, glides = judged(drawn(number, share), engine, engines)
        down, gliding = down + bool(take.faults), gliding + glides
        mended.update(f"{each['stem']}" for each in take.mended)
        for each in (*take.mended, *({"fault": fault.text} for fault in take.faults)):
            print(f"  {engine}, share {share:g}, loop {number}: {each['fault']}", flush=True)
    told = ", ".join(f"{count} {stem}" for stem, count in sorted(mended.items())) or "none"
    return (engine, f"{gliding}", f"{down} of {loops}", told if engine == NEURAL else "")


def pictures(folder: Path, engines: TwoEngines) -> None:
    """Spectrograms of what is in `SHOWN`, by both engines."""
    folder.mkdir(parents=True, exist_ok=True)
    bars = draw_genome(GenerateRequest(bpm=120.0, bars=1, style="techno"), 1)
    for timbre, notes in SHOWN.items():
        played = tuple(Note(onset, length, pitch, 104, bool(glide)) for onset, length, pitch, glide in notes)
        score = replace(express(bars), stems=(StemScore("bass", timbre, played),))
        for engine in (SAMPLER, NEURAL):
            request = SoundRequest(score, 1, engines.default_steps, RATE_HZ, engines={"bass": engine})
            (stems,) = engines.generate([request], lambda *_: None)
            spectrogram(stems["bass"], RATE_HZ, folder / f"{timbre}_{engine}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--loops", type=int, default=24)
    parser.add_argument("--share", type=float, default=0.5, help="how likely a note glides where it can")
    parser.add_argument("--pictures", type=Path, help="a folder for spectrograms")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    report = Report.begin("check_glides", vars(options))
    engines = TwoEngines(BuiltinBackend.load(options.model, "cpu"))
    rows = [
        row(share, engine, options.loops, engines) for engine in (SAMPLER, NEURAL) for share in (0.0, options.share)
    ]
    columns = ("bass and lead by", "notes that glide", "takes turned down", "stems mended")
    report.add(Table("The gate and glides", columns, tuple(rows)))
    report.end(options.json)
    if options.pictures:
        pictures(options.pictures, engines)


if __name__ == "__main__":
    main()
