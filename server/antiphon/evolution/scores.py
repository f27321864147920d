"""Scores of genomes, composed once: an operator looks at them, then a distance, then a model of taste."""

from __future__ import annotations

from functools import lru_cache

from antiphon.domain.genome import Genome
from antiphon.domain.score import Score
from antiphon.generation.grammar import express


@lru_cache(maxsize=1024)
def score_of(genome: Genome) -> Score:
    """The score that a genome stands for; some ten kilobytes each are kept."""
    return express(genome)
