"""Words for weights: each kind of rater is told apart in plain English."""

from __future__ import annotations

import numpy as np

from antiphon.feedback import Estimate, Ratings, estimate, explain_raters, explain_ratings, ratings
from tests.feedback.people import crowd

CONSTANT, CONTRARY, STEADY, GENEROUS, TORN = 0, 1, 2, 3, 4


def known_people() -> tuple[Ratings, Estimate]:
    """Twelve raters of 40 clips; five of them have a manner of their own."""
    rng = np.random.default_rng(4)
    worth = np.clip(rng.normal(0.5, 0.2, 40), 0.1, 0.9)
    rater, clip = np.repeat(np.arange(12), 40), np.tile(np.arange(40), 12)
    value = worth[clip] + rng.normal(0.0, 0.12, len(clip))
    value[rater == CONSTANT] = 0.8
    value[rater == CONTRARY] = 1.0 - worth + rng.normal(0.0, 0.1, 40)
    value[rater == STEADY] = worth + rng.normal(0.0, 0.02, 40)
    value[rater == GENEROUS] += 0.2
    again = np.arange(10)
    rater, clip = np.concatenate([rater, np.full(10, TORN)]), np.concatenate([clip, again])
    value = np.concatenate([value, 1.0 - value[(rater[:480] == TORN)][:10] + 0.3])
    given = ratings(rater, clip, np.clip(value, 0.0, 1.0))
    return given, estimate(given, np.random.default_rng(0))


def test_each_manner_has_its_words() -> None:
    given, found = known_people()
    words = explain_raters(given, found)
    assert "gives 4 to everything" in words[CONSTANT]
    assert "the wrong way round" in words[CONTRARY]
    assert "close to the others" in words[STEADY]
    assert "higher than others, which is allowed for" in words[GENEROUS]
    assert "contradicts their own ratings on repeats" in words[TORN]
    assert words[-1] == "agrees with the others as most raters do"


def test_each_rating_has_its_weight_and_its_reason() -> None:
    given, found = known_people()
    words = explain_ratings(given, found)
    assert len(words) == len(given.value)
    of_constant = [text for text, rater in zip(words, given.rater, strict=True) if rater == CONSTANT]
    assert all(text.startswith("0 %: gives 4 to everything") for text in of_constant)


def test_someone_new_is_taken_like_anybody() -> None:
    given = ratings([0, 1, 1], [0, 0, 1], [0.4, 0.5, 0.6], raters=3)
    words = explain_raters(given, estimate(given, np.random.default_rng(0)))
    assert "only 1 rating so far" in words[0]
    assert words[2] == "has not rated yet"


def test_random_pressing_is_told_as_such() -> None:
    people = crowd(np.random.default_rng(1), 8, 0.3)
    found = estimate(people.ratings, np.random.default_rng(0))
    surest = int(np.argmax(found.raters.inattention))
    assert people.spammer[surest]
    assert "don't follow the loops" in explain_raters(people.ratings, found)[surest]
