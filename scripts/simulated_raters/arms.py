"""The arms of the loop's benchmark: ways to make the next generation of loops out of ratings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Parent, Verdict
from antiphon.domain.measures import LoopMeasures
from antiphon.domain.request import GenerateRequest
from antiphon.domain.timbres import TIMBRES
from antiphon.evolution import cross, mutate, next_generation, propose
from antiphon.evolution.proposing import Terms, breed, evidence_of
from antiphon.feedback import estimate, ratings
from antiphon.feedback.features import Described
from antiphon.feedback.taste import learn
from antiphon.generation.grammar import draw_genome
from antiphon.generation.styles import style_names
from simulated_raters.audience import TOP, Rated, Taste, impression

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Heard:
    """What an arm knows: loops in the order in which they were shown, in which generation, and their ratings; where
    they were sounded, what the server measures of them."""

    loops: tuple[Genome, ...]
    generation: tuple[int, ...]
    ratings: tuple[Rated, ...]
    measures: tuple[LoopMeasures, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknowns:
    """What the publications of the paper's loop don't say, as far as we found them, and what we put in its place."""

    keep_share: float = 0.25
    mutation_step: float = 0.2
    mutation_chance: float = 0.2


Arm = Callable[[Heard, int, np.random.Generator], list[Genome]]


def draw(seed: int) -> Genome:
    """A loop that no taste has touched: two bars at 110 bpm, all else by seed."""
    return draw_genome(GenerateRequest(bpm=110.0, bars=2), seed)


def random_arm(heard: Heard, count: int, rng: np.random.Generator) -> list[Genome]:
    """Nothing is learnt."""
    return [draw(int(rng.integers(2**31))) for _ in range(count)]


def paper_arm(heard: Heard, count: int, rng: np.random.Generator, unknowns: Unknowns = Unknowns()) -> list[Genome]:
    """Singh et al. (2025) as far as it is known, its search alone: what stands in the top quarter of each rater's
    session by plain ratings is kept and recombined, noises by SLERP, without weighing ratings or raters."""
    kept = [heard.loops[each.place] for each in kept_by_paper(heard, unknowns)]
    children = []
    for _ in range(count):
        one, other = (kept[int(place)] for place in rng.choice(len(kept), 2, replace=len(kept) < 2))
        child = cross(one, other, 0.5, rng)
        children.append(
            mutate(child, unknowns.mutation_step, rng) if rng.random() < unknowns.mutation_chance else child
        )
    return children


def kept_by_paper(heard: Heard, unknowns: Unknowns = Unknowns()) -> list[Rated]:
    """The top quarter of each rater's session, by plain ratings."""
    kept: list[Rated] = []
    for rater in dict.fromkeys(each.rater for each in heard.ratings):
        own = sorted((each for each in heard.ratings if each.rater == rater), key=lambda each: -each.value)
        kept += own[: max(1, round(unknowns.keep_share * len(own)))]
    return kept


def plain_genetic_arm(heard: Heard, count: int, rng: np.random.Generator) -> list[Genome]:
    """A textbook genetic algorithm: tournaments of three in the last generation, crossover three times in four,
    mutation by a fixed step, the two best of all kept in the tournament (elitism)."""
    means = _means(heard)
    last = [place for place, number in enumerate(heard.generation) if number == heard.generation[-1]]
    field = [*last, *np.argsort(-means)[:2]]
    children = []
    for _ in range(count):
        one, other = (heard.loops[max(rng.choice(field, 3), key=lambda place: means[place])] for _ in range(2))
        child = cross(one, other, 0.5, rng) if rng.random() < 0.75 else one
        children.append(mutate(child, 0.25, rng))
    return children


def without_taste_arm(heard: Heard, count: int, rng: np.random.Generator) -> list[Genome]:
    """Ours without a model of taste: raters' own levels taken off as far as they can be told, scores shrunken,
    novelty."""
    return [child.genome for child in next_generation(population(heard), count, rng)]


def our_arm(
    heard: Heard, count: int, rng: np.random.Generator, terms: Terms = Terms(), hears: bool = True,  # noqa: B008
) -> list[Genome]:  # fmt: skip
    """Ours; `hears`: by how loops sound, too."""
    return [child.genome for child in propose(population(heard), count, rng, terms=terms, hears=hears)]


def told_terms_arm(heard: Heard, count: int, rng: np.random.Generator, terms: Terms = Terms()) -> list[Genome]:  # noqa: B008
    """A limit: ours, its model told in which terms audiences listen (descriptors, timbres, genres), not which of them
    they like."""
    known = population(heard)
    taste = learn(evidence_of(known, _in_their_terms(heard.loops)), rng)
    children = breed(known, lambda loops: taste.predict(_in_their_terms(loops)), count, rng, terms)
    return [child.genome for child in children]


def oracle_arm(taste: Taste, terms: Terms = Terms()) -> Arm:  # noqa: B008
    """A limit: our breeding, told the audience's true liking of every loop; what is rated is only where it begins."""

    def judge(loops: Sequence[Genome]) -> tuple[Vector, Vector]:
        return taste.liking(loops) / TOP, np.zeros(len(loops))

    def arm(heard: Heard, count: int, rng: np.random.Generator) -> list[Genome]:
        return [child.genome for child in breed(population(heard), judge, count, rng, terms)]

    return arm


def _in_their_terms(loops: Sequence[Genome]) -> Described:
    heard = [impression(loop) for loop in loops]
    timbres, styles = np.zeros((len(loops), len(TIMBRES))), np.zeros((len(loops), len(style_names())))
    for row, each in enumerate(heard):
        np.add.at(timbres[row], list(each.timbres), 1.0 / len(each.timbres))
        np.add.at(styles[row], list(each.styles), 1.0 / len(each.styles))
    # In units of their own and of like size: scaled to unselected loops' standard deviations.
    described = np.array([each.descriptors for each in heard]) / _usual_sd()
    return Described({"descriptors": described, "timbres": timbres, "genres": styles})


@cache
def _usual_sd() -> Vector:
    return np.asarray(np.array([impression(draw(seed)).descriptors for seed in range(40)]).std(0) + 1e-9)


ARMS: dict[str, Arm] = {
    "random": random_arm, "the paper's loop, reconstructed": paper_arm, "plain genetic algorithm": plain_genetic_arm,
    "ours without taste model": without_taste_arm, "ours": our_arm, "ours, told what is listened for": told_terms_arm,
}  # fmt: skip


def _means(heard: Heard) -> Vector:
    """Plain mean ratings, 0 to 5, (loops,)."""
    table = [[each.value for each in heard.ratings if each.place == place] for place in range(len(heard.loops))]
    return np.array([np.mean(values) if values else np.nan for values in table])


def population(heard: Heard) -> list[Parent]:
    """What the server makes of ratings: each loop's worth, and what each rating counts (feedback/reliability.py)."""
    names = list(dict.fromkeys(each.rater for each in heard.ratings))
    raters = [names.index(each.rater) for each in heard.ratings]
    places, values = [each.place for each in heard.ratings], [each.value / TOP for each in heard.ratings]
    found = estimate(ratings(raters, places, values), np.random.default_rng(0))
    verdicts: Sequence[list[Verdict]] = [[] for _ in heard.loops]
    for each, weight in zip(heard.ratings, found.weight, strict=True):
        verdicts[each.place].append(Verdict(each.rater, each.value / TOP, float(weight)))
    mean, sd, sounds = found.clips.mean, found.clips.sd, heard.measures or ((),) * len(heard.loops)
    return [
        Parent(str(place), loop, float(mean[place]), len(verdicts[place]), float(sd[place]), tuple(verdicts[place]),
               sounds[place])
        for place, loop in enumerate(heard.loops)
    ]  # fmt: skip
