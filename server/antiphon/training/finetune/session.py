"""One fine-tuning from rated loops to an adapter's file, step by step: whoever runs it may stop between any two steps,
and run it again from its folder after a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import save_file
from torch import Tensor

from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.sound.adapter import ADAPTER_FILE, Adapter, read_adapter, with_adapter
from antiphon.training.finetune.colour import Colour, RatedStem, liked_colour, never_softer
from antiphon.training.finetune.lessons import Gallery, HeldOut, WeightedLesson, place_of
from antiphon.training.finetune.lora import Student
from antiphon.training.finetune.material import Chosen, Part, RatedLoop, Task, choose
from antiphon.training.finetune.memory import Course, recall, remember
from antiphon.training.finetune.pictures import rated_sight, replay_sight, save_sight
from antiphon.training.finetune.pieces import piecewise
from antiphon.training.finetune.shifting import ShiftLesson, StepTaken

#: Shares of the progress bar.
LOOKING, LEARNING = 0.25, 0.65
_CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it is: a share from 0 to 1, and a word for people."""

    fraction: float
    stage: str


class Lesson(Protocol):
    """What is taught."""

    def loss(self, student: Student, step: int) -> Tensor:
        """The loss of a step; all chance in it comes from the step's number."""
        ...


class Judge(Protocol):
    """Who says how much was learnt of what ratings have in common."""

    #: Whether there is anything to judge by.
    asks: bool

    def score(self, student: Student) -> float:
        """0 for the version before; more is better."""
        ...


#: The backend that sounds a model version, by the version's name; None where it is gone.
Version = Callable[[str], BuiltinBackend | None]


class FineTuning:
    """A fine-tuning in `folder`. `run` does it, one small piece of work per step of the iterator."""

    def __init__(self, task: Task, base: BuiltinBackend, version_of: Version, folder: Path, revision: str) -> None:
        self._task, self._base, self._version_of = task, base, version_of
        self._folder, self._revision = folder, revision
        self._recipe = task.recipe
        self._transformer = base.pipeline.transformer
        self._device = torch.device(base.device)
        self._window = int(self._transformer.config.window)
        self._gallery = Gallery(folder, self._recipe, self._window, self._device)
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def adapter_path(self) -> Path:
        return self._folder / ADAPTER_FILE

    def run(self) -> Iterator[Stage]:
        """Look at the material, learn, write the adapter. Raises Conflict where there is nothing to learn from, and
        BackendFailed. Ends at once where the adapter is there already."""
        if self.adapter_path.exists():
            return
        chosen = choose(self._task)
        yield from self._look(chosen)
        yield from self._learn(chosen)

    def _wanted(self, chosen: Chosen) -> dict[str, RatedLoop]:
        parts = [part for part, _ in (*chosen.liked, *chosen.held_out)]
        if self._recipe.objective == "pairs":
            parts += [part for pair in chosen.pairs for part in pair]
        elif self._recipe.objective == "colour":
            parts += chosen.rated
        return {part.loop.candidate_id: part.loop for part in parts}

    def _look(self, chosen: Chosen) -> Iterator[Stage]:
        """Make the pictures that are not there yet, one at a time."""
        wanted, songs = self._wanted(chosen), range(self._recipe.replay_songs)
        total = len(wanted) + len(songs)
        stages = [Stage(LOOKING * done / total, "looking at what was rated") for done in range(total + 1)]
        yield stages[0]
        for done, loop in enumerate(wanted.values(), 1):
            path, backend = self._gallery.path(loop.candidate_id), self._version_of(loop.model_version)
            if not path.exists() and backend is not None:
                sight = rated_sight(loop.genome, loop.modelled, backend)
                if sight is not None:
                    save_sight(path, sight)
            yield stages[done]
        for done, song in enumerate(songs, len(wanted) + 1):
            path = self._gallery.path(f"replay-{song}")
            if not path.exists():
                columns = int(self._transformer.config.colours)
                pieces = replay_sight(song, self._base.pipeline.codec, columns)
                save_sight(path, (yield from piecewise(pieces, stages[done - 1])))
            yield stages[done]

    def _learn(self, chosen: Chosen) -> Iterator[Stage]:
        recipe = self._recipe
        student = Student(self._transformer, recipe.rank, recipe.alpha, recipe.seed)
        parent = self._parent()
        if parent is not None:
            student.restore(parent.tensors)
        optimiser = torch.optim.AdamW(student.parameters().values(), recipe.rate, betas=(0.9, 0.95), weight_decay=0.01)
        best = student.state()
        course = recall(self._folder / _CHECKPOINT, student, best, optimiser)
        lesson, judge = self._lesson(chosen, student, parent)
        while course.step < recipe.steps and not course.ended:
            began_s = time.monotonic()
            self._step(student, optimiser, lesson, course)
            if course.step % recipe.check_steps == 0 or course.step == recipe.steps:
                self._check(student, judge, best, course)
            course.seconds += time.monotonic() - began_s
            if course.seconds > recipe.minutes * 60.0:
                course.ended = f"the time of {recipe.minutes:g} minutes was up"
            if course.step % recipe.checkpoint_steps == 0 or course.ended:
                remember(self._folder / _CHECKPOINT, student, best, optimiser, course)
            yield Stage(LOOKING + LEARNING * course.step / recipe.steps, "learning")
        self._write(student, best if judge.asks else student.state(), course, chosen)

    def _parent(self) -> Adapter | None:
        """The version that this one goes on from; None where that is the base."""
        path = self._folder.parent / self._task.parent / ADAPTER_FILE
        return read_adapter(path) if self._task.parent and path.exists() else None

    def _lesson(self, chosen: Chosen, student: Student, parent: Adapter | None) -> tuple[Lesson, Judge]:
        """What is taught, and who says how much was learnt."""
        colour = self._colour(chosen) if self._recipe.objective == "colour" else None
        if colour is None:
            return WeightedLesson(self._gallery, chosen), HeldOut(self._gallery, chosen, student)
        teacher = self._transformer if parent is None else with_adapter(self._transformer, parent)
        codec = self._base.pipeline.codec
        step = never_softer(torch.from_numpy(self._recipe.step_size * colour.step).to(self._device), codec)
        rated, sizes = list(self._gallery.sights(chosen.rated).values()), (self._recipe.batch, self._recipe.replay)
        lesson = ShiftLesson(teacher, rated, self._gallery.replayed(), step, sizes, self._window, self._recipe.seed)
        return lesson, StepTaken(lesson, colour)

    def _colour(self, chosen: Chosen) -> Colour | None:
        """What the liked stems have more of; None where there are too few to tell."""
        sights = self._gallery.sights(chosen.rated)
        seen = [(part, place) for part in chosen.rated if (place := place_of(sights, part)) is not None]
        return liked_colour([
            RatedStem(
                sight.latents[row], sight.roll[row], part.loop.candidate_id, part.stem, part.value, part.weight
            )
            for part, (sight, row) in seen
        ])  # fmt: skip

    def _step(self, student: Student, optimiser: torch.optim.Optimizer, lesson: Lesson, course: Course) -> None:
        """One step; all chance in it comes from the seed and the step's number, so a resumed course is the same."""
        recipe = self._recipe
        warm = min(1.0, (course.step + 1) / 20)
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * warm * max(0.05, 1.0 - course.step / recipe.steps)
        loss = lesson.loss(student, course.step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(student.parameters().values(), 1.0)
        optimiser.step()
        course.step += 1
        course.losses.append(round(float(loss.item()), 5))

    def _check(self, student: Student, judge: Judge, best: dict[str, Tensor], course: Course) -> None:
        """Ask the held-out ratings; keep the best, and end after `patience` checks without a gain."""
        if not judge.asks:
            return
        score = judge.score(student)
        course.checks.append((course.step, score))
        if score > course.best_score:
            course.best_score, course.best_step = score, course.step
            best.update(student.state())
        elif course.step - course.best_step >= self._recipe.patience * self._recipe.check_steps:
            course.ended = f"the held-out ratings gained nothing more after step {course.best_step}"

    def _write(self, student: Student, state: dict[str, Tensor], course: Course, chosen: Chosen) -> None:
        """The adapter's file, with all that the version's record needs."""
        about: dict[str, Any] = {
            "version": self._task.version, "base_model": self._task.base_model,
            "base_version": self._task.base_version, "parent": self._task.parent, "scale": student.scale,
            "ratings": self._task.ratings, "liked": _ids(chosen.liked), "held_out": _ids(chosen.held_out),
            "liked_stems": [[part.loop.candidate_id, part.stem, round(weight, 4)] for part, weight in chosen.liked],
            "recipe": asdict(self._recipe), "course": asdict(course), "revision": self._revision,
            "torch": torch.__version__,
        }  # fmt: skip
        partial = self.adapter_path.with_suffix(".part")
        save_file({n: t.contiguous() for n, t in state.items()}, partial, {"antiphon": json.dumps(about)})
        partial.replace(self.adapter_path)


def _ids(weighted: Sequence[tuple[Part, float]]) -> list[str]:
    return list(dict.fromkeys(part.loop.candidate_id for part, _ in weighted))
