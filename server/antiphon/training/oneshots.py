"""Kits of recorded strokes: the samples of Sonic Pi that its copyright file names as CC0, one by one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.errors import BackendFailed

Wave = NDArray[np.float64]
RATE_HZ = 44100
_PLACES = ("/usr/share/sonic-pi/samples", "/opt/sonic-pi/etc/samples")
_LONGEST_S = 2.5

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
    """Where the recordings lie: $ANTIPHON_ONESHOTS, else where packages put them. Raises BackendFailed."""
    named = os.environ.get("ANTIPHON_ONESHOTS")
    for place in (named,) if named else _PLACES:
        if place and Path(place).is_dir():
            return Path(place)
    raise BackendFailed(
        "the CC0 one-shots were not found: install them (Debian: sonic-pi-samples), or name their folder in "
        "ANTIPHON_ONESHOTS"
    )


@cache
def stroke(kit: str, pitch: int) -> Wave:
    """One stroke at full velocity, mono float64 (frames,), peak 0.8; pitches that the kit lacks sound as its rim."""
    import soundfile

    names = ONESHOTS[kit]
    audio, rate = soundfile.read(
        samples_folder() / f"{names.get(pitch, next(iter(names.values())))}.flac", always_2d=True
    )
    if rate != RATE_HZ:
        raise BackendFailed(f"one-shots of {RATE_HZ} Hz are needed, but {names.get(pitch)} has {rate}")
    wave = audio.mean(1)[: int(_LONGEST_S * RATE_HZ)]
    loud = np.flatnonzero(np.abs(wave) > 0.02 * np.abs(wave).max())
    # The stroke begins where it is heard, or every drum would come late by its file's own silence.
    wave = wave[max(0, int(loud[0]) - 16) :] * (0.8 / np.abs(wave).max())
    fade = min(2048, wave.size)
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    return np.asarray(wave)
