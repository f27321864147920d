#!/usr/bin/env python3
"""What fine-tuning the real model gains, by simulated listeners with hidden tastes.

    python scripts/bench_finetune.py                           five listeners, 30 ratings each, two objectives
    python scripts/bench_finetune.py --ratings 90 --listeners 1 2 3 4 5 6 7 8 --objectives colour

Loops of six styles are sounded once; each listener (scripts/simulated_raters/ear.py: a hidden taste over brightness,
noisiness and sharpness of attacks, computed by code of its own, and a noise) rates them all, once. The model is
fine-tuned on that, with every objective; then each listener hears the same new requests by the base and by the version,
blind. Told are the gate's own findings, blind wins, and the gain of true liking in points of 5.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT), str(ROOT / "scripts")]

from antiphon.domain.genome import Genome  # noqa: E402
from antiphon.domain.request import GenerateRequest  # noqa: E402
from antiphon.generation.builtin import BuiltinBackend  # noqa: E402
from antiphon.generation.grammar import draw_genome  # noqa: E402
from antiphon.training.finetune.material import Recipe  # noqa: E402
from benchmarks.report import Report, Table, points, share, verdict  # noqa: E402
from simulated_raters.ear import PITCHED, REACH, Ear  # noqa: E402
from simulated_raters.hearing import Sound, hear  # noqa: E402
from simulated_raters.tunings import RatedSound, fine_tune, payload  # noqa: E402

STYLES = ("lofi", "house", "ambient", "dub", "techno", "hiphop")
TEMPI_BPM = (90.0, 110.0, 124.0, 140.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One fine-tuning for one listener. `leads`: by how many points of 5 the version's loops are liked better."""

    state: str
    reasons: tuple[str, ...]
    seconds: float
    leads: tuple[float, ...]

    @property
    def wins(self) -> int:
        return sum(lead > 0.0 for lead in self.leads)


def drawn(seed: int, count: int) -> list[Genome]:
    """Loops as users ask for them, of the stems that the model sounds."""
    rng = random.Random(seed)
    genomes = []
    for index in range(count):
        request = GenerateRequest(
            bpm=rng.choice(TEMPI_BPM),
            bars=2,
            stems=PITCHED,
            seed=rng.randrange(2**31),
            style=STYLES[index % len(STYLES)],
        )
        genome = draw_genome(request, request.seed)
        genomes.append(replace(genome, stems=tuple(replace(genes, engine="neural") for genes in genome.stems)))
    return genomes


def learnt(
    base: BuiltinBackend, rated: list[RatedSound], objective: str, ear: Ear, asked: list[Genome], before: list[Sound]
) -> Outcome:
    """Fine-tune, ask the gate, and listen blind."""
    job = payload(rated, base.version, f"{base.version}+1", {"objective": objective})
    with tempfile.TemporaryDirectory() as folder:
        tuned = fine_tune(job, base, Path(folder))
    leads = tuple(
        5.0 * REACH * (ear.liking(hear(tuned.version, genome)) - ear.liking(old))
        for genome, old in zip(asked, before, strict=True)
    )
    return Outcome(tuned.state, tuned.reasons, tuned.seconds, leads)


def rows_of(objective: str, outcomes: dict[int, Outcome]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for listener, each in outcomes.items():
        said = "; ".join(each.reasons) or "none against it"
        mean = f"{statistics.fmean(each.leads):+.2f}"
        rows.append(
            (objective, str(listener), said, share(each.wins, len(each.leads)), mean, f"{each.seconds / 60:.1f}")
        )
    passed = [each for each in outcomes.values() if each.state == "trial"]
    wins, pairs = sum(each.wins for each in passed), sum(len(each.leads) for each in passed)
    enough = verdict(wins >= 0.7 * pairs) if passed else "nothing passed"
    gain = points([statistics.fmean(each.leads) if each.state == "trial" else 0.0 for each in outcomes.values()])
    rows.append((f"**{objective}**", f"{len(passed)} of {len(outcomes)} go on trial", f"≥ 70 % wins: {enough}",
                 share(wins, pairs), gain, "–"))  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--listeners", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--ratings", type=int, default=30, help="of each listener, one a loop")
    parser.add_argument("--pairs", type=int, default=30, help="new requests that are heard by both")
    parser.add_argument("--objectives", nargs="+", default=["colour", "weighted"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console, report = Console(stderr=True), Report.begin("bench_finetune", vars(options))
    base = BuiltinBackend.load(options.model, "cpu")
    genomes, asked = drawn(5, options.ratings), drawn(6, options.pairs)
    sounds, before = [hear(base, genome) for genome in genomes], [hear(base, genome) for genome in asked]
    rows: list[tuple[str, ...]] = []
    for objective in options.objectives:
        outcomes = {}
        for listener in options.listeners:
            ear = Ear(listener)
            ear.get_used_to(sounds)
            rated = [
                RatedSound(genome, ear.rate(sound), 0.6, base.version)
                for genome, sound in zip(genomes, sounds, strict=True)
            ]
            outcomes[listener] = learnt(base, rated, objective, ear, asked, before)
            console.print(objective, listener, outcomes[listener])
        rows += rows_of(objective, outcomes)
    columns = ("objective", "simulated listener", "the gate's findings", "blind wins", "points of 5", "minutes")
    notes = (
        f"{options.ratings} loops rated once by each listener; recipe: {Recipe()}.",
        "In bold: wins of the versions that pass the gate's measures; gain over all listeners, those whose version is "
        "rejected counted as none, with its 95 % interval.",
    )
    report.add(Table("Fine-tuning", columns, tuple(rows), notes))
    report.end(options.json)


if __name__ == "__main__":
    main()
