"""Given parts: the notes of a stem that somebody brought as a MIDI file, and that stand in the loop as they are.

A part is kept as it was written, in beats from its own beginning and as long as its own bars, and laid onto a loop when
the loop is composed: so a child in another length still has it, and no grid or swing can move a note of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.domain.score import STRUCK_STEMS, ChordSpan, Note
from antiphon.domain.theory import parse_chord

#: The notes that all parts of a request may have together, once they lie on the loop.
MOST_NOTES = 4000
#: A MIDI file that holds a loop has some kilobytes; one of this size takes a second to read.
MOST_MIDI_BYTES = 1 << 18
#: What of a loop parts can decide, where the request does not.
DECIDES = ("bpm", "meter", "bars", "key", "chords")
#: How a part came onto its loop.
WHOLE, REPEATED, CUT = "whole", "repeated", "cut"
#: Places are kept to a millionth of a beat, which is far below a tick.
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class GivenPart:
    """A stem's notes as they were brought, `beats` long (whole bars). `bpm` and `meter` are what the file says of
    itself; `sha256` is that of the file."""

    stem: str
    notes: tuple[Note, ...]
    beats: float
    name: str
    sha256: str
    bpm: float | None = None
    meter: str | None = None

    def laid(self, beats: float) -> tuple[Note, ...]:
        """The notes on a loop of so many beats, by onset and pitch: repeated from the beginning where the loop is
        longer, cut at its end where it is shorter. A note may ring on over the end, once round at most."""
        if beats == self.beats and all(note.duration_beats <= beats for note in self.notes):
            return self.notes
        notes = [
            dataclasses.replace(
                note,
                onset_beats=round(turn * self.beats + note.onset_beats, _DIGITS),
                duration_beats=min(note.duration_beats, beats),
            )
            for turn in range(math.ceil(beats / self.beats))
            for note in self.notes
        ]
        inside = (note for note in notes if note.onset_beats < beats - 10.0**-_DIGITS)
        return tuple(sorted(inside, key=lambda note: (note.onset_beats, note.pitch)))

    def fit(self, beats: float) -> str:
        """How it comes onto a loop of so many beats. What does not fill a whole number of turns is repeated too."""
        if self.beats > beats:
            return CUT
        return REPEATED if self.beats < beats else WHOLE


@dataclass(frozen=True, slots=True)
class PartWish:
    """The MIDI files of a request, as (stem, file) pairs: `""` where the file shall say itself for which stem it is.
    A file is a path, or `upload:ID`. `open` names what the parts decide, of `DECIDES`. `licence` is the client's own
    statement, empty where there is none."""

    files: tuple[tuple[str, str], ...]
    open: tuple[str, ...] = ()
    licence: str = ""


@dataclass(frozen=True, slots=True)
class BroughtParts:
    """What was read of a request's MIDI files. `fits` is how each part lies on the loop; `used` what the loop has of
    them, of `DECIDES`; `ignored` says in words what of the files it has not. `harmony` are the chords that go with what
    has tones, from the loop's start to its end; empty where others decide."""

    parts: tuple[GivenPart, ...]
    fits: tuple[str, ...] = ()
    used: tuple[tuple[str, float | str], ...] = ()
    ignored: tuple[str, ...] = ()
    licence: str = ""
    harmony: tuple[ChordSpan, ...] = ()

    @property
    def stems(self) -> tuple[str, ...]:
        return tuple(part.stem for part in self.parts)

    def part(self, stem: str) -> GivenPart | None:
        """What is given of a stem."""
        return next((part for part in self.parts if part.stem == stem), None)


def pitched(parts: Sequence[GivenPart]) -> tuple[GivenPart, ...]:
    """Those whose pitches are tones."""
    return tuple(part for part in parts if part.stem not in STRUCK_STEMS)


def given_about(part: GivenPart) -> dict[str, Any]:
    """What a part is, without its notes: for lists and sidecars."""
    return {
        "stem": part.stem, "name": part.name, "sha256": part.sha256, "notes": len(part.notes), "beats": part.beats,
        "bpm": part.bpm, "meter": part.meter,
    }  # fmt: skip


def given_to_json(part: GivenPart) -> dict[str, Any]:
    """A part with each note as [onset in beats, duration in beats, pitch, velocity]."""
    notes = [[note.onset_beats, note.duration_beats, note.pitch, note.velocity] for note in part.notes]
    return {
        "stem": part.stem, "notes": notes, "beats": part.beats, "name": part.name, "sha256": part.sha256,
        "bpm": part.bpm, "meter": part.meter,
    }  # fmt: skip


def given_from_json(data: Mapping[str, Any]) -> GivenPart:
    notes = tuple(
        Note(float(onset), float(beats), int(pitch), int(loud)) for onset, beats, pitch, loud in data["notes"]
    )
    return GivenPart(
        data["stem"], notes, float(data["beats"]), data["name"], data["sha256"], data.get("bpm"), data.get("meter")
    )


def brought_to_json(brought: BroughtParts) -> dict[str, Any]:
    return {
        "parts": [given_to_json(part) for part in brought.parts], "fits": list(brought.fits),
        "used": dict(brought.used), "ignored": list(brought.ignored), "licence": brought.licence,
        "harmony": [[span.onset_beats, span.duration_beats, span.chord.name] for span in brought.harmony],
    }  # fmt: skip


def brought_from_json(data: Mapping[str, Any]) -> BroughtParts:
    used = data.get("used", {})
    return BroughtParts(
        tuple(given_from_json(part) for part in data["parts"]), tuple(data.get("fits", ())),
        tuple((name, used[name]) for name in DECIDES if name in used), tuple(data.get("ignored", ())),
        data.get("licence", ""),
        tuple(ChordSpan(onset, beats, parse_chord(name)) for onset, beats, name in data.get("harmony", ())),
    )  # fmt: skip
