"""What people were shown, and by which draw it came to be, so that estimates can be corrected for both."""

from __future__ import annotations

import random
from dataclasses import dataclass

#: How a candidate came to be made: `asked` for as it is (generate, vary, cross, restem), or in a blind draw of `evolve`
#: as the unchanged `baseline`, as something `new`, or by a fine-tuned model on `trial`.
ASKED, BASELINE, NEW, TRIAL = ARMS = ("asked", "baseline", "new", "trial")
#: The context that stands for all of them; nothing can be rated in it.
ALL_CONTEXTS = "all"


@dataclass(frozen=True, slots=True)
class Draw:
    """The arm of one candidate and the probability, 0 to 1, with which this place of its generation got that arm.

    `model`: the model that makes it; None: the job's.
    """

    arm: str
    probability: float
    model: str | None = None


ASKED_FOR = Draw(ASKED, 1.0)


def draw_arms(count: int, baseline_share: float, seed: int, trial_share: float = 0.0) -> tuple[Draw, ...]:
    """The arms of a generation of `count`, in a random order that `seed` decides.

    Stratified: of 8 at a share of 1/4 exactly 2 are baseline; what is left of a whole number is drawn. So each place
    has each arm with exactly the arm's share as its probability (systematic sampling; Cochran, "Sampling Techniques",
    1977, chapter 8).
    """
    rng = random.Random(f"{seed}/arms")
    shares = {BASELINE: baseline_share, TRIAL: trial_share, NEW: 1.0 - baseline_share - trial_share}
    start, ends, edge = rng.random(), [], 0.0
    for arm, share in shares.items():
        edge += share * count
        ends.append((arm, edge))
    ends[-1] = (NEW, count + 1.0)
    drawn = [next(arm for arm, end in ends if place + start < end) for place in range(count)]
    rng.shuffle(drawn)
    return tuple(Draw(arm, shares[arm]) for arm in drawn)


@dataclass(frozen=True, slots=True)
class Exposure:
    """One showing of a candidate to a client, in order of `sequence`. Times are seconds since the epoch.

    `how`: `audition` (stepped to) or `playing` (the client's own choice). `probability` is that of the arm;
    `repeat_of` the earlier exposure that this one repeats, `repeat_chance` how likely a repeat was at this step.
    `heard_s` and `left_at_s` are None while it lasts. `rating`: what the whole was rated then.
    """

    sequence: int
    client: str
    context: str
    candidate_id: str
    how: str
    arm: str
    probability: float
    repeat_of: int | None
    repeat_chance: float
    shown_at_s: float
    left_at_s: float | None
    heard_s: float | None
    skipped: bool
    rating: float | None
