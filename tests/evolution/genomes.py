"""Random genomes for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from antiphon.domain.genome import Genome
from antiphon.domain.request import GenerateRequest
from antiphon.evolution import mutate
from antiphon.generation.grammar import draw_genome
from tests.generation.music import requests

seeds = st.integers(0, 2**31 - 1)


@st.composite
def genomes(draw: st.DrawFn) -> Genome:
    """A genome of a random request, perhaps some generations old."""
    genome = draw_genome(draw(requests()), draw(seeds))
    rng = np.random.default_rng(draw(seeds))
    for _ in range(draw(st.integers(0, 2))):
        genome = mutate(genome, float(rng.random()), rng)
    return genome


def loops(count: int, bpm: float = 110.0) -> list[Genome]:
    """Different loops of one tempo."""
    return [draw_genome(GenerateRequest(bpm=bpm), seed) for seed in range(count)]
