"""How loud each stem is played: what the audition player follows and controllers turn. Files stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.score import STEMS


@dataclass(frozen=True, slots=True)
class StemMix:
    """One stem's place in the audition's mix. `level` is a factor on the samples: 0 silent, 1 as rendered."""

    stem: str
    level: float = 1.0
    muted: bool = False


def open_mix() -> dict[str, StemMix]:
    """Every stem as it was rendered."""
    return {stem: StemMix(stem) for stem in STEMS}
