"""What a fine-tuning remembers between two kills: adapters, the best so far, the optimiser, and where it was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from antiphon.training.checkpoint import moments_of
from antiphon.training.finetune.lora import Student


@dataclass(slots=True)
class Course:
    """How far it is. `checks` has (step, score) of every look at the held-out ratings; `seconds` is training time."""

    step: int = 0
    seconds: float = 0.0
    best_step: int = 0
    best_score: float = 0.0
    checks: list[tuple[int, float]] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    resumed: int = 0
    ended: str = ""


def remember(
    path: Path, student: Student, best: dict[str, Tensor], optimiser: torch.optim.Optimizer, course: Course
) -> None:
    """Write it whole or not at all."""
    tensors = {f"now.{name}": value for name, value in student.state().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value).cpu() for name, value in state.items()}
    partial = path.with_suffix(".part")
    save_file({n: t.contiguous() for n, t in tensors.items()}, partial, {"course": json.dumps(asdict(course))})
    partial.replace(path)


def recall(path: Path, student: Student, best: dict[str, Tensor], optimiser: torch.optim.Optimizer) -> Course:
    """Restore what `remember` wrote; a fresh course where there is nothing, or nothing that can be read."""
    if not path.exists():
        return Course()
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            course = Course(**json.loads(file.metadata()["course"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        # A file is renamed only when it is whole, so this is a failing disk: begin again rather than give up.
        return Course()
    student.restore({n.removeprefix("now."): t for n, t in tensors.items() if n.startswith("now.")})
    best.update({n.removeprefix("best."): t for n, t in tensors.items() if n.startswith("best.")})
    optimiser.load_state_dict({"state": moments_of(tensors), "param_groups": optimiser.state_dict()["param_groups"]})
    course.resumed += 1
    course.checks = [(int(step), float(score)) for step, score in course.checks]
    return course
