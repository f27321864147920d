"""Sampling on a circle: the transformer sees overlapping windows, the loop has no ends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Windows overlap by at least this share of their length.
_OVERLAP = 0.125


def window_frames(time: int, window: int, patch: int = 2) -> Tensor:
    """Which frames of a circle of `time` frames each window holds: int64 (windows, window).

    The windows are spread evenly and begin on whole patches. A circle shorter than a window is wound round it.
    """
    stride = window * (1.0 - _OVERLAP)
    count = max(1, -(-time // int(stride))) if time > window else 1
    starts = torch.tensor([patch * round(k * time / count / patch) for k in range(count)])
    return (starts[:, None] + torch.arange(window)) % time


def window_weights(frames: Tensor, time: int) -> Tensor:
    """How much each window counts for each of its frames: float32 (windows, window), summing to one per frame.

    Raised-cosine ends over the overlap, so that no window begins or stops audibly (MultiDiffusion, Bar-Tal et al.,
    2023, with soft edges).
    """
    windows, window = frames.shape
    if windows == 1:
        shape = torch.ones(window)
    else:
        ramp_frames = max(2, int(_OVERLAP * window))
        ramp = 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(ramp_frames) + 0.5) / ramp_frames)
        shape = torch.ones(window)
        shape[:ramp_frames], shape[-ramp_frames:] = ramp, ramp.flip(0)
    weights = shape.expand(windows, window)
    total = torch.zeros(time).index_add(0, frames.reshape(-1), weights.reshape(-1))
    return weights / total[frames]


def on_circle(
    predict: Callable[[Tensor, Tensor, Tensor], Tensor], latents: Tensor, roll: Tensor, timbre: Tensor, window: int
) -> Tensor:
    """Velocity of whole circles, predicted window by window and blended where windows overlap.

    predict: (latents, roll, timbre) of windows → velocity. latents: (stems, time, dims); roll: (stems, time,
    channels); timbre: int64 (stems,). Returns the shape of `latents`.
    """
    stems, time, dims = latents.shape
    frames = window_frames(time, window).to(latents.device)
    weights = window_weights(frames.cpu(), time).to(latents.device, latents.dtype)
    count = frames.shape[0]
    pieces = predict(
        latents[:, frames].reshape(stems * count, window, dims),
        roll[:, frames].reshape(stems * count, window, -1),
        timbre.repeat_interleave(count),
    )
    weighted = pieces.reshape(stems, count * window, dims) * weights.reshape(1, count * window, 1)
    return torch.zeros_like(latents).index_add(1, frames.reshape(-1), weighted)
