"""Checkpoints that survive a kill: safetensors only, written beside and renamed."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_checkpoint(
    path: Path,
    model: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
) -> None:
    """Write model, averaged weights, optimiser moments, step and seconds trained so far, atomically."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    partial = path.with_suffix(".partial")
    metadata = {"training": json.dumps({"step": step, "seconds": seconds})}
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial, metadata)
    partial.replace(path)


def load_checkpoint(
    path: Path, model: nn.Module, average: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> tuple[int, float]:
    """Restore what `save_checkpoint` wrote; returns (step, seconds). (0, 0.0) where there is no checkpoint."""
    if not path.exists():
        return 0, 0.0
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        training = json.loads(file.metadata()["training"])
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    for name, value in average.items():
        value.copy_(tensors[f"average.{name}"])
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, moment = name.split(".", 2)
            state.setdefault(int(index), {})[moment] = value
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(training["step"]), float(training["seconds"])
