"""What is believed of ratings, raters and clips, and in which words that can be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RatingBelief:
    """How much one rating counts, 0 to 1, and why, in words."""

    sequence: int
    weight: float
    words: str


@dataclass(frozen=True, slots=True)
class RaterBelief:
    """What a rater is like in a context: `bias` is how much higher than others they rate, `noise_sd` how unsteadily
    (both on 0 to 1), `attention` the probability, 0 to 1, that they listen at all. `repeats`: how often they
    rated a clip again."""

    rater: str
    context: str
    ratings: int
    bias: float
    noise_sd: float
    attention: float
    repeats: int
    words: str


@dataclass(frozen=True, slots=True)
class ClipBelief:
    """How good a candidate, or one of its stems, is to the people of a context: `mean` give or take `sd`, on 0 to 1.

    `plain_mean` is what the ratings say when each counts the same, None where there are preferences only; `ratings` and
    `preferences` how many there are.
    """

    context: str
    candidate_id: str
    stem: str | None
    mean: float
    sd: float
    plain_mean: float | None
    ratings: int
    preferences: int = 0


@dataclass(frozen=True, slots=True)
class GroupBelief:
    """A context as a group of people: how many, how much of what counts is theirs, and whether theirs is drowned.

    `agreement` is the correlation of their taste with that of the other contexts, None where too little is shared.
    """

    context: str
    raters: int
    ratings: int
    mean: float
    share: float
    agreement: float | None
    warning: str


@dataclass(frozen=True, slots=True)
class Belief:
    """All that is believed, of the ratings up to `newest`. `how`: `reliability`, or `plain` where the learner is away;
    `notice` says then why. Clips are by context (`all`: everybody's), candidate and stem (None: the whole)."""

    newest: int = 0
    how: str = "plain"
    notice: str = ""
    ratings: Mapping[int, RatingBelief] = field(default_factory=dict)
    raters: tuple[RaterBelief, ...] = ()
    clips: Mapping[tuple[str, str, str | None], ClipBelief] = field(default_factory=dict)
    groups: tuple[GroupBelief, ...] = ()
    #: What listening time was found to be worth, in words.
    listening: str = ""
