"""Stems that the model got wrong are played by the sampler, and the rest of the take stays as it is.

What a model can't get right it can't get right with other noise either: of nine basses that were found late, or out of
tune by measure, none passed in three more tries (their score and timbre decide it). To draw another loop instead costs
a whole take, and the one that was asked for. The sampler plays the stem in a few milliseconds
(`TwoEngines.played_instead`). Which stems it may play, and what the genome then says, is decided here.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from antiphon.domain.engines import SAMPLER, Engines
from antiphon.domain.genome import Genome
from antiphon.generation.backend import plays_score
from antiphon.generation.engines import TwoEngines


def engines_of(genome: Genome, setting: Engines, backend: TwoEngines) -> Genome:
    """The genome with an engine for every stem: its own, else as the setting says, else the better one by default."""
    told = dict(setting)
    return replace(genome, stems=tuple(
        replace(genes, engine=genes.engine or told.get(genes.stem) or backend.default_engine(genes.stem))
        for genes in genome.stems
    ))  # fmt: skip


def unchosen(genome: Genome, is_child: bool, setting: Engines, backend: TwoEngines) -> frozenset[str]:
    """Stems that the sampler may play instead: nobody has chosen the model for them. What a child has from its parent
    was not asked for in so many words."""
    if not plays_score(backend):
        return frozenset()
    told = dict(setting)
    return frozenset(
        genes.stem for genes in genome.stems if genes.stem not in told and (is_child or genes.engine is None)
    )


def modelled(genome: Genome) -> frozenset[str]:
    """Stems that the model sounds."""
    return frozenset(genes.stem for genes in genome.stems if genes.engine != SAMPLER and genes.stem in genome.playing)


def sampled(genome: Genome, stems: Collection[str]) -> Genome:
    """The genome with these stems by the sampler."""
    return replace(genome, stems=tuple(
        replace(genes, engine=SAMPLER) if genes.stem in stems else genes for genes in genome.stems
    ))  # fmt: skip
