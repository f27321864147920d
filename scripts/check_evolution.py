"""Do children resemble their parents? Run it after changing an operator, the grammar's genes or the distance.

    python scripts/check_evolution.py                # plans only: a minute
    python scripts/check_evolution.py --heard        # also as sound, by the built-in model: ten minutes

For each operator: the mean distance from child to (first) parent (0 the same plan, 1 nothing in common) beside that of
two strangers, and how often a parent of the child is the nearest of all loops (identification). What `/antiphon/evolve`
does is measured with loops that were rated once each, by chance. With --heard the loops are
sounded and compared as log-mel pictures on a grid of 16 slots a bar, by librosa, which knows nothing of genes.
DarwinTunes stalled when transmission fidelity fell (MacCallum et al., PNAS 2012).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import librosa
import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Parent, Verdict
from antiphon.domain.request import GenerateRequest
from antiphon.evolution import cross, mutate, next_generation, propose, restem
from antiphon.evolution.distance import between, features
from antiphon.generation.backend import Backend, SoundRequest
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.registry import load_backend

RATE_HZ = 44100
SLOTS_PER_BAR, BANDS = 16, 40
#: The second parent of loop n is loop n + 7.
OTHER = 7
#: Children that are asked of `/antiphon/evolve` at once.
GENERATION = 8

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bred:
    """A child, and which loops its parents are; the distance is that to the first."""

    genome: Genome
    parents: tuple[int, ...]


#: Children of all loops, as many as there are loops.
Breed = Callable[[Sequence[Genome], np.random.Generator], list[Bred]]


def operators() -> dict[str, Breed]:
    """Each operator as a function of all loops."""
    found: dict[str, Breed] = {
        f"vary, amount {amount:g}": _of_one(lambda loop, rng, amount=amount: mutate(loop, amount, rng))  # type: ignore[misc]
        for amount in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
    }
    found |= {f"cross, mix {mix:g}": _crossed(mix) for mix in (0.25, 0.5)}
    found["restem, the bass"] = _of_one(lambda loop, rng: restem(loop, "bass", int(rng.integers(2**31))))
    found["evolve, without taste"] = _evolved
    found["evolve"] = _proposed
    return found


def _of_one(change: Callable[[Genome, np.random.Generator], Genome]) -> Breed:
    return lambda loops, rng: [Bred(change(loop, rng), (own,)) for own, loop in enumerate(loops)]


def _crossed(mix: float) -> Breed:
    def breed(loops: Sequence[Genome], rng: np.random.Generator) -> list[Bred]:
        pairs = [(own, (own + OTHER) % len(loops)) for own in range(len(loops))]
        return [Bred(cross(loops[one], loops[other], mix, rng), (one, other)) for one, other in pairs]

    return breed


def _evolved(loops: Sequence[Genome], rng: np.random.Generator) -> list[Bred]:
    """Of one parent or two that are liked alike, by ratings alone: what a take that was found broken is drawn by."""
    bred = []
    for own in range(len(loops)):
        pair = [Parent(str(place), loops[place], 0.9, 8) for place in (own, (own + OTHER) % len(loops))]
        while True:
            (child,) = next_generation(pair, 1, rng)
            if child.parents[0] == str(own):
                break
        bred.append(Bred(child.genome, tuple(map(int, child.parents))))
    return bred


def _proposed(loops: Sequence[Genome], rng: np.random.Generator) -> list[Bred]:
    """As `/antiphon/evolve` does it, a generation at a time, once each loop has been rated."""
    values = rng.random(len(loops))
    rated = [
        Parent(str(place), loop, float(value), 1, None, (Verdict("rater", float(value)),))
        for place, (loop, value) in enumerate(zip(loops, values, strict=True))
    ]
    children = [child for _ in range(-(-len(loops) // GENERATION)) for child in propose(rated, GENERATION, rng)]
    return [Bred(child.genome, tuple(map(int, child.parents))) for child in children[: len(loops)]]


def plan_table(children: Sequence[Genome], loops: Sequence[Genome]) -> Table:
    """Distances of plans, (children, loops)."""
    known = [features(loop) for loop in loops]
    return np.array([[between(features(child), other) for other in known] for child in children])


def heard(backend: Backend, loop: Genome) -> NDArray[np.float32]:
    """A loop's mix as a log-mel picture in dB, float32 (bands, slots)."""
    noise = {genes.stem: genes.noise for genes in loop.stems}
    request = SoundRequest(express(loop), loop.seed, backend.default_steps, RATE_HZ, noise)
    [stems] = backend.generate([request], lambda *_: None)
    mix = np.sum([audio[0] for audio in stems.values()], axis=0)
    mel = librosa.feature.melspectrogram(y=mix, sr=RATE_HZ, n_fft=2048, hop_length=512, n_mels=BANDS)
    slots = np.array_split(librosa.power_to_db(mel, top_db=60.0), SLOTS_PER_BAR * loop.bars, axis=1)
    return np.stack([slot.mean(1) for slot in slots], axis=1).astype(np.float32)


def heard_table(backend: Backend, children: Sequence[Genome], pictures: Sequence[NDArray[np.float32]]) -> Table:
    """Distances of pictures (1 less their correlation), (children, loops)."""
    own = [heard(backend, child) for child in children]
    return np.array([[1.0 - np.corrcoef(a.ravel(), b.ravel())[0, 1] for b in pictures] for a in own])


def row(name: str, table: Table, bred: Sequence[Bred]) -> str:
    """Mean distance to the (first) parent, and how often a parent is the nearest."""
    far = np.mean([line[child.parents[0]] for line, child in zip(table, bred, strict=True)])
    hits = np.mean([int(line.argmin()) in child.parents for line, child in zip(table, bred, strict=True)])
    return f"| {name} | {far:.3f} | {hits:.0%} |"


def strangers(table: Table) -> str:
    apart = table[~np.eye(len(table), dtype=bool)]
    return f"| two strangers | {apart.mean():.3f} | – |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loops", type=int, default=24)
    parser.add_argument("--bpm", type=float, default=110.0)
    parser.add_argument("--bars", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--heard", action="store_true", help="sound the loops and compare them by ear")
    options = parser.parse_args()
    request = GenerateRequest(bpm=options.bpm, bars=options.bars)
    loops = [draw_genome(request, options.seed + number) for number in range(options.loops)]
    backend = load_backend("builtin", "auto") if options.heard else None
    pictures = [heard(backend, loop) for loop in loops] if backend else []
    rng = np.random.default_rng(options.seed)
    tables: dict[str, Callable[[Sequence[Genome]], Table]] = {"plan": lambda children: plan_table(children, loops)}
    if backend is not None:
        tables["heard"] = lambda children: heard_table(backend, children, pictures)
    for title, table in tables.items():
        print(f"\n| {title} | distance to the parent | a parent is the nearest |\n|---|---|---|")
        for name, breed in operators().items():
            bred = breed(loops, rng)
            print(row(name, table([child.genome for child in bred]), bred), flush=True)
        print(strangers(table(loops)))


if __name__ == "__main__":
    main()
