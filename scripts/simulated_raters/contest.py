"""One arm of the loop's benchmark with real sound: loops are proposed, sounded, rated, and the model learns or not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from antiphon.breeding import TRIAL_SHARE
from antiphon.domain.genome import Genome
from antiphon.domain.measures import LoopMeasures
from antiphon.domain.model_version import Heard as HeardLoop
from antiphon.generation.builtin import BuiltinBackend
from antiphon.learning.beliefs import trusted
from antiphon.training.finetune.material import Recipe
from antiphon.training.promotion import Look, judge
from simulated_raters.arms import Arm, Heard, draw, kept_by_paper, population
from simulated_raters.audience import TOP, Sessions, World
from simulated_raters.hearing import Memory, digest
from simulated_raters.listener import Listener, Vector
from simulated_raters.tunings import RatedSound, Tuned, fine_tune, lend_etudes, one_epoch, payload

#: The paper's fine-tuning: learning rate, and windows of a step (not published; ours has as many).
PAPER_RATE, PAPER_BATCH = 1e-4, 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contest is held: the base, what has been heard already, the folder of versions and that of études."""

    base: BuiltinBackend
    memory: Memory
    versions: Path
    etudes: Path
    world: World = field(default_factory=World)
    recipe: Recipe = field(default_factory=Recipe)
    per_generation: int = 24
    baseline_share: float = 0.25

    @property
    def unchanged(self) -> int:
        """So many of each generation are unselected loops, by the base."""
        return round(self.baseline_share * self.per_generation)


@dataclass(frozen=True, slots=True)
class Shown:
    """A loop as it is shown: which version sounds it, and the name that it has in common with its twin."""

    genome: Genome
    by: BuiltinBackend
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """Everything that was shown, in order, and what was said of it."""

    shown: tuple[Shown, ...] = ()
    heard: Heard = Heard((), (), ())  # noqa: RUF009

    def and_rated(
        self, shown: Sequence[Shown], rated: Sequence[Any], generation: int, measures: Sequence[LoopMeasures]
    ) -> Past:
        start = len(self.shown)
        moved = tuple(replace(each, place=start + each.place) for each in rated)
        heard = Heard(
            (*self.heard.loops, *(each.genome for each in shown)),
            (*self.heard.generation, *[generation] * len(shown)), (*self.heard.ratings, *moved),
            (*self.heard.measures, *measures),
        )  # fmt: skip
        return Past((*self.shown, *shown), heard)

    def believed(self) -> list[tuple[float, float]]:
        """What the server believes of each loop: value and trust, both 0 to 1."""
        return [trusted(parent.mean_rating, parent.rating_sd or 0.0) for parent in population(self.heard)]


class Model(Protocol):
    """What becomes of the sound model. `version`: what was learnt, used or not; `tunings` and `looks` at a trial are
    told as they come."""

    in_use: BuiltinBackend
    on_trial: BuiltinBackend | None
    version: BuiltinBackend | None
    tunings: list[dict[str, Any]]
    looks: list[dict[str, Any]]

    def learn(self, past: Past) -> None:
        """A generation has been rated."""
        ...


class Unchanged:
    """The base, whatever is said of it."""

    def __init__(self, place: Place, seed: int) -> None:
        self.in_use = place.base
        self.on_trial: BuiltinBackend | None = None
        self.version: BuiltinBackend | None = None
        self.tunings: list[dict[str, Any]] = []
        self.looks: list[dict[str, Any]] = []
        self._place, self._seed = place, seed

    def learn(self, past: Past) -> None:
        """Nothing is learnt."""

    def _note(self, ratings: int, seconds: float, state: str, reasons: Sequence[str]) -> None:
        found = {"ratings": ratings, "seconds": seconds, "state": state, "reasons": list(reasons)}
        self.tunings.append(found)


class PapersModel(Unchanged):
    """The paper's: after every generation one epoch over what it keeps, used at once."""

    def learn(self, past: Past) -> None:
        kept = [
            RatedSound(past.heard.loops[each.place], each.value / TOP, 1.0, past.shown[each.place].by.version)
            for each in kept_by_paper(past.heard)
        ]
        known = {each.by.version: each.by for each in past.shown}
        began_s, ratings = time.monotonic(), len(past.heard.ratings)
        name = f"{self._place.base.version}~paper-{self._seed}-{ratings}-{digest([r.value for r in kept])}"
        self.version = self.in_use = one_epoch(
            self.in_use, kept, known.__getitem__, PAPER_RATE, PAPER_BATCH, self._seed, name
        )
        self._note(ratings, time.monotonic() - began_s, "used", ())


class _FineTuned(Unchanged):
    """Ours: once, after two generations, by the default recipe."""

    def _tuned(self, past: Past) -> Tuned:
        place = self._place
        loops = [
            RatedSound(shown.genome, value, trust, shown.by.version)
            for shown, (value, trust) in zip(past.shown, past.believed(), strict=True)
        ]
        recipe = {name: getattr(place.recipe, name) for name in place.recipe.__slots__}
        job = payload(loops, place.base.version, "", recipe)
        job["version"] = version = f"{place.base.version}+{self._seed}-{digest(job)}"
        if not (place.versions / version / "report.json").exists():
            lend_etudes(place.base, place.recipe.replay_songs, place.etudes, place.versions / version)
        tuned = fine_tune(job, place.base, place.versions)
        self.version = tuned.version
        self._note(len(past.heard.ratings), tuned.seconds, tuned.state, tuned.reasons)
        return tuned

    def _due(self, past: Past) -> bool:
        return self.version is None and len(past.heard.ratings) >= 2 * self._place.per_generation


class UsedAtOnce(_FineTuned):
    """The version is used where it passes the gate's measures, without a trial."""

    def learn(self, past: Past) -> None:
        if self._due(past):
            tuned = self._tuned(past)
            if tuned.state == "trial":
                self.in_use = tuned.version


class OnTrial(_FineTuned):
    """As the server does: a version that passes the measures is heard in twins, and used where `judge` promotes it."""

    def __init__(self, place: Place, seed: int) -> None:
        super().__init__(place, seed)
        self._before: tuple[Look, ...] = ()

    def learn(self, past: Past) -> None:
        if self.on_trial is not None:
            self._judge(past, self.on_trial)
        elif self._due(past):
            tuned = self._tuned(past)
            self.on_trial = tuned.version if tuned.state == "trial" else None

    def _judge(self, past: Past, version: BuiltinBackend) -> None:
        # Like is compared with like: the unselected quarter has no part in it.
        heard = [
            (shown.by, HeardLoop.counted(value, trust, 1, shown.pair))
            for shown, (value, trust) in zip(past.shown, past.believed(), strict=True) if shown.pair
        ]  # fmt: skip
        of_trial, of_other = ([loop for by, loop in heard if (by is version) == trial] for trial in (True, False))
        verdict = judge(of_trial, of_other, self._before)
        self._before = verdict.looks
        self.looks.append({"ratings": len(past.heard.ratings), "state": verdict.state, "text": verdict.text})
        if verdict.state == "promoted":
            self.in_use = version
        if verdict.state != "trial":
            self.on_trial = None


@dataclass(frozen=True, slots=True)
class Contestant:
    """An arm: how it proposes loops, and what becomes of the model. After `asked_after` generations loops are heard by
    version and by base, to see what the version alone adds; 0: after none. `hears`: the arm is told what the server
    measures of how loops sound."""

    search: Arm
    model: Callable[[Place, int], Model] = Unchanged
    asked_after: int = 0
    hears: bool = False


def arranged(children: Sequence[Genome], model: Model, count: int, generation: int) -> list[Shown]:
    """`count` places of a generation: during a trial half of what is new is sounded by the version on trial, each with
    its twin by the one in use (jobs/drafts.py), so there are half as many ideas."""
    if model.on_trial is None:
        return [Shown(child, model.in_use) for child in children[:count]]
    ideas = round(TRIAL_SHARE * count)
    return [
        Shown(child, by, f"{generation}/{number}")
        for number, child in enumerate(children[:ideas]) for by in (model.in_use, model.on_trial)
    ][:count]  # fmt: skip


def hold(contestant: Contestant, generations: int, listener: Listener, place: Place, seed: int) -> dict[str, Any]:
    """One arm with one listener: true gain by number of ratings, of the loops that the arm proposes next; what its
    version adds to the same loops; fine-tunings, and looks at a trial."""
    model, past = contestant.model(place, seed), Past()
    sessions = Sessions(place.world, listener.taste, np.random.default_rng([seed, 2]))
    first, rng = np.random.default_rng([seed, 3]), np.random.default_rng([seed, 4])
    shown = [Shown(_drawn(first), place.base) for _ in range(place.per_generation)]
    found: dict[str, Any] = {"gains": {}, "leads": {}, "tunings": model.tunings, "looks": model.looks}
    for generation in range(generations):
        described = listener.taste.descriptors([each.genome for each in shown])
        rated = sessions.rate_as(_liking(listener, place, shown), described)
        measures = [
            sound for each in shown if contestant.hears for sound in place.memory.measures(each.by, [each.genome])
        ]
        past = past.and_rated(shown, rated, generation, measures)
        model.learn(past)
        children = contestant.search(past.heard, place.per_generation, np.random.default_rng([seed, 5, generation]))
        # Judged by all that is proposed: the most promising come first in some arms, and only so many are shown.
        at = str(len(past.heard.ratings))
        liked = _liking(listener, place, [Shown(child, model.in_use) for child in children])
        found["gains"][at] = float(liked.mean()) - place.world.base_mean
        if generation + 1 == contestant.asked_after and model.version is not None:
            found["leads"][at] = _leads(listener, place, children, model.version)
        shown = [Shown(_drawn(rng), place.base) for _ in range(place.unchanged)]
        shown += arranged(children, model, place.per_generation - place.unchanged, generation + 1)
    return found


def _leads(listener: Listener, place: Place, loops: Sequence[Genome], version: BuiltinBackend) -> list[float]:
    """By how many points each loop is liked better as the version sounds it than as the base does."""
    by_both = [_liking(listener, place, [Shown(loop, by) for loop in loops]) for by in (version, place.base)]
    return [float(each) for each in by_both[0] - by_both[1]]


def _liking(listener: Listener, place: Place, shown: Sequence[Shown]) -> Vector:
    sounds = [sound for each in shown for sound in place.memory.hear(each.by, [each.genome])]
    return listener.liking([each.genome for each in shown], sounds)


def _drawn(rng: np.random.Generator) -> Genome:
    return draw(int(rng.integers(2**31)))
