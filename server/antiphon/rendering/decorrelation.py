"""Width for a mono stem: a side signal. Left is mid + side and right mid − side, so their sum is the stem as it was.

The side is the stem through a short burst of velvet noise (Alary, Politis & Välimäki, "Velvet-noise decorrelator", DAFx
2017), made flat: where a decorrelator's response has peaks, left and right cancel, and a tone that lies there is heard
out of phase (Schlecht et al., "Optimized velvet-noise decorrelator", DAFx 2018, pick the flattest of many for that). So
at every frequency the side has the same share s of the mid, and the sides' correlation is (1 − s²) / (1 + s²) or more,
whatever is played.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from antiphon.rendering.circle import Response

#: Stems whose sides are told apart like this. Bass stays in the middle; drums have their places in the kit.
DECORRELATED = {"percussion": 11, "chords": 12, "lead": 13, "texture": 14}
#: The side's share of the mid at width 1: correlation is then 0.47.
_MOST_SIDE = 0.6
_LENGTH_S, _DECAY_S, _PULSES_PER_S = 0.030, 0.010, 1200.0
#: Below, all is mono: low notes keep their weight, and vinyl and big systems their bass.
_MONO_BELOW_HZ = 180.0
_ROUNDS = 60


def widening(stem: str, width: float, inputs: int, sample_rate: int) -> Response:
    """The response (inputs, 2, frames) that gives a stem its width, 0 to 1."""
    side = np.float32(_MOST_SIDE * width / inputs) * flat_velvet(DECORRELATED[stem], sample_rate)
    response: Response = np.repeat(np.stack([side, -side])[None], inputs, axis=0)
    # What comes in on two sides (after an effect that moves a mono stem) stays where it is.
    response[:, :, 0] += np.eye(inputs, 2, dtype=np.float32) if inputs == 2 else np.float32(1.0)
    return response


@lru_cache(maxsize=8)
def flat_velvet(seed: int, sample_rate: int) -> NDArray[np.float32]:
    """A decorrelator (frames,) of magnitude 1 above `_MONO_BELOW_HZ`, nothing far below.

    Velvet noise that dies away, turned by turns to the nearest flat spectrum and the nearest sequence of its length
    (Gerchberg & Saxton's alternating projections).
    """
    frames = int(_LENGTH_S * sample_rate)
    # RandomState's stream is frozen for ever (NumPy's NEP 19).
    rng = np.random.RandomState(seed)
    cell_s = 1.0 / _PULSES_PER_S
    times_s = (np.arange(int(_LENGTH_S / cell_s)) + rng.rand(int(_LENGTH_S / cell_s))) * cell_s
    signs = np.sign(rng.rand(len(times_s)) - 0.5)
    wave = np.zeros(frames)
    np.add.at(wave, (times_s * sample_rate).astype(np.int64), signs * np.exp(-times_s / _DECAY_S))
    size = scipy.fft.next_fast_len(8 * frames, real=True)
    fade = np.minimum(1.0, np.arange(frames, 0, -1) / (0.2 * frames))
    for _ in range(_ROUNDS):
        spectrum = scipy.fft.rfft(wave, size)
        wave = scipy.fft.irfft(spectrum / np.maximum(np.abs(spectrum), 1e-9), size)[:frames] * fade
    high_pass = scipy.signal.butter(2, _MONO_BELOW_HZ, "high", fs=sample_rate, output="sos")
    return np.asarray(scipy.signal.sosfilt(high_pass, wave), dtype=np.float32)
