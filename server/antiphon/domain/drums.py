"""Drums of other programs: which of a score's drums each of General MIDI's is heard as."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from antiphon.domain.score import DRUM_PITCHES, Score, StemScore

#: Drums that scores have, for all of General MIDI's: each sounds as the nearest that there is.
DRUM_OF: Mapping[int, str] = {pitch: name for name, pitch in DRUM_PITCHES.items()} | {
    35: "kick", 40: "snare", 41: "low_tom", 43: "low_tom", 48: "high_tom", 52: "crash", 53: "ride", 54: "shaker",
    55: "crash", 57: "crash", 59: "ride", 60: "conga", 61: "conga", 62: "conga", 64: "conga", 65: "high_tom",
    66: "low_tom", 67: "cowbell", 68: "cowbell", 69: "shaker", 75: "rim", 76: "rim", 77: "rim", 82: "shaker",
}  # fmt: skip


def as_sounded(score: Score) -> Score:
    """The score with every drum as one that kits have: files of other programs know more."""
    return dataclasses.replace(score, stems=tuple(map(_with_known_drums, score.stems)))


def _with_known_drums(stem: StemScore) -> StemScore:
    known = set(DRUM_PITCHES.values())
    if stem.stem != "drums" or all(note.pitch in known for note in stem.notes):
        return stem
    heard = (dataclasses.replace(note, pitch=DRUM_PITCHES[DRUM_OF.get(note.pitch, "rim")]) for note in stem.notes)
    return dataclasses.replace(stem, notes=tuple(heard))
