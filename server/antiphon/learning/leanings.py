"""What is liked of how loops sound, as sentences: the groups whose share has grown, and which way they lean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.measures import MEASURES
from antiphon.domain.score import STEMS

Json = dict[str, Any]
Floats = NDArray[np.float64]
#: A share that has grown by less than this factor tells of nobody's liking.
GROWN = 1.15
#: What a standard deviation of a measure moves liking, 0 to 1, at least, for a sentence; and the correlation from which
#: on more of it is simply better or worse.
SMALLEST_LEANING, STRAIGHT = 0.008, 0.6


def leanings(
    groups: Mapping[str, Floats], reasons: Mapping[str, Floats], shares: Mapping[str, float],
    before: Mapping[str, float],
) -> list[Json]:  # fmt: skip
    """By measure that matters, the most important first: `group`, `words`, `stem` ("" for the whole loop), and `by`,
    how much a standard deviation more of it moves the expected liking, 0 to 1.

    `groups` (loops, stems + 1) as `evolution.hearing.Hearing.groups` gives them, `reasons` (loops,).
    """
    found = []
    for measure in MEASURES:
        if measure.name not in reasons or shares[measure.name] < GROWN * before[measure.name]:
            continue
        moved = float(reasons[measure.name].std())
        place, slope = _steepest(groups[measure.name], reasons[measure.name])
        if moved < SMALLEST_LEANING:
            continue
        stem = STEMS[place] if place < len(STEMS) else ""
        if abs(slope) < STRAIGHT:
            words = f"likes it neither {measure.low} nor {measure.high} throughout: it depends"
        else:
            words = f"likes it {measure.high if slope > 0 else measure.low}" + (
                f", the {stem} above all" if stem else ""
            )
        found.append({"group": measure.name, "words": words, "stem": stem, "by": slope * moved})
    return sorted(found, key=lambda each: -shares[each["group"]])


def _steepest(columns: Floats, liked: Floats) -> tuple[int, float]:
    """The column that goes with the liking most, and their correlation."""
    spread = columns.std(axis=0) * liked.std()
    together = ((columns - columns.mean(axis=0)) * (liked - liked.mean())[:, None]).mean(axis=0)
    correlation = np.where(spread > 1e-12, together / np.maximum(spread, 1e-12), 0.0)
    place = int(np.argmax(np.abs(correlation)))
    return place, float(correlation[place])
