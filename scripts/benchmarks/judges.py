"""Independent ears: true peak, tempo and key, found by libraries of others in what was written to disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.signal import firwin, resample_poly, upfirdn

from antiphon.domain.theory import Key, Meter, parse_key

Audio = NDArray[np.float32]

#: The rate at which the judges were made to listen.
EAR_RATE_HZ = 44100
_LEAST_S, _MOST_S = 20.0, 60.0
_OVERSAMPLING = 8
_BLOCK_FRAMES = 2048
_RUN_UP_FRAMES = 32

#: Found tempo / asked tempo. A tracker can't know which of these levels a listener would tap.
OCTAVES = (0.25, 0.5, 1.0, 2.0, 4.0)
TEMPO_TOLERANCE = 0.01
#: What the trackers can answer.
_TEMPO_RANGE_BPM = (40.0, 208.0)


def read_steps(path: Path) -> tuple[NDArray[np.int32], int]:
    """A 24-bit file as whole steps of 2^-23: int32 (channels, frames), and its rate. Raises ValueError otherwise."""
    import soundfile

    info = soundfile.info(path)
    if info.subtype != "PCM_24":
        raise ValueError(f"{path.name} is {info.subtype}, not 24-bit")
    steps, rate = soundfile.read(path, dtype="int32", always_2d=True)
    return np.ascontiguousarray(steps.T) >> 8, int(rate)


def as_audio(steps: NDArray[np.int32]) -> Audio:
    return (steps / np.float32(1 << 23)).astype(np.float32)


def decibels(factor: float) -> float:
    return 20.0 * math.log10(max(factor, 1e-12))


@cache
def _interpolator() -> tuple[Audio, float]:
    """A lowpass for eight times oversampling (Kaiser, β = 8, 32 input samples wide), and the most it can gain."""
    taps = firwin(32 * _OVERSAMPLING + 1, 1.0 / _OVERSAMPLING, window=("kaiser", 8.0)) * _OVERSAMPLING
    gain = max(float(np.abs(taps[phase::_OVERSAMPLING]).sum()) for phase in range(_OVERSAMPLING))
    return taps.astype(np.float32), gain


def true_peak_db(audio: Audio) -> float:
    """True peak in dBTP of a loop (channels, frames) that goes on for ever, eight times oversampled.

    Blocks that lie too low for any interpolation between their samples to reach the peak found already are passed over:
    the result is the same.
    """
    taps, gain = _interpolator()
    peak = float(np.abs(audio).max())
    for channel in audio:
        starts = np.arange(0, len(channel), _BLOCK_FRAMES)
        size = np.maximum.reduceat(np.abs(channel), starts)
        reach = np.maximum(size, np.maximum(np.roll(size, 1), np.roll(size, -1))) * gain
        for block in np.argsort(-reach):
            if reach[block] <= peak:
                break
            start, end = starts[block], min(starts[block] + _BLOCK_FRAMES, len(channel))
            near = np.take(channel, np.arange(start - _RUN_UP_FRAMES, end + _RUN_UP_FRAMES), mode="wrap")
            dense = upfirdn(taps, near, up=_OVERSAMPLING)
            first = len(taps) // 2 + _RUN_UP_FRAMES * _OVERSAMPLING
            peak = max(peak, float(np.abs(dense[first : first + (end - start) * _OVERSAMPLING]).max()))
    return decibels(peak)


def for_ears(audio: Audio, rate: int) -> Audio:
    """Mono at the judges' rate, the loop repeated until there is enough to follow: (frames,)."""
    mono = audio.mean(axis=0)
    if rate != EAR_RATE_HZ:
        divisor = math.gcd(EAR_RATE_HZ, rate)
        mono = resample_poly(mono, EAR_RATE_HZ // divisor, rate // divisor)
    repeats = max(1, math.ceil(_LEAST_S * EAR_RATE_HZ / len(mono)))
    return np.ascontiguousarray(np.tile(mono, repeats)[: int(_MOST_S * EAR_RATE_HZ)], dtype=np.float32)


def _essentia() -> Any:
    """essentia's algorithms, without its remarks."""
    import essentia

    essentia.log.infoActive = False
    from essentia import standard

    return standard


def essentia_tempo_bpm(mono: Audio) -> float:
    """The tempo of the beats that essentia's RhythmExtractor2013 (multifeature) finds; 0 where it finds none.

    Its own figure is not used: it is a bin of a histogram, at 160 beats a minute already 1.5 % wide.
    """
    beats_s = _essentia().RhythmExtractor2013(method="multifeature")(mono)[1]
    return steady_tempo_bpm(np.asarray(beats_s))


def steady_tempo_bpm(beats_s: NDArray[np.float64]) -> float:
    """The tempo of beats found: the Theil-Sen slope of the beats, each numbered by how many usual intervals it lies
    after the one before, so that neither a beat left out nor the beats in which a tracker still searches count. 0 where
    there are fewer than two.
    """
    intervals_s = np.diff(beats_s)
    if not len(intervals_s):
        return 0.0
    steps = np.maximum(1.0, np.round(intervals_s / np.median(intervals_s)))
    numbers = np.concatenate([[0.0], np.cumsum(steps)])
    return 60.0 / float(stats.theilslopes(beats_s, numbers)[0])


def librosa_tempo_bpm(mono: Audio) -> float:
    """The tempo of the beats that librosa finds; 0 where it finds none.

    Its own figure is not used: it is one of the tempogram's bins, which lie 2 to 6 % apart.
    """
    import librosa

    slow = resample_poly(mono, 1, 2)
    _, beats_s = librosa.beat.beat_track(y=slow, sr=EAR_RATE_HZ // 2, units="time")
    return steady_tempo_bpm(np.asarray(beats_s))


def tempo_levels(meter: Meter) -> tuple[float, ...]:
    """What a tracker may answer, as multiples of the tempo asked for: octaves of the beat that the meter has.

    `bpm` counts quarter notes in every meter, as a DAW's tempo does; but the beat of a compound meter, which people tap
    and trackers find, is the dotted quarter, two thirds as fast.
    """
    return tuple(octave / (float(meter.pulse_beats) if meter.denominator == 8 else 1.0) for octave in OCTAVES)


def is_tempo(found_bpm: float, asked_bpm: float, levels: tuple[float, ...]) -> bool:
    return any(abs(found_bpm / (asked_bpm * level) - 1.0) <= TEMPO_TOLERANCE for level in levels)


def tempo_by_chance(asked_bpm: float, levels: tuple[float, ...]) -> float:
    """How often a tracker that guesses (evenly in pitch of tempo, over its range) would be counted as right."""
    low, high = _TEMPO_RANGE_BPM
    hits = sum(low <= asked_bpm * level <= high for level in levels)
    return hits * math.log((1 + TEMPO_TOLERANCE) / (1 - TEMPO_TOLERANCE)) / math.log(high / low)


@dataclass(frozen=True, slots=True)
class KeyFound:
    """What the key finder answered, and how it stands to the key asked for."""

    name: str
    same: bool
    relative: bool

    @property
    def right(self) -> bool:
        return self.same or self.relative


def find_key(mono: Audio, asked: Key) -> KeyFound:
    """The key by essentia's KeyExtractor with its default profile."""
    tonic, scale, _ = _essentia().KeyExtractor()(mono)
    found = parse_key(f"{tonic} {scale}")
    return KeyFound(found.name, found == asked, found != asked and set(found.scale) == set(asked.scale))
