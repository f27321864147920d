"""Stems that the model got wrong are played by the sampler, and the rest of the take stays as it is.

What a model can't get right it can't get right with other noise either: of nine basses that were found late, or out of
tune by measure, none passed in three more tries (their score and timbre decide it). To draw another loop instead costs
a whole take, and the one that was asked for. The sampler plays the stem in a few milliseconds
(`TwoEngines.played_instead`). Which stems it may play, and what the genome then says, is decided here.

Hiss is a smaller fault than the gate's others: it is mended like them, but no take is turned down for it. Where the
model was chosen, or somebody knows the stem as it is, it stays, and the sidecar says so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from antiphon.domain.engines import SAMPLER, Engines
from antiphon.domain.genome import Genome
from antiphon.generation.backend import LoopAudio, SoundRequest, plays_score
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import express
from antiphon.rendering.inspection import Fault, inspect_hiss, inspect_stems, suspected_of_hiss

#: Faults that notes can have of their own, however well they are played: the gate judges by what the composers write.
_OF_NOTES = ("off_grid", "out_of_key", "silence")


@dataclass(frozen=True, slots=True)
class Take:
    """A take as the engines gave it, or mended: `faults` are what is wrong still. `mended` and `noted` are for the
    sidecar: what the sampler plays instead, and hiss that is left as it is."""

    genome: Genome
    stems: dict[str, LoopAudio]
    faults: tuple[Fault, ...] = ()
    mended: tuple[Mapping[str, Any], ...] = ()
    noted: tuple[Mapping[str, Any], ...] = ()


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


def inspected(
    take: Take, sound: SoundRequest, free: frozenset[str], known: Sequence[Genome], backend: TwoEngines,
    check: Callable[[], None],
) -> Take:  # fmt: skip
    """The take with the sampler in the place of the model where that was found wrong and the stem is `free`: nobody
    chose the model for it. `known` are the genomes of the take's parents. Raises what `check` does, BackendFailed."""
    faults = inspect_stems(take.stems, sound.score, sound.sample_rate, plays_score(backend))
    faults, excused = _without_given(faults, take.genome)
    take = replace(take, noted=_as_notes(excused))
    faulty = frozenset(fault.stem for fault in faults)
    if not faulty <= free & modelled(take.genome):
        return replace(take, faults=faults)
    hissing, unplayable = _hissing(take, sound, faulty, backend)
    kept = {stem for stem in (fault.stem for fault in hissing)
            if stem not in free or stem in unplayable or _is_known(stem, take.genome, sound, known)}  # fmt: skip
    noted = (*take.noted, *_as_notes(fault for fault in hissing if fault.stem in kept))
    wrong = (*faults, *(fault for fault in hissing if fault.stem not in kept))
    if not wrong:
        return replace(take, noted=noted)
    anew = frozenset(fault.stem for fault in wrong)
    stems = backend.played_instead(sound, take.stems, anew, lambda *_: check())
    genome = sampled(take.genome, anew)
    again = inspect_stems({stem: stems[stem] for stem in anew}, sound.score, sound.sample_rate)
    again, excused = _without_given(again, genome)
    mended = tuple({"stem": fault.stem, "fault": fault.text, "instead": SAMPLER} for fault in wrong)
    return Take(genome, stems, again, mended, (*noted, *_as_notes(excused)))


def _without_given(faults: Sequence[Fault], genome: Genome) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """The faults that count, and those that are left as they are: in what the sampler plays of notes that somebody
    brought, an odd place or pitch is the notes' own."""
    own = {part.stem for part in genome.given} - modelled(genome)
    excused = tuple(fault for fault in faults if fault.stem in own and fault.kind in _OF_NOTES)
    return tuple(fault for fault in faults if fault not in excused), excused


def _as_notes(faults: Iterable[Fault]) -> tuple[Mapping[str, Any], ...]:
    return tuple({"stem": fault.stem, "fault": fault.text} for fault in faults)


def _hissing(
    take: Take, sound: SoundRequest, faulty: Collection[str], backend: TwoEngines
) -> tuple[tuple[Fault, ...], frozenset[str]]:
    """Hiss in the model's other stems, and which of these the sampler would get wrong as well. What is suspected is
    played by the sampler, to know what the instrument has of its own; that costs a tenth of a second, so it is not
    done for every stem."""
    score, rate = sound.score, sound.sample_rate
    stems = {stem: take.stems[stem] for stem in modelled(take.genome) if stem not in faulty}
    suspected = suspected_of_hiss(stems, score, rate) if plays_score(backend) else {}
    if not suspected:
        return (), frozenset()
    instruments = backend.by_sampler(sound, suspected)
    hissing = inspect_hiss(suspected, instruments, rate)
    wrong = inspect_stems({fault.stem: instruments[fault.stem] for fault in hissing}, score, rate)
    return hissing, frozenset(fault.stem for fault in wrong)


def _is_known(stem: str, genome: Genome, sound: SoundRequest, known: Sequence[Genome]) -> bool:
    """Whether somebody knows the stem as it is: its noise is a song's, whose hiss it may be, or a parent has it, note
    for note from the same noise, and a stem that is kept stays as it was."""
    genes = genome.genes(stem)
    return bool(genes.noise.kept) or any(
        stem in parent.playing
        and (parent.bpm, parent.genes(stem).noise, parent.genes(stem).engine) == (genome.bpm, genes.noise, genes.engine)
        and express(parent).stem(stem) == sound.score.stem(stem)
        for parent in known
    )
