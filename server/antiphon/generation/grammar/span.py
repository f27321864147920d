"""What parts are written in before they become notes: spans of harmony and strokes in felt steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from antiphon.domain.theory import Chord


@dataclass(frozen=True, slots=True)
class Span:
    """A chord from step `start` to step `end`."""

    start: int
    end: int
    chord: Chord


@dataclass(frozen=True, slots=True)
class Event:
    """A note to be: start and length in felt steps, `level` 0 to 1 (how hard, before energy is counted in), and whether
    it glides in from the one before."""

    start: float
    length: float
    pitch: int
    level: float
    glide: bool = False


def one_at_a_time(events: Iterable[Event]) -> list[Event]:
    """One voice: a note ends where the next begins, and of two at one step the later written wins."""
    by_start = {event.start: event for event in events}
    voice: list[Event] = []
    for start in sorted(by_start):
        if voice:
            voice[-1] = replace(voice[-1], length=min(voice[-1].length, start - voice[-1].start))
        voice.append(by_start[start])
    return voice
