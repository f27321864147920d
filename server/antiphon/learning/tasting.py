"""The question `taste`: from rated loops to what their raters like, told group by group. Runs in the learner.

It is the model by which `evolve` chooses (`evolution.proposing.learnt`), learnt from the same loops and ratings; but
each generation draws the hyperparameters by its own seed, so its numbers differ a little from these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.lineage import Parent
from antiphon.domain.wire import parent_from_json
from antiphon.evolution.proposing import learnt
from antiphon.learning.leanings import leanings

Json = dict[str, Any]
Floats = NDArray[np.float64]
#: The sums draw a little at random: the same ratings shall give the same reasons.
SEED = 20250604
#: Loops told of at each end, and reasons for and against each.
MOST_LOOPS, MOST_REASONS = 3, 3
#: What moves liking, 0 to 1, by less than this is not worth a word.
SMALLEST_REASON = 0.002
#: Fewer ratings than this tell hardly anything of twenty-odd groups.
FEWEST_RATINGS = 12
#: Where expected likings, 0 to 1, lie within this, no loop is believed to be better than another.
NEARLY_ALIKE = 0.04


def taste(data: Json) -> Json:
    """The answer to `learning.tastes.question_of`. Likings are 0 to 1; `usual` is the mean of these loops' expected
    liking, to which each loop's reasons, all groups taken, add up to its own.

    Raises OutOfRange for loops whose music does not parse.
    """
    rated = [parent_from_json(json.loads(each)) for each in data["parents"]]
    model, senses = learnt(rated, np.random.default_rng(SEED), hears=bool(data.get("hears")))
    known = senses.of([parent.genome for parent in rated])
    expected, sd = model.predict(known)
    reasons = {name: moved - moved.mean() for name, moved in model.reasons(known).items()}
    before = model.importance_before()
    shares = model.importance()
    order = np.argsort(-expected, kind="stable")
    told = [_loop(rated[place], expected[place], sd[place], reasons, place) for place in order]
    best, worst = min(MOST_LOOPS, (len(told) + 1) // 2), min(MOST_LOOPS, len(told) // 2)
    ratings, elsewhere = _counted(rated)
    words = _words(ratings, len(rated), expected)
    return {
        "ratings": ratings, "elsewhere": elsewhere, "loops": len(rated), "words": words,
        "leanings": [] if words else leanings(known.groups, reasons, shares, before),
        "usual": float(expected.mean()),
        "groups": [{"group": name, "share": share, "share_before": before[name]}
                   for name, share in sorted(shares.items(), key=lambda each: -each[1])],
        "best": told[:best], "worst": told[::-1][:worst],
    }  # fmt: skip


def _loop(parent: Parent, expected: float, sd: float, reasons: Mapping[str, Floats], place: int) -> Json:
    """What is expected of one loop, and the groups that raise and lower that most."""
    moved = sorted(((name, float(parts[place])) for name, parts in reasons.items()), key=lambda each: each[1])
    return {
        "candidate_id": parent.candidate_id, "expected": float(expected), "sd": float(sd),
        "raised": [{"group": name, "by": by} for name, by in moved[::-1][:MOST_REASONS] if by >= SMALLEST_REASON],
        "lowered": [{"group": name, "by": by} for name, by in moved[:MOST_REASONS] if by <= -SMALLEST_REASON],
    }  # fmt: skip


def _counted(rated: Sequence[Parent]) -> tuple[int, int]:
    """Ratings of the loops that count at all: of the context that was asked for, which has no name, and of others."""
    verdicts = [each for parent in rated for each in parent.verdicts if each.weight > 0]
    unknown = sum(parent.ratings for parent in rated if not parent.verdicts)
    own = sum(each.context == "" for each in verdicts)
    return own + unknown, len(verdicts) - own


def _words(ratings: int, loops: int, expected: Floats) -> str:
    """How little is known, where it is little; else empty."""
    if ratings < FEWEST_RATINGS:
        return (
            f"too few to tell ({ratings} of at least {FEWEST_RATINGS}): the shares are little more than what is "
            "supposed before anybody rates; rate more loops"
        )
    if loops < FEWEST_RATINGS:
        return f"only {loops} different {'loop was' if loops == 1 else 'loops were'} rated: rate others, to tell why"
    if float(np.ptp(expected)) < NEARLY_ALIKE:
        return "no loop is believed to be liked more than another: the ratings follow nothing that describes the loops"
    return ""
