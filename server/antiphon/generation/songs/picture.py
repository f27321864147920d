"""A song's bars as the sound model sees them: log-mel frames on the loop's circle, each read where the song is on the
same beat. So the song is fitted to the loop's tempo, and follows its own drummer, without a change of pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from antiphon.generation.sound.spectrum import FFT_FRAMES, HOP_FRAMES, MODEL_RATE_HZ, analysis_window, log_mel

if TYPE_CHECKING:
    from antiphon.generation.songs.excerpt import Excerpt


def picture(excerpt: Excerpt, stem: str, time: int, beats: float) -> Tensor:
    """Log-mel picture of what a stem would play of an excerpt: float32 (1, 2 × time, MEL_BANDS).

    `time` is the circle's number of latent frames, `beats` its length. Where a frame falls between two of the song's,
    these are mixed; where the song is slower than the loop, some of its frames are left out.
    """
    frames = _frames(torch.from_numpy(np.ascontiguousarray(excerpt.parts[stem], dtype=np.float32)))
    at_s = excerpt.at(np.arange(2 * time, dtype=np.float64) * (beats / (2 * time)))
    position = torch.from_numpy(at_s * (MODEL_RATE_HZ / HOP_FRAMES)).clamp(0.0, frames.shape[0] - 1.0)
    lower = position.floor().long()
    upper = (lower + 1).clamp_max(frames.shape[0] - 1)
    share = (position - lower).float()[:, None]
    return ((1.0 - share) * frames[lower] + share * frames[upper])[None]


def _frames(audio: Tensor) -> Tensor:
    """Log-mel frames of audio that has ends, (frames, MEL_BANDS); frame t is centred on sample t × HOP_FRAMES."""
    spectrum = torch.stft(
        audio, FFT_FRAMES, HOP_FRAMES, window=analysis_window(), center=True, pad_mode="constant", return_complex=True
    )
    return log_mel(spectrum.abs().T)
