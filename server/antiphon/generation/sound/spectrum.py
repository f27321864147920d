"""The time-frequency picture: log-mel frames of a waveform on a circle, and the short-time transform beneath them."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from antiphon.generation.sound.rate import MODEL_RATE_HZ as MODEL_RATE_HZ

FFT_FRAMES = 2048
HOP_FRAMES = 512
#: Two mel frames make one latent frame.
LATENT_HOP_FRAMES = 2 * HOP_FRAMES
MEL_BANDS = 128
MEL_LOW_HZ, MEL_HIGH_HZ = 20.0, 20000.0
#: Magnitudes below this are silence: a full-scale sine has magnitude 512, so the floor lies at -94 dB.
MAGNITUDE_FLOOR = 1e-2


def _hz_to_mel(hz: Tensor) -> Tensor:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz, logarithmic above."""
    log_step = math.log(6.4) / 27.0
    return torch.where(hz < 1000.0, hz * 3.0 / 200.0, 15.0 + torch.log(hz.clamp_min(1000.0) / 1000.0) / log_step)


def _mel_to_hz(mel: Tensor) -> Tensor:
    log_step = math.log(6.4) / 27.0
    return torch.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * torch.exp(log_step * (mel - 15.0)))


@cache
def mel_filters() -> Tensor:
    """Triangular mel filters with unit area (Slaney), float32 of shape (MEL_BANDS, FFT_FRAMES // 2 + 1)."""
    low, high = (_hz_to_mel(torch.tensor(hz, dtype=torch.float64)) for hz in (MEL_LOW_HZ, MEL_HIGH_HZ))
    edges = _mel_to_hz(torch.linspace(float(low), float(high), MEL_BANDS + 2, dtype=torch.float64))
    bins = torch.linspace(0.0, MODEL_RATE_HZ / 2, FFT_FRAMES // 2 + 1, dtype=torch.float64)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    triangles = torch.minimum(rising, falling).clamp_min(0.0)
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).float()


@cache
def mel_pseudo_inverse() -> Tensor:
    """Least-squares inverse of `mel_filters`, float32 of shape (FFT_FRAMES // 2 + 1, MEL_BANDS)."""
    return torch.linalg.pinv(mel_filters())


@cache
def analysis_window() -> Tensor:
    """Periodic Hann window; at a hop of a quarter its squares sum to 1.5 everywhere."""
    return torch.hann_window(FFT_FRAMES)


def wrap_pad(frames: Tensor, before: int, after: int) -> Tensor:
    """Continue a circle: the last `before` frames in front, the first `after` behind, along the last axis.

    Works for paddings longer than the circle itself.
    """
    length = frames.shape[-1]
    index = torch.arange(-before, length + after, device=frames.device) % length
    return frames[..., index]


def wrap_frames(frames: Tensor, margin: int) -> Tensor:
    """(batch, time, …) with `margin` frames of the circle before and after; `margin` may exceed `time`."""
    if margin > frames.shape[1]:
        return wrap_pad(frames.transpose(1, -1), margin, margin).transpose(1, -1)
    return torch.cat((frames[:, -margin:], frames, frames[:, :margin]), 1)


def stft_circle(audio: Tensor) -> Tensor:
    """Short-time Fourier transform of a waveform on a circle.

    audio: float32 (batch, frames), frames a multiple of HOP_FRAMES. Returns complex64 (batch, frames / HOP_FRAMES,
    bins); frame t is centred on sample t × HOP_FRAMES.
    """
    padded = wrap_pad(audio, FFT_FRAMES // 2, FFT_FRAMES // 2 - HOP_FRAMES)
    window = analysis_window().to(audio.device)
    spectrum = torch.stft(padded, FFT_FRAMES, HOP_FRAMES, window=window, center=False, return_complex=True)
    return spectrum.transpose(1, 2)


def istft_circle(spectrum: Tensor) -> Tensor:
    """Inverse of `stft_circle` by windowed overlap-add on the circle (Griffin and Lim, 1984, eq. 6).

    spectrum: complex64 (batch, time, bins). Returns float32 (batch, time × HOP_FRAMES).
    """
    batch, time, _ = spectrum.shape
    pieces = torch.fft.irfft(spectrum, n=FFT_FRAMES, dim=-1) * analysis_window().to(spectrum.device) / 1.5
    overlap = FFT_FRAMES // HOP_FRAMES
    parts = pieces.reshape(batch, time, overlap, HOP_FRAMES)
    # Piece t covers hops t - overlap/2 … t + overlap/2 - 1 around its centre; hops are counted on the circle.
    summed = sum(torch.roll(parts[:, :, k], k - overlap // 2, dims=1) for k in range(overlap))
    assert isinstance(summed, Tensor)
    return summed.reshape(batch, time * HOP_FRAMES)


def log_mel(magnitude: Tensor) -> Tensor:
    """Natural log of the mel-filtered magnitude; (…, bins) → (…, MEL_BANDS), floored at MAGNITUDE_FLOOR."""
    return torch.log(F.linear(magnitude, mel_filters().to(magnitude.device)).clamp_min(MAGNITUDE_FLOOR))


def log_mel_circle(audio: Tensor) -> Tensor:
    """Log-mel picture of a waveform on a circle: (batch, frames) → (batch, frames / HOP_FRAMES, MEL_BANDS)."""
    return log_mel(stft_circle(audio).abs())
