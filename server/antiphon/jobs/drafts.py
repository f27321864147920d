"""What a job shall make, loop by loop: genomes drawn for a request, or children of genomes that are there.

Everything follows from the job's payload, so a job that is run again after a crash makes the same loops.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from antiphon.domain.exposure import ASKED, BASELINE, NEW, TRIAL
from antiphon.domain.genome import Genome
from antiphon.domain.lineage import GENERATE, Child, ChildrenRequest
from antiphon.domain.request import GenerateRequest
from antiphon.domain.wire import breeding_to_json, children_from_json, request_from_json
from antiphon.evolution import cross, mutate, next_generation, propose, restem
from antiphon.generation.grammar import draw_genome, with_levels
from antiphon.generation.prompts import with_reading


@dataclass(frozen=True, slots=True)
class Draft:
    """A loop before it has sound. `request` would have asked for it, as far as a request can; `breeding` is what was
    asked for where it is a child, None where it was drawn; `known` are its parents' genomes, whose sound was heard."""

    genome: Genome
    request: GenerateRequest
    operator: str = GENERATE
    parents: tuple[str, ...] = ()
    breeding: Mapping[str, Any] | None = None
    known: tuple[Genome, ...] = ()


class Drafts(Protocol):
    """The loops of a job."""

    @property
    def count(self) -> int: ...

    def model(self, index: int) -> str | None:
        """The model that makes loop number `index`, where it is not the job's."""
        ...

    def draft(self, index: int, take: int) -> Draft:
        """Loop number `index`, for the `take`-th time, both from 0: another take is another loop of the same kind."""
        ...


def drafts_of(kind: str, payload: dict[str, Any]) -> Drafts:
    """What a job of the ledger asks for. Raises OutOfRange for music that does not parse."""
    if kind == GENERATE:
        # A job from before prompts were read by the control process is read here.
        return RequestedDrafts(with_reading(request_from_json(payload)))
    return ChildrenDrafts(children_from_json(payload))


def take_seed(seed: int, index: int, take: int) -> int:
    """The seed (31 bits) of a job's loop `index`, made for the `take`-th time, both from 0.

    The first is the request's own, so that asking for a candidate's seed with count 1 gives that candidate again.
    """
    if index == 0 and take == 0:
        return seed
    digest = hashlib.blake2b(f"{seed}/{index}/{take}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True)
class RequestedDrafts:
    """Loops drawn for a request."""

    request: GenerateRequest

    @property
    def count(self) -> int:
        return self.request.count

    def model(self, index: int) -> str | None:
        return None

    def draft(self, index: int, take: int) -> Draft:
        return Draft(draw_genome(self.request, take_seed(self.request.seed, index, take)), self.request)


@dataclass(frozen=True)
class ChildrenDrafts:
    """Children of one, of two, or of a population."""

    request: ChildrenRequest

    @property
    def count(self) -> int:
        return self.request.breeding.count

    def model(self, index: int) -> str | None:
        return self.request.draws[index].model if index < len(self.request.draws) else None

    def draft(self, index: int, take: int) -> Draft:
        breeding = self.request.breeding
        if self._arm(index) == BASELINE:
            return self._baseline(index, take)
        child = self._child(index, take)
        genome = with_levels(child.genome)
        known = tuple(parent.genome for parent in self.request.parents if parent.candidate_id in child.parents)
        return Draft(
            genome, self._as_request(genome), breeding.operator, child.parents, breeding_to_json(breeding), known
        )

    def _arm(self, index: int) -> str:
        return self.request.draws[index].arm if index < len(self.request.draws) else ASKED

    def _baseline(self, index: int, take: int) -> Draft:
        """What one of the requests that people made themselves gives with a fresh seed: no taste has touched it."""
        asked = self.request.breeding
        seed = take_seed(asked.seed, index, take)
        options = self.request.baselines
        request = with_reading(options[int(np.random.default_rng(seed).integers(len(options)))])
        return Draft(draw_genome(request, seed), request, asked.operator, (), breeding_to_json(asked))

    def _child(self, index: int, take: int) -> Child:
        asked, parents = self.request.breeding, self.request.parents
        seed = take_seed(asked.seed, index, take)
        rng = np.random.default_rng(seed)
        if asked.operator == "evolve":
            # The generation is one draw, so that siblings differ; only a take that was found broken is drawn alone.
            return self._generation[self._idea(index)] if take == 0 else next_generation(parents, 1, rng)[0]
        first = parents[0].genome
        match asked.operator:
            case "vary":
                genome = mutate(first, asked.amount, rng, asked.stems)
            case "cross":
                genome = cross(first, parents[1].genome, asked.mix, rng, asked.stems)
            case "restem":
                genome = restem(first, asked.stems[0], seed, self.request.reading, asked.composer)
            case _:
                raise ValueError(f"there is no operator {asked.operator!r}")
        return Child(replace(genome, seed=seed), tuple(parent.candidate_id for parent in parents))

    def _idea(self, index: int) -> int:
        """Which child of the generation a place holds. What the version on trial sounds the model in use sounds as
        well, as far as there are places: of twins one hears what the version changes, not how two loops differ."""
        if self._arm(index) != TRIAL:
            return index
        arms = [draw.arm for draw in self.request.draws]
        of_trial, of_new = ([at for at, each in enumerate(arms) if each == arm] for arm in (TRIAL, NEW))
        place = of_trial.index(index)
        return of_new[place] if place < len(of_new) else index

    @cached_property
    def _generation(self) -> list[Child]:
        rng = np.random.default_rng(self.request.breeding.seed)
        return propose(self.request.parents, self.count, rng, hears=self.request.hears)

    def _as_request(self, genome: Genome) -> GenerateRequest:
        return GenerateRequest(
            bpm=genome.bpm, bars=genome.bars, meter=genome.meter, key=genome.key, stems=genome.playing,
            seed=genome.seed, style=genome.style, prompt=self.request.breeding.prompt, energy=genome.energy,
            preset=genome.preset, steps=genome.steps, model=self.request.model, sample_rate=self.request.sample_rate,
            file_format=self.request.file_format, reading=self.request.reading,
        )  # fmt: skip
