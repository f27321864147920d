"""Children in hundreds, for a model of taste to choose from: no sound is made, so a child costs some milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome, noise_of
from antiphon.domain.given import BroughtParts, pitched
from antiphon.domain.lineage import Child, Parent
from antiphon.domain.reading import PromptReading
from antiphon.domain.reference import SONG
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STRUCK_STEMS
from antiphon.evolution.chance import chance, fresh_seed, pick
from antiphon.evolution.crossover import cross
from antiphon.evolution.distance import features, table
from antiphon.evolution.harmony import transposed
from antiphon.evolution.mutation import mutate
from antiphon.evolution.noise import slerp
from antiphon.evolution.portfolio import mean_distance
from antiphon.evolution.restemming import restem
from antiphon.generation.grammar import draw_genome

#: How children come about: of two liked loops, of one by a step, of one with one part made anew, of one and new blood,
#: and of one by the smallest step. The last are what a rating says most about: of two dozen loops rated once each, the
#: best liked is worth more than what a model can add to it, and children at a usual step have lost half of that.
CROSSED, MUTATED, RESTEMMED, RENEWED, CLOSE = range(5)
FIRST_SHARES = (0.24, 0.12, 0.09, 0.15, 0.4)
LATER_SHARES = (0.27, 0.18, 0.15, 0.0, 0.4)
#: Steps of mutation vary by this factor, so that there is something for the rule to choose from.
STEP_SPREAD = 0.5
SMALLEST_STEP, LARGEST_STEP = 0.05, 0.5
#: The step grows where more than this share of mutated children are improvements, and shrinks where fewer are.
SUCCESS_SHARE = 0.2


def adapted_step(step: float, successes: int, tried: int) -> float:
    """The step after a round in which `successes` of the `tried` mutated children were expected to beat their parent.

    The rule of one fifth (Rechenberg, "Evolutionsstrategie", 1973), in the form of Kern et al., "Learning probability
    distributions in continuous evolutionary algorithms", Natural Computing 2004.
    """
    if tried == 0:
        return step
    change = float(np.exp((successes / tried - SUCCESS_SHARE) / (1.0 - SUCCESS_SHARE)))
    return min(LARGEST_STEP, max(SMALLEST_STEP, step * change))


def first_child(mother: Parent, father: Parent, step: float, rng: np.random.Generator) -> Child:
    """A child of rated loops."""
    one = Child(mother.genome, (mother.candidate_id,))
    other = Child(father.genome, (father.candidate_id,))
    return later_child(one, other, step, rng, FIRST_SHARES)[0]


def later_child(
    one: Child, other: Child, step: float, rng: np.random.Generator, shares: Sequence[float] = LATER_SHARES
) -> tuple[Child, int]:
    """A child of children that nobody has heard, and how it came about. Its parents are the rated loops behind them."""
    kind = int(rng.choice(len(shares), p=shares))
    parents = one.parents
    if kind == CROSSED and one is not other and one.genome != other.genome:
        genome = cross(one.genome, other.genome, float(rng.uniform(0.2, 0.8)), rng)
        parents = tuple(dict.fromkeys((*one.parents, *other.parents)))
    elif kind == RESTEMMED and (composed := _composed(one.genome)):
        genome = restem(one.genome, pick(rng, composed), fresh_seed(rng))
    elif kind == RENEWED:
        genome = cross(one.genome, new_blood(one.genome, fresh_seed(rng)), float(rng.uniform(0.4, 0.9)), rng)
    elif kind == CLOSE:
        genome = mutate(one.genome, SMALLEST_STEP, rng)
    else:
        kind = MUTATED
        genome = mutate(one.genome, min(1.0, step * float(np.exp(STEP_SPREAD * rng.standard_normal()))), rng)
    return Child(replace(genome, seed=fresh_seed(rng)), parents), kind


def _composed(genome: Genome) -> tuple[str, ...]:
    """The stems that play and that nobody has brought."""
    return tuple(stem for stem in genome.playing if genome.genes(stem).given is None)


def at_large(genome: Genome, fresh_noise: float, rng: np.random.Generator) -> Genome:
    """The genome in another key, where nobody has asked for one, no song or part has given it and no model has written
    for it, and with noise that is `fresh_noise` (0 to 1) of the way to new noise.

    Else a few parents' keys and noises are soon everybody's, though nobody has chosen them (genetic drift: Wright,
    "Evolution in Mendelian populations", 1931). Music is heard by its intervals: in another key it is the same music
    (Dowling & Fujitani, "Contour, interval, and pitch recognition in memory for melodies", JASA 1971).
    """
    if any(each.kind == SONG for each in genome.references):
        return genome
    # What a model has written it would have to write anew in another key: other music. What was brought stays.
    written = any(each.written is not None for each in genome.stems if each.stem not in STRUCK_STEMS)
    if not {"key", "chords"} & {*genome.fixed} and not written and not pitched(genome.given):
        genome = transposed(genome, int(rng.integers(12)))
    noise = noise_of(fresh_seed(rng))
    return genome.with_genes(*(replace(genes, noise=slerp(genes.noise, noise, fresh_noise)) for genes in genome.stems))


def unselected_spread(beside: Sequence[Genome], rng: np.random.Generator) -> float:
    """The mean distance of two loops that nobody has chosen, in the frames of those given, 0 to 1."""
    return mean_distance(table([features(new_blood(genome, fresh_seed(rng))) for genome in beside]))


def new_blood(beside: Genome, seed: int) -> Genome:
    """A loop that nobody has touched, in the same tempo, meter and length, with whatever a person has asked for."""
    fixed = {*beside.fixed}
    timbres = {genes.stem: genes.timbre for genes in beside.stems if f"timbre {genes.stem}" in fixed}
    request = GenerateRequest(
        bpm=beside.bpm, bars=beside.bars, meter=beside.meter, stems=beside.playing, energy=beside.energy,
        key=beside.key if fixed & {"key", "chords"} else None, preset=beside.preset if "preset" in fixed else None,
        composers=tuple((genes.stem, genes.composer) for genes in beside.stems if genes.composer is not None),
        steps=beside.steps, reading=PromptReading(timbres=timbres, avoided=beside.avoided),
        brought=BroughtParts(beside.given) if beside.given else None,
    )  # fmt: skip
    drawn = draw_genome(request, seed)
    return replace(drawn, chords=beside.chords) if "chords" in fixed else drawn


def couple(
    odds: NDArray[np.float64], elites: Sequence[int], elites_share: float, rng: np.random.Generator
) -> tuple[int, int]:
    """The places of two parents: each an elite of a kind of its own (so many, 0 to 1), or drawn by how well it is
    liked."""
    first, second = (
        int(pick(rng, elites)) if chance(rng, elites_share) else int(rng.choice(len(odds), p=odds)) for _ in range(2)
    )
    return first, second
