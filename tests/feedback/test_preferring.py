"""Preferences: who wins rises, whoever is preferred against the odds rises more, and random choices move little."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.feedback.preferring import prefer
from antiphon.feedback.ratings import Floats


def told(
    mean: list[float], winner: list[int], loser: list[int], sd: float = 0.15, heard: float = 1.0
) -> tuple[Floats, Floats]:
    attention = np.full(len(winner), heard)
    return prefer(np.array(mean), np.full(len(mean), sd), np.array(winner), np.array(loser), 0.15, attention)


def test_the_winner_rises_as_the_loser_falls_and_both_are_known_better() -> None:
    mean, sd = told([0.5, 0.5, 0.5], [0], [1])
    assert mean[0] > 0.5 > mean[1]
    assert mean[0] - 0.5 == pytest.approx(0.5 - mean[1])
    assert mean[2] == 0.5
    assert sd[0] == sd[1] < sd[2] == pytest.approx(0.15)


def test_a_surprise_moves_more_than_what_was_expected() -> None:
    expected, surprising = told([0.7, 0.3], [0], [1])[0], told([0.7, 0.3], [1], [0])[0]
    assert 0.0 < expected[0] - 0.7 < 0.7 - surprising[0]


def test_who_does_not_listen_moves_nothing() -> None:
    assert told([0.5, 0.5], [0], [1], heard=0.0)[0] == pytest.approx([0.5, 0.5])
    half, whole = (told([0.5, 0.5], [0], [1], heard=heard)[0][0] for heard in (0.5, 1.0))
    assert 0.5 < half < whole


def test_odd_preferences_do_no_harm() -> None:
    mean, sd = told([0.5, 0.5], [0, 1] * 500, [1, 0] * 500)
    assert mean == pytest.approx([0.5, 0.5], abs=0.1)
    assert (sd > 0).all()
    assert told([0.5, 0.5], [0], [0])[0].tolist() == [0.5, 0.5]
    extreme, sd = told([0.0, 1.0], [0] * 100, [1] * 100, sd=0.3)
    assert ((extreme >= 0.0) & (extreme <= 1.0)).all()
    assert np.isfinite(sd).all()
    assert told([0.5], [], [])[0].tolist() == [0.5]


def test_an_order_is_found_from_preferences_alone() -> None:
    rng = np.random.default_rng(3)
    worth = rng.uniform(0.2, 0.8, 20)
    pairs = rng.integers(0, 20, (400, 2))
    heard = worth[pairs] + rng.normal(0, 0.15, pairs.shape)
    winner = np.where(heard[:, 0] > heard[:, 1], pairs[:, 0], pairs[:, 1])
    mean, _ = told([0.5] * 20, winner.tolist(), (pairs.sum(1) - winner).tolist())
    assert np.corrcoef(worth, mean)[0, 1] > 0.85
