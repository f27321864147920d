"""Sampling on a circle: the transformer sees overlapping windows, the loop has no ends."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: Share of the longest window by which neighbours overlap.
_OVERLAP = 0.125


def window_frames(time: int, window: int, patch: int = 2) -> Tensor:
    """Which frames of a circle of `time` frames each window holds: int64 (windows, frames).

    As few windows as will do, spread evenly, none longer than `window` (on which the model was trained) and no longer
    than the overlap needs; they begin on whole patches. One window winds round a short circle and overlaps itself.
    """
    overlap = int(window * _OVERLAP)
    count = -(-time // (window - overlap))
    starts = torch.tensor([patch * round(k * time / count / patch) for k in range(count)])
    span = window if count == 1 else min(window, patch * -(-(-(-time // count) + overlap) // patch))
    return (starts[:, None] + torch.arange(span)) % time


def window_weights(frames: Tensor, time: int, window: int) -> Tensor:
    """How much each window counts for each of its frames: float32 (windows, frames), summing to one per frame.

    Raised-cosine ends over the overlap, so that no window begins or stops audibly (MultiDiffusion, Bar-Tal et al.,
    2023, with soft edges).
    """
    count, span = frames.shape
    ramp_frames = int(window * _OVERLAP)
    ramp = 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(ramp_frames) + 0.5) / ramp_frames)
    shape = torch.ones(span)
    shape[:ramp_frames], shape[span - ramp_frames :] = ramp, ramp.flip(0)
    weights = shape.expand(count, span)
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
    weights = window_weights(frames.cpu(), time, window).to(latents.device, latents.dtype)
    count, span = frames.shape
    pieces = predict(
        latents[:, frames].reshape(stems * count, span, dims),
        roll[:, frames].reshape(stems * count, span, -1),
        timbre.repeat_interleave(count),
    )
    weighted = pieces.reshape(stems, count * span, dims) * weights.reshape(1, count * span, 1)
    return torch.zeros_like(latents).index_add(1, frames.reshape(-1), weighted)
