"""The sampler's ODE, backwards: from the latents of a sound to the noise that the model would make it of.

As DDIM inversion (Song et al., "Denoising diffusion implicit models", 2021; Mokady et al., "Null-text inversion", 2023)
for a flow: the same velocity field, followed from clean to noise, under the score that the loop is made with. Each step
is the exact inverse of one of the sampler's, found by fixed-point iteration (as Pan et al., "Effective real image
editing with accelerated iterative diffusion inversion", 2023, do): a plain step backwards would take the velocity at
its wrong end.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

#: velocity(latents (stems, time, dims), sigma) → the same shape.
Velocity = Callable[[Tensor, float], Tensor]

STEPS = 12
ITERATIONS = 1


@torch.inference_mode()
def invert(
    velocity: Velocity, latents: Tensor, steps: int = STEPS, iterations: int = ITERATIONS,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Tensor:  # fmt: skip
    """The noise from which `steps` of Euler's method lead to `latents`, float32 (stems, time, dims).

    It is about, not exactly, unit normal: what the model finds unlikely makes it larger. More `iterations` make a
    step's inverse more exact; with none it is the plain step backwards.
    """
    state = latents
    for index in range(steps):
        low, high = index / steps, (index + 1) / steps
        start = state
        # The model is not asked at 0, where it was never trained: there is nothing to do.
        state = start + (high - low) * velocity(start, max(low, 0.5 / steps))
        for _ in range(iterations):
            state = start + (high - low) * velocity(state, high)
        on_step(index + 1, steps)
    return state
