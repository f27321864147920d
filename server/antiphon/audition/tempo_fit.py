"""At which tempo a loop is played in a session of another tempo, and how it gets there."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Up to here the loop is played a little faster or slower: 0.3 % is 5 cents, less than listeners notice, and exact.
SPEED_LIMIT = 0.003
#: Up to here it is stretched at its own pitch, so that it stays in tune with the session; beyond, stretching is heard.
STRETCH_LIMIT = 0.06


@dataclass(frozen=True, slots=True)
class TempoFit:
    """`how` is `own`, `speed` or `stretch`; `bpm` is what is played."""

    how: str
    bpm: float


def fit_tempo(loop_bpm: float, session_bpm: float | None) -> TempoFit:
    """Fit a loop to the session's tempo, or to the octave of it (half, double) that is nearest to the loop's.

    Without a session's tempo, and where more than STRETCH_LIMIT would be needed, the loop keeps its own.
    """
    if session_bpm is None:
        return TempoFit("own", loop_bpm)
    target_bpm = session_bpm * 2.0 ** round(math.log2(loop_bpm / session_bpm))
    change = abs(target_bpm / loop_bpm - 1)
    if change == 0 or change > STRETCH_LIMIT:
        return TempoFit("own", loop_bpm)
    return TempoFit("speed" if change <= SPEED_LIMIT else "stretch", target_bpm)
