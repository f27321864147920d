"""Finds the parents that a client asks for children of, and what the children shall have in common with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path

from antiphon.domain.candidate import Candidate
from antiphon.domain.exposure import ALL_CONTEXTS, BASELINE, TRIAL, draw_arms
from antiphon.domain.lineage import Breeding, ChildrenRequest, Parent
from antiphon.domain.reading import Given, PromptReading
from antiphon.domain.request import GenerateRequest
from antiphon.errors import Conflict, OutOfRange
from antiphon.records import Records
from antiphon.settings import Settings

#: The population of `evolve`: the candidates rated last. Rated once each, they are enough for the widest search
#: (`evolution.proposing.Terms.late_ratings`), and a taste is learnt from them in three or four seconds.
MOST_PARENTS = 160
#: How much of what is no baseline is made by a version on trial, while there is one.
TRIAL_SHARE = 0.5
#: The baseline is drawn for one of so many requests that people made last.
MOST_BASELINES = 8
#: The candidates rated last in a context (None: in any), at most so many, with how well they are liked.
Population = Callable[[str | None, int], Awaitable[list[Parent]]]


async def children_request(
    breeding: Breeding, records: Records, population: Population, settings: Settings, versions: Mapping[str, str],
    models: Collection[str], read_prompt: Callable[[str, Given], PromptReading], trial: str = "",
    base: str = "",
) -> ChildrenRequest:  # fmt: skip
    """All that decides the children. `versions` are those of the models that are loaded or known from their fine-tuned
    versions, by the models' names; `models` are the names of all that can be; `population` finds the parents of a
    generation, with how well they are liked; `trial` is the model version on trial, if one is; `base` the model that
    the version in use was made of.

    Children are made in the first parent's sample rate and file format and, where it can be told, by its model, so that
    what they keep of it sounds the same. Raises NotFound, Conflict or OutOfRange (see `studio.Studio.breed`).
    """
    if breeding.operator == "evolve":
        return await _next_generation(breeding, records, population, settings, trial, base)
    candidates = [await records.candidate(candidate_id) for candidate_id in breeding.candidate_ids]
    parents = [_as_parent(candidate) for candidate in candidates]
    _check_stems(breeding, parents)
    mix = candidates[0].mix
    own = candidates[0].model_version
    # A fine-tuned version is called as it is, so it can be had again though it is not loaded now.
    same = (name for name, version in (*versions.items(), *((name, name) for name in models)) if version == own)
    file_format = Path(mix.path).suffix.removeprefix(".")
    reading = read_prompt(breeding.prompt, _given(breeding, parents[0])) if breeding.prompt.strip() else None
    return ChildrenRequest(breeding, tuple(parents), mix.sample_rate, file_format, next(same, None), reading)


async def _next_generation(
    breeding: Breeding, records: Records, population: Population, settings: Settings, trial: str, base: str
) -> ChildrenRequest:
    """A blind draw: some of the children are made as if nobody had rated anything, some by the version on trial, and
    nothing shows which."""
    context = None if breeding.context == ALL_CONTEXTS else breeding.context or settings.learning.context
    parents = await population(context, MOST_PARENTS)
    if not parents:
        raise Conflict(await nothing_rated(records, context))
    share = settings.learning.baseline_share if settings.learning.enabled else 0.0
    baselines = await baseline_requests(records, context)
    # A population that was only imported has nothing to be compared with.
    share = share if baselines else 0.0
    drawn = draw_arms(breeding.count, share, breeding.seed, TRIAL_SHARE * (1.0 - share) if trial else 0.0)
    # The baseline stays what it was before anything was learnt, also where a version of the model is in use by now.
    models = {TRIAL: trial, BASELINE: base}
    draws = tuple(dataclasses.replace(draw, model=models.get(draw.arm) or None) for draw in drawn)
    as_here = (
        dataclasses.replace(each, sample_rate=settings.sample_rate, file_format=settings.file_format, count=1)
        for each in baselines
    )
    return ChildrenRequest(
        breeding, tuple(parents), settings.sample_rate, settings.file_format, draws=draws, baselines=tuple(as_here),
        hears=settings.learning.hears,
    )  # fmt: skip


async def baseline_requests(records: Records, context: str | None) -> list[GenerateRequest]:
    """What the baseline of a context is drawn for: what people asked for last, there or, failing that, anywhere."""
    return await records.requests(MOST_BASELINES, context) or await records.requests(MOST_BASELINES)


async def nothing_rated(records: Records, context: str | None, so: str = "there are no parents to choose") -> str:
    """What to do where a context (None: all) has no rated candidates that can have children; `so`, what that means."""
    others = [name for name in await records.contexts() if name != context]
    if context is not None and others:
        known = ", ".join(others[:8])
        return (
            f"nothing has been rated in the context {context!r} yet, so {so}: rate some "
            f"candidates in it, or send context all or one of {known}"
        )
    return (
        f"nothing has been rated yet, so {so}: rate some candidates with /antiphon/rate first "
        "(those made before loops kept their genome can't have children)"
    )


def _given(breeding: Breeding, parent: Parent) -> Given:
    """What no word can change: a child lies where its parent lies, and only the stems that were named are new."""
    genome = parent.genome
    chords = tuple(span.chord for span in genome.chords)
    return Given(None, genome.bpm, genome.key, genome.meter, genome.bars, chords, breeding.stems)


def _as_parent(candidate: Candidate) -> Parent:
    if candidate.genome is None:
        raise Conflict(
            f"candidate {candidate.candidate_id} was made before loops kept their genome, so it can't have children: "
            "generate a new one to go on from"
        )
    return Parent(candidate.candidate_id, candidate.genome)


def _check_stems(breeding: Breeding, parents: Sequence[Parent]) -> None:
    """`vary` changes stems that are there, `cross` takes stems that the second parent has; `restem` may add one."""
    giver = parents[-1]
    for stem in breeding.stems if breeding.operator != "restem" else ():
        if stem not in giver.genome.playing:
            has = ", ".join(giver.genome.playing)
            raise OutOfRange(f"candidate {giver.candidate_id} has no stem {stem}: it has {has}")
