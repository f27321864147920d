"""As many notes as were asked for: doubt in a picture is settled by rank, not by a threshold.

Where much could follow, the model's guess of the clean picture spreads over many lanes, and its sum tells well how many
strokes there will be. A solver that follows this mean comes to little noise with none of the lanes likely by itself,
and all would fall silent: measured, leads lost two notes of three there. So from the noise level on at which lanes are
decided one by one, their odds are all moved by one factor, so that the strokes that are expected are those asked for.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Noise level from which on strokes are counted.
COUNTED_LEVEL = 0.6
#: A stroke of typical strength lies so far above silence.
_REACH = 1.75
#: Fainter odds than this are silence, however many lanes there are.
_SILENCE = 0.04
_LIMITS = (1e-3, 1.0 - 1e-3)
_WIDEST, _HALVINGS = 6.0, 16


def one_voice(lanes: Tensor) -> Tensor:
    """Only the likeliest lane of each step; the others are silent."""
    return torch.where(lanes < lanes.amax(-1, keepdim=True), torch.full_like(lanes, -1.0), lanes)


def to_count(lanes: Tensor, asked: Tensor, free: Tensor) -> Tensor:
    """Lanes of the clean picture as it is guessed, float (loops, steps, lanes), with odds moved so that about `asked`
    strokes, float (loops,), are expected where `free`, bool like `lanes`, is True; elsewhere they stay as they are."""
    likely = ((lanes + 1.0) / _REACH).clamp(*_LIMITS)
    odds = torch.logit(likely)
    low = torch.full((len(lanes), 1, 1), -_WIDEST, device=lanes.device)
    high, wanted = -low, asked[:, None, None]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        moved = torch.sigmoid(odds + middle)
        expected = (moved * (free & (moved > _SILENCE))).sum((1, 2), keepdim=True)
        low, high = torch.where(expected < wanted, middle, low), torch.where(expected < wanted, high, middle)
    moved = torch.sigmoid(odds + (low + high) / 2.0)
    return torch.where(free, lanes + (moved - likely) * _REACH, lanes)
