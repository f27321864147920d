"""Loops for tests: noise, so that every frame is known by its value and a correlation has one sharp peak."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from antiphon.audition.loop import PreparedLoop, change_marks
from antiphon.domain.score import loop_frames
from antiphon.domain.theory import parse_meter

Audio = NDArray[np.float32]
STEMS = ("drums", "bass", "chords", "lead")


@cache
def noise(frames: int, seed: int, level: float = 0.05) -> Audio:
    """(frames, 2), band-limited to a third of the rate: what resampling keeps."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal((frames, 2)), axis=0)
    spectrum[len(spectrum) * 2 // 3 :] = 0
    return np.asarray(level * np.fft.irfft(spectrum, n=frames, axis=0), dtype=np.float32)


def hum(frames: int, rate_hz: int, hertz: float, level: float = 0.2) -> Audio:
    """(frames, 2) of a sine with a whole number of periods: a click on it stands out."""
    periods = round(hertz * frames / rate_hz)
    wave = level * np.sin(2 * np.pi * periods * np.arange(frames) / frames)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def made_loop(
    name: str, seed: int = 0, bpm: float = 120.0, bars: int = 2, rate_hz: int = 48000, meter: str = "4/4",
    change: str = "bar", stems: Sequence[Audio] | None = None, names: Sequence[str] = STEMS,
) -> PreparedLoop:  # fmt: skip
    """A loop of noise stems, or of the given ones."""
    beats_per_bar = parse_meter(meter).beats_per_bar
    frames = loop_frames(bars * beats_per_bar, bpm, rate_hz)
    audio = np.stack(stems if stems is not None else [noise(frames, 10 * seed + k) for k in range(len(names))])
    marks = change_marks(change, audio.shape[1], bars, beats_per_bar)
    return PreparedLoop(name, tuple(names), audio, rate_hz, bars, meter, bpm, "own", marks)


def write_stems(
    folder: Path, seed: int, bpm: float, bars: int, rate_hz: int, meter: str = "4/4"
) -> list[list[str]]:  # fmt: skip
    """Noise stems as 24-bit files of the exact length, as pairs of stem and path."""
    frames = loop_frames(bars * parse_meter(meter).beats_per_bar, bpm, rate_hz)
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for k, stem in enumerate(STEMS):
        path = folder / f"{stem}.wav"
        soundfile.write(path, noise(frames, 10 * seed + k), rate_hz, subtype="PCM_24")
        found.append([stem, str(path)])
    return found
