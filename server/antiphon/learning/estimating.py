"""The question `beliefs`: from ratings as lists to what is believed of raters, clips and groups. Runs in the learner.

Each context is judged by itself (`feedback.groups`): people who like something else are not people who do not listen.
A clip is a candidate or one of its stems, because somebody may like the bass of a loop and not the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.feedback import Estimate, GroupView, Ratings, estimate, explain_raters, explain_ratings, group_view

Json = dict[str, Any]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: The sums draw a little at random: the same ratings shall give the same beliefs.
SEED = 20250604
#: Loops that two tastes must share before their agreement is told.
FEWEST_SHARED = 5


def beliefs(data: Json) -> Json:
    """The answer to `learning.evidence.question_of`; lists as long as the question's, and JSON-compatible throughout.

    Raises InvalidRequest or OutOfRange for ratings that can't be any.
    """
    columns = data["ratings"]
    contexts, context = _indexed(columns["context"])
    clips, clip = _indexed(list(zip(columns["candidate_id"], columns["stem"], strict=True)))
    raters, rater = _indexed(columns["rater"])
    listened = _shares(columns["listened_s"], columns["loop_s"])
    place = np.asarray(columns["place"], dtype=np.float64)
    said = Ratings(rater, clip, np.asarray(columns["value"], float), len(raters), len(clips), listened, place)
    answer: Json = {
        "weights": [0.0] * len(clip), "words": [""] * len(clip), "clips": [], "raters": [], "groups": [],
        "listening": "",
    }  # fmt: skip
    for which, name in enumerate(contexts):
        _one_context(answer, name, said, np.flatnonzero(context == which), clips, raters)
    view = group_view(said, context, len(contexts), np.random.default_rng(SEED), data["fair"])
    _everybody(answer, said, view, clips)
    _groups(answer, said, context, view, contexts)
    return answer


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


def _one_context(answer: Json, context: str, said: Ratings, mine: Ints, clips: list[Any], raters: list[str]) -> None:
    """Add what is believed of the ratings `mine`, those of one context."""
    own_raters, rater = np.unique(said.rater[mine], return_inverse=True)
    own_clips, clip = np.unique(said.clip[mine], return_inverse=True)
    listened = None if said.listened is None else said.listened[mine]
    position = None if said.position is None else said.position[mine]
    own = Ratings(rater, clip, said.value[mine], len(own_raters), len(own_clips), listened, position)
    found = estimate(own, np.random.default_rng(SEED))
    for place, weight, words in zip(mine, found.weight, explain_ratings(own, found), strict=True):
        answer["weights"][place], answer["words"][place] = float(weight), words
    plain = np.bincount(clip, own.value) / np.maximum(found.clips.count, 1)
    for number, which in enumerate(own_clips):
        candidate_id, stem = clips[which]
        answer["clips"].append({
            "context": context, "candidate_id": candidate_id, "stem": stem, "mean": _unit(found.clips.mean[number]),
            "sd": float(found.clips.sd[number]), "plain_mean": float(plain[number]),
            "ratings": int(found.clips.count[number]),
        })  # fmt: skip
    _raters(answer, context, own, found, [raters[which] for which in own_raters])
    if found.listening.strength > 0.0:
        answer["listening"] += (
            f"In {context}, time spent listening predicts how far a rating can be believed (gain "
            f"{found.listening.gain:.3f} ± {found.listening.gain_error:.3f} nats a rating), so it is used. "
        )


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


def _everybody(answer: Json, said: Ratings, view: GroupView, clips: list[Any]) -> None:
    """Add what all contexts together think of each clip: each rating the same, or each context where that is fair."""
    rated = np.isfinite(view.mean)
    share = rated.astype(float) if view.fair else np.where(rated, np.maximum(view.weight, 1e-9), 0.0)
    share = share / share.sum(0)
    sd = np.sqrt((share**2 * np.where(rated, view.sd, 0.0) ** 2).sum(0))
    count = np.bincount(said.clip, minlength=said.clips)
    plain = np.bincount(said.clip, said.value, said.clips) / count
    for number, (candidate_id, stem) in enumerate(clips):
        answer["clips"].append({
            "context": ALL_CONTEXTS, "candidate_id": candidate_id, "stem": stem, "mean": _unit(view.overall[number]),
            "sd": float(sd[number]), "plain_mean": float(plain[number]), "ratings": int(count[number]),
        })  # fmt: skip


def _groups(answer: Json, said: Ratings, context: Ints, view: GroupView, contexts: list[str]) -> None:
    """Add each context as a group of people, and whether the others drown it."""
    weight = view.weight.sum(1)
    share = np.full(len(contexts), 1.0 / max(len(contexts), 1)) if view.fair else weight / max(weight.sum(), 1e-9)
    for which, name in enumerate(contexts):
        drowned = [] if view.fair else [each for each in view.warnings if each.quiet == which]
        mean = view.mean[which]
        answer["groups"].append({
            "context": name, "raters": len(np.unique(said.rater[context == which])),
            "ratings": int((context == which).sum()), "mean": _unit(np.nanmean(mean)), "share": _unit(share[which]),
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
