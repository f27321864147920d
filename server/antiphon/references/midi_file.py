"""What a Standard MIDI File has for a loop: its notes, track by track, in beats; its tempo and meter.

A tick is a share of a quarter note, so beats are exact whatever the tempo does. The file may hold anything that
somebody sends; nothing of it is believed.
"""

from __future__ import annotations

import io
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

import mido

from antiphon.domain.score import DRUM_PITCHES, STEMS, Note
from antiphon.errors import InvalidRequest

MIDI_MAGIC = b"MThd"
#: General MIDI's percussion channel, counted from 0.
_DRUM_CHANNEL = 9
#: Longer than any music: some weeks of beats.
_MOST_TICKS = 1 << 40
#: The shortest note there is, in beats: strokes are often written with no length at all.
_SHORTEST_BEATS = 1.0 / 960.0
_DIGITS = 6
#: The drums of a set; who plays none of them plays percussion.
_SET = frozenset(pitch for name, pitch in DRUM_PITCHES.items() if name not in ("shaker", "conga", "cowbell")) | {
    35, 40, 41, 43, 48, 52, 53, 55, 57, 59,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MidiTrack:
    """The notes of a track, in order, those on the percussion channel apart from the others. `end_beats`: where the
    file says that it ends."""

    name: str
    struck: bool
    notes: tuple[Note, ...]
    end_beats: float

    @property
    def stem(self) -> str:
        """The stem that it says it is: by its name, else, on the percussion channel, by its drums; else `""`."""
        name = self.name.strip().casefold()
        if name in STEMS:
            return name
        if not self.struck:
            return ""
        return "drums" if any(note.pitch in _SET for note in self.notes) else "percussion"


@dataclass(frozen=True, slots=True)
class MidiTune:
    """A file that was read: the tracks that have notes, its first tempo and meter (None where it names none), and
    whether these change later."""

    tracks: tuple[MidiTrack, ...]
    bpm: float | None
    meter: str | None
    changes: bool


def looks_like_midi(head: bytes) -> bool:
    """Whether a file's first bytes are those of a Standard MIDI File."""
    return head.startswith(MIDI_MAGIC)


def read_midi(data: bytes, name: str) -> MidiTune:
    """Read a file's content; `name` is for errors. Raises InvalidRequest for what is no such file, is damaged, counts
    in seconds instead of beats, or has no notes."""
    file = _parsed(data, name)
    if file.ticks_per_beat <= 0:
        raise InvalidRequest(
            f"{name} counts its time in frames of a film (SMPTE), not in beats: export it with ticks per quarter note"
        )
    if file.type == 2:
        raise InvalidRequest(f"{name} holds sequences that do not belong together (type 2): export it as type 0 or 1")
    tracks: list[MidiTrack] = []
    told: list[tuple[int, mido.MetaMessage]] = []
    for track in file.tracks:
        timed = list(_timed(track, name))
        told += [(tick, each) for tick, each in timed if each.type in ("set_tempo", "time_signature")]
        tracks += _tracks(str(track.name or ""), timed, file.ticks_per_beat)
    if not tracks:
        raise InvalidRequest(f"{name} has no notes: bring a file with some")
    tempos = _in_order(told, "set_tempo")
    meters = _in_order(told, "time_signature")
    bpm = round(float(mido.tempo2bpm(tempos[0].tempo)), 3) if tempos and tempos[0].tempo > 0 else None
    meter = f"{meters[0].numerator}/{meters[0].denominator}" if meters else None
    changes = len({each.tempo for each in tempos}) > 1 or len({(m.numerator, m.denominator) for m in meters}) > 1
    return MidiTune(tuple(tracks), bpm, meter, changes)


def _parsed(data: bytes, name: str) -> mido.MidiFile:
    if not looks_like_midi(data):
        raise InvalidRequest(f"{name} is no MIDI file: bring a Standard MIDI File (.mid)")
    try:
        return mido.MidiFile(file=io.BytesIO(data))
    except Exception as error:
        raise InvalidRequest(
            f"{name} is damaged, and no MIDI file that can be read here ({type(error).__name__}): export it again"
        ) from error


def _timed(track: mido.MidiTrack, name: str) -> Iterator[tuple[int, mido.Message | mido.MetaMessage]]:
    """Each message with its absolute tick. Raises InvalidRequest for times that no music has."""
    now = 0
    for message in track:
        now += message.time
        if now > _MOST_TICKS:
            raise InvalidRequest(f"{name} is damaged: a note of it lies weeks away; export it again")
        yield now, message


def _tracks(name: str, timed: list[tuple[int, mido.Message]], ticks_per_beat: int) -> list[MidiTrack]:
    """The notes of one track of the file: those of the percussion channel, and the others."""
    end = timed[-1][0] if timed else 0
    notes: dict[bool, list[Note]] = {False: [], True: []}
    sounding: dict[tuple[int, int], deque[tuple[int, int]]] = defaultdict(deque)

    def finish(channel: int, pitch: int, tick: int) -> None:
        start, velocity = sounding[channel, pitch].popleft()
        length = max(_SHORTEST_BEATS, round((tick - start) / ticks_per_beat, _DIGITS))
        onset = round(start / ticks_per_beat, _DIGITS)
        notes[channel == _DRUM_CHANNEL].append(Note(onset, length, pitch, velocity))

    for tick, message in timed:
        if message.type == "note_on" and message.velocity > 0:
            sounding[message.channel, message.note].append((tick, message.velocity))
        elif message.type in ("note_on", "note_off") and sounding[message.channel, message.note]:
            finish(message.channel, message.note, tick)
    # What nobody ended ends with its track.
    for (channel, pitch), left in sounding.items():
        while left:
            finish(channel, pitch, end)
    return [
        MidiTrack(name, struck, tuple(sorted(found, key=lambda n: (n.onset_beats, n.pitch))), end / ticks_per_beat)
        for struck, found in notes.items()
        if found
    ]


def _in_order(told: list[tuple[int, mido.MetaMessage]], kind: str) -> list[mido.MetaMessage]:
    """The messages of a kind by their ticks."""
    return [message for _, message in sorted((pair for pair in told if pair[1].type == kind), key=lambda pair: pair[0])]
