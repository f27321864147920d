"""Groups: a small one is heard, and said to be drowned where it is."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.errors import InvalidRequest
from antiphon.feedback import Ratings, group_view, ratings
from tests.feedback.people import Floats

CLIPS = 12


def two_tastes(
    rng: np.random.Generator, apart: bool
) -> tuple[Ratings, np.ndarray[tuple[int], np.dtype[np.intp]], Floats]:
    """Twenty raters of one group and three of another, who like the opposite if `apart`."""
    worth = np.linspace(0.15, 0.85, CLIPS)
    rater, clip = np.repeat(np.arange(23), CLIPS), np.tile(np.arange(CLIPS), 23)
    group = (rater >= 20).astype(np.intp)
    taste = np.where((group == 1) & apart, 1.0 - worth[clip], worth[clip])
    value = np.clip(taste + 0.08 * rng.normal(size=len(clip)), 0.0, 1.0)
    return ratings(rater, clip, value), group, worth


def test_a_minority_with_its_own_taste_is_neither_spam_nor_silent() -> None:
    given, group, worth = two_tastes(np.random.default_rng(0), apart=True)
    view = group_view(given, group, 2, np.random.default_rng(1))
    assert np.abs(view.mean[0] - worth).max() < 0.1
    assert np.abs(view.mean[1] - (1.0 - worth)).max() < 0.2
    (warning,) = view.warnings
    assert (warning.loudest, warning.quiet) == (0, 1)
    assert warning.share > 0.8
    assert "lobby thinks otherwise" in warning.sentence(("studio A", "lobby"))


def test_fair_counts_each_group_the_same() -> None:
    given, group, worth = two_tastes(np.random.default_rng(0), apart=True)
    counted = group_view(given, group, 2, np.random.default_rng(1))
    fair = group_view(given, group, 2, np.random.default_rng(1), fair=True)
    assert np.corrcoef(counted.overall, worth)[0, 1] > 0.9
    assert fair.overall == pytest.approx(fair.mean.mean(0))
    assert np.ptp(fair.overall) < 0.5 * np.ptp(counted.overall)


def test_no_warning_where_both_like_the_same() -> None:
    given, group, _ = two_tastes(np.random.default_rng(2), apart=False)
    assert group_view(given, group, 2, np.random.default_rng(1)).warnings == ()


def test_a_group_that_rated_nothing_and_clips_of_one_group() -> None:
    given = ratings([0, 0, 1], [0, 1, 2], [0.2, 0.4, 0.9], clips=4)
    view = group_view(given, np.array([0, 0, 2]), 3, np.random.default_rng(0), fair=True)
    assert np.isnan(view.mean[1]).all()
    assert np.isnan(view.overall[3])
    assert view.overall[2] == view.mean[2, 2]


def test_groups_that_dont_fit_are_refused() -> None:
    given = ratings([0], [0], [0.5])
    with pytest.raises(InvalidRequest, match="group"):
        group_view(given, np.array([2]), 2, np.random.default_rng(0))
    with pytest.raises(InvalidRequest, match="group"):
        group_view(given, np.array([0, 0]), 2, np.random.default_rng(0))
