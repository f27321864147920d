"""What the vocoder is told about phase: a waveform with the score's exact onsets and pitches, but no timbre.

Pitched stems get band-limited oscillators at the notes' equal-tempered frequencies; drums get a click and a burst of
noise per stroke. The idea is that of neural source-filter vocoders (Wang et al., 2019) and DDSP (Engel et al., 2020).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import StemScore
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ

Wave = NDArray[np.float32]

_TABLE_FRAMES = 4096
_LEVEL = 0.1
#: After the note's end the oscillator fades with this time constant, as the instrument's own release does.
_RELEASE_S = 0.08
_RELEASE_SPAN_S = 0.8
_BURST_S = 0.35
_BURST_DECAY_S = 0.06


def pitch_hz(pitch: float) -> float:
    """Equal-tempered frequency of a MIDI note number, A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


@cache
def _harmonic_table(harmonics: int) -> Wave:
    """One period of sines in phase, falling as k^-0.7: bright, so that every harmonic has a phase to offer."""
    phase = np.arange(_TABLE_FRAMES) / _TABLE_FRAMES * 2.0 * np.pi
    orders = np.arange(1, harmonics + 1)
    return (np.sin(phase[:, None] * orders) @ orders**-0.7).astype(np.float32)


@cache
def _drum_burst(pitch: int) -> Wave:
    """A click followed by decaying noise; the same for every stroke of a drum, so that strokes resemble each other."""
    frames = int(_BURST_S * MODEL_RATE_HZ)
    noise = np.random.default_rng(pitch).standard_normal(frames)
    burst = 0.1 * noise * np.exp(-np.arange(frames) / (_BURST_DECAY_S * MODEL_RATE_HZ))
    burst[0] = 5.0
    return burst.astype(np.float32)


def _oscillator(pitch: int, duration_frames: float, pitch_scale: float) -> Wave:
    sustain = max(1, round(duration_frames))
    total = sustain + int(_RELEASE_SPAN_S * MODEL_RATE_HZ)
    hz = pitch_hz(pitch) * pitch_scale
    table = _harmonic_table(max(1, min(40, int(16000.0 / hz))))
    phase = np.arange(total, dtype=np.float64) * (hz / MODEL_RATE_HZ * _TABLE_FRAMES)
    wave = table[phase.astype(np.int64) % _TABLE_FRAMES].copy()
    wave[sustain:] *= np.exp(-np.arange(total - sustain) / (_RELEASE_S * MODEL_RATE_HZ)).astype(np.float32)
    return wave


def add_on_circle(circle: Wave, wave: Wave, start: int) -> None:
    """Add `wave` to `circle` from frame `start` on, in place, as often round as it is long."""
    length = circle.shape[-1]
    position, offset = start % length, 0
    while offset < wave.shape[-1]:
        count = min(wave.shape[-1] - offset, length - position)
        circle[..., position : position + count] += wave[..., offset : offset + count]
        position, offset = 0, offset + count


def stem_source(stem: StemScore, beats: float, frames: int, pitch_scale: float = 1.0) -> Wave:
    """Source waveform of one stem on a circle of `frames` samples at MODEL_RATE_HZ: float32 (frames,).

    `pitch_scale` multiplies every frequency: a circle that will be resampled to another length sounds its pitches
    that much sharper, so that they come out exact.
    """
    circle = np.zeros(frames, dtype=np.float32)
    per_beat = frames / beats
    for note in stem.notes:
        start = round(note.onset_beats * per_beat)
        if stem.stem == "drums":
            wave = _drum_burst(note.pitch)
        else:
            wave = _oscillator(note.pitch, min(note.duration_beats * per_beat, frames), pitch_scale)
        add_on_circle(circle, wave * np.float32(_LEVEL), start)
    return circle
