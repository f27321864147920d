"""Sampling on a circle: the transformer sees overlapping windows, the loop has no ends."""

from __future__ import annotations

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


class Windows:
    """The windows of one circle: cut into them, and blended together again."""

    def __init__(self, time: int, window: int, device: torch.device) -> None:
        self._time = time
        frames = window_frames(time, window)
        self._weights = window_weights(frames, time, window).to(device)
        self._frames = frames.to(device)

    @property
    def count(self) -> int:
        return self._frames.shape[0]

    def cut(self, circle: Tensor) -> Tensor:
        """(stems, time, …) → (stems × windows, span, …), the windows of a stem next to each other."""
        return circle[:, self._frames].flatten(0, 1)

    def blend(self, pieces: Tensor) -> Tensor:
        """(stems × windows, span, dims) → (stems, time, dims), weighted where windows overlap."""
        count, span = self._frames.shape
        weighted = pieces.view(-1, count * span, pieces.shape[-1]) * self._weights.reshape(1, count * span, 1)
        circle = pieces.new_zeros(weighted.shape[0], self._time, pieces.shape[-1])
        return circle.index_add(1, self._frames.reshape(-1), weighted)
