"""The acoustic voices of the corpus: FluidSynth with the FluidR3 General MIDI sound font (MIT licence)."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Note
from antiphon.errors import BackendFailed

RATE_HZ = 44100
_PLACES = ("/usr/share/sounds/sf2/FluidR3_GM.sf2", "/opt/homebrew/share/fluid-soundfont/FluidR3_GM.sf2")
_TAIL_S = 2.0
_BLOCK_FRAMES = 64

#: General MIDI bank and program of each timbre that the sound font plays.
PROGRAMS = {
    "kit_acoustic": (128, 0), "bass_finger": (0, 33), "bass_upright": (0, 32), "chords_epiano": (0, 4),
    "chords_piano": (0, 0), "chords_organ": (0, 16), "chords_strings": (0, 48), "lead_flute": (0, 73),
    "lead_vibes": (0, 11), "kit_brush": (128, 40), "bass_pick": (0, 34), "chords_guitar": (0, 27),
    "chords_choir": (0, 52), "chords_brass": (0, 61), "lead_marimba": (0, 12), "lead_kalimba": (0, 108),
    "lead_koto": (0, 107), "lead_trumpet": (0, 59), "lead_guitar": (0, 26), "perc_hand": (128, 0),
    "texture_halo": (0, 94),
}  # fmt: skip


def soundfont_path() -> Path:
    """Where the sound font lies: $ANTIPHON_SOUNDFONT, else where packages put it. Raises BackendFailed."""
    named = os.environ.get("ANTIPHON_SOUNDFONT")
    for place in (named,) if named else _PLACES:
        if place and Path(place).is_file():
            return Path(place)
    raise BackendFailed(
        "the FluidR3 sound font was not found: install it (Debian: fluid-soundfont-gm and libfluidsynth3), "
        "or name a General MIDI sound font in ANTIPHON_SOUNDFONT"
    )


def _new_synth() -> tuple[Any, int]:
    """A synthesiser and its sound font, dry: reverb and chorus belong to the effect chains."""
    import fluidsynth

    # The first synthesiser of a process draws its dither from C's rand(), which others may have drawn from before
    # (pedalboard does, by the clock): from its first state on, every process has the same.
    ctypes.CDLL("ucrtbase" if os.name == "nt" else None).srand(1)
    synth = fluidsynth.Synth(gain=0.6, samplerate=float(RATE_HZ))
    synth.setting("synth.reverb.active", 0)
    synth.setting("synth.chorus.active", 0)
    return synth, synth.sfload(str(soundfont_path()))


@cache
def _synth() -> tuple[Any, int]:
    """One per process, which also keeps the samples in memory for others."""
    return _new_synth()


def render_notes(
    timbre: str, notes: tuple[Note, ...], frames_per_beat: float, repeatable: bool = False
) -> NDArray[np.float64]:
    """Notes of one stem from beat 0 with their tails, mono float64 (frames,).

    `repeatable`: the same bits whatever was played before, at the price of a synthesiser of their own (60 ms): one
    that has played keeps its dither's place and something of its voices through a reset, and single notes sound a
    little different.
    """
    synth, font = _synth()
    if not repeatable:
        return _played(synth, font, timbre, notes, frames_per_beat)
    synth, font = _new_synth()
    try:
        return _played(synth, font, timbre, notes, frames_per_beat)
    finally:
        synth.delete()


def _played(synth: Any, font: int, timbre: str, notes: tuple[Note, ...], frames_per_beat: float) -> NDArray[np.float64]:
    bank, program = PROGRAMS[timbre]
    channel = 9 if bank == 128 else 0
    synth.system_reset()
    synth.program_select(channel, font, bank, program)
    events: list[tuple[int, int, int, int]] = []
    for note in notes:
        start = round(note.onset_beats * frames_per_beat)
        # Ends sort before starts at the same frame, so that a repeated note is struck anew.
        events.append((start, 1, note.pitch, note.velocity))
        events.append((start + max(1, round(note.duration_beats * frames_per_beat)), 0, note.pitch, 0))
    # FluidSynth works in blocks, and its place within a block outlives a reset: every rendering ends on a whole block,
    # so that the next one begins on one and sounds the same, to its dither, whatever came before.
    end = max((frame for frame, *_ in events), default=0) + int(_TAIL_S * RATE_HZ)
    total = _BLOCK_FRAMES * -(-end // _BLOCK_FRAMES)
    pieces, position = [], 0
    for frame, is_on, pitch, velocity in [*sorted(events), (total, 0, 0, 0)]:
        if frame > position:
            stereo = synth.get_samples(frame - position).reshape(-1, 2)
            pieces.append(stereo.mean(1) / 32768.0)
            position = frame
        if is_on:
            synth.noteon(channel, pitch, velocity)
        else:
            synth.noteoff(channel, pitch)
    return np.concatenate(pieces)
