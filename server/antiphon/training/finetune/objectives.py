"""What a student is asked to lower: weighted flow matching, the pull towards the base, preference pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.training.finetune.lora import Student
from antiphon.training.finetune.pictures import Sight
from antiphon.training.noise_levels import noise_levels


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of stems: latents, source float32 (size, window, dims), roll (size, window, 256), timbre int64 (size,),
    colours (size, columns)."""

    latents: Tensor
    roll: Tensor
    source: Tensor
    timbre: Tensor
    colours: Tensor

    def to(self, device: torch.device) -> Windows:
        return Windows(*(getattr(self, name).to(device) for name in self.__slots__))


def cut(sights: list[tuple[Sight, int, int]], window: int) -> Windows:
    """Windows from (sight, stem's index, first frame) each; they wrap round their circles."""
    rows = []
    for sight, stem, start in sights:
        frames = (start + torch.arange(window)) % sight.latents.shape[1]
        at = (sight.latents[stem, frames], sight.roll[stem, frames], sight.source[stem, frames])
        rows.append((*at, sight.timbre[stem], sight.colours[stem]))
    return Windows(*(torch.stack(list(column)) for column in zip(*rows, strict=True)))


def drawn(sights: list[Sight], rng: np.random.Generator, size: int, window: int) -> tuple[Windows, list[int]]:
    """`size` windows at random, and which sight each is from."""
    chosen = [int(index) for index in rng.integers(len(sights), size=size)]
    places = [(sights[index], int(rng.integers(len(sights[index].stems)))) for index in chosen]
    return cut([(sight, stem, any_start(sight, rng)) for sight, stem in places], window), chosen


def any_start(sight: Sight, rng: np.random.Generator) -> int:
    """A whole token of a loop's circle, at random."""
    return 2 * int(rng.integers(sight.roll.shape[1] // 2))


def noised(latents: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Noise, noise level (see `noise_levels`) and what lies between, all drawn on the processor, so that
    they are the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(latents.shape, generator=generator).to(latents)
    sigma = noise_levels(latents.shape[0], generator).to(latents)
    return noise, sigma, torch.lerp(latents, noise, sigma[:, None, None])


def velocity(model: nn.Module, seen: Windows, mixed: Tensor, sigma: Tensor) -> Tensor:
    """What a model makes of windows at noise level `sigma`; bfloat16 inside on a GPU."""
    with torch.autocast(mixed.device.type, torch.bfloat16, enabled=mixed.device.type == "cuda"):
        return cast("Tensor", model(mixed, sigma, seen.roll, seen.source, seen.timbre, seen.colours)).float()


def flow_errors(model: nn.Module, seen: Windows, noise: Tensor, sigma: Tensor, mixed: Tensor) -> Tensor:
    """Mean squared error of each window's velocity (Lipman et al., 2023): float32 (size,)."""
    return F.mse_loss(velocity(model, seen, mixed, sigma), noise - seen.latents, reduction="none").mean((1, 2))


def weighted_loss(student: Student, seen: Windows, weights: Tensor, seed: int) -> Tensor:
    """Flow matching, each window weighted by how well its loop was rated (reward-weighted likelihood, as BATON: Liao
    et al., 2024)."""
    noise, sigma, mixed = noised(seen.latents, seed)
    return (weights.to(seen.latents) * flow_errors(student.model, seen, noise, sigma, mixed)).mean()


def pull_loss(student: Student, seen: Windows, seed: int) -> Tensor:
    """How far the student has moved from the base on material that the base was trained on: mean squared difference
    of their velocities (BATON's pull towards the pretrained model)."""
    _, sigma, mixed = noised(seen.latents, seed)
    with student.as_base() as base, torch.no_grad():
        before = velocity(base, seen, mixed, sigma)
    return F.mse_loss(velocity(student.model, seen, mixed, sigma), before)


def pair_loss(student: Student, winners: Windows, losers: Windows, beta: float, seed: int) -> Tensor:
    """Diffusion-DPO (Wallace et al., 2023) for a flow: the student's error shall fall more, against the base, on what
    won than on what lost. Both see the same noise and noise level."""
    won, lost = noised(winners.latents, seed), noised(losers.latents, seed)
    with student.as_base() as base, torch.no_grad():
        won_before, lost_before = flow_errors(base, winners, *won), flow_errors(base, losers, *lost)
    margin = (flow_errors(student.model, winners, *won) - won_before) - (
        flow_errors(student.model, losers, *lost) - lost_before
    )
    return -F.logsigmoid(-beta * margin).mean()
