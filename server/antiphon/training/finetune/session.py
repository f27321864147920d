"""One fine-tuning from rated loops to an adapter's file, step by step: whoever runs it may stop between any two steps,
and run it again from its folder after a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from antiphon.domain.timbres import TOLD_COLUMN
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.sound.adapter import ADAPTER_FILE, read_adapter
from antiphon.training.finetune.lora import Student
from antiphon.training.finetune.material import Chosen, Part, RatedLoop, Task, choose
from antiphon.training.finetune.memory import Course, recall, remember
from antiphon.training.finetune.objectives import (
    any_start,
    cut,
    drawn,
    flow_errors,
    noised,
    pair_loss,
    pull_loss,
    weighted_loss,
)
from antiphon.training.finetune.pictures import Sight, load_sight, rated_sight, replay_sight, save_sight

#: Shares of the progress bar.
LOOKING, LEARNING = 0.25, 0.65
#: Noise levels at which held-out loops are asked about.
_HELD_SIGMAS = (0.35, 0.65, 0.9)
_CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it is: a share from 0 to 1, and a word for people."""

    fraction: float
    stage: str


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
        yield Stage(0.0, "looking at what was rated")
        for done, total in self._look(chosen):
            yield Stage(LOOKING * done / total, "looking at what was rated")
        yield from self._learn(chosen)

    def _wanted(self, chosen: Chosen) -> dict[str, RatedLoop]:
        parts = [part for part, _ in (*chosen.liked, *chosen.held_out)]
        if self._recipe.objective == "pairs":
            parts += [part for pair in chosen.pairs for part in pair]
        return {part.loop.candidate_id: part.loop for part in parts}

    def _look(self, chosen: Chosen) -> Iterator[tuple[int, int]]:
        """Make the pictures that are not there yet, one at a time."""
        wanted, songs = self._wanted(chosen), range(self._recipe.replay_songs)
        total = len(wanted) + len(songs)
        for done, loop in enumerate(wanted.values(), 1):
            path, backend = self._picture(loop.candidate_id), self._version_of(loop.model_version)
            if not path.exists() and backend is not None:
                sight = rated_sight(loop.genome, loop.modelled, backend)
                if sight is not None:
                    save_sight(path, sight)
            yield done, total
        for done, song in enumerate(songs, len(wanted) + 1):
            path = self._picture(f"replay-{song}")
            if not path.exists():
                columns = int(self._transformer.config.colours)
                save_sight(path, replay_sight(song, self._base.pipeline.codec, columns))
            yield done, total

    def _picture(self, name: str) -> Path:
        return self._folder / f"{name}.picture.safetensors"

    def _sights(self, parts: Iterable[Part]) -> dict[str, Sight]:
        """What there is of the parts' loops, by id: a loop whose version is gone can't be made again."""
        paths = {part.loop.candidate_id: self._picture(part.loop.candidate_id) for part in parts}
        return {candidate_id: load_sight(path) for candidate_id, path in paths.items() if path.exists()}

    def _learn(self, chosen: Chosen) -> Iterator[Stage]:
        recipe = self._recipe
        lesson = _Lesson(self, chosen)
        student = Student(self._transformer, recipe.rank, recipe.alpha, recipe.seed)
        if self._task.parent:
            parent = self._folder.parent / self._task.parent / ADAPTER_FILE
            if parent.exists():
                student.restore(read_adapter(parent).tensors)
        optimiser = torch.optim.AdamW(student.parameters().values(), recipe.rate, betas=(0.9, 0.95), weight_decay=0.01)
        best = student.state()
        course = recall(self._folder / _CHECKPOINT, student, best, optimiser)
        judge = _HeldOut(self, chosen, student)
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

    def _step(self, student: Student, optimiser: torch.optim.Optimizer, lesson: _Lesson, course: Course) -> None:
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

    def _check(self, student: Student, judge: _HeldOut, best: dict[str, Tensor], course: Course) -> None:
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


def _seen(sights: Mapping[str, Sight], part: Part) -> tuple[Sight, int] | None:
    """Where a part's picture is: its loop's, and the row. None where it plays nothing, or can't be made again."""
    sight = sights.get(part.loop.candidate_id)
    return (sight, sight.stems.index(part.stem)) if sight is not None and part.stem in sight.stems else None


class _Lesson:
    """The loss of a step, from pictures in memory."""

    def __init__(self, tuning: FineTuning, chosen: Chosen) -> None:
        self._recipe, self._window, self._device = tuning._recipe, tuning._window, tuning._device
        sights = tuning._sights(part for part, _ in chosen.liked)
        liked = [(_seen(sights, part), weight) for part, weight in chosen.liked]
        self._liked = [(seen, weight) for seen, weight in liked if seen is not None]
        self._replay = [load_sight(tuning._picture(f"replay-{song}")) for song in range(self._recipe.replay_songs)]
        self._pairs = []
        if self._recipe.objective == "pairs":
            sights = tuning._sights(part for pair in chosen.pairs for part in pair)
            both = [(_seen(sights, won), _seen(sights, lost)) for won, lost in chosen.pairs]
            self._pairs = [(won, lost) for won, lost in both if won is not None and lost is not None]

    def loss(self, student: Student, step: int) -> Tensor:
        recipe = self._recipe
        rng = np.random.default_rng((recipe.seed, step))
        seed = recipe.seed * 1_000_003 + step
        replayed, _ = drawn(self._replay, rng, recipe.replay, self._window)
        pull = recipe.pull * pull_loss(student, replayed.to(self._device), seed + 1)
        if self._pairs:
            return pull + self._pair(student, rng, seed)
        chosen = [int(index) for index in rng.integers(len(self._liked), size=recipe.batch)]
        seen = cut(
            [(*self._liked[index][0], any_start(self._liked[index][0][0], rng)) for index in chosen], self._window
        )
        told = torch.from_numpy(rng.random(recipe.batch) >= recipe.forget_colours)
        # Forgotten colours are none, as a stem has of which nobody asked any; not colours that may be any.
        seen.colours[:, :TOLD_COLUMN].mul_(told[:, None])
        weights = torch.tensor([self._liked[index][1] for index in chosen])
        return pull + weighted_loss(student, seen.to(self._device), weights, seed)

    def _pair(self, student: Student, rng: np.random.Generator, seed: int) -> Tensor:
        half = max(1, self._recipe.batch // 2)
        drawn_pairs = [self._pairs[int(index)] for index in rng.integers(len(self._pairs), size=half)]
        won = [(*winner, any_start(winner[0], rng)) for winner, _ in drawn_pairs]
        lost = [(*loser, any_start(loser[0], rng)) for _, loser in drawn_pairs]
        winners, losers = (cut(places, self._window).to(self._device) for places in (won, lost))
        return pair_loss(student, winners, losers, self._recipe.beta, seed)


class _HeldOut:
    """How well a student agrees with ratings it never saw: the base's flow error less the student's, which is the
    implicit reward of Diffusion-DPO, summed over the held-out stems with their advantage as sign and weight."""

    def __init__(self, tuning: FineTuning, chosen: Chosen, student: Student) -> None:
        sights = tuning._sights(part for part, _ in chosen.held_out)
        seen = [(_seen(sights, part), advantage) for part, advantage in chosen.held_out]
        places = [((*place, 0), advantage) for place, advantage in seen if place is not None]
        self.asks = any(advantage != 0.0 for _, advantage in places)
        self._batches = []
        size, window, device = 8, tuning._window, tuning._device
        for start in range(0, len(places) if self.asks else 0, size):
            part = places[start : start + size]
            windows = cut([place for place, _ in part], window).to(device)
            advantages = torch.tensor([advantage for _, advantage in part])
            draws = []
            for number, sigma in enumerate(_HELD_SIGMAS):
                noise, _, _ = noised(windows.latents, 77 + number + start)
                level = torch.full((len(part),), sigma).to(windows.latents)
                draws.append((noise, level, torch.lerp(windows.latents, noise, sigma)))
            self._batches.append((windows, advantages, draws))
        with student.as_base() as base, torch.no_grad():
            self._before = [
                [flow_errors(base, windows, *draw).cpu() for draw in draws] for windows, _, draws in self._batches
            ]

    @torch.no_grad()
    def score(self, student: Student) -> float:
        gained, weight = 0.0, 0.0
        for (windows, advantages, draws), before in zip(self._batches, self._before, strict=True):
            for draw, base_errors in zip(draws, before, strict=True):
                less = base_errors - flow_errors(student.model, windows, *draw).cpu()
                gained += float((advantages * less / base_errors).sum())
                weight += float(advantages.abs().sum())
        return gained / weight if weight else 0.0
