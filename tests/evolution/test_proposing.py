"""The next generation by taste: children of the rated, chosen by what is believed, kept apart from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Parent, Verdict
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.theory import parse_key
from antiphon.errors import Conflict
from antiphon.evolution import propose
from antiphon.evolution.archive import CELLS, cell_of, elites
from antiphon.evolution.brood import LARGEST_STEP, SMALLEST_STEP, adapted_step
from antiphon.evolution.distance import features, table
from antiphon.evolution.portfolio import mean_distance
from antiphon.evolution.proposing import MOST_VERDICTS, RATING_SD, Terms, Vector, Width, breed, evidence_of
from antiphon.evolution.scores import score_of
from antiphon.feedback.features import describe
from antiphon.generation.grammar import draw_genome, express

SMALL = Terms(candidates=36, candidates_per_loop=4, rounds=2)
ANYWHERE = Width(spread=0.0, breeding_spread=0.0, elites_share=0.5)


def busy(genome: Genome) -> float:
    return float(sum(len(stem.notes) for stem in express(genome).stems))


def population(count: int = 16) -> list[Parent]:
    """Loops of people who like them busy."""
    loops = [draw_genome(GenerateRequest(bpm=110.0, bars=1), seed) for seed in range(count)]
    ranks = np.argsort(np.argsort([busy(loop) for loop in loops]))
    return [Parent(f"c{place}", loop, 0.1 + 0.8 * ranks[place] / count, 2) for place, loop in enumerate(loops)]


def test_children_are_more_to_the_taste_than_their_parents_were() -> None:
    rated = population(24)
    children = propose(rated, 6, np.random.default_rng(0), terms=replace(SMALL, candidates=72))
    assert np.mean([busy(child.genome) for child in children]) > np.mean([busy(p.genome) for p in rated]) + 5


def test_a_generation_is_of_the_rated_and_made_again_alike() -> None:
    rated = population()
    known = {parent.candidate_id for parent in rated}
    one, other = (propose(rated, 5, np.random.default_rng(4), terms=SMALL) for _ in range(2))
    assert one == other
    assert len({child.genome for child in one}) == 5
    for child in one:
        assert child.parents
        assert {*child.parents} <= known
        assert child.genome.bpm == 110.0
        assert express(child.genome).bars == 1
    assert propose(rated, 5, np.random.default_rng(5), terms=SMALL) != one


def test_what_people_asked_for_stays_also_where_new_blood_comes_in() -> None:
    request = GenerateRequest(bpm=110.0, bars=1, key=parse_key("F#m"), preset="clean", stems=("drums", "bass"))
    rated = [Parent(f"c{seed}", draw_genome(request, seed), seed / 8, 1) for seed in range(8)]
    for child in propose(rated, 8, np.random.default_rng(1), terms=SMALL):
        assert (child.genome.key, child.genome.preset) == (parse_key("F#m"), "clean")
        assert {*child.genome.playing} <= {"drums", "bass"}
        assert {genes.stem for genes in child.genome.stems} == {*STEMS}


def test_one_rated_loop_is_enough_and_none_is_said() -> None:
    (alone,) = population(1)
    children = propose([alone], 3, np.random.default_rng(2), terms=SMALL)
    assert [child.parents for child in children] == [("c0",)] * 3
    with pytest.raises(Conflict, match="rate some"):
        propose([replace(alone, ratings=0)], 3, np.random.default_rng(2))


def test_verdicts_count_one_by_one_and_sums_by_how_sure_they_are() -> None:
    first, second, third = population(3)
    first = replace(first, verdicts=(Verdict("ann", 0.9, 1.0, "lobby"), Verdict("bo", 0.1, 0.05, "studio")))
    second = replace(second, ratings=9, rating_sd=RATING_SD)
    rated = [first, second, replace(third, ratings=2)]
    known = describe([(parent.genome, score_of(parent.genome)) for parent in rated])
    found = evidence_of(rated, known, "lobby")
    assert list(found.values) == pytest.approx([0.9, 0.1, second.mean_rating, third.mean_rating])
    typical = (1.0 + 0.05 + 1.0 + 2.0) / 4
    expected = [weight / typical for weight in (1.0, 0.05, 1.0, 2.0)]
    assert list(found.weights) == pytest.approx(expected), "nine ratings that tell as much as one"
    doubtful = replace(first, verdicts=(Verdict("ann", 0.9, 0.02), Verdict("bo", 0.1, 0.02)))
    assert evidence_of([doubtful], known).weights.max() == pytest.approx(0.1), "what nobody believes stays so"
    assert found.raters[:2] == ("ann", "bo")
    assert found.contexts == ("lobby", "studio", "lobby", "lobby")
    assert (found.loops.groups["feel"][0] == found.loops.groups["feel"][1]).all()


def test_where_crowds_rate_what_is_believed_of_a_loop_stands_for_its_ratings() -> None:
    """Learning takes time by the cube of the ratings: forty visitors must not make the next generation late."""
    loops = population(8)
    known = describe([(parent.genome, score_of(parent.genome)) for parent in loops])

    def found(each: int) -> int:
        verdicts = tuple(Verdict(f"r{number}", 0.5, 1.0) for number in range(each))
        crowd = [replace(parent, ratings=each, rating_sd=0.05, verdicts=verdicts) for parent in loops]
        evidence = evidence_of(crowd, known)
        assert {*evidence.raters} == ({""} if len(evidence.values) == 8 else {f"r{number}" for number in range(each)})
        return len(evidence.values)

    assert found(MOST_VERDICTS // 8) == MOST_VERDICTS
    assert found(MOST_VERDICTS // 8 + 1) == 8


def test_where_much_is_rated_a_generation_is_nearly_as_diverse_as_unselected_loops() -> None:
    loops = [draw_genome(GenerateRequest(bpm=110.0, bars=1), seed) for seed in range(24)]
    rated = [replace(parent, genome=loop) for parent, loop in zip(population(24), loops[:8] * 3, strict=True)]
    usual = mean_distance(table([features(loop) for loop in loops]))

    def spread(ratings: int, terms: Terms) -> float:
        often = [replace(parent, ratings=ratings) for parent in rated]
        children = propose(often, 6, np.random.default_rng(1), terms=replace(terms, candidates=72))
        return mean_distance(table([features(child.genome) for child in children]))

    assert spread(5, SMALL) >= 0.93 * usual, "though there are eight parents only"
    assert spread(5, replace(SMALL, late=ANYWHERE)) < 0.9 * usual, "not by itself"
    assert spread(1, SMALL) < 0.9 * usual, "few ratings tell of few loops"


def test_the_more_is_rated_the_wider_is_sought() -> None:
    terms = Terms()
    assert terms.width(0) == terms.width(terms.early_ratings) == terms.early
    assert terms.width(terms.late_ratings) == terms.width(10_000) == terms.late
    between = [terms.width(ratings) for ratings in range(terms.early_ratings, terms.late_ratings + 1, 12)]
    for field in ("spread", "breeding_spread", "elites_share"):
        grown = np.diff([getattr(each, field) for each in between])
        assert (grown > 0).all()
        assert grown == pytest.approx(np.full(len(grown), grown[0])), "evenly"
    at_once = replace(terms, early_ratings=10, late_ratings=10)
    assert (at_once.width(10), at_once.width(11)) == (terms.early, terms.late)


def test_what_others_rated_is_not_taken_for_knowing_this_taste() -> None:
    verdicts = tuple(Verdict(f"r{number}", 0.5, 1.0, "lobby") for number in range(9))
    rated = [replace(parent, ratings=9, verdicts=verdicts) for parent in population(16)]
    asked: list[int] = []

    class Noted(Terms):
        def width(self, ratings: int) -> Width:
            asked.append(ratings)
            return ANYWHERE

    terms = Noted(candidates=8, candidates_per_loop=1, rounds=1)
    for context in ("lobby", "studio"):
        propose(rated, 2, np.random.default_rng(1), context, terms)
    assert asked == [144, 0]


def test_with_few_ratings_children_stay_near_what_was_liked_best() -> None:
    """One favourite among loops that nobody minds: what is known of it is known of its nearest kin."""
    rated = [replace(parent, mean_rating=0.9 if place == 5 else 0.4) for place, parent in enumerate(population(12))]
    children = propose(rated, 6, np.random.default_rng(3), terms=replace(SMALL, candidates=144))
    assert sum("c5" in child.parents for child in children) >= 5
    timbres = {genes.stem: genes.timbre for genes in rated[5].genome.stems}
    kept = [sum(timbres[genes.stem] == genes.timbre for genes in child.genome.stems) for child in children]
    assert np.mean(kept) > 0.85 * len(timbres), "and so do their sounds"


def test_a_judge_that_knows_finds_what_it_likes() -> None:
    rated = population(12)

    def judge(loops: Sequence[Genome]) -> tuple[Vector, Vector]:
        return np.array([busy(loop) / 200 for loop in loops]), np.zeros(len(loops))

    terms = replace(SMALL, early=ANYWHERE)
    counts = [busy(child.genome) for child in breed(rated, judge, 4, np.random.default_rng(3), terms)]
    assert min(counts) > np.mean([busy(parent.genome) for parent in rated])
    assert counts == sorted(counts, reverse=True), "the most promising first"


def test_the_step_follows_its_success() -> None:
    assert adapted_step(0.2, 0, 0) == 0.2
    assert adapted_step(0.2, 2, 10) == pytest.approx(0.2)
    assert adapted_step(0.2, 8, 10) > 0.3
    assert adapted_step(0.2, 0, 10) < 0.2
    step = 0.2
    for _ in range(20):
        step = adapted_step(step, 0, 10)
    assert step == SMALLEST_STEP
    for _ in range(20):
        step = adapted_step(step, 10, 10)
    assert step == LARGEST_STEP


def test_each_kind_of_loop_has_its_elite() -> None:
    cells = [cell_of(score_of(parent.genome)) for parent in population(40)]
    assert len({*cells}) > 4, "kinds differ"
    assert CELLS == 32
    worth = np.linspace(0, 1, 40)
    best = elites(cells, worth)
    assert {*best} == {*cells}
    for cell, place in best.items():
        assert cells[place] == cell
        assert worth[place] == max(worth[other] for other in range(40) if cells[other] == cell)
