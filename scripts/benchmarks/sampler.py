"""A plain sampler rendering of a delivered loop: its MIDI files through FluidSynth and the FluidR3 sound font, dry."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np

from antiphon.domain.candidate import Candidate
from antiphon.domain.score import Note
from antiphon.training.soundfont import RATE_HZ, render_notes
from benchmarks.judges import Audio

#: One plain instrument per stem: standard kit, finger bass, grand piano, flute.
INSTRUMENTS = {"drums": "kit_acoustic", "bass": "bass_finger", "chords": "chords_piano", "lead": "lead_flute"}


def midi_notes(path: Path) -> tuple[Note, ...]:
    """The notes of one of our MIDI files, times in beats. A note without an end lasts to the last event."""
    file = mido.MidiFile(path)
    notes: list[Note] = []
    open_notes: dict[int, tuple[int, int]] = {}
    ticks = 0
    for event in mido.merge_tracks(file.tracks):
        ticks += event.time
        if event.type not in ("note_on", "note_off"):
            continue
        began = open_notes.pop(event.note, None)
        if began is not None:
            duration = (ticks - began[0]) / file.ticks_per_beat
            notes.append(Note(began[0] / file.ticks_per_beat, duration, event.note, began[1]))
        if event.type == "note_on" and event.velocity:
            open_notes[event.note] = (ticks, event.velocity)
    for pitch, (start, velocity) in open_notes.items():
        beats = start / file.ticks_per_beat
        notes.append(Note(beats, ticks / file.ticks_per_beat - beats, pitch, velocity))
    return tuple(sorted(notes, key=lambda note: (note.onset_beats, note.pitch)))


def render_plainly(candidate: Candidate) -> dict[str, Audio]:
    """Every stem that has notes: float32 (1, frames) at RATE_HZ, tails wrapped round. Raises BackendFailed."""
    frames_per_beat = RATE_HZ * 60.0 / candidate.bpm
    frames = round(candidate.mix.frames / candidate.mix.sample_rate * RATE_HZ)
    stems: dict[str, Audio] = {}
    for file in candidate.stems:
        notes = midi_notes(Path(file.midi_path)) if file.midi_path else ()
        if notes:
            long = render_notes(INSTRUMENTS[file.stem], notes, frames_per_beat)
            turns = -(-len(long) // frames)
            circle = np.pad(long, (0, turns * frames - len(long))).reshape(turns, frames).sum(axis=0)
            stems[file.stem] = circle[None].astype(np.float32)
    return stems
