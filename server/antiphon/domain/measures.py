"""What is measured of how a stem sounds: few numbers that people have words for, each from the literature.

After Peeters, Giordano, Susini, Misdariis & McAdams, "The Timbre Toolbox: extracting audio descriptors from musical
signals" (JASA 130, 2011), where nothing else is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure. `name` is that of its group in the model of taste; `key` is what stored data calls it; `low` and
    `high` are words for stems that have little and much of it."""

    key: str
    name: str
    low: str
    high: str


#: The order of the numbers in `StemMeasures`: append, never reorder. `rendering.measures` says how each is taken.
MEASURES: tuple[Measure, ...] = (
    Measure("brightness_oct", "brightness", "dark", "bright"),
    Measure("noisiness_db", "noisiness", "pure", "noisy"),
    Measure("attack_log10_s", "attack", "hard", "soft"),
    Measure("movement", "movement", "steady", "lively"),
    Measure("sustain", "sustain", "short", "sustained"),
    Measure("low_end", "low end", "light", "heavy"),
    Measure("level_lu", "loudness", "quiet", "loud"),
    Measure("side_share", "openness", "narrow", "wide"),
)
LEVEL = 6
#: Of one stem, a number for each of `MEASURES`.
StemMeasures = tuple[float, ...]
#: Of a loop, as (stem, measures) pairs in the order of the names, which is that of stored data; stems without sound
#: have none, and neither have loops from before sounds were measured.
LoopMeasures = tuple[tuple[str, StemMeasures], ...]


def measures_to_json(measures: LoopMeasures) -> dict[str, dict[str, float]]:
    """Measures by stem and key, so that whoever reads them needs no table."""
    keys = [each.key for each in MEASURES]
    return {stem: dict(zip(keys, values, strict=True)) for stem, values in measures}


def measures_from_json(data: Mapping[str, Mapping[str, Any]] | None) -> LoopMeasures:
    """The inverse of `measures_to_json`; nothing is known of a stem that lacks one of the measures."""
    keys = [each.key for each in MEASURES]
    return tuple(
        (stem, tuple(float(values[key]) for key in keys))
        for stem, values in sorted((data or {}).items()) if all(key in values for key in keys)
    )  # fmt: skip
