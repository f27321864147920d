"""From one length of a loop to another, exactly: a loop is periodic, and a periodic signal is its Fourier series."""

from __future__ import annotations

import torch
from torch import Tensor


def to_exact_length(circle: Tensor, frames: int) -> Tensor:
    """Stretch a periodic waveform (…, n) to exactly `frames` frames by Fourier resampling: exact on a circle.

    torch's transform, because it is quick at any length: loops have lengths with large prime factors.
    """
    length = circle.shape[-1]
    if length == frames:
        return circle
    spectrum = torch.fft.rfft(circle)
    # Up to below the lower of the two Nyquist frequencies.
    bins = (min(length, frames) + 1) // 2
    resized = spectrum.new_zeros(*spectrum.shape[:-1], frames // 2 + 1)
    resized[..., :bins] = spectrum[..., :bins]
    made: Tensor = torch.fft.irfft(resized, n=frames) * (frames / length)
    return made
