"""What a fine-tuning is made of, as data: rated loops with reliable means and weights, and which of them count how."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_from_json
from antiphon.errors import Conflict

#: Groups with fewer loops than this are filtered together.
SMALL_GROUP = 8
#: Pairs are made from ratings where people gave fewer preferences than this.
FEW_PREFERENCES = 8
OBJECTIVES = ("weighted", "pairs")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a fine-tuning besides the ratings. Stored with the version.

    `rank` and `alpha` are LoRA's; `rate` the learning rate; `batch` and `replay` the windows of a step; `pull` the
    weight of staying with the base; `top_share` of each group is learnt from; `held_share` of the loops is kept to
    judge by; every `check_steps` the held-out ratings are asked, and after `patience` checks without a gain it ends.
    `beta` is that of Diffusion-DPO. `forget_colours`: how often a window is not told its colours, so that what people
    like becomes the sound nobody has to ask for.
    """

    steps: int = 300
    rank: int = 8
    alpha: float = 16.0
    rate: float = 5e-4
    batch: int = 3
    replay: int = 1
    replay_songs: int = 12
    pull: float = 1.0
    top_share: float = 0.25
    held_share: float = 0.2
    most_loops: int = 64
    check_steps: int = 25
    patience: int = 4
    checkpoint_steps: int = 25
    drafts: int = 12
    variants: int = 8
    probes: int = 6
    beta: float = 40.0
    forget_colours: float = 0.5
    objective: str = "weighted"
    minutes: float = 15.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class RatedLoop:
    """A loop that people rated: `value` 0 to 1 is its reliable mean, `weight` 0 to 1 how far that can be trusted.

    `stems` holds those that were rated by themselves, as (value, weight); `model_version` is what sounded it.
    """

    candidate_id: str
    genome: Genome
    model_version: str
    group: str
    value: float
    weight: float
    stems: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def rated(self, stem: str) -> tuple[float, float]:
        """Value and weight of a stem: its own, else the loop's."""
        return self.stems.get(stem, (self.value, self.weight))

    @property
    def modelled(self) -> tuple[str, ...]:
        """The stems that the sound model sounded; what the sampler played is not the model's to learn, and
        what started from a song's noise is the song's."""
        return tuple(
            genes.stem for genes in self.genome.stems
            if genes.stem in self.genome.playing and genes.engine in (None, "neural") and not genes.noise.kept
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One fine-tuning: from which base and parent (a version, or empty), to which version, on what."""

    version: str
    base_model: str
    base_version: str
    parent: str
    recipe: Recipe
    loops: tuple[RatedLoop, ...]
    #: (winner, loser) by candidate id.
    preferences: tuple[tuple[str, str], ...] = ()
    ratings: int = 0


def task_from_json(data: Mapping[str, Any]) -> Task:
    """A job's payload as a task."""
    loops = tuple(
        RatedLoop(
            loop["candidate_id"], genome_from_json(loop["genome"]), loop["model_version"], loop["group"],
            float(loop["value"]), float(loop["weight"]),
            {stem: (float(value), float(weight)) for stem, (value, weight) in loop.get("stems", {}).items()},
        )
        for loop in data["loops"]
    )  # fmt: skip
    known = {each.name for each in dataclasses.fields(Recipe)}
    recipe = Recipe(**{name: value for name, value in data["recipe"].items() if name in known})
    pairs = tuple((str(winner), str(loser)) for winner, loser in data.get("preferences", ()))
    return Task(
        data["version"], data["base_model"], data["base_version"], data.get("parent", ""), recipe, loops, pairs,
        int(data.get("ratings", 0)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which loops are learnt from, with what weight (mean 1), and which are held out, with their advantage."""

    liked: tuple[tuple[RatedLoop, float], ...]
    held_out: tuple[tuple[RatedLoop, float], ...]
    pairs: tuple[tuple[RatedLoop, RatedLoop], ...] = ()


def choose(task: Task) -> Chosen:
    """Hold some loops out, by a hash of their ids; of the rest keep the top share of each group (Singh et al., 2025),
    weighted by how good and how certain they are. Raises Conflict where nothing is left to learn from."""
    recipe = task.recipe
    usable = [loop for loop in task.loops if loop.modelled and loop.weight > 0.0]
    if not usable:
        raise Conflict(
            "none of the rated loops can be learnt from: rate loops whose stems the model sounds (engine neural)"
        )
    held = [loop for loop in usable if _share(loop.candidate_id) < recipe.held_share]
    rest = [loop for loop in usable if loop not in held] or usable
    liked = [loop for group in _groups(rest) for loop in _top(group, recipe.top_share)]
    liked = sorted(liked, key=lambda loop: -loop.value * loop.weight)[: recipe.most_loops]
    weights = [loop.value * loop.weight for loop in liked]
    mean = sum(weights) / len(weights)
    if mean <= 0.0:
        raise Conflict("everything was rated 0, so there is nothing to come closer to: go on rating")
    weighted = tuple((loop, weight / mean) for loop, weight in zip(liked, weights, strict=True))
    return Chosen(
        weighted, _advantages(held[: recipe.most_loops // 2]), _pairs(rest, task.preferences, recipe.top_share)
    )


def _share(candidate_id: str) -> float:
    """A number from 0 to 1 that belongs to the id: a loop that is held out once is held out always."""
    return int.from_bytes(hashlib.blake2b(candidate_id.encode(), digest_size=4).digest(), "big") / 2**32


def _groups(loops: Iterable[RatedLoop]) -> list[list[RatedLoop]]:
    by_group: dict[str, list[RatedLoop]] = {}
    for loop in loops:
        by_group.setdefault(loop.group, []).append(loop)
    large = [group for group in by_group.values() if len(group) >= SMALL_GROUP]
    small = [loop for group in by_group.values() if len(group) < SMALL_GROUP for loop in group]
    return [*large, *([small] if small else [])]


def _top(group: Sequence[RatedLoop], share: float) -> list[RatedLoop]:
    return sorted(group, key=lambda loop: (-loop.value, loop.candidate_id))[: max(1, round(share * len(group)))]


def _advantages(loops: Sequence[RatedLoop]) -> tuple[tuple[RatedLoop, float], ...]:
    """How much better than their mean the loops were found, times their weight."""
    total = sum(loop.weight for loop in loops)
    if len(loops) < 2 or total <= 0.0:
        return ()
    mean = sum(loop.value * loop.weight for loop in loops) / total
    return tuple((loop, (loop.value - mean) * loop.weight) for loop in loops)


def _pairs(
    loops: Sequence[RatedLoop], preferences: Sequence[tuple[str, str]], share: float
) -> tuple[tuple[RatedLoop, RatedLoop], ...]:
    """Winner and loser: as people preferred; where that is little, the top of each group against its bottom."""
    by_id = {loop.candidate_id: loop for loop in loops}
    told = tuple((by_id[w], by_id[lost]) for w, lost in preferences if w in by_id and lost in by_id)
    if len(told) >= FEW_PREFERENCES:
        return told
    derived = []
    for group in _groups(loops):
        top = _top(group, share)
        bottom = sorted(group, key=lambda loop: (loop.value, loop.candidate_id))[: len(top)]
        derived += [(w, lost) for w in top for lost in bottom if w.value > lost.value]
    return told + tuple(derived)
