"""What the score model learns from: the grammar's compositions over random requests, as pictures, drawn once and kept.

Numbers below `HELD_OUT` are for training; from there on they are for measuring, and no training sees them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.glides import GLIDES
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ONE_VOICE, Score
from antiphon.domain.theory import MODES, QUALITIES, Chord, Key, Meter
from antiphon.generation.grammar.composer import express
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.genesis import draw_behaviour, draw_genome
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.scoring.conditions import (
    KNOWN_STYLES,
    LOOP_FEATURES,
    STEP_FEATURES,
    loop_features,
    measured_densities,
    step_features,
    wishes_of,
)
from antiphon.generation.scoring.grid import CHANNELS, WRITTEN, score_to_grid
from antiphon.generation.styles import get_style

T = TypeVar("T")
SCORE_CORPUS_VERSION = 2
HELD_OUT = 2**30
_METERS = (("4/4", 0.5), ("3/4", 0.22), ("6/8", 0.22), ("5/4", 0.02), ("7/8", 0.02), ("12/8", 0.02))
_BARS = ((1, 0.04), (2, 0.16), (3, 0.03), (4, 0.55), (6, 0.02), (8, 0.2))
#: How far registers may be moved, as mutation does.
_REGISTERS = {"bass": (-1, 7), "chords": (-5, 5), "lead": (-7, 7)}
#: How often a one-voice stem has a timbre that glides, and how likely its notes then do: glides are rare in most
#: styles, and would take the model long to learn from these alone.
_GLIDING, _GLIDE_SHARES = 0.4, (0.05, 0.7)
_SHARD = 500


def _weighted(rng: np.random.Generator, options: Sequence[tuple[T, float]]) -> T:
    weights = np.array([weight for _, weight in options])
    return options[int(rng.choice(len(options), p=weights / weights.sum()))][0]


def random_request(number: int) -> GenerateRequest:
    """Request number `number`: any style that the model knows by name, any key, meter and energy, 50 to 220 bpm, mostly
    at home in the style's range."""
    rng = np.random.default_rng((7, number))
    # Not all styles there are: one that came since the weights would move every draw, and has no input to be told by.
    style = get_style(str(rng.choice(KNOWN_STYLES)))
    low, high = style.bpm if rng.random() < 0.6 else (50.0, 220.0)
    upper, lower = _weighted(rng, _METERS).split("/")
    chords = None
    if rng.random() < 0.1:
        names = tuple(QUALITIES)
        roots = [int(root) for root in rng.integers(12, size=int(rng.integers(1, 5)))]
        chords = tuple(Chord(root, names[int(rng.integers(len(names)))], root) for root in roots)
    key = None
    if chords is None and rng.random() < 0.3:
        key = Key(int(rng.integers(12)), str(rng.choice(tuple(MODES))))
    return GenerateRequest(
        bpm=round(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 2), bars=_weighted(rng, _BARS),
        meter=Meter(int(upper), int(lower)), key=key, chords=chords, style=style.name,
        energy=round(float(rng.uniform(0.0, 1.0)), 3),
    )  # fmt: skip


def random_genome(number: int, plain: bool = False) -> Genome:
    """Genome number `number` of the corpus. Unless `plain`, some have parts in other styles, densities and registers,
    as children of several parents have, and some glide more than their styles do."""
    genome = draw_genome(random_request(number), number)
    return genome if plain else _with_more_glides(_as_children_are(genome, number), number)


def _with_more_glides(genome: Genome, number: int) -> Genome:
    rng = np.random.default_rng((9, number))
    for stem in ONE_VOICE:
        if rng.random() < _GLIDING:
            timbre = str(rng.choice([name for name in GLIDES if name.startswith(stem)]))
            share = round(float(rng.uniform(*_GLIDE_SHARES)), 3)
            genome = genome.with_genes(replace(genome.genes(stem), timbre=timbre, glide=share))
    return genome


def _as_children_are(genome: Genome, number: int) -> Genome:
    rng = np.random.default_rng((8, number))
    if rng.random() < 0.5:
        return genome
    for stem in WRITTEN:
        genes = genome.genes(stem)
        if rng.random() < 0.2:
            style = get_style(str(rng.choice(KNOWN_STYLES)))
            genes = replace(genes, style=style.name, behaviour=draw_behaviour(style, stem, genes.seed))
        if rng.random() < 0.3:
            genes = replace(genes, density=round(float(rng.uniform(-0.5, 0.5)), 3))
        if stem in _REGISTERS and rng.random() < 0.3:
            low, high = _REGISTERS[stem]
            genes = replace(genes, register=int(rng.integers(low, high + 1)))
        genome = genome.with_genes(genes)
    return genome


@dataclass(frozen=True, slots=True)
class Example:
    """One loop: picture float32 (steps, CHANNELS), features per step (steps, STEP_FEATURES) and of the loop."""

    picture: NDArray[np.float32]
    steps: NDArray[np.float32]
    loop: NDArray[np.float32]


def example_of(genome: Genome, score: Score, frame: Frame) -> Example:
    """A composed genome as the model sees it."""
    picture = score_to_grid(score, frame)
    wishes = replace(wishes_of(genome, frame), densities=measured_densities(picture, frame))
    return Example(picture, step_features(genome.key, genome.chords, frame), loop_features(wishes))


def _compose_shard(folder: str, first: int, count: int) -> None:
    examples = []
    for number in range(first, first + count):
        genome = random_genome(number)
        examples.append(example_of(genome, express(genome), frame_of(genome)))
    place = Path(folder)
    partial = place / f"{first:08d}.partial.npz"
    np.savez(
        partial,
        lengths=np.array([len(e.picture) for e in examples]),
        pictures=np.concatenate([e.picture for e in examples]).astype(np.float16),
        steps=np.concatenate([e.steps for e in examples]).astype(np.float16),
        loops=np.stack([e.loop for e in examples]),
    )
    partial.replace(place / f"{first:08d}.npz")


def compose_corpus(folder: Path, loops: int, processes: int, first: int = 0) -> None:
    """Compose `loops` loops, from number `first` on, into `folder`, shard by shard; what is there stays.
    Raises ValueError where the folder holds another version of the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / "version.json"
    if version.exists() and json.loads(version.read_text()) != SCORE_CORPUS_VERSION:
        raise ValueError(f"{folder} holds another version of the corpus: remove the folder, it is made again")
    version.write_text(json.dumps(SCORE_CORPUS_VERSION))
    end = first + loops
    shards = [at for at in range(first, end, _SHARD) if not (folder / f"{at:08d}.npz").exists()]
    with ProcessPoolExecutor(processes) as pool:
        for task in [pool.submit(_compose_shard, str(folder), at, min(_SHARD, end - at)) for at in shards]:
            task.result()


class ScoreLoops:
    """The loops of a corpus folder, in order: `loops` of them from number `first` on."""

    def __init__(self, folder: Path, loops: int, first: int = 0) -> None:
        shards = [np.load(folder / f"{at:08d}.npz") for at in range(first, first + loops, _SHARD)]
        self._pictures = np.concatenate([shard["pictures"] for shard in shards])
        self._steps = np.concatenate([shard["steps"] for shard in shards])
        self._loops = np.concatenate([shard["loops"] for shard in shards])
        self._lengths = np.concatenate([shard["lengths"] for shard in shards])
        self._starts = np.cumsum(self._lengths) - self._lengths
        if self._pictures.shape[1] != CHANNELS or self._steps.shape[1] != STEP_FEATURES:
            raise ValueError(f"{folder} was composed for another picture: remove the folder, it is made again")
        if self._loops.shape[1] != LOOP_FEATURES:
            raise ValueError(f"{folder} was composed for other wishes: remove the folder, it is made again")

        self._by_length = {int(n): np.flatnonzero(self._lengths == n) for n in np.unique(self._lengths)}

    def draw_length(self, rng: np.random.Generator) -> int:
        """A length in steps, as likely as its share of all steps: batches of one length hold equally many steps."""
        return int(self._lengths[int(np.searchsorted(self._starts, rng.integers(len(self._steps)), "right")) - 1])

    def draw_of_length(self, steps: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Numbers of loops that have a length."""
        return rng.choice(self._by_length[steps], size=count)

    def __len__(self) -> int:
        return len(self._lengths)

    def __getitem__(self, index: int) -> Example:
        rows = slice(self._starts[index], self._starts[index] + self._lengths[index])
        picture, steps = self._pictures[rows].astype(np.float32), self._steps[rows].astype(np.float32)
        return Example(picture, steps, self._loops[index])

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))
