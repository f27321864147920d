"""The model of taste: exact where mathematics says what must come out, sensible where ratings are few or missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.genome import Genome, NoiseRecipe, noise_of
from antiphon.domain.request import GenerateRequest
from antiphon.evolution.noise import slerp
from antiphon.feedback.features import Described, describe, some_of
from antiphon.feedback.taste import TOGETHER, Evidence, Settings, Taste, learn
from antiphon.generation.grammar import draw_genome, express


def drawn(count: int, **asked: object) -> list[Genome]:
    return [draw_genome(GenerateRequest(bpm=110.0, bars=1, **asked), seed) for seed in range(count)]  # type: ignore[arg-type]


def described(loops: list[Genome]) -> Described:
    return describe([(loop, express(loop)) for loop in loops])


def world(count: int, seed: int = 0) -> tuple[Described, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Loops in three made-up groups, and a liking that depends on the first alone."""
    rng = np.random.default_rng(seed)
    groups = {name: rng.standard_normal((count, 2)) for name in ("harmony", "rhythm", "sound")}
    return Described(groups), 0.5 + 0.25 * np.tanh(groups["harmony"][:, 0])


def evidence(loops: Described, values: object, weight: float = 1.0, context: str = "", rater: str = "a") -> Evidence:
    rated = np.asarray(values, dtype=np.float64)
    count = len(rated)
    return Evidence(loops, rated, np.full(count, weight), (rater,) * count, (context,) * count)


def learnt(given: Evidence) -> Taste:
    return learn(given, np.random.default_rng(3))


def test_it_finds_what_is_liked_and_where_that_lies() -> None:
    loops, liking = world(160)
    noise = 0.1 * np.random.default_rng(1).standard_normal(60)
    taste = learnt(evidence(some_of(loops, np.arange(60)), liking[:60] + noise))
    unheard = some_of(loops, np.arange(60, 160))
    expected, sd = taste.predict(unheard)
    assert np.corrcoef(expected, liking[60:])[0, 1] > 0.75
    assert np.mean(np.abs(expected - liking[60:]) < 2 * sd) > 0.85, "its doubts are about as large as its mistakes"
    importance = taste.importance()
    assert sum(importance.values()) == pytest.approx(1.0)
    assert importance["harmony"] > max(importance["rhythm"], importance["sound"])
    reasons = taste.reasons(unheard)
    assert np.corrcoef(reasons["harmony"], liking[60:])[0, 1] > 0.75


def test_expectation_is_the_sum_of_its_reasons() -> None:
    loops, liking = world(30)
    taste = learnt(evidence(loops, liking))
    expected, _ = taste.predict(loops)
    rest = expected - sum(taste.reasons(loops).values())
    assert np.ptp(rest) < 1e-9, "what is left is the same for all loops"


def test_likings_are_unsure_far_away() -> None:
    loops, liking = world(40)
    taste = learnt(evidence(loops, liking))
    far = Described({name: columns + 20.0 for name, columns in loops.groups.items()})
    assert taste.predict(far)[1].min() > taste.predict(loops)[1].max()


def test_stems_that_nobody_heard_change_nothing() -> None:
    loops, liking = world(20)
    silent = Described({**loops.groups, "rhythm of the lead": np.zeros((20, 5))})
    with_it, without = learnt(evidence(silent, liking)), learnt(evidence(loops, liking))
    assert with_it.predict(silent)[0] == pytest.approx(without.predict(loops)[0])
    assert {*with_it.importance()} == {*without.importance()}


def test_without_ratings_all_are_expected_alike_and_ratings_of_no_weight_change_nothing() -> None:
    loops, liking = world(20)
    nothing = learnt(evidence(some_of(loops, np.arange(0)), []))
    expected, sd = nothing.predict(loops)
    assert np.ptp(expected) < 1e-9
    assert sd.min() > 0.1
    half = some_of(loops, np.arange(10))
    weights = np.r_[np.ones(10), np.zeros(10)]
    with_spam = replace(evidence(loops, np.r_[liking[:10], 1.0 - liking[10:]]), weights=weights)
    alone = learnt(evidence(half, liking[:10])).predict(loops)[0]
    assert learnt(with_spam).predict(loops)[0] == pytest.approx(alone)


def test_a_rating_that_counts_for_more_draws_more() -> None:
    loops, _ = world(12)
    values = np.full(12, 0.4)
    values[0] = 1.0
    light, heavy = (np.r_[first, np.ones(11)] for first in (0.2, 5.0))
    given = evidence(loops, values)
    first = [learnt(replace(given, weights=weights)).predict(loops)[0][0] for weights in (light, heavy)]
    assert first[1] > first[0] + 0.05


def test_raters_have_scales_of_their_own() -> None:
    """One who rates all a fifth higher says no more about what is good."""
    loops, liking = world(48)
    raters = tuple("generous" if place % 2 else "strict" for place in range(48))
    shift = np.array([0.2 if rater == "generous" else -0.2 for rater in raters])
    given = replace(evidence(loops, liking + shift), raters=raters)
    known, blind = (learnt(each).predict(loops)[0] for each in (given, replace(given, raters=("",) * 48)))
    assert np.corrcoef(known, liking)[0, 1] > np.corrcoef(blind, liking)[0, 1] + 0.02


def test_a_context_has_its_own_taste_and_learns_from_others_until_it_has() -> None:
    loops, liking = world(60)
    lobby = evidence(some_of(loops, np.arange(30)), liking[:30], context="lobby")
    rest = some_of(loops, np.arange(30, 60))
    taste = learnt(lobby)
    in_lobby, elsewhere = (np.corrcoef(taste.predict(rest, name)[0], liking[30:])[0, 1] for name in ("lobby", "studio"))
    assert in_lobby > 0.6
    assert elsewhere > 0.6, "a new context starts from what others like"
    assert taste.predict(rest, "studio")[1].mean() > taste.predict(rest, "lobby")[1].mean(), "but is less sure of it"
    contrary = evidence(some_of(loops, np.arange(30)), 1.0 - liking[:30], context="studio")
    both = Evidence(
        some_of(loops, np.r_[:30, :30]), np.r_[lobby.values, contrary.values], np.ones(60),
        lobby.raters + contrary.raters, lobby.contexts + contrary.contexts,
    )  # fmt: skip
    torn = learn(both, np.random.default_rng(3), Settings(kinship=0.2))
    assert np.corrcoef(torn.predict(rest, "lobby")[0], liking[30:])[0, 1] > 0.4
    assert np.corrcoef(torn.predict(rest, "studio")[0], liking[30:])[0, 1] < -0.4


def test_the_same_ratings_and_chance_give_the_same_taste() -> None:
    loops, liking = world(20)
    one, other = (learnt(evidence(loops, liking)).predict(loops)[0] for _ in range(2))
    assert (one == other).all()


def test_loops_are_described_whatever_stems_they_have() -> None:
    whole, drums = drawn(3), drawn(3, stems=("drums",))
    one, other = described(whole), described(drums)
    assert {name: columns.shape for name, columns in one.groups.items()} == {
        name: columns.shape for name, columns in other.groups.items()
    }
    assert all(np.isfinite(columns).all() for columns in (*one.groups.values(), *other.groups.values()))
    assert not other.groups["rhythm of the bass"].any()


def test_a_description_follows_what_is_heard_and_not_the_key() -> None:
    loop = drawn(1)[0]
    up = replace(
        loop, key=replace(loop.key, tonic=(loop.key.tonic + 2) % 12),
        chords=tuple(
            replace(s, chord=replace(s.chord, root=(s.chord.root + 2) % 12, bass=(s.chord.bass + 2) % 12))
            for s in loop.chords
        ),
    )  # fmt: skip
    one, other = (described([each]).groups["harmony"] for each in (loop, up))
    assert one == pytest.approx(other)


def test_noises_are_as_alike_in_the_description_as_they_are() -> None:
    loop = drawn(1)[0]

    def noise(recipe: NoiseRecipe) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        stems = tuple(replace(genes, noise=recipe) for genes in loop.stems)
        return np.asarray(described([replace(loop, stems=stems)]).groups["noise"][0])

    near = slerp(noise_of(1), noise_of(2), 0.2)
    assert noise(noise_of(1)) @ noise(near) > 0.7
    assert abs(noise(noise_of(1)) @ noise(noise_of(2))) < 0.6


def test_how_loops_sound_joins_as_groups_of_its_own() -> None:
    loops = drawn(2)
    heard = describe([(loop, express(loop)) for loop in loops], {"brightness": np.array([[0.1, 0.2], [0.3, 0.4]])})
    assert heard.groups["brightness"].shape == (2, 2)
    assert {*heard.groups} - {*described(loops).groups} == {"brightness"}


def test_how_loops_sound_counts_for_less_before_any_rating_and_stands_aside_from_the_rest() -> None:
    loops, liking = world(60)
    heard = replace(loops, heard=frozenset({"sound"}))
    before = learnt(evidence(heard, liking)).importance_before()
    assert before["sound"] < 0.6 * before["harmony"]
    assert before["rhythm"] == pytest.approx(before["harmony"], rel=0.1)
    moved = replace(heard, groups={**loops.groups, "sound": loops.groups["sound"] + 3.0})
    found = {name: learnt(evidence(each, liking)).reasons(moved) for name, each in (("loops", loops), ("heard", heard))}
    here = {name: learnt(evidence(each, liking)).reasons(loops) for name, each in (("loops", loops), ("heard", heard))}
    assert found["heard"][TOGETHER] == pytest.approx(here["heard"][TOGETHER])
    assert found["loops"][TOGETHER] != pytest.approx(here["loops"][TOGETHER])
    assert some_of(heard, np.arange(3)).heard == {"sound"}


def test_where_nothing_but_sound_is_known_it_is_learnt_all_the_same() -> None:
    loops, liking = world(60)
    only = Described({"harmony": loops.groups["harmony"]}, frozenset({"harmony"}))
    expected, _ = learnt(evidence(only, liking)).predict(only)
    assert np.corrcoef(expected, liking)[0, 1] > 0.9
