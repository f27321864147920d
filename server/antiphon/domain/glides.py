"""Which timbres can glide from note to note, and how; for composing, sounding and the gate alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from antiphon.domain.score import Note, StemScore


@dataclass(frozen=True, slots=True)
class Glide:
    """How a timbre goes from note to note: within `time_s` all but 2 % of the way is done, or sooner, where the note is
    shorter. `legato`: the voice sounds on and nothing is struck anew; else the note begins anew, but softly."""

    time_s: float
    legato: bool = True


#: By timbre; the others can't glide, and strike such a note as any other. Synthesisers slide as long as their makers'
#: circuits do (a 303 about 60 ms), an 808's bass a little longer; fingers take the string with them.
GLIDES: Mapping[str, Glide] = {
    "bass_acid": Glide(0.06), "bass_808": Glide(0.09), "bass_sub": Glide(0.08), "bass_saw": Glide(0.07),
    "bass_reese": Glide(0.09), "bass_fm": Glide(0.06), "lead_saw": Glide(0.08), "lead_square": Glide(0.07),
    "lead_sine": Glide(0.09), "bass_finger": Glide(0.07, legato=False), "bass_upright": Glide(0.08, legato=False),
    "lead_guitar": Glide(0.08, legato=False),
}  # fmt: skip


def glides_in(note: Note, timbre: str) -> bool:
    """Whether a note is heard to glide: it is meant to, and its timbre can."""
    return note.glide and timbre in GLIDES


def onset_share(note: Note, timbre: str) -> float:
    """How much of an onset a note has for a sound model, 0 to 1: told a whole one, it strikes what shall slide."""
    if not glides_in(note, timbre):
        return 1.0
    return 0.0 if GLIDES[timbre].legato else 0.5


def struck_notes(stem: StemScore) -> tuple[Note, ...]:
    """The notes of a stem that have an onset: all but those that glide in."""
    return tuple(note for note in stem.notes if not glides_in(note, stem.timbre))
