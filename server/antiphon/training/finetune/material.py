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
OBJECTIVES = ("colour", "weighted", "pairs")


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a fine-tuning besides the ratings. Stored with the version.

    `rank` and `alpha` are LoRA's; `rate` the learning rate; `batch` and `replay` the windows of a step; `pull` the
    weight of staying with the base; `top_share` of each group is learnt from; `held_share` of the loops is kept to
    judge by; every `check_steps` the held-out ratings are asked, and after `patience` checks without a gain it ends.
    `beta` is that of Diffusion-DPO. `forget_colours`: how often a window is not told its colours, so that what people
    like becomes the sound nobody has to ask for. `step_size`: how far to go in the liked colour, in standard deviations
    of liking.
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
    probes: int = 6
    beta: float = 40.0
    forget_colours: float = 0.5
    objective: str = "colour"
    step_size: float = 2.0
    minutes: float = 12.0
    seed: int = 1


@dataclass(frozen=True, slots=True)
class RatedLoop:
    """A loop that people rated: `value` 0 to 1 is its reliable mean, `weight` 0 to 1 how far that can be trusted.

    `stems` holds those that were rated by themselves, as (value, weight); `model_version` is what sounded it. Where the
    `whole` was not rated, value and weight are those of its rated stems.
    """

    candidate_id: str
    genome: Genome
    model_version: str
    group: str
    value: float
    weight: float
    stems: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    whole: bool = True

    def rated(self, stem: str) -> tuple[float, float]:
        """Value and weight of a stem: its own, else the loop's; weight 0 where nobody has said anything of either."""
        return self.stems.get(stem, (self.value, self.weight if self.whole else 0.0))

    @property
    def modelled(self) -> tuple[str, ...]:
        """The stems that the sound model sounded; what the sampler played is not the model's to learn, and
        what started from a song's noise is the song's."""
        return tuple(
            genes.stem for genes in self.genome.stems
            if genes.stem in self.genome.playing and genes.engine in (None, "neural") and not genes.noise.kept
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A stem of a rated loop: what is learnt from. `value` and `weight` as of `RatedLoop.rated`."""

    loop: RatedLoop
    stem: str

    @property
    def value(self) -> float:
        return self.loop.rated(self.stem)[0]

    @property
    def weight(self) -> float:
        return self.loop.rated(self.stem)[1]


def parts(loop: RatedLoop) -> list[Part]:
    """The stems of a loop that the model sounded and that ratings say anything of."""
    return [part for part in (Part(loop, stem) for stem in loop.modelled) if part.weight > 0.0]


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
            bool(loop.get("whole", True)),
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
    """Which stems of which loops are learnt from, with what weight (mean 1), and which are held out, with their
    advantage; `pairs` of winner and loser are of the same stem; `rated` are all, of the loops rated most surely."""

    liked: tuple[tuple[Part, float], ...]
    held_out: tuple[tuple[Part, float], ...]
    pairs: tuple[tuple[Part, Part], ...] = ()
    rated: tuple[Part, ...] = ()


def choose(task: Task) -> Chosen:
    """Hold some loops out, by a hash of their ids; of the rest keep the top share of the stems of each group (Singh et
    al., 2025), weighted by how good and how certain they are: a stem that was rated by itself by that, any other as its
    loop. Raises Conflict where nothing is left to learn from."""
    recipe = task.recipe
    usable = [loop for loop in task.loops if parts(loop)]
    if not usable:
        raise Conflict(
            "none of the rated loops can be learnt from: rate loops whose stems the model sounds (engine neural)"
        )
    held = [loop for loop in usable if _share(loop.candidate_id) < recipe.held_share]
    rest = [loop for loop in usable if loop not in held] or usable
    liked = [part for group in _groups(rest) for part in _top(_parts(group), recipe.top_share)]
    liked = _of_most_loops(sorted(liked, key=lambda part: -part.value * part.weight), recipe.most_loops)
    weights = [part.value * part.weight for part in liked]
    mean = sum(weights) / len(weights)
    if mean <= 0.0:
        raise Conflict("everything was rated 0, so there is nothing to come closer to: go on rating")
    weighted = tuple((part, weight / mean) for part, weight in zip(liked, weights, strict=True))
    held_out = _advantages(_parts(held[: recipe.most_loops // 2]))
    surest = sorted(usable, key=lambda loop: (-max(part.weight for part in parts(loop)), loop.candidate_id))
    rated = tuple(_parts(surest[: recipe.most_loops]))
    return Chosen(weighted, held_out, _pairs(rest, task.preferences, recipe.top_share), rated)


def _parts(loops: Iterable[RatedLoop]) -> list[Part]:
    return [part for loop in loops for part in parts(loop)]


def _of_most_loops(ordered: Sequence[Part], most: int) -> list[Part]:
    """The parts of the first `most` loops that come up: looking at a loop is what takes time."""
    ids = list(dict.fromkeys(part.loop.candidate_id for part in ordered))[:most]
    return [part for part in ordered if part.loop.candidate_id in ids]


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


def _top(group: Sequence[Part], share: float) -> list[Part]:
    ordered = sorted(group, key=lambda part: (-part.value, part.loop.candidate_id, part.stem))
    return ordered[: max(1, round(share * len(group)))]


def _advantages(held: Sequence[Part]) -> tuple[tuple[Part, float], ...]:
    """How much better than their mean the stems were found, times their weight."""
    total = sum(part.weight for part in held)
    if len(held) < 2 or total <= 0.0:
        return ()
    mean = sum(part.value * part.weight for part in held) / total
    return tuple((part, (part.value - mean) * part.weight) for part in held)


def _pairs(
    loops: Sequence[RatedLoop], preferences: Sequence[tuple[str, str]], share: float
) -> tuple[tuple[Part, Part], ...]:
    """Winner and loser, stem by stem: as people preferred; where that is little, the top of each group's takes of a
    stem against its bottom."""
    by_id = {loop.candidate_id: loop for loop in loops}
    preferred = [(by_id[w], by_id[lost]) for w, lost in preferences if w in by_id and lost in by_id]
    told = tuple(
        (Part(w, stem), Part(lost, stem)) for w, lost in preferred for stem in w.modelled if stem in lost.modelled
    )
    if len(preferred) >= FEW_PREFERENCES:
        return told
    derived = []
    for group in _groups(loops):
        takes: dict[str, list[Part]] = {}
        for part in _parts(group):
            takes.setdefault(part.stem, []).append(part)
        for alike in takes.values():
            top = _top(alike, share)
            bottom = sorted(alike, key=lambda part: (part.value, part.loop.candidate_id))[: len(top)]
            derived += [(won, lost) for won in top for lost in bottom if won.value > lost.value]
    return told + tuple(derived)
