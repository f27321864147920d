"""A loop ready to be played: its stems at the device's rate, and the frames at which another may take over."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

#: Where one candidate may follow another: the setting `play.change`.
CHANGES = ("bar", "beat", "loop", "now")


@dataclass(frozen=True, slots=True, eq=False)
class PreparedLoop:
    """`audio` is (stems, frames, 2), on a circle. `marks` rise from 0; none means: anywhere.

    `tempo` says how `bpm` was reached, see `tempo_fit`.
    """

    candidate_id: str
    stems: tuple[str, ...]
    audio: Audio
    rate_hz: int
    bars: int
    meter: str
    bpm: float
    tempo: str
    marks: tuple[int, ...]

    @property
    def frames(self) -> int:
        return int(self.audio.shape[1])

    def in_step_with(self, other: PreparedLoop) -> bool:
        """Whether a change goes on at the same place: of the same length and bars, or the same music at a new tempo."""
        alike = (self.bars, self.meter) == (other.bars, other.meter)
        return alike and (self.frames == other.frames or self.candidate_id == other.candidate_id)

    def next_mark(self, position: int) -> tuple[int, int]:
        """The first mark at or after a position in the loop: (its frame, its index); the loop's end is mark 0.

        Without marks: the position itself, and -1.
        """
        if not self.marks:
            return position, -1
        index = bisect_left(self.marks, position)
        return (self.marks[index], index) if index < len(self.marks) else (self.frames, 0)

    def place_of(self, mark: int, position: int, other: PreparedLoop) -> int:
        """The frame here that corresponds to a mark (or, for -1, to a position) of a loop that this is in step with."""
        if mark >= 0 and len(self.marks) == len(other.marks):
            return self.marks[mark]
        return round(Fraction(position * self.frames, other.frames))


def change_marks(change: str, frames: int, bars: int, beats_per_bar: Fraction) -> tuple[int, ...]:
    """The frames of a loop at which a change may happen. Beats begin anew with every bar, also in 7/8."""
    if change == "now":
        return ()
    if change == "loop":
        return (0,)
    beats: Sequence[int] = range(-(-beats_per_bar.numerator // beats_per_bar.denominator)) if change == "beat" else (0,)
    bar = Fraction(frames, bars)
    return tuple(round(bar * (k + Fraction(beat) / beats_per_bar)) for k in range(bars) for beat in beats)
