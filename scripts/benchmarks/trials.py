"""Trials of versions with simulated raters: how often the gate promotes what is worse, alike and better.

Loops have a true worth N(0.5, 0.18). Each is sounded by both versions: what the one on trial makes of it is worth a
difference more, give or take 0.06 by loop. Where there are no twins, each version has loops of its own. Forty raters
have a bias and a noise of their own; three in ten are spammers: each answers anything, or one value, or the wrong way
round, all along. Every loop is rated by one to three of them, drawn at random. What the server does with ratings is
done here by the same code: `feedback.estimate` at every look, from the ratings so far and nothing else, then trust,
then the gate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.model_version import Heard
from antiphon.feedback import estimate, ratings
from antiphon.learning.beliefs import trusted
from antiphon.training.promotion import BETWEEN_LOOKS, FIRST_LOOK, LAST_LOOK, Verdict, judge

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

RATERS, SPAM = 40, 0.3
TWIN_SD, LOOP_SD, BIAS_SD, NOISE = 0.06, 0.18, 0.125, (0.075, 0.3)
FORMS = ("uniform", "constant", "contrary")


@dataclass(frozen=True, slots=True, eq=False)
class Audience:
    """Simulated raters (r,): `form` is -1 for who listens, else an index into `FORMS`; `habit` a constant's value."""

    bias: Floats
    noise: Floats
    form: Ints
    habit: Floats

    def rate(self, who: Ints, worth: float, rng: np.random.Generator) -> Floats:
        """What these raters say of a loop, 0 to 1."""
        honest = worth + self.bias[who] + self.noise[who] * rng.normal(size=len(who))
        form = self.form[who]
        spam = [rng.random(len(who)), self.habit[who], 1.0 - honest]
        said = np.select([form == 0, form == 1, form == 2], spam, honest)
        return np.asarray(np.clip(said, 0.0, 1.0))


def audience(rng: np.random.Generator, spam: float = SPAM) -> Audience:
    form = np.full(RATERS, -1)
    spammers = rng.permutation(RATERS)[: round(spam * RATERS)]
    form[spammers] = rng.integers(len(FORMS), size=len(spammers))
    return Audience(rng.normal(0.0, BIAS_SD, RATERS), rng.uniform(*NOISE, RATERS), form, rng.random(RATERS))


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Ratings (n,) in the order in which they came: who, of which loop (even: on trial; odd: the other), and what."""

    rater: Ints
    loop: Ints
    value: Floats


def answers(difference: float, people: Audience, rng: np.random.Generator, twins: bool = True) -> Answers:
    """All ratings of a whole trial; `difference` in points of 5."""
    rows: list[tuple[Ints, Ints, Floats]] = []
    loop_worth = 0.5
    for loop in range(2 * LAST_LOOK):
        loop_worth = loop_worth if twins and loop % 2 else rng.normal(0.5, LOOP_SD)
        worth = loop_worth + (0.0 if loop % 2 else difference / 5.0 + (rng.normal(0.0, TWIN_SD) if twins else 0.0))
        who = rng.permutation(RATERS)[: rng.integers(1, 4)]
        rows.append((who, np.full(len(who), loop), people.rate(who, worth, rng)))
    rater, loops, value = (np.concatenate(column) for column in zip(*rows, strict=True))
    return Answers(rater, loops, value)


def heard(said: Answers, judged: bool, twins: bool = True) -> list[Heard]:
    """What counts of each loop's ratings; `judged`: with the raters judged as the learner does, else plain means as
    while it is away."""
    loops = int(said.loop.max()) + 1
    count = np.bincount(said.loop, minlength=loops)
    names = [str(loop // 2) if twins else "" for loop in range(loops)]
    if not judged:
        mean = np.bincount(said.loop, said.value, loops) / count
        return [
            Heard.counted(float(m), n / (n + 1.0), int(n), pair) for m, n, pair in zip(mean, count, names, strict=True)
        ]
    found = estimate(ratings(said.rater, said.loop, said.value, clips=loops), np.random.default_rng(0)).clips
    trust = [trusted(float(mean), float(sd)) for mean, sd in zip(found.mean, found.sd, strict=True)]
    return [
        Heard.counted(value, sure, int(n), pair) for (value, sure), n, pair in zip(trust, count, names, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class End:
    """How a trial ended: its state, after how many loops of each arm, and how many ratings of both."""

    state: str
    loops: int
    ratings: int


def trial(seed: Sequence[int], difference: float, judged: bool = True, spam: float = SPAM, twins: bool = True) -> End:
    """One version's trial from its first loop to the verdict."""
    rng = np.random.default_rng(list(seed))
    said = answers(difference, audience(rng, spam), rng, twins)
    verdict, first = Verdict("trial", "", ()), said.loop < 0
    for count in range(FIRST_LOOK, LAST_LOOK + 1, BETWEEN_LOOKS):
        first = said.loop < 2 * count
        loops = heard(Answers(said.rater[first], said.loop[first], said.value[first]), judged, twins)
        verdict = judge(loops[0::2], loops[1::2], verdict.looks)
        if verdict.state != "trial":
            break
    return End(verdict.state, verdict.looks[-1].loops, int(first.sum()))
