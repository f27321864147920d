"""Teaching a student a colour: it shall make what the version before made, a step further in what is liked.

Where a flow's sounds x become x + s, its velocity is known in closed form: v'(x + (1 − σ) s, σ) = v(x, σ) − s. So the
student is shown the teacher's own states, moved, and the teacher's answer, less the step: distillation, with nothing to
weigh against anything. The step is taken where notes sound, the same in every frame, and besides where they begin;
silences, pitches and all that moves stay the teacher's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from antiphon.training.finetune.colour import Colour, spread_over
from antiphon.training.finetune.lora import Student
from antiphon.training.finetune.objectives import Windows, any_start, cut, noised, velocity
from antiphon.training.finetune.pictures import Sight

#: Windows that are kept to ask how much of the step is taken.
_ASKED = 6


class ShiftLesson:
    """The loss of a step, from the `sights` of rated loops and of replayed études; `teacher` is the version before."""

    def __init__(
        self, teacher: nn.Module, sights: Sequence[Sight], replay: Sequence[Sight], step: Tensor,
        sizes: tuple[int, int], window: int, seed: int,
    ) -> None:  # fmt: skip
        self._teacher, self._step, self._window, self._seed = teacher, step, window, seed
        self._sights, self._replay, self._sizes = list(sights), list(replay), sizes

    def loss(self, student: Student, step: int) -> Tensor:
        """Mean squared error of the student's velocity."""
        rng = np.random.default_rng((self._seed, step))
        places = []
        for sights, size in zip((self._sights, self._replay), self._sizes, strict=True):
            for index in rng.integers(len(sights), size=size) if sights else ():
                sight = sights[int(index)]
                places.append((sight, int(rng.integers(len(sight.stems))), any_start(sight, rng)))
        seen = cut(places, self._window).to(self._step.device)
        told, wanted, sigma = self.taught(seen, self._seed * 1_000_003 + step)
        return F.mse_loss(velocity(student.model, seen, told, sigma), wanted)

    def taught(self, seen: Windows, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        """The state that the student is shown, the velocity it shall answer, and the noise level."""
        _, sigma, mixed = noised(seen.latents, seed)
        step = spread_over(seen.roll, self._step)
        with torch.no_grad():
            wanted = velocity(self._teacher, seen, mixed, sigma) - step
        return mixed + (1.0 - sigma)[:, None, None] * step, wanted, sigma

    def asked(self) -> list[tuple[Windows, Tensor, Tensor, Tensor]]:
        """Fixed windows of études, with what is taught of them."""
        kept = []
        for number, sight in enumerate((self._replay or self._sights)[:_ASKED]):
            seen = cut([(sight, number % len(sight.stems), 0)], self._window).to(self._step.device)
            kept.append((seen, *self.taught(seen, 77 + number)))
        return kept


class StepTaken:
    """How much of the step a student takes, 0 to 1, times how well loops' ratings are foretold by the others': 0 where
    nothing was learnt that the ratings have in common."""

    def __init__(self, lesson: ShiftLesson, colour: Colour) -> None:
        self._asked, self._agreement = lesson.asked(), max(0.0, colour.agreement)
        self._before = self._errors(lesson._teacher)
        self.asks = True

    @torch.no_grad()
    def _errors(self, model: nn.Module) -> float:
        return sum(
            float((velocity(model, seen, told, sigma) - wanted).square().sum())
            for seen, told, wanted, sigma in self._asked
        )

    def score(self, student: Student) -> float:
        taken = 1.0 - self._errors(student.model) / max(self._before, 1e-9)
        return self._agreement * max(0.0, taken)
