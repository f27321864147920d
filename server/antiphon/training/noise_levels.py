"""Which levels of noise a sound model is trained at."""

from __future__ import annotations

import torch
from torch import Tensor

#: Above 1, high levels are seen more often. The loudest directions of a latent show through the noise up to a level of
#: about .97; only above it does the model have to take them from the score, and there sampling begins.
SHIFT = 6.0
#: Share of windows that are nothing but noise, as the first step of sampling sees them.
PURE_NOISE = 0.05


def noise_levels(size: int, generator: torch.Generator | None = None, shift: float = SHIFT) -> Tensor:
    """Levels from 0 (sound) to 1 (noise), float32 (size,): logit-normal, shifted as the sampler's (Esser et al., 2024),
    some of them exactly 1. Drawn on the processor, so that they are the same on every device."""
    drawn = torch.sigmoid(torch.randn(size, generator=generator))
    levels = shift * drawn / (1.0 + (shift - 1.0) * drawn)
    return torch.where(torch.rand(size, generator=generator) < PURE_NOISE, torch.ones(size), levels)
