"""Drum tabs: one character per step, as drummers and trackers write them.

`X` accent, `x` stroke, `o` ghost stroke, `1` to `9` a stroke that joins in from that energy on (in tenths), `?` a
stroke that comes and goes, `.` silence. Spaces and `|` are only for the eye. A line is one or more whole bars long.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Steps (sixteenths) in a bar of each meter that a style writes tabs for; the other meters are put together from these.
TAB_STEPS = {"4/4": 16, "3/4": 12, "6/8": 12}
_LEVELS = {"X": 1.0, "x": 0.8, "o": 0.42, "?": 0.5}
_DIGIT_LEVEL = 0.62


@dataclass(frozen=True, slots=True)
class Stroke:
    """A stroke at a step of the bar. `level` 0 to 1; it plays from `energy` on; with `chance`, not always."""

    step: int
    level: float
    energy: float = 0.0
    chance: bool = False


@dataclass(frozen=True, slots=True)
class TabLine:
    """One instrument's line: the strokes of each of its bars."""

    bars: tuple[tuple[Stroke, ...], ...]


def parse_tab(text: str, bar_steps: int) -> TabLine:
    """Read one line. Raises ValueError that says what is wrong with it."""
    steps = [char for char in text if char not in " |"]
    if not steps or len(steps) % bar_steps:
        raise ValueError(f"has {len(steps)} steps, but must have {bar_steps} or a multiple of it")
    strokes: list[list[Stroke]] = [[] for _ in range(len(steps) // bar_steps)]
    for position, char in enumerate(steps):
        step = position % bar_steps
        if char in _LEVELS:
            strokes[position // bar_steps].append(Stroke(step, _LEVELS[char], chance=char == "?"))
        elif char in "123456789":
            strokes[position // bar_steps].append(Stroke(step, _DIGIT_LEVEL, energy=int(char) / 10))
        elif char != ".":
            raise ValueError(f"has {char!r}, but a tab is written with X x o ? . and 1 to 9")
    return TabLine(tuple(tuple(bar) for bar in strokes))
