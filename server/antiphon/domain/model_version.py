"""Fine-tuned versions of a model, and what people said of their loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: training → trial → promoted | rejected, or training → rejected where the gate's measures turn it down.
VERSION_STATES = ("training", "trial", "promoted", "rejected")


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version: `builtin-2+3` is the third that was made here, of `builtin-2`. `gain` is the rise in mean rating on
    the scale 0 to 5, as far as blind ratings tell; `report` what the gate found, in figures and words."""

    version: str
    base_model: str
    base_version: str
    parent: str
    state: str
    gain: float
    report: Mapping[str, Any]
    made_at_s: float


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be fine-tuned now: the model by name, and the version that is loaded."""

    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What people said of one loop: the mean of its ratings, 0 to 1, and the sum of their weights. Twins, the same loop
    as two versions sound it, have the same `pair`; "": it has none."""

    mean: float
    weight: float
    pair: str = ""

    @classmethod
    def counted(cls, value: float, trust: float, ratings: int, pair: str = "") -> Heard:
        """A loop of worth `value` that can be trusted so far (0 to 1, 1 / 2 being what one rating gives): it counts as
        many ratings as its trust is worth, and never more than there are."""
        return cls(value, min(float(ratings), trust / max(1e-6, 1.0 - trust)), pair)
