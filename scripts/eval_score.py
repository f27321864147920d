"""How good the score model's loops are, measured beside the grammar's own for the same requests.

    python scripts/eval_score.py --loops 1000

Both get the same held-out requests: the grammar composes them, the model writes them with the same key, chords, style,
energy and manners. The corpus that the model was trained on is composed again where it isn't there (--folder), because
passages are looked up in it, and the style judge learns from it. Exits with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from antiphon.domain.genome import Genome
from antiphon.domain.score import Note, Score
from antiphon.generation.grammar.composer import express
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.scoring.grid import (
    LANES,
    THRESHOLD,
    UNSURE,
    WRITTEN,
    Grid,
    score_to_grid,
    stretched,
    with_notes,
)
from antiphon.generation.scoring.sampling import DEFAULT_GUIDANCE, DEFAULT_STEPS, NotesPipeline
from antiphon.generation.scoring.writing import (
    Commission,
    asked_densities,
    asked_glides,
    canvas_of,
    notes_of,
    write_scores,
)
from antiphon.generation.styles import get_style
from antiphon.training import score_measures as measures
from antiphon.training.score_corpus import HELD_OUT, ScoreLoops, compose_corpus, random_genome
from antiphon.training.style_judge import StyleJudge, bar_steps_of, plain_style, traits

ROOT = Path(__file__).resolve().parent.parent
NAN = float("nan")
#: Per measure: grammar, model, bar (nan: none).
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Loop:
    """One loop as it is judged."""

    genome: Genome
    frame: Frame
    score: Score
    picture: Grid

    @property
    def humanise_beats(self) -> float:
        return min(get_style(self.genome.style).humanise_beats, 0.02)


def loop_of(genome: Genome, score: Score) -> Loop:
    frame = frame_of(genome)
    return Loop(genome, frame, score, score_to_grid(score, frame))


def reseeded(genome: Genome, seed: int) -> Genome:
    """The same request's loop with other notes: every part has another seed."""
    return replace(genome, seed=seed, stems=tuple(replace(genes, seed=seed) for genes in genome.stems))


def wish(genome: Genome, given: Mapping[str, tuple[Note, ...]] | None = None) -> Commission:
    """What a request asks the model for."""
    return Commission(genome, given or {}, asked_densities(genome), glides=asked_glides(genome))


def written(pipeline: NotesPipeline, genomes: Sequence[Genome], steps: int, guidance: float, about: str) -> list[Score]:
    """What the model writes for some genomes."""
    order = sorted(range(len(genomes)), key=lambda index: frame_of(genomes[index]).total_steps)
    scores: dict[int, Score] = {}
    for start in track(range(0, len(order), 16), about):
        some = order[start : start + 16]
        made = write_scores(pipeline, [wish(genomes[index]) for index in some], steps, guidance)
        scores |= dict(zip(some, made, strict=True))
    return [scores[index] for index in range(len(genomes))]


def share(loops: Sequence[Loop], measure: Callable[[Loop], tuple[int, int]]) -> float:
    counts = np.array([measure(loop) for loop in loops]).sum(0)
    return float(counts[0] / max(1, counts[1]))


def known_passages(data: ScoreLoops, lanes: slice | None) -> dict[int, set[int]]:
    """Hashes of every two-bar passage of the corpus, by length of the bar."""
    found: dict[int, set[int]] = defaultdict(set)
    for example in track(data, f"passages of {len(data)} loops", total=len(data)):
        bar_steps = bar_steps_of(example)
        found[bar_steps].update(
            map(hash, measures.passages(measures.struck_of(example.picture), bar_steps, lanes=lanes))
        )
    return found


def copied(loops: Sequence[Loop], known: dict[int, set[int]], lanes: slice | None) -> float:
    """Share of loops that hold a two-bar passage of the corpus."""
    hits = [
        any(hash(p) in known[loop.frame.bar_steps] for p in
            measures.passages(measures.struck_of(loop.picture), loop.frame.bar_steps, lanes=lanes))
        for loop in loops
    ]  # fmt: skip
    return float(np.mean(hits))


def siblings_variety(score_of: Callable[[list[Genome]], list[Score]], requests: int, each: int) -> float:
    """Mean distance between loops that answer the same request."""
    genomes = [random_genome(HELD_OUT + 500_000 + n, plain=True) for n in range(requests)]
    family = [reseeded(genome, 1000 * n + k) for n, genome in enumerate(genomes) for k in range(each)]
    pictures = [score_to_grid(score, frame_of(g)) for g, score in zip(family, score_of(family), strict=True)]
    rng = np.random.default_rng(0)
    return float(np.mean([measures.variety(pictures[n * each : (n + 1) * each], 100, rng) for n in range(requests)]))


def style_hits(loops: Sequence[Loop], judge: StyleJudge) -> float:
    """Share of loops whose style the judge tells."""
    told = judge.judge([traits(loop.picture, loop.frame.bar_steps) for loop in loops])
    return float(np.mean([one == loop.genome.style for one, loop in zip(told, loops, strict=True)]))


def trained_judge(data: ScoreLoops) -> StyleJudge:
    """A judge that has learnt from every loop of the corpus that is in one style."""
    examples = []
    for example in track(data, "the judge reads the corpus", total=len(data)):
        style = plain_style(example)
        if style is not None:
            examples.append((traits(example.picture, bar_steps_of(example)), style))
    return StyleJudge(examples)


def unsure_share(pipeline: NotesPipeline, genomes: Sequence[Genome], steps: int, guidance: float) -> float:
    """Lanes that end between silence and a stroke, per stroke."""
    canvases = [canvas_of(wish(genome)) for genome in genomes]
    pictures = [pipeline([canvas], steps, guidance)[0][:, : LANES["lead"].stop] for canvas in canvases]
    unsure = sum(int(((p > UNSURE[0]) & (p < UNSURE[1])).sum()) for p in pictures)
    return unsure / max(1, sum(int((p > THRESHOLD).sum()) for p in pictures))


def unheld(pipeline: NotesPipeline, genomes: Sequence[Genome], steps: int, guidance: float) -> list[Loop]:
    """What the model writes where nothing keeps the chords stem to the chords and the parts to their ranges."""
    loops = []
    for genome in genomes:
        canvas = canvas_of(wish(genome))
        picture = pipeline([canvas], steps, guidance, hold_chords=False)[0]
        notes = notes_of(picture, wish(genome), canvas.frame)
        loops.append(loop_of(genome, with_notes(express(genome), notes)))
    return loops


def kick_agreement(loops: Sequence[Loop], drums: Sequence[Loop]) -> float:
    """Share of the bass's notes that fall on a kick of the given drums, where the bass is syncopated or glides."""
    hits = total = 0
    for loop, other in zip(loops, drums, strict=True):
        if loop.genome.genes("bass").behaviour not in ("syncopated", "gliding"):
            continue
        kicks = {round(stretched(other.frame, n.onset_beats)) for n in other.score.stem("drums").notes if n.pitch == 36}
        steps = [round(stretched(loop.frame, n.onset_beats)) for n in loop.score.stem("bass").notes]
        hits, total = hits + sum(step in kicks for step in steps), total + len(steps)
    return hits / max(1, total)


def infilling(pipeline: NotesPipeline, grammar: Sequence[Loop], steps: int, guidance: float) -> Figures:
    """A bass for given drums: does it hear their kick, and do the drums stay as they were?"""
    some = [loop for loop in grammar if loop.genome.genes("bass").behaviour in ("syncopated", "gliding")]
    if not some:
        return {}
    asked = [wish(loop.genome, {"drums": loop.score.stem("drums").notes}) for loop in some]
    alone = [wish(loop.genome) for loop in some]
    made, deaf = (
        [loop_of(each.genome, score) for each, score in zip(some, scores, strict=True)]
        for scores in (write_scores(pipeline, wish, steps, guidance) for wish in (asked, alone))
    )
    kept = [one.score.stem("drums") == loop.score.stem("drums") for one, loop in zip(made, some, strict=True)]
    return {
        "given drums untouched": row(float("nan"), float(np.mean(kept)), 1.0),
        "bass on the given kick": row(kick_agreement(some, some), kick_agreement(made, some)),
        "the same, drums not given": row(float("nan"), kick_agreement(deaf, some)),
    }


def row(grammar: float, model: float, bar: float = float("nan")) -> dict[str, float]:
    return {"grammar": grammar, "model": model, "bar": bar}


def judged(grammar: list[Loop], model: list[Loop], data: ScoreLoops) -> Figures:
    """Every measure for both."""
    figures: Figures = {}

    def shares(name: str, measure: Callable[[Loop], tuple[int, int]], bar: float = float("nan")) -> None:
        figures[name] = row(share(grammar, measure), share(model, measure), bar)

    shares("notes in key", lambda loop: measures.in_key(loop.score, loop.frame), 0.97)
    shares("chords honoured", lambda loop: measures.chords_honoured(loop.score, loop.frame), 0.95)
    shares("notes of the chords stem in the chord", lambda loop: measures.chord_notes(loop.score, loop.frame))
    shares("bass note on the change", lambda loop: measures.bass_on_roots(loop.score, loop.frame))
    shares("onsets on the grid", lambda loop: measures.on_grid(loop.score, loop.frame, loop.humanise_beats), 0.98)
    judge = trained_judge(data)
    figures["style told"] = row(style_hits(grammar, judge), style_hits(model, judge), 0.80)
    for name, lanes, bar in (("copied passages", None, 0.01), ("copied passages, drums alone", LANES["drums"], NAN)):
        known = known_passages(data, lanes)
        figures[name] = row(copied(grammar, known, lanes), copied(model, known, lanes), bar)
    rng = np.random.default_rng(0)
    both = [measures.variety([loop.picture for loop in loops], 4000, rng) for loops in (grammar, model)]
    figures["variety"] = row(both[0], both[1], 0.9 * both[0])
    for stem in WRITTEN:
        counts = [float(np.mean([len(loop.score.stem(stem).notes) for loop in loops])) for loops in (grammar, model)]
        figures[f"notes a loop, {stem}"] = row(counts[0], counts[1])
    return figures


def glides(grammar: list[Loop], model: list[Loop], known: bool) -> Figures:
    """How often notes of basses and leads glide, in all and by style, and how often again at their place in the bar.
    The bar is for weights that have `known` glides."""
    figures: Figures = {}

    def rate(loops: list[Loop]) -> float:
        return share(loops, lambda loop: measures.gliding(loop.score))

    of_grammar = rate(grammar)
    figures["notes that glide"] = row(of_grammar, rate(model), 0.7 * of_grammar if known else NAN)
    figures["glides come again in other bars"] = row(
        *(share(loops, lambda loop: measures.gliding_again(loop.score, loop.frame)) for loops in (grammar, model))
    )
    for style in sorted({loop.genome.style for loop in grammar}):
        both = ([loop for loop in loops if loop.genome.style == style] for loops in (grammar, model))
        figures[f"notes that glide, {style}"] = row(*map(rate, both))
    return figures


def passes(name: str, figures: dict[str, float]) -> bool:
    """Whether the model meets the bar, where there is one."""
    value, bar = figures["model"], figures["bar"]
    if np.isnan(bar):
        return True
    return value <= bar if name.startswith("copied") else value >= bar


def report(figures: Figures) -> None:
    """The table, with the bars and whether they are met."""
    table = Table("measure", "grammar", "score model", "bar", "")
    for name, values in figures.items():
        shown = ["" if np.isnan(values[key]) else f"{values[key]:.3f}" for key in ("grammar", "model", "bar")]
        verdict = "" if np.isnan(values["bar"]) else ("yes" if passes(name, values) else "no")
        table.add_row(name, *shown, verdict)
    Console(width=110).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=1000)
    parser.add_argument("--corpus-loops", type=int, default=16000, help="how many the model was trained on")
    parser.add_argument("--folder", type=Path, default=ROOT / ".training", help="where the corpus lies or is made")
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin" / "score")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS)
    parser.add_argument("--guidance", type=float, default=DEFAULT_GUIDANCE)
    parser.add_argument("--families", type=int, default=60, help="requests that are answered eight times each")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    compose_corpus(args.folder / "score_corpus", args.corpus_loops, 1)
    data = ScoreLoops(args.folder / "score_corpus", args.corpus_loops)
    pipeline = NotesPipeline.from_pretrained(args.model)
    pipeline.set_progress_bar_config(disable=True)
    genomes = [random_genome(HELD_OUT + number, plain=True) for number in range(args.loops)]
    grammar = [loop_of(genome, express(genome)) for genome in track(genomes, "the grammar composes")]
    began = time.perf_counter()
    scores = written(pipeline, genomes, args.steps, args.guidance, "the model writes")
    seconds = (time.perf_counter() - began) / len(genomes)
    model = [loop_of(genome, score) for genome, score in zip(genomes, scores, strict=True)]
    figures = judged(grammar, model, data) | glides(grammar, model, pipeline.knows_glides)
    figures |= infilling(pipeline, grammar, args.steps, args.guidance)
    families = [
        siblings_variety(compose, args.families, 8)
        for compose in (
            lambda some: [express(genome) for genome in some],
            lambda some: written(pipeline, some, args.steps, args.guidance, "the model answers again"),
        )
    ]
    figures["variety of answers to one request"] = row(families[0], families[1], 0.9 * families[0])
    figures["unsure lanes per stroke"] = row(NAN, unsure_share(pipeline, genomes[:50], args.steps, args.guidance))
    free = unheld(pipeline, genomes[:100], args.steps, args.guidance)
    honoured, notes = measures.chords_honoured, measures.chord_notes
    figures["chords honoured, not held"] = row(NAN, share(free, lambda loop: honoured(loop.score, loop.frame)))
    figures["chords stem in the chord, not held"] = row(NAN, share(free, lambda loop: notes(loop.score, loop.frame)))
    figures["seconds a loop"] = row(NAN, seconds)
    report(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    sys.exit(0 if all(passes(name, values) for name, values in figures.items()) else 1)


if __name__ == "__main__":
    main()
