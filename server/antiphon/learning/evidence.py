"""Evidence as a question to the learner, and its answer as beliefs. Control's side: no arrays, only lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from antiphon.domain.belief import Belief, ClipBelief, GroupBelief, RaterBelief, RatingBelief
from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.records import Evidence, Preferred

Json = dict[str, Any]

_COLUMNS = ("candidate_id", "stem", "rater", "context", "value", "listened_s", "loop_s")


_PREFERRED = ("winner_id", "loser_id", "stem", "rater", "context")


def question_of(evidence: Sequence[Evidence], preferences: Sequence[Preferred], fair: bool) -> Json:
    """The question `beliefs`: a list for each column of the ratings and of the preferences, oldest first, and `place`,
    which counts the rater's ratings in the context from 0. `fair`: contexts count the same."""
    columns: Json = {name: [getattr(each, name) for each in evidence] for name in _COLUMNS}
    places: dict[tuple[str, str], int] = defaultdict(int)
    columns["place"] = []
    for each in evidence:
        columns["place"].append(places[each.rater, each.context])
        places[each.rater, each.context] += 1
    preferred = {name: [getattr(each, name) for each in preferences] for name in _PREFERRED}
    return {"ratings": columns, "preferences": preferred, "fair": fair}


def belief_of(evidence: Sequence[Evidence], answer: Json) -> Belief:
    """What the learner answered. Raises KeyError, TypeError or ValueError for an answer of another form."""
    weighed = zip(evidence, answer["weights"], answer["words"], strict=True)
    clips = [ClipBelief(**each) for each in answer["clips"]]
    return Belief(
        newest=newest(evidence),
        how="reliability",
        ratings={each.sequence: RatingBelief(each.sequence, float(weight), words) for each, weight, words in weighed},
        raters=tuple(RaterBelief(**each) for each in answer["raters"]),
        clips={(each.context, each.candidate_id, each.stem): each for each in clips},
        groups=tuple(GroupBelief(**each) for each in answer["groups"]),
        listening=answer["listening"],
    )


def plain_belief(evidence: Sequence[Evidence], notice: str = "") -> Belief:
    """What the ratings say when each counts the same: for while the learner is away. `sd` is that of a mean of ratings
    that scatter as evenly as possible over the scale, since nothing is known of the raters."""
    values: dict[tuple[str, str, str | None], list[float]] = defaultdict(list)
    for each in evidence:
        for context in (each.context, ALL_CONTEXTS):
            values[context, each.candidate_id, each.stem].append(each.value)
    clips = {
        key: ClipBelief(*key, mean=_mean(found), sd=_UNIFORM_SD / len(found) ** 0.5, plain_mean=_mean(found),
                        ratings=len(found))
        for key, found in values.items()
    }  # fmt: skip
    words = "counts in full: the learner is away, so nothing is known of who rates how"
    ratings = {each.sequence: RatingBelief(each.sequence, 1.0, words) for each in evidence}
    return Belief(newest(evidence), "plain", notice, ratings, clips=clips)


#: The standard deviation of a value that may be anything from 0 to 1.
_UNIFORM_SD = 12.0**-0.5


def newest(evidence: Sequence[Evidence]) -> int:
    return max((each.sequence for each in evidence), default=0)


def candidate_belief(
    belief: Belief, context: str | None, candidate_id: str, stem: str | None = None
) -> tuple[float, float] | None:
    """(mean, sd) of a candidate for the people of a context (None: of all): its own where it was rated as a whole, else
    that of its rated stems; with `stem`, of that one alone. None where nobody there has rated it."""
    name = context or ALL_CONTEXTS
    own = belief.clips.get((name, candidate_id, stem))
    if own is not None:
        return own.mean, own.sd
    if stem is not None:
        return None
    stems = [each for key, each in belief.clips.items() if key[:2] == (name, candidate_id)]
    if not stems:
        return None
    return _mean(each.mean for each in stems), sum(each.sd**2 for each in stems) ** 0.5 / len(stems)


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)
