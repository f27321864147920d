"""What a recording holds: which loop was heard from which frame to which, to the sample; and whether that is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.signal import correlate

from antiphon.audition.mixer import FADE_S
from tests.audition.loops import Audio
from tests.audition.sound_card import PERIOD_FRAMES, Recording
from tests.jack import RATE_HZ

FADE = round(FADE_S * RATE_HZ)
#: Sums of 24-bit samples in single precision.
EXACT = 2e-6
#: A loop is recognised by so many frames, and by more than this of sound in them.
WINDOW, LEAST_LEVEL = 4096, 1e-3
#: How far a search goes on where nothing was recognised.
STEP = FADE // 2
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a recording that is one loop and nothing else: frames `first` to `last` (excluded). `start`: a frame,
    maybe before the recording, on which frame 0 of the loop lies."""

    name: str
    start: int
    first: int
    last: int


def at(loop: Audio, start: int, first: int, frames: int) -> Audio:
    """What a loop that begins at `start` gives from frame `first` on."""
    return loop[(first - start + np.arange(frames)) % len(loop)]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a recording showed, in frames and seconds. `drift_frames`: how much later than at first the music comes at
    last, by the machine's clock; `step_ratio`: the largest step at a change, as a share of the loops' own."""

    seconds: float
    changes: int
    frames_of_no_loop: int
    frames_jack_lost: int
    jumps: int
    lost_frames_told: int
    latest_turn_frames: int
    step_ratio: float
    drift_frames: float

    @property
    def _fades(self) -> int:
        """At most so many: one for each change, one after each loss of the device, which may begin within another."""
        return self.changes + 2 * self.jumps + (2 if self.lost_frames_told else 0)

    @property
    def faults(self) -> list[str]:
        found = {
            "the recording has a gap": self.frames_jack_lost > 0,
            "frames are of no loop": self.frames_of_no_loop > self._fades * FADE,
            # One that is told need not be seen: it may have fallen into a change.
            "a jump that the player did not tell": self.jumps > 0 and self.lost_frames_told == 0,
            # Where frames were lost just before a change, the recording is as much shorter there as the player jumped.
            "a change off the bar": self.latest_turn_frames > 1 + self.lost_frames_told,
            "a click": self.step_ratio > 1.0,
            "drift": abs(self.drift_frames) > PERIOD_FRAMES,
        }
        return [what for what, so in found.items() if so]


def sounding(recording: Recording) -> Audio:
    """From the first sound on: channels are connected one after the other, a moment after the recorder has begun."""
    begins = np.argmax(np.abs(recording.audio) > 0, axis=0)
    return recording.audio[int(begins.max()) + PERIOD_FRAMES :]


def judge(recording: Recording, loops: Mapping[str, Audio], bar_frames: Mapping[str, float], lost_told: int) -> Verdict:
    """Hold a recording against the loops. Raises ValueError where none of them is heard."""
    audio = sounding(recording)
    found = stretches(audio, loops)
    if not found:
        raise ValueError("none of the loops was heard")
    changes = [(old, new) for old, new in pairwise(found) if old.name != new.name]
    steps = [_step_ratio(audio, loops, old, new) for old, new in pairwise(found)]
    lost = np.diff(recording.frames_of_blocks) - PERIOD_FRAMES
    return Verdict(
        seconds=len(audio) / RATE_HZ,
        changes=len(changes),
        frames_of_no_loop=len(audio) - sum(each.last - each.first for each in found),
        frames_jack_lost=int(lost.sum()),
        jumps=len(found) - 1 - len(changes),
        lost_frames_told=lost_told,
        latest_turn_frames=max((turn_of(old, new, bar_frames[old.name]) for old, new in changes), default=0),
        step_ratio=max(steps, default=0.0),
        drift_frames=_drift_frames(recording) + sum(_jump(old, new, loops) for old, new in pairwise(found)),
    )


def _jump(old: Stretch, new: Stretch, loops: Mapping[str, Audio]) -> int:
    """By how many frames the same loop came later than it would have; negative where some were left out."""
    turn = len(loops[old.name])
    return (new.start - old.start + turn // 2) % turn - turn // 2 if old.name == new.name else 0


def _step_ratio(audio: Audio, loops: Mapping[str, Audio], old: Stretch, new: Stretch) -> float:
    """The largest step around a change, as a share of the largest in the two loops themselves."""
    own = max(largest_step(loops[old.name]), largest_step(loops[new.name]))
    return largest_step(audio[old.last - 2 : new.first + 2]) / own


def _drift_frames(recording: Recording) -> float:
    """How much later than at the beginning a frame is played at the end, by the machine's clock; each time the least
    late of the blocks of ten seconds tells."""
    lateness = recording.times_s * RATE_HZ - np.arange(len(recording.times_s)) * PERIOD_FRAMES
    some = min(len(lateness) // 2, round(10 * RATE_HZ / PERIOD_FRAMES))
    return float(lateness[-some:].min() - lateness[:some].min())


def stretches(heard: Audio, loops: Mapping[str, Audio]) -> list[Stretch]:
    """All of them, in order. Fades, gaps and whatever else is none of the loops belong to none."""
    found: list[Stretch] = []
    frame = 0
    while frame + WINDOW <= len(heard):
        place = _recognised(heard, frame, loops, found[-1] if found else None)
        if place is None:
            frame += STEP
            continue
        name, start = place
        first = _until_other(heard, loops[name], start, frame, -1, found[-1].last if found else 0)
        last = _until_other(heard, loops[name], start, frame, 1, len(heard))
        found.append(Stretch(name, start, first, last))
        frame = last
    return found


def largest_step(audio: Audio) -> float:
    """The largest difference between neighbouring samples."""
    return float(np.abs(np.diff(audio, axis=0)).max(initial=0.0))


def turn_of(old: Stretch, new: Stretch, bar_frames: float) -> int:
    """How many frames the change of loop lies off a bar line of the old one. The fade ends on the line, and its last
    frames may already be the new loop's by value: so the line is looked for within the fade."""
    line = old.start + round(round((old.last + FADE - old.start) / bar_frames) * bar_frames)
    return max(0, new.first - line, line - FADE - old.last)


def _recognised(heard: Audio, frame: int, loops: Mapping[str, Audio], before: Stretch | None) -> tuple[str, int] | None:
    window = heard[frame : frame + WINDOW]
    if np.abs(window).max() < LEAST_LEVEL:
        return None
    if before is not None:  # what goes on, or took the other's place in the bars
        for name, loop in loops.items():
            if _is(loop, before.start, frame, window):
                return name, before.start
    for name, loop in loops.items():
        start = frame - _best_place(loop, window)
        if _is(loop, start, frame, window):
            return name, start
    return None


def _best_place(loop: Audio, window: Audio) -> int:
    """Where in the loop the window lies, by least squares over both channels."""
    circle = np.concatenate([loop, loop[: len(window)]])
    power = np.concatenate([[0.0], np.cumsum((circle.astype(np.float64) ** 2).sum(axis=1))])
    energy = power[len(window) :] - power[: -len(window)]
    product = sum(correlate(circle[:, k], window[:, k], mode="valid") for k in range(2))
    return int(np.argmin((energy - 2.0 * product)[: len(loop)]))


def _is(loop: Audio, start: int, first: int, heard: Audio) -> bool:
    return bool(np.abs(at(loop, start, first, len(heard)) - heard).max(initial=0.0) < EXACT)


def _until_other(heard: Audio, loop: Audio, start: int, frame: int, way: int, end: int) -> int:
    """The frame at which what is heard stops being the loop, going from `frame` forwards (excluded) or backwards."""
    while frame != end:
        to = min(frame + _BLOCK, end) if way > 0 else max(frame - _BLOCK, end)
        low, high = min(frame, to), max(frame, to)
        unlike = np.flatnonzero(np.abs(at(loop, start, low, high - low) - heard[low:high]).max(axis=1) >= EXACT)
        if len(unlike):
            return low + int(unlike[0] if way > 0 else unlike[-1] + 1)
        frame = to
    return frame
