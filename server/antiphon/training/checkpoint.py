"""Checkpoints that survive a kill, and weights that say what they are: safetensors only, written beside and renamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


class Companion(Protocol):
    """What is trained beside the model and must survive with it (`adversary.Adversary`)."""

    def state(self) -> dict[str, Tensor]: ...

    def restore(self, tensors: dict[str, Tensor]) -> None: ...


def save_checkpoint(
    path: Path,
    model: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    step: int,
    seconds: float,
    companion: Companion | None = None,
) -> None:
    """Write model, averaged weights, optimiser moments, companion, step and seconds trained so far, atomically."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    if companion is not None:
        tensors |= {f"companion.{name}": value for name, value in companion.state().items()}
    partial = path.with_suffix(".partial")
    metadata = {"training": json.dumps({"step": step, "seconds": seconds})}
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, partial, metadata)
    partial.replace(path)


def load_checkpoint(
    path: Path,
    model: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    companion: Companion | None = None,
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
    optimiser.load_state_dict({"state": moments_of(tensors), "param_groups": optimiser.state_dict()["param_groups"]})
    if companion is not None:
        companion.restore({n.removeprefix("companion."): t for n, t in tensors.items() if n.startswith("companion.")})
    return int(training["step"]), float(training["seconds"])


def moments_of(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """An optimiser's state, from the tensors called `optimiser.INDEX.MOMENT`."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, moment = name.split(".", 2)
            state.setdefault(int(index), {})[moment] = value
    return state


def averaged_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The averaged weights of a checkpoint, and {"step": …, "seconds": …}."""
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("average.")]  # noqa: SIM118 - not a dict
        weights = {name.removeprefix("average."): file.get_tensor(name) for name in names}
        return weights, json.loads(file.metadata()["training"])


def write_about(folder: Path, parts: Iterable[str], about: Mapping[str, Any]) -> None:
    """Write `about` (recipe, corpus, revision) as `antiphon.json` in an exported folder, and the same text under
    `antiphon` in the header of every safetensors file of the folder and of the folders `parts` in it.

    Weights are copied without their folder. Files in other folders within belong to another model and stay as they are.
    """
    text = json.dumps(about, indent=2)
    (folder / "antiphon.json").write_text(text + "\n")
    for place in (folder, *(folder / part for part in parts)):
        for path in sorted(place.glob("*.safetensors")):
            _say_in_header(path, text)


def _say_in_header(path: Path, text: str) -> None:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        metadata = file.metadata() or {}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata | {"antiphon": text})
    # Whatever umask the training ran under, a server of another user shall read them.
    partial.chmod(0o644)
    partial.replace(path)
