"""MIDI files as other programs write them, for tests: made by mido, note by note."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import mido

#: (onset in ticks, length in ticks, pitch, velocity)
Struck = tuple[int, int, int, int]


def track(
    notes: Sequence[Struck], name: str = "", channel: int = 0, head: Sequence[mido.MetaMessage] = (), end: int = 0
) -> mido.MidiTrack:
    """A track of notes, that ends at tick `end` or with its last note."""
    found = mido.MidiTrack()
    if name:
        found.append(mido.MetaMessage("track_name", name=name))
    found.extend(head)
    timed = [(on, 1, mido.Message("note_on", channel=channel, note=p, velocity=v)) for on, _, p, v in notes]
    timed += [(on + n, 0, mido.Message("note_off", channel=channel, note=p)) for on, n, p, _ in notes]
    now = 0
    for tick, _, message in sorted(timed, key=lambda each: each[:2]):
        found.append(message.copy(time=tick - now))
        now = tick
    found.append(mido.MetaMessage("end_of_track", time=max(0, end - now)))
    return found


def tempo(bpm: float) -> mido.MetaMessage:
    return mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm))


def meter(numerator: int, denominator: int) -> mido.MetaMessage:
    return mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator)


def midi(*tracks: mido.MidiTrack, ticks_per_beat: int = 480, kind: int = 1) -> bytes:
    file = mido.MidiFile(type=kind, ticks_per_beat=ticks_per_beat, tracks=list(tracks))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def beat(kicks: Sequence[int], bars: int = 1, snares: Sequence[int] = (4, 12)) -> list[Struck]:
    """Drums by sixteenths (120 ticks), the hands a little uneven: kicks where asked, snare, closed hats on eighths."""
    notes: list[Struck] = []
    for bar in range(bars):
        for pitch, steps, loud in ((36, kicks, 110), (38, snares, 96), (42, range(0, 16, 2), 71)):
            for step in steps:
                late = 3 * ((7 * step + pitch) % 4) if step else 0
                notes.append((1920 * bar + 120 * step + late, 57, pitch, loud - step % 3))
    return sorted(notes)


def notes_of(content: bytes | Path) -> list[tuple[float, float, int, int]]:
    """What a reader of its own finds: (onset in beats, length in beats, pitch, velocity), in order."""
    file = mido.MidiFile(file=io.BytesIO(content)) if isinstance(content, bytes) else mido.MidiFile(content)
    found = []
    for each in file.tracks:
        now, open_notes = 0, defaultdict[int, list[tuple[int, int]]](list)
        for message in each:
            now += message.time
            if message.type == "note_on" and message.velocity:
                open_notes[message.note].append((now, message.velocity))
            elif message.type in ("note_on", "note_off") and open_notes[message.note]:
                start, velocity = open_notes[message.note].pop(0)
                beats = (start / file.ticks_per_beat, (now - start) / file.ticks_per_beat)
                found.append((*beats, message.note, velocity))
    return sorted(found)


#: Half a tick of what is delivered (960 a beat).
HALF_TICK_BEATS = 0.5 / 960


def same_notes(delivered: bytes | Path, brought: bytes | Path) -> bool:
    """Whether two files have the same notes, to within half a tick; pitch and velocity exactly."""
    own, others = notes_of(delivered), notes_of(brought)
    limit = HALF_TICK_BEATS + 1e-6
    return len(own) == len(others) and all(
        abs(a[0] - b[0]) <= limit and abs(a[0] + a[1] - b[0] - b[1]) <= limit and a[2:] == b[2:]
        for a, b in zip(_rounded(own), _rounded(others), strict=True)
    )


def _rounded(notes: list[tuple[float, float, int, int]]) -> list[tuple[float, float, int, int]]:
    """In an order that a fraction of a tick can't change."""
    return sorted(notes, key=lambda note: (round(note[0] * 96), note[2], note[0]))
