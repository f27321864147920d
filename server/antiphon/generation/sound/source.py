"""What the vocoder is told about phase: a waveform with the score's exact onsets and pitches, but no timbre.

Tones get band-limited oscillators at the notes' equal-tempered frequencies, with the partials that the timbre has (see
`overtones`), and a short click at each onset that holds attacks together, and follow the glides, the vibrato, the fall
and the sway that the sound has by its score, timbre and colours (see `bends`); strokes get a click and a burst of
noise; what has no pitch gets noise. The idea is that of neural source-filter vocoders (Wang et al., 2019) and DDSP
(Engel et al., 2020).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.overtones import HARMONICS, OVERTONES, Overtones
from antiphon.domain.score import StemScore
from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.generation.bends import BENDS, Bend, Phrase, phrases, pitch_curve, sways, varispeed
from antiphon.generation.sound.rate import MODEL_RATE_HZ

Wave = NDArray[np.float32]

_TABLE_FRAMES = 4096
_LEVEL = 0.1
#: Partials end here.
_HIGHEST_HZ = 16000.0
#: After the note's end the oscillator fades with this time constant, as the instrument's own release does.
_RELEASE_S = 0.08
_RELEASE_SPAN_S = 0.8
_BURST_S = 0.35
_BURST_DECAY_S = 0.06
#: The click before a pitched note: a plectrum, a hammer, a breath; quieter than the tone.
_CLICK_DECAY_S = 0.006
_CLICK_LEVEL = 0.5
#: What is left of it where a finger slides to the note.
_SOFT_CLICK = 0.3


def pitch_hz(pitch: float) -> float:
    """Equal-tempered frequency of a MIDI note number, A4 = 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


@cache
def _table(period: int, orders: tuple[int, ...]) -> Wave:
    """Sines in phase over `period` periods of the pitch, falling as k^-0.7 with their multiple k of the pitch: bright,
    so that every partial has a phase to offer. float32 (_TABLE_FRAMES × period,)."""
    phase = np.arange(_TABLE_FRAMES * period) / (_TABLE_FRAMES * period) * 2.0 * np.pi
    table = np.zeros(phase.size)
    for order in orders:
        table += (order / period) ** -0.7 * np.sin(phase * order)
    return table.astype(np.float32)


@cache
def _drum_burst(pitch: int) -> Wave:
    """A click followed by decaying noise; the same for every stroke of a drum, so that strokes resemble each other."""
    frames = int(_BURST_S * MODEL_RATE_HZ)
    noise = np.random.default_rng(pitch).standard_normal(frames)
    burst = 0.1 * noise * np.exp(-np.arange(frames) / (_BURST_DECAY_S * MODEL_RATE_HZ))
    burst[0] = 5.0
    return burst.astype(np.float32)


@cache
def _click(pitch: int) -> Wave:
    """What the oscillator lacks at a note's onset: one sharp sample and a breath of noise, float32."""
    frames = int(8 * _CLICK_DECAY_S * MODEL_RATE_HZ)
    noise = np.random.default_rng(1000 + pitch).standard_normal(frames)
    click = _CLICK_LEVEL * noise * np.exp(-np.arange(frames) / (_CLICK_DECAY_S * MODEL_RATE_HZ))
    click[0] = 4.0
    return click.astype(np.float32)


def _oscillator(
    pitch: int, duration_frames: float, pitch_scale: float, bend: Bend | None, overtones: Overtones
) -> Wave:
    sustain = max(1, round(duration_frames))
    total = sustain + int(_RELEASE_SPAN_S * MODEL_RATE_HZ)
    hz = pitch_hz(pitch) * pitch_scale
    table = _table(overtones.period, overtones.within(_HIGHEST_HZ / hz))
    if bend is None:
        phase = np.arange(total, dtype=np.float64) * (hz / MODEL_RATE_HZ * _TABLE_FRAMES)
    else:
        semitones = bend.semitones(np.arange(total) / MODEL_RATE_HZ)
        phase = np.cumsum(hz * 2.0 ** (semitones / 12.0)) * (_TABLE_FRAMES / MODEL_RATE_HZ)
    wave = table[phase.astype(np.int64) % table.size].copy()
    wave[sustain:] *= np.exp(-np.arange(total - sustain) / (_RELEASE_S * MODEL_RATE_HZ)).astype(np.float32)
    click = _click(pitch)
    wave[: click.size] += click[:total]
    return wave


def _phrase(
    timbre: str, phrase: Phrase, per_beat: float, frames: int, pitch_scale: float, overtones: Overtones
) -> Wave:
    """Notes that glide into each other, as one oscillator that is struck once."""
    sustain = max(1, round(min(phrase.duration_beats * per_beat, frames)))
    total = sustain + int(_RELEASE_SPAN_S * MODEL_RATE_HZ)
    pitches = pitch_curve(timbre, phrase, per_beat, total, MODEL_RATE_HZ)
    if (bend := BENDS.get(timbre)) is not None:
        pitches = pitches + bend.semitones(np.arange(total) / MODEL_RATE_HZ)
    hz = 440.0 * 2.0 ** ((pitches - 69.0) / 12.0) * pitch_scale
    table = _table(overtones.period, overtones.within(_HIGHEST_HZ / float(hz.max())))
    phase = np.cumsum(hz) * (_TABLE_FRAMES / MODEL_RATE_HZ)
    wave = table[phase.astype(np.int64) % table.size].copy()
    wave[sustain:] *= np.exp(-np.arange(total - sustain) / (_RELEASE_S * MODEL_RATE_HZ)).astype(np.float32)
    click = _click(phrase.notes[0].pitch)[:total]
    wave[: click.size] += click * np.float32(1.0 if phrase.before is None else _SOFT_CLICK)
    return wave


def _noise(pitch: int, duration_frames: float) -> Wave:
    """Steady noise for as long as the note lasts, with a release; the same for every note of the pitch."""
    sustain = max(1, round(duration_frames))
    total = sustain + int(_RELEASE_SPAN_S * MODEL_RATE_HZ)
    wave = np.random.default_rng(2000 + pitch).standard_normal(total, dtype=np.float32)
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


def stem_source(
    stem: StemScore,
    beats: float,
    frames: int,
    pitch_scale: float = 1.0,
    colours: Mapping[str, float] = MappingProxyType({}),
    bent: bool = True,
    own_overtones: bool = True,
) -> Wave:
    """Source waveform of one stem on a circle of `frames` samples at MODEL_RATE_HZ: float32 (frames,).

    `pitch_scale` multiplies every frequency: a circle that will be resampled to another length sounds its pitches
    that much sharper, so that they come out exact. `colours`, with how far each holds, may let the pitch sway. Not
    `bent`, pitches are straight and nothing glides, as it was for models up to builtin-3; without `own_overtones` all
    partials are harmonics, as they were up to builtin-5.
    """
    circle = np.zeros(frames, dtype=np.float32)
    kind = TIMBRES[TIMBRE_INDEX[stem.timbre]].source
    bend = BENDS.get(stem.timbre) if bent else None
    overtones = OVERTONES.get(stem.timbre, HARMONICS) if own_overtones else HARMONICS
    per_beat = frames / beats
    for phrase in phrases(stem.timbre, stem.notes) if bent else map(Phrase, zip(stem.notes, strict=True)):
        note = phrase.notes[0]
        start = round(note.onset_beats * per_beat)
        if phrase.glides:
            wave = _phrase(stem.timbre, phrase, per_beat, frames, pitch_scale, overtones)
        elif kind == "stroke":
            wave = _drum_burst(note.pitch)
        elif kind == "noise":
            wave = _noise(note.pitch, min(note.duration_beats * per_beat, frames))
        else:
            wave = _oscillator(note.pitch, min(note.duration_beats * per_beat, frames), pitch_scale, bend, overtones)
        add_on_circle(circle, wave * np.float32(_LEVEL), start)
    for rate_hz, depth_cents in sways(colours) if bent and kind == "tone" else ():
        circle = varispeed(circle.astype(np.float64), rate_hz, depth_cents).astype(np.float32)
    return circle
