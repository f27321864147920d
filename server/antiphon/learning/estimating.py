"""The question `beliefs`: from ratings as lists to what is believed of raters, clips and groups. Runs in the learner.

Each context is judged by itself (`feedback.groups`): people who like something else are not people who do not listen.
A clip is a candidate or one of its stems, because somebody may like the bass of a loop and not the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.feedback import Estimate, GroupView, Ratings, estimate, explain_raters, explain_ratings, group_view
from antiphon.feedback.mixture import PRIOR_CENTRE, PRIOR_CLIP, PRIOR_NOISE
from antiphon.feedback.preferring import prefer

Json = dict[str, Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: The sums draw a little at random: the same ratings shall give the same beliefs.
SEED = 20250604
#: Loops that two tastes must share before their agreement is told.
FEWEST_SHARED = 5


@dataclass(frozen=True, slots=True)
class _Told:
    """Everything that was said, as indices into `contexts`, `clips` and `raters`; preferences are (n, 4): context,
    winner, loser, rater."""

    contexts: list[str]
    clips: list[tuple[str, str | None]]
    raters: list[str]
    context: Ints
    ratings: Ratings
    preferred: Ints


def beliefs(data: Json) -> Json:
    """The answer to `learning.evidence.question_of`; lists as long as the question's, and JSON-compatible throughout.

    Raises InvalidRequest or OutOfRange for ratings that can't be any.
    """
    told = _told(data["ratings"], data["preferences"])
    count = len(told.context)
    answer: Json = {
        "weights": [0.0] * count, "words": [""] * count, "clips": [], "raters": [], "groups": [], "listening": "",
    }  # fmt: skip
    attention = np.ones((len(told.contexts), len(told.raters)))
    for which in range(len(told.contexts)):
        attention[which] = _one_context(answer, told, which)
    view = group_view(told.ratings, told.context, len(told.contexts), np.random.default_rng(SEED), data["fair"])
    _everybody(answer, told, view, attention)
    _groups(answer, told, view)
    return answer


def _told(rated: Json, preferred: Json) -> _Told:
    preferences = list(zip(*(preferred[name] for name in ("context", "winner_id", "loser_id", "rater")), strict=True))
    stems = preferred["stem"]
    won = [(winner, stem) for (_, winner, _, _), stem in zip(preferences, stems, strict=True)]
    lost = [(loser, stem) for (_, _, loser, _), stem in zip(preferences, stems, strict=True)]
    rated_clips = list(zip(rated["candidate_id"], rated["stem"], strict=True))
    contexts, context = _indexed([*rated["context"], *preferred["context"]])
    clips, clip = _indexed([*rated_clips, *won, *lost])
    raters, rater = _indexed([*rated["rater"], *preferred["rater"]])
    count, pairs = len(rated_clips), len(won)
    ratings = Ratings(
        rater[:count], clip[:count], np.asarray(rated["value"], float), len(raters), len(clips),
        _shares(rated["listened_s"], rated["loop_s"]), np.asarray(rated["place"], float),
    )  # fmt: skip
    which = np.stack([context[count:], clip[count : count + pairs], clip[count + pairs :], rater[count:]], axis=1)
    return _Told(contexts, clips, raters, context[:count], ratings, which)


def _indexed(names: Sequence[Any]) -> tuple[list[Any], Ints]:
    """The different names in the order of their first appearance, and each one's index (n,)."""
    index = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return list(index), np.array([index[name] for name in names], dtype=np.intp)


def _shares(listened_s: Sequence[float | None], loop_s: Sequence[float]) -> Floats | None:
    """How often a clip was heard through, NaN where nobody knows; None where nobody knows of any."""
    if all(each is None for each in listened_s):
        return None
    heard_s = np.array([np.nan if each is None else each for each in listened_s])
    return np.asarray(heard_s / np.maximum(np.asarray(loop_s, float), 1e-3))


def _one_context(answer: Json, told: _Told, which: int) -> Floats:
    """Add what is believed of the ratings and preferences of one context; returns each rater's attention there (r,)."""
    said, mine = told.ratings, np.flatnonzero(told.context == which)
    preferred = told.preferred[told.preferred[:, 0] == which]
    own_raters, rater = np.unique(said.rater[mine], return_inverse=True)
    own_clips = np.unique(np.concatenate([said.clip[mine], preferred[:, 1], preferred[:, 2]]))
    clip = np.searchsorted(own_clips, said.clip[mine])
    listened = None if said.listened is None else said.listened[mine]
    position = None if said.position is None else said.position[mine]
    own = Ratings(rater, clip, said.value[mine], len(own_raters), len(own_clips), listened, position)
    found = estimate(own, np.random.default_rng(SEED))
    for place, weight, words in zip(mine, found.weight, explain_ratings(own, found), strict=True):
        answer["weights"][place], answer["words"][place] = float(weight), words
    _raters(answer, told.contexts[which], own, found, [told.raters[each] for each in own_raters])
    attention = np.full(len(told.raters), 1.0 - found.population.inattentive_share - found.population.contrary_share)
    attention[own_raters] = 1.0 - found.raters.inattention - found.raters.contrary
    attention = np.clip(attention, 0.0, 1.0)
    mean, sd = _preferred(
        found.clips.mean, found.clips.sd, np.searchsorted(own_clips, preferred[:, 1:3]), found.population.noise,
        attention[preferred[:, 3]],
    )  # fmt: skip
    _clips(answer, told, told.contexts[which], own_clips, mean, sd, mine, preferred)
    if found.listening.strength > 0.0:
        answer["listening"] += (
            f"In {told.contexts[which]}, time spent listening predicts how far a rating can be believed (gain "
            f"{found.listening.gain:.3f} ± {found.listening.gain_error:.3f} nats a rating), so it is used. "
        )
    return np.asarray(attention)


def _preferred(mean: Floats, sd: Floats, pairs: Ints, noise: float, attention: Floats) -> tuple[Floats, Floats]:
    """What preferences, pairs (n, 2) of winner and loser, add to what is believed of the clips."""
    return prefer(mean, sd, pairs[:, 0], pairs[:, 1], noise, attention)


def _clips(
    answer: Json, told: _Told, context: str, which: Ints, mean: Floats, sd: Floats, mine: Ints, preferred: Ints
) -> None:
    """Add what is believed of the clips `which` from the ratings `mine` and the preferences."""
    clip, value = told.ratings.clip[mine], told.ratings.value[mine]
    count = np.bincount(clip, minlength=len(told.clips))
    plain = np.bincount(clip, value, len(told.clips)) / np.maximum(count, 1)
    pairs = np.bincount(preferred[:, 1:3].ravel(), minlength=len(told.clips))
    for number, each in enumerate(which):
        candidate_id, stem = told.clips[each]
        answer["clips"].append({
            "context": context, "candidate_id": candidate_id, "stem": stem, "mean": _unit(mean[number]),
            "sd": float(sd[number]), "plain_mean": float(plain[each]) if count[each] else None,
            "ratings": int(count[each]), "preferences": int(pairs[each]),
        })  # fmt: skip


def _raters(answer: Json, context: str, own: Ratings, found: Estimate, names: list[str]) -> None:
    distinct = np.unique(np.stack([own.rater, own.clip]), axis=1)[0]
    repeats = found.raters.count - np.bincount(distinct, minlength=own.raters)
    inattention = found.raters.inattention + found.raters.contrary
    for number, words in enumerate(explain_raters(own, found)):
        answer["raters"].append({
            "rater": names[number], "context": context, "ratings": int(found.raters.count[number]),
            "bias": float(found.raters.bias[number]), "noise_sd": float(found.raters.noise[number]),
            "attention": _unit(1.0 - inattention[number]), "repeats": int(repeats[number]), "words": words,
        })  # fmt: skip


def _everybody(answer: Json, told: _Told, view: GroupView, attention: Floats) -> None:
    """Add what all contexts together think of each clip: each rating the same, or each context where that is fair."""
    rated = np.isfinite(view.mean)
    share = rated.astype(float) if view.fair else np.where(rated, np.maximum(view.weight, 1e-9), 0.0)
    share = share / np.where(rated.any(0), share.sum(0), 1.0)
    known = rated.any(0)
    # A clip of which there are preferences only starts where all are.
    mean = np.where(known, view.overall, float(view.overall[known].mean()) if known.any() else PRIOR_CENTRE)
    sd = np.where(known, np.sqrt((share**2 * np.where(rated, view.sd, 0.0) ** 2).sum(0)), PRIOR_CLIP)
    which = told.preferred
    mean, sd = _preferred(mean, sd, which[:, 1:3], PRIOR_NOISE, attention[which[:, 0], which[:, 3]])
    everything = np.arange(len(told.clips))
    _clips(answer, told, ALL_CONTEXTS, everything, mean, sd, np.arange(len(told.context)), which)


def _groups(answer: Json, told: _Told, view: GroupView) -> None:
    """Add each context as a group of people, and whether the others drown it."""
    said, context, contexts = told.ratings, told.context, told.contexts
    weight = view.weight.sum(1)
    share = np.full(len(contexts), 1.0 / max(len(contexts), 1)) if view.fair else weight / max(weight.sum(), 1e-9)
    for which, name in enumerate(contexts):
        drowned = [] if view.fair else [each for each in view.warnings if each.quiet == which]
        mean = view.mean[which][np.isfinite(view.mean[which])]
        answer["groups"].append({
            "context": name, "raters": len(np.unique(said.rater[context == which])),
            "ratings": int((context == which).sum()), "share": _unit(share[which]),
            "mean": _unit(mean.mean()) if len(mean) else PRIOR_CENTRE,
            "agreement": _agreement(view, which),
            "warning": "; ".join(each.sentence(tuple(contexts)) for each in drowned),
        })  # fmt: skip


def _agreement(view: GroupView, which: int) -> float | None:
    """Correlation of a group's means with those of the other groups, over the clips that both have rated."""
    others = np.delete(view.mean, which, axis=0)
    both = np.isfinite(view.mean[which]) & np.isfinite(others).any(0)
    if both.sum() < FEWEST_SHARED:
        return None
    mine, theirs = view.mean[which, both], np.nanmean(others[:, both], axis=0)
    if min(mine.std(), theirs.std()) < 1e-6:
        return None
    return float(np.corrcoef(mine, theirs)[0, 1])


def _unit(value: float) -> float:
    return float(np.clip(value, 0.0, 1.0))
