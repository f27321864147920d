"""Transmission fidelity: how much children are like their parents as people hear it, operator by operator.

The slope of children on the mean of their parents is heritability as breeders measure it (Galton's regression;
MacCallum et al., "Evolution of music by public choice", PNAS 2012, found that DarwinTunes stalled when it fell).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Child
from antiphon.evolution import cross, mutate, restem
from antiphon.evolution.brood import FIRST_SHARES, RENEWED, SMALLEST_STEP, later_child
from simulated_raters.audience import Taste

Vector = NDArray[np.float64]
Breed = Callable[[Genome, Genome, np.random.Generator], Genome]

_ONLY_RENEWED = tuple(float(kind == RENEWED) for kind in range(len(FIRST_SHARES)))


def _restemmed(one: Genome, _: Genome, rng: np.random.Generator) -> Genome:
    return restem(one, one.playing[int(rng.integers(len(one.playing)))], int(rng.integers(2**31)))


def _renewed(one: Genome, _: Genome, rng: np.random.Generator) -> Genome:
    return later_child(Child(one, ()), Child(one, ()), 0.2, rng, _ONLY_RENEWED)[0].genome


OPERATORS: dict[str, Breed] = {
    "closest, inside evolve": lambda one, _, rng: mutate(one, SMALLEST_STEP, rng),
    "vary, amount 0.1": lambda one, _, rng: mutate(one, 0.1, rng),
    "vary, amount 0.3": lambda one, _, rng: mutate(one, 0.3, rng),
    "vary, amount 0.6": lambda one, _, rng: mutate(one, 0.6, rng),
    "cross, mix 0.5": lambda one, other, rng: cross(one, other, 0.5, rng),
    "restem, any stem": _restemmed,
    "new blood, inside evolve": _renewed,
}
TWO_PARENTS = ("cross, mix 0.5",)


def fidelity(
    loops: Sequence[Genome], tastes: Sequence[Taste], rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """By operator: the mean correlation of children with their parents (the mean of two) over descriptors, and over the
    likings of several simulated audiences."""
    others = [loops[(place + len(loops) // 2) % len(loops)] for place in range(len(loops))]
    found = {}
    for name, breed in OPERATORS.items():
        children = [breed(one, other, rng) for one, other in zip(loops, others, strict=True)]
        two = name in TWO_PARENTS
        described = _correlation(*(_three(tastes[0].descriptors, loops, others if two else None, children)))
        liked = [
            _correlation(*_three(lambda each, t=t: t.liking(each)[:, None], loops, others if two else None, children))  # type: ignore[misc]
            for t in tastes
        ]
        found[name] = (described, float(np.mean(liked)))
    return found


def _three(
    look: Callable[[Sequence[Genome]], Vector], first: Sequence[Genome], second: Sequence[Genome] | None,
    children: Sequence[Genome],
) -> tuple[Vector, Vector]:  # fmt: skip
    """How the parents (the mean of two) look, and how the children do; (loops, measures) each."""
    parents = look(first) if second is None else (look(first) + look(second)) / 2.0
    return parents, look(children)


def _correlation(parents: Vector, children: Vector) -> float:
    known = (parents.std(0) > 1e-9) & (children.std(0) > 1e-9)
    pairs = zip(parents.T[known], children.T[known], strict=True)
    return float(np.mean([np.corrcoef(parent, child)[0, 1] for parent, child in pairs]))
