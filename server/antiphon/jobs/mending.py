"""Stems that the model got wrong are played by the sampler, and the rest of the take stays as it is.

What a model can't get right it can't get right with other noise either: of nine basses that were found late, or out of
tune by measure, none passed in three more tries (their score and timbre decide it). To draw another loop instead costs
a whole take, and the one that was asked for. The sampler plays the stem in a few milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from antiphon.domain.engines import Engines
from antiphon.domain.genome import Genome
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest, plays_score
from antiphon.generation.engines import TwoEngines

SAMPLER = "sampler"


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


def played_instead(
    backend: TwoEngines, sound: SoundRequest, stems: dict[str, LoopAudio], faulty: Collection[str], on_step: OnStep
) -> dict[str, LoopAudio]:
    """The take with `faulty` stems by the sampler. The others' samples are those that the new genome gives when it is
    sounded again: where a model's stems depend on how many there are, they are sounded again here. Raises
    BackendFailed."""
    instead = replace(sound, engines={**sound.engines, **dict.fromkeys(faulty, SAMPLER)})
    rest = [
        part for part in sound.score.stems if part.notes and instead.engines.get(part.stem, "neural") == "neural"
    ]  # fmt: skip
    if rest and not backend.same_without(len(rest)):
        return backend.generate([instead], on_step)[0]
    only = tuple(part for part in sound.score.stems if part.stem in faulty)
    (played,) = backend.generate([replace(instead, score=replace(sound.score, stems=only))], on_step)
    return {stem: played.get(stem, audio) for stem, audio in stems.items()}
