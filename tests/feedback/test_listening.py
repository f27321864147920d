"""Listening time: relative to clip and position, and used only where it predicts."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.feedback import Estimate, Ratings, estimate, explain_ratings, ratings
from antiphon.feedback.listening import listening_deviation
from tests.feedback.people import Floats

RATERS, CLIPS, PER_RATER = 24, 50, 25


def listeners(rng: np.random.Generator, matters: bool) -> tuple[Ratings, Floats]:
    """Raters who hear some clips only briefly; where it `matters`, their ratings of those are four times as noisy."""
    worth = rng.normal(0.5, 0.18, CLIPS)
    rater = np.repeat(np.arange(RATERS), PER_RATER)
    clip = np.concatenate([rng.permutation(CLIPS)[:PER_RATER] for _ in range(RATERS)])
    position = np.tile(np.arange(PER_RATER, dtype=float), RATERS)
    attention = rng.normal(0.0, 1.0, len(clip))
    listened = np.exp(0.5 * attention + 0.4 * rng.normal(size=CLIPS)[clip] - 0.2 * np.log1p(position))
    noise = 0.12 * np.exp(-0.7 * attention) if matters else np.full(len(clip), 0.2)
    value = np.clip(worth[clip] + noise * rng.normal(size=len(clip)), 0.0, 1.0)
    return ratings(rater, clip, value, listened=listened, position=position), attention


def estimated(given: Ratings) -> Estimate:
    return estimate(given, np.random.default_rng(0))


def test_the_clip_and_the_position_are_taken_out() -> None:
    given, attention = listeners(np.random.default_rng(0), matters=False)
    deviation = listening_deviation(given)
    assert np.corrcoef(deviation, attention)[0, 1] > 0.9
    assert given.position is not None
    assert abs(np.corrcoef(deviation, np.log1p(given.position))[0, 1]) < 0.1


def test_listening_counts_where_it_predicts() -> None:
    given, attention = listeners(np.random.default_rng(1), matters=True)
    found = estimated(given)
    assert found.listening.strength > 0.3
    assert found.listening.gain > 2.0 * found.listening.gain_error > 0.0
    assert found.weight[attention < -1].mean() < 0.6 * found.weight[attention > 0].mean()
    words = explain_ratings(given, found)
    assert any("much less time than others" in text for text in words)


def test_listening_counts_for_nothing_where_it_doesnt() -> None:
    used = []
    for seed in range(6):
        given, _ = listeners(np.random.default_rng(seed), matters=False)
        found = estimated(given)
        used.append(found.listening.strength > 0.0)
        if not used[-1]:
            assert (found.listening.variance == 1.0).all()
    assert sum(used) <= 1


@pytest.mark.parametrize("listened", [[np.nan] * 3, [0.0, 0.0, 0.0], [0.2, np.nan, 3.0]])
def test_little_or_nothing_known_is_left_alone(listened: list[float]) -> None:
    found = estimated(ratings([0, 1, 2], [0, 0, 1], [0.2, 0.3, 0.9], listened=listened))
    assert found.listening.strength == 0.0
    assert np.isfinite(found.listening.deviation).all()
