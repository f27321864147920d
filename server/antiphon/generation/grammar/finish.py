"""From events and strokes in felt steps to notes in beats: swing, energy, the hand's unevenness, and order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from antiphon.domain.genome import Stroke
from antiphon.domain.score import ONE_VOICE, Note
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.gliding import joined
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event

#: Notes shorter than this are of no use to any instrument.
SHORTEST_BEATS = 1.0 / 32.0


def _velocity(level: float, loudness: float, draw: Draw) -> int:
    struck = level * (80.0 + 46.0 * loudness) + draw.uniform(-2.5, 2.5)
    return max(1, min(127, int(struck + 0.5)))


def _timed(plan: Plan, event: Event, drift: float, velocity: int) -> Note:
    beats = float(plan.frame.meter.beats_per_bar * plan.frame.bars)
    exact = plan.frame.beats(event.start)
    # The downbeat is the loop's seam: nothing may be moved across it, and the first beat is where it is.
    onset = min(max(0.0, exact + drift), beats - 1e-6) if event.start > 0 else 0.0
    end = plan.frame.beats(event.start + event.length)
    return Note(onset, min(max(end - onset, SHORTEST_BEATS), beats), event.pitch, velocity, event.glide)


def untangled(notes: Iterable[Note], beats: float) -> tuple[Note, ...]:
    """In order of onset, then pitch; a pitch that is struck again ends there first, also across the loop's end."""
    by_pitch: dict[int, list[Note]] = {}
    for note in sorted(notes, key=lambda n: (n.onset_beats, n.pitch, -n.velocity)):
        same = by_pitch.setdefault(note.pitch, [])
        if not same or note.onset_beats - same[-1].onset_beats >= SHORTEST_BEATS:
            same.append(note)
    kept: list[Note] = []
    for same in by_pitch.values():
        for note, following in zip(same, [*same[1:], same[0]], strict=True):
            room = (following.onset_beats - note.onset_beats) % beats or beats
            kept.append(replace(note, duration_beats=min(note.duration_beats, room)))
    return tuple(sorted(kept, key=lambda n: (n.onset_beats, n.pitch)))


def finish(plan: Plan, stem: str, events: list[Event]) -> tuple[Note, ...]:
    """The notes of a stem. Notes struck together drift together, as one hand's do."""
    draw = plan.draw(stem, "hand")
    largest = min(plan.style.humanise_beats, 0.02) * min(1.0, plan.frame.step_beats / 0.25)
    drifts: dict[float, float] = {}
    notes: list[Note] = []
    for event in events:
        if event.start not in drifts:
            # Two draws make small deviations likelier than large ones.
            drifts[event.start] = largest * (draw.uniform() + draw.uniform() - 1.0)
        velocity = _velocity(event.level, plan.loudness, draw)
        notes.append(_timed(plan, event, drifts[event.start], velocity))
    in_time = untangled(notes, float(plan.frame.meter.beats_per_bar * plan.frame.bars))
    return joined(in_time) if stem in ONE_VOICE else in_time


def strokes_to_notes(strokes: Iterable[Stroke], frame: Frame, stem: str) -> tuple[Note, ...]:
    """The notes of a part, in order."""
    beats = float(frame.meter.beats_per_bar * frame.bars)
    notes = []
    for stroke in sorted(strokes):
        exact = frame.beats(stroke.step)
        onset = min(max(0.0, exact + stroke.drift_beats), beats - 1e-6) if stroke.step else 0.0
        length = min(max(frame.beats(stroke.step + stroke.length_steps) - onset, SHORTEST_BEATS), beats)
        notes.append(Note(onset, length, stroke.pitch, stroke.velocity, stroke.glide))
    return in_order(notes, beats, stem)


def in_order(notes: Sequence[Note], beats: float, stem: str) -> tuple[Note, ...]:
    """Notes by onset and pitch; one voice ends a note where the next begins. The last may ring on over the loop's
    start, as the grammar's do."""
    if stem in ONE_VOICE:
        voice = sorted(notes, key=lambda note: note.onset_beats)
        ends = [*(note.onset_beats for note in voice[1:]), math.inf][: len(voice)]
        notes = [
            replace(note, duration_beats=max(SHORTEST_BEATS, min(note.duration_beats, end - note.onset_beats)))
            for note, end in zip(voice, ends, strict=True)
        ]
    in_time = untangled(notes, beats)
    return joined(in_time) if stem in ONE_VOICE else in_time
