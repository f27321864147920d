"""Lessons from what was liked and from what was preferred, and who judges them: the ratings that were held out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from antiphon.domain.timbres import TOLD_COLUMN
from antiphon.training.finetune.lora import Student
from antiphon.training.finetune.material import Chosen, Part, Recipe
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
from antiphon.training.finetune.pictures import Sight, load_sight

#: Noise levels at which held-out loops are asked about.
_HELD_SIGMAS = (0.35, 0.65, 0.9)


@dataclass(frozen=True, slots=True)
class Gallery:
    """The folder in which a fine-tuning keeps its pictures, and how they are looked at."""

    folder: Path
    recipe: Recipe
    window: int
    device: torch.device

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.picture.safetensors"

    def sights(self, parts: Iterable[Part]) -> dict[str, Sight]:
        """What there is of the parts' loops, by id: a loop whose version is gone can't be made again."""
        paths = {part.loop.candidate_id: self.path(part.loop.candidate_id) for part in parts}
        return {candidate_id: load_sight(path) for candidate_id, path in paths.items() if path.exists()}

    def replayed(self) -> list[Sight]:
        return [load_sight(self.path(f"replay-{song}")) for song in range(self.recipe.replay_songs)]


def place_of(sights: Mapping[str, Sight], part: Part) -> tuple[Sight, int] | None:
    """Where a part's picture is: its loop's, and the row. None where it plays nothing, or can't be made again."""
    sight = sights.get(part.loop.candidate_id)
    return (sight, sight.stems.index(part.stem)) if sight is not None and part.stem in sight.stems else None


class WeightedLesson:
    """The loss of a step, from pictures in memory."""

    def __init__(self, gallery: Gallery, chosen: Chosen) -> None:
        self._recipe, self._window, self._device = gallery.recipe, gallery.window, gallery.device
        sights = gallery.sights(part for part, _ in chosen.liked)
        liked = [(place_of(sights, part), weight) for part, weight in chosen.liked]
        self._liked = [(seen, weight) for seen, weight in liked if seen is not None]
        self._replay = gallery.replayed()
        self._pairs = []
        if self._recipe.objective == "pairs":
            sights = gallery.sights(part for pair in chosen.pairs for part in pair)
            both = [(place_of(sights, won), place_of(sights, lost)) for won, lost in chosen.pairs]
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


class HeldOut:
    """How well a student agrees with ratings it never saw: the base's flow error less the student's, which is the
    implicit reward of Diffusion-DPO, summed over the held-out stems with their advantage as sign and weight."""

    def __init__(self, gallery: Gallery, chosen: Chosen, student: Student) -> None:
        sights = gallery.sights(part for part, _ in chosen.held_out)
        seen = [(place_of(sights, part), advantage) for part, advantage in chosen.held_out]
        places = [((*place, 0), advantage) for place, advantage in seen if place is not None]
        self.asks = any(advantage != 0.0 for _, advantage in places)
        self._batches = []
        size, window, device = 8, gallery.window, gallery.device
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
