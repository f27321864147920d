"""The training loop that every stage shares: warm-up, plateau, cool-down; averaged weights; resumable at any moment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from antiphon.training.checkpoint import Companion, load_checkpoint, save_checkpoint


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps and learning rate of one stage. The plateau lets a training be prolonged without a new schedule
    (warm-up, stable, decay: Hu et al., 2024); the last `cooldown` share of the steps falls linearly to a fiftieth."""

    steps: int
    rate: float
    warmup_steps: int = 100
    cooldown: float = 0.3
    betas: tuple[float, float] = (0.9, 0.95)
    clip: float = 1.0
    average_decay: float = 0.998
    checkpoint_s: float = 120.0

    def rate_at(self, step: int) -> float:
        """Learning rate of step number `step`, counted from 0."""
        left = (self.steps - step) / max(1.0, self.cooldown * self.steps)
        return self.rate * min(1.0, (step + 1) / self.warmup_steps) * max(0.02, min(1.0, left))


class Feed(Protocol):
    """Where a stage's material comes from, if it comes while the stage learns (`streaming.SongStream`)."""

    def advance(self, step: int) -> float:
        """Have at hand what `step` sees; returns the seconds that the step waited for it."""
        ...

    def close(self) -> None:
        """The stage has ended."""
        ...


class Kept:
    """A feed of material that is all there."""

    def advance(self, step: int) -> float:
        return 0.0

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Trained:
    """Averaged weights, and what it took."""

    weights: dict[str, Tensor]
    steps: int
    seconds: float


def train_stage(
    name: str,
    folder: Path,
    model: nn.Module,
    schedule: Schedule,
    loss_of: Callable[[np.random.Generator], Tensor],
    seed: int = 0,
    companion: Companion | None = None,
    on_checkpoint: Callable[[int, dict[str, Tensor]], None] = lambda step, weights: None,
    feed: Feed | None = None,
) -> Trained:
    """Minimise `loss_of(rng)` until the schedule ends; resumes from the stage's checkpoint in `folder`.

    `companion` is saved and restored with the model; it trains itself, inside `loss_of`. `on_checkpoint` is called with
    the step and the averaged weights after each checkpoint. `feed` is told of every step before it is taken.

    Every step draws from a generator seeded by (seed, step), so that an interrupted training sees the same data as
    one that ran through. Losses go to `folder/name.jsonl`, a line every 20 steps, with the share of the time since the
    line before that was spent waiting for the feed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / f"{name}.safetensors"
    average = {key: value.detach().clone() for key, value in model.named_parameters()}
    optimiser = torch.optim.AdamW(
        model.parameters(), schedule.rate, betas=schedule.betas, weight_decay=0.01, fused=True
    )
    step, seconds = load_checkpoint(checkpoint, model, average, optimiser, companion)
    began, saved, losses = time.monotonic() - seconds, time.monotonic(), []
    feed, waited_s, told_s = Kept() if feed is None else feed, 0.0, seconds
    with (folder / f"{name}.jsonl").open("a") as log:
        while step < schedule.steps:
            waited_s += feed.advance(step)
            losses.append(_step(model, average, optimiser, schedule, step, loss_of, seed))
            step += 1
            seconds = time.monotonic() - began
            if step % 20 == 0:
                line = {"step": step, "seconds": round(seconds, 1), "loss": float(np.mean(losses[-20:]))}
                line["waiting"] = round(waited_s / max(seconds - told_s, 1e-6), 4)
                waited_s, told_s = 0.0, seconds
                print(json.dumps(line), file=log, flush=True)
                print(
                    f"{name} {step}/{schedule.steps}  loss {line['loss']:.4f}  {seconds:.0f} s"
                    f"  {line['waiting']:.0%} waiting", flush=True,
                )  # fmt: skip
            if time.monotonic() - saved > schedule.checkpoint_s or step == schedule.steps:
                save_checkpoint(checkpoint, model, average, optimiser, step, seconds, companion)
                on_checkpoint(step, average)
                saved = time.monotonic()
    feed.close()
    return Trained(average, step, seconds)


def _step(
    model: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    schedule: Schedule,
    step: int,
    loss_of: Callable[[np.random.Generator], Tensor],
    seed: int,
) -> float:
    for group in optimiser.param_groups:
        group["lr"] = schedule.rate_at(step)
    torch.manual_seed(seed * 1_000_003 + step)
    loss = loss_of(np.random.default_rng((seed, step)))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    # Early on the average follows closely, or it would remember the random start for long.
    decay = min(schedule.average_decay, (1.0 + step) / (10.0 + step))
    with torch.no_grad():
        torch._foreach_lerp_(list(average.values()), [p.detach() for p in model.parameters()], 1.0 - decay)
    return float(loss.item())
