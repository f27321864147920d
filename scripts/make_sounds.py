#!/usr/bin/env python3
"""Make the recordings that the sampler plays (presets/sounds) from sources whose licences allow it.

    python scripts/make_sounds.py

Strokes: the samples of Sonic Pi that its copyright file names as CC0, one by one (Debian: sonic-pi-samples; else name
their folder in ANTIPHON_ONESHOTS). Instruments and General MIDI kits: the FluidR3 sound font (MIT; Debian:
fluid-soundfont-gm and libfluidsynth3), note by note.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.progress import track

from antiphon.domain.score import DRUM_PITCHES, PERCUSSION_PITCHES, Note
from antiphon.errors import AntiphonError, BackendFailed
from antiphon.generation.sampler.recordings import RATE_HZ, RECORDED_INSTRUMENTS, RECORDED_KITS
from antiphon.training import soundfont

Wave = NDArray[np.float64]
ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "presets" / "sounds"
_PLACES = ("/usr/share/sonic-pi/samples", "/opt/sonic-pi/etc/samples")
_LONGEST_STROKE_S = 2.5
#: Every fourth semitone: no note is read more than two from its pitch.
_RANGES = {"bass": range(24, 57, 4), "chords": range(43, 88, 4), "lead": range(55, 100, 4), "texture": range(36, 76, 5)}
_HELD_S, _STRUCK_S = 3.2, 3.5

#: Per kit, the recording of each drum (General MIDI percussion number).
ONESHOTS: dict[str, dict[int, str]] = {
    "kit_studio": {
        36: "drum_heavy_kick", 38: "drum_snare_hard", 37: "drum_snare_soft", 39: "perc_snap", 42: "drum_cymbal_closed",
        44: "drum_cymbal_pedal", 46: "drum_cymbal_open", 45: "drum_tom_lo_hard", 47: "drum_tom_mid_hard",
        50: "drum_tom_hi_hard", 49: "drum_splash_hard", 51: "drum_cymbal_soft", 56: "drum_cowbell", 63: "elec_wood",
        70: "elec_tick",
    },
    "kit_electro": {
        36: "elec_hollow_kick", 38: "elec_snare", 37: "elec_hi_snare", 39: "elec_filt_snare", 42: "elec_tick",
        44: "elec_tick", 46: "elec_cymbal", 45: "elec_fuzz_tom", 47: "elec_blup", 50: "elec_pop", 49: "elec_cymbal",
        51: "elec_triangle", 56: "elec_bong", 63: "elec_wood", 70: "elec_flip",
    },
    "kit_club": {
        36: "bd_haus", 38: "sn_dolf", 37: "sn_zome", 39: "perc_snap2", 42: "drum_cymbal_closed", 44: "elec_tick",
        46: "drum_cymbal_open", 45: "drum_tom_lo_soft", 47: "drum_tom_mid_soft", 50: "drum_tom_hi_soft",
        49: "drum_splash_soft", 51: "drum_cymbal_soft", 56: "drum_cowbell", 63: "bd_zum", 70: "elec_twip",
    },
    "perc_tabla": {
        60: "tabla_te1", 61: "tabla_ke1", 62: "tabla_tas1", 63: "tabla_na", 64: "tabla_ghe2", 65: "tabla_tun1",
        67: "tabla_na_o", 69: "tabla_tas3", 70: "tabla_tas2", 73: "tabla_re", 75: "tabla_te_ne", 76: "tabla_dhec",
        81: "tabla_tun3", 54: "tabla_te_m",
    },
    "perc_electro": {
        60: "elec_blip", 61: "elec_blup", 62: "elec_plip", 63: "elec_bong", 64: "elec_fuzz_tom", 65: "elec_ping",
        67: "elec_chime", 69: "elec_tick", 70: "elec_flip", 73: "elec_twip", 75: "elec_wood", 76: "elec_pop",
        81: "elec_triangle", 54: "elec_cymbal",
    },
}  # fmt: skip


def samples_folder() -> Path:
    """Where the one-shots lie. Raises BackendFailed."""
    named = os.environ.get("ANTIPHON_ONESHOTS")
    for place in (named,) if named else _PLACES:
        if place and Path(place).is_dir():
            return Path(place)
    raise BackendFailed(
        "the CC0 one-shots were not found: install them (Debian: sonic-pi-samples), or name their folder in "
        "ANTIPHON_ONESHOTS"
    )


def trimmed(wave: Wave, longest_s: float) -> Wave:
    """From where it is heard to where it has died away (-66 dB), with a fade: it begins on time, and ends without a
    click."""
    size = np.abs(wave)
    loud = np.flatnonzero(size > 0.02 * size.max())
    alive = np.flatnonzero(size > 5e-4 * size.max())
    wave = wave[max(0, int(loud[0]) - 16) : min(int(alive[-1]) + 1, int(loud[0] + longest_s * RATE_HZ))].copy()
    fade = min(2048, wave.size)
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    return wave


def write_strokes(kit: str) -> None:
    """One FLAC file per drum of a kit."""
    if kit in ONESHOTS:
        read = {pitch: soundfile.read(samples_folder() / f"{name}.flac", always_2d=True) for pitch, name in
                ONESHOTS[kit].items()}  # fmt: skip
        if any(rate != RATE_HZ for _, rate in read.values()):
            raise BackendFailed(f"one-shots of {RATE_HZ} Hz are needed")
        strokes = {pitch: audio.mean(1) for pitch, (audio, _) in read.items()}
        strokes = {pitch: wave * 0.8 / np.abs(wave).max() for pitch, wave in strokes.items()}
    else:
        pitches = PERCUSSION_PITCHES if kit.startswith("perc") else DRUM_PITCHES
        notes = {pitch: (Note(0.0, 0.5, pitch, 127),) for pitch in pitches.values()}
        strokes = {pitch: soundfont.render_notes(kit, note, RATE_HZ) for pitch, note in notes.items()}
    for pitch, wave in strokes.items():
        soundfile.write(TARGET / kit / f"{pitch}.flac", trimmed(wave, _LONGEST_STROKE_S), RATE_HZ, subtype="PCM_16")


def write_notes(instrument: str) -> None:
    """One Ogg Vorbis file for every few semitones of an instrument."""
    is_held = RECORDED_INSTRUMENTS[instrument][1]
    seconds = _HELD_S if is_held else _STRUCK_S
    for pitch in _RANGES[instrument.split("_")[0]]:
        wave = soundfont.render_notes(instrument, (Note(0.0, seconds, pitch, 100),), RATE_HZ)[: int(seconds * RATE_HZ)]
        # A held note is cut while it sounds: its middle is repeated, so its end is never heard.
        kept = wave[int(np.flatnonzero(np.abs(wave) > 1e-3 * np.abs(wave).max())[0]) :] if is_held else None
        made = kept if kept is not None else trimmed(wave, seconds)
        path = TARGET / instrument / f"{pitch}.ogg"
        soundfile.write(path, made, RATE_HZ, format="OGG", subtype="VORBIS", compression_level=0.5)


def main() -> None:
    for name in track([*RECORDED_KITS, *RECORDED_INSTRUMENTS], description="recordings"):
        shutil.rmtree(TARGET / name, ignore_errors=True)
        (TARGET / name).mkdir(parents=True)
        if name in RECORDED_KITS:
            write_strokes(name)
        else:
            write_notes(name)
    size = sum(path.stat().st_size for path in TARGET.rglob("*.*"))
    print(f"{TARGET.relative_to(ROOT)}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main()
    except AntiphonError as error:
        raise SystemExit(str(error)) from None
