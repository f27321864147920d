"""The pitched voices of the corpus by synthesis: wavetable subtractive and two-operator FM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from antiphon.generation.bends import BENDS, Bend
from antiphon.generation.sound.source import pitch_hz

Wave = NDArray[np.float64]
RATE_HZ = 44100
_TABLE = 2048


@dataclass(frozen=True, slots=True)
class Voice:
    """A patch. Times in seconds; cutoffs in multiples of the note's frequency; `detune` in cents."""

    shape: str
    attack_s: float
    decay_s: float
    sustain: float
    release_s: float
    cutoff: float = 8.0
    cutoff_envelope: float = 0.0
    cutoff_decay_s: float = 0.2
    detune: tuple[float, ...] = (0.0,)
    #: FM: modulator ratio, peak index, index decay in seconds.
    fm: tuple[float, float, float] | None = None
    level: float = 1.0
    #: Emphasis of what lies at the cutoff, as a factor.
    resonance: float = 0.0
    bend: Bend | None = None


VOICES = {
    "bass_sub": Voice("sine", 0.004, 0.6, 0.75, 0.06, cutoff=3.0, level=1.1),
    "bass_saw": Voice("saw", 0.003, 0.4, 0.6, 0.06, cutoff=3.0, cutoff_envelope=12.0, cutoff_decay_s=0.14, level=0.8),
    "bass_fm": Voice("fm", 0.002, 0.35, 0.35, 0.05, fm=(1.0, 3.5, 0.12), level=0.9),
    "chords_pad": Voice("saw", 0.16, 1.0, 0.85, 0.28, cutoff=5.0, detune=(-9.0, -3.0, 4.0, 8.0), level=0.5),
    "chords_stab": Voice("saw", 0.003, 0.16, 0.12, 0.09, cutoff=3.5, cutoff_envelope=9.0, cutoff_decay_s=0.1,
                         detune=(-5.0, 5.0), level=0.7),
    "lead_saw": Voice("saw", 0.008, 0.5, 0.75, 0.1, cutoff=14.0, detune=(-8.0, 0.0, 8.0), level=0.5,
                      bend=BENDS["lead_saw"]),
    "lead_square": Voice("square", 0.004, 0.4, 0.65, 0.06, cutoff=16.0, level=0.5, bend=BENDS["lead_square"]),
    "lead_bell": Voice("fm", 0.002, 0.7, 0.0, 0.3, fm=(3.5, 2.2, 0.3), level=0.7),
    "lead_pluck": Voice("saw", 0.002, 0.22, 0.0, 0.12, cutoff=2.5, cutoff_envelope=16.0, cutoff_decay_s=0.07,
                        level=0.9),
    "bass_reese": Voice("saw", 0.006, 0.8, 0.9, 0.08, cutoff=6.0, cutoff_envelope=3.0, cutoff_decay_s=0.5,
                        detune=(-14.0, 0.0, 13.0), level=0.6),
    "bass_808": Voice("sine", 0.002, 0.9, 0.3, 0.12, cutoff=4.0, level=1.2, bend=BENDS["bass_808"]),
    "bass_acid": Voice("saw", 0.003, 0.25, 0.5, 0.05, cutoff=2.0, cutoff_envelope=14.0, cutoff_decay_s=0.12, level=0.7,
                       resonance=3.0),
    "chords_glass": Voice("fm", 0.01, 1.4, 0.35, 0.4, fm=(4.0, 1.1, 0.9), detune=(-4.0, 4.0), level=0.6),
    "chords_super": Voice("saw", 0.02, 0.8, 0.8, 0.15, cutoff=16.0, detune=(-17.0, -9.0, 0.0, 8.0, 16.0), level=0.5),
    "lead_gong": Voice("fm", 0.002, 1.1, 0.0, 0.5, fm=(2.76, 2.6, 0.5), detune=(-7.0, 7.0), level=0.7),
    "lead_sine": Voice("sine", 0.03, 0.6, 0.9, 0.09, cutoff=4.0, level=0.8, bend=BENDS["lead_sine"]),
}  # fmt: skip

_CUTOFF_STEPS = np.geomspace(1.0, 48.0, 9)


@cache
def _table(shape: str, hz_band: int, step: int, resonance: float = 0.0) -> Wave:
    """One period of a band-limited wave through a 24 dB low-pass at `_CUTOFF_STEPS[step]` times its frequency."""
    top_hz = 440.0 * 2.0 ** ((hz_band - 69) / 12.0)
    orders = np.arange(1, max(2, int(18000.0 / top_hz)) + 1)
    amplitudes = {"saw": 1.0 / orders, "square": (orders % 2) / orders * 1.2, "sine": (orders == 1) * 1.0}[shape]
    lowpass = 1.0 / (1.0 + (orders / _CUTOFF_STEPS[step]) ** 4)
    lowpass = lowpass * (1.0 + resonance * np.exp(-((np.log2(orders / _CUTOFF_STEPS[step]) / 0.3) ** 2)))
    phase = 2 * np.pi * np.arange(_TABLE) / _TABLE
    return np.asarray(np.sin(phase[:, None] * orders) @ (amplitudes * lowpass)) * 0.6


def _envelope(voice: Voice, sustain_s: float, total: int) -> Wave:
    t = np.arange(total) / RATE_HZ
    attack = np.minimum(t / voice.attack_s, 1.0)
    decay = voice.sustain + (1.0 - voice.sustain) * np.exp(-np.maximum(t - voice.attack_s, 0.0) / voice.decay_s)
    release = np.exp(-np.maximum(t - sustain_s, 0.0) / (voice.release_s / 3.0))
    return np.asarray(attack * decay * release)


def _phase(voice: Voice, hz: float | Wave, cents: float, total: int) -> Wave:
    """Cycles passed at every sample, of a pitch that stays or, frame by frame, moves."""
    t = np.arange(total) / RATE_HZ
    ratio = 2.0 ** (cents / 1200.0)
    if voice.bend is None and isinstance(hz, float):
        return np.asarray(t * hz * ratio)
    bent = 1.0 if voice.bend is None else 2.0 ** (voice.bend.semitones(t) / 12.0)
    return np.cumsum(hz * ratio * bent) / RATE_HZ


def _wavetable(voice: Voice, top: int, hz: float | Wave, velocity: float | Wave, total: int) -> Wave:
    """`top`: the MIDI pitch, the highest of several, that the tables are band-limited for."""
    t = np.arange(total) / RATE_HZ
    opening = voice.cutoff_envelope * (0.4 + 0.6 * velocity) * np.exp(-t / voice.cutoff_decay_s)
    cutoff = np.clip(voice.cutoff * (0.6 + 0.4 * velocity) + opening, _CUTOFF_STEPS[0], _CUTOFF_STEPS[-1])
    position = np.interp(np.log(cutoff), np.log(_CUTOFF_STEPS), np.arange(_CUTOFF_STEPS.size))
    lower = np.minimum(position.astype(int), _CUTOFF_STEPS.size - 2)
    blend = position - lower
    bank = np.stack([_table(voice.shape, top, step, voice.resonance) for step in range(_CUTOFF_STEPS.size)])
    wave = np.zeros(total)
    for order, cents in enumerate(voice.detune):
        # Detuned oscillators start apart, as free-running ones do; a single one starts at its zero crossing.
        cycles = _phase(voice, hz, cents, total) + order * 0.31
        index = (cycles * _TABLE).astype(np.int64) % _TABLE
        wave += bank[lower, index] * (1.0 - blend) + bank[lower + 1, index] * blend
    return np.asarray(wave / np.sqrt(len(voice.detune)))


def _fm(voice: Voice, hz: float | Wave, velocity: float | Wave, total: int) -> Wave:
    assert voice.fm is not None
    ratio, index, index_decay_s = voice.fm
    t = np.arange(total) / RATE_HZ
    depth = index * (0.4 + 0.6 * velocity) * np.exp(-t / index_decay_s)
    # Aliasing guard: high notes carry less modulation.
    depth *= np.minimum(1.0, 1400.0 / hz)
    wave = np.zeros(total)
    for cents in voice.detune:
        cycles = 2 * np.pi * _phase(voice, hz, cents, total)
        wave += np.sin(cycles + depth * np.sin(cycles * ratio))
    return np.asarray(wave / np.sqrt(len(voice.detune)))


@lru_cache(maxsize=4096)
def note(voice_name: str, pitch: int, velocity_step: int, duration_frames: int) -> Wave:
    """One note with its release, float64 (frames,). `velocity_step` counts eighths of full velocity, 1 to 8."""
    total = duration_frames + release_frames(voice_name)
    return _sounded(VOICES[voice_name], pitch, pitch_hz(pitch), velocity_step / 8.0, duration_frames, total)


def line(voice_name: str, pitches: Wave, velocities: Wave, duration_frames: int) -> Wave:
    """A phrase with its release, struck once: `pitches` (MIDI note numbers) and `velocities` (0 to 1) frame by frame,
    `release_frames` longer than the phrase, as is what comes back: float64 (frames,)."""
    hz = 440.0 * 2.0 ** ((pitches - 69.0) / 12.0)
    return _sounded(VOICES[voice_name], int(np.ceil(pitches.max())), hz, velocities, duration_frames, pitches.size)


def release_frames(voice_name: str) -> int:
    """How long a voice sounds on after a note's end."""
    return int(VOICES[voice_name].release_s * 2.5 * RATE_HZ)


def _sounded(
    voice: Voice, top: int, hz: float | Wave, velocity: float | Wave, duration_frames: int, total: int
) -> Wave:
    wave = _fm(voice, hz, velocity, total) if voice.fm else _wavetable(voice, top, hz, velocity, total)
    wave = wave * _envelope(voice, duration_frames / RATE_HZ, total) * (voice.level * velocity**1.3)
    fade = min(200, total)
    wave[-fade:] *= np.linspace(1.0, 0.0, fade)
    return np.asarray(wave)
