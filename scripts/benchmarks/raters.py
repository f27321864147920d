"""Simulated raters who share nothing with the model that judges them, and an oracle that knows them.

The recipe: clips' worth N(3, 0.7) on 1 to 5, biases N(0, 0.5), noise uniform from 0.3 to 1.2 for each rater, answers
rounded and bounded. Spread and noise were chosen so that the plain mean and the oracle come out as in the study whose
figures this check repeats (.785 and .842 at 3 ratings and no spam; .693 and .870 at 6 and 30 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CLIPS, RATERS = 100, 40
CENTRE, CLIP_SD, BIAS_SD, NOISE = 3.0, 0.7, 0.5, (0.3, 1.2)
#: Forms of spam that the goals name, and others that nobody had in mind when the model was made.
FORMS = ("uniform", "constant", "contrary", "mix")
OTHER_FORMS = ("shuffled", "two keys", "drifting", "half asleep")


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """What was answered on 1 to 5 (`rater`, `clip`, `value`), and what only the simulation knows."""

    rater: Ints
    clip: Ints
    value: Floats
    worth: Floats
    bias: Floats
    noise: Floats
    spammer: NDArray[np.bool_]


def simulate(per_clip: int, spam: float, form: str, rng: np.random.Generator) -> Study:
    """One study: every clip rated by `per_clip` raters drawn at random; a share `spam` of raters of the given form."""
    worth = rng.normal(CENTRE, CLIP_SD, CLIPS)
    bias, noise = rng.normal(0.0, BIAS_SD, RATERS), rng.uniform(*NOISE, RATERS)
    spammer = np.zeros(RATERS, dtype=bool)
    spammer[rng.permutation(RATERS)[: round(spam * RATERS)]] = True
    rater = np.concatenate([rng.permutation(RATERS)[:per_clip] for _ in range(CLIPS)])
    clip = np.repeat(np.arange(CLIPS), per_clip)
    value = worth[clip] + bias[rater] + noise[rater] * rng.normal(size=len(clip))
    for who in np.flatnonzero(spammer):
        mine = rater == who
        own = str(rng.choice(FORMS[:3])) if form == "mix" else form
        value[mine] = _spam(own, value[mine], rng)
    return Study(rater, clip, np.clip(np.round(value), 1, 5), worth, bias, noise, spammer)


def _spam(form: str, honest: Floats, rng: np.random.Generator) -> Floats:
    n = len(honest)
    if form == "uniform":
        return rng.integers(1, 6, n).astype(float)
    if form == "constant":
        return np.full(n, float(rng.integers(1, 6)))
    if form == "contrary":
        return np.asarray(6.0 - honest)
    if form == "shuffled":
        return rng.permutation(honest)
    if form == "two keys":
        return np.asarray(rng.choice(rng.permutation(5)[:2] + 1.0, n))
    if form == "drifting":
        return np.asarray(3.0 + np.cumsum(rng.normal(0.0, 0.8, n)))
    return np.where(rng.random(n) < 0.5, rng.integers(1, 6, n), honest)


def plain_mean(study: Study) -> Floats:
    return np.asarray(np.bincount(study.clip, study.value, CLIPS) / np.bincount(study.clip, minlength=CLIPS))


def oracle(study: Study) -> Floats:
    """Knows the spammers, leaves them out, and weighs the others' unbiased answers by their true noise."""
    use = np.where(study.spammer, 0.0, study.noise**-2.0)[study.rater]
    total = np.bincount(study.clip, use, CLIPS) + CLIP_SD**-2.0
    said = np.bincount(study.clip, use * (study.value - study.bias[study.rater]), CLIPS)
    return np.asarray((said + CENTRE * CLIP_SD**-2.0) / total)


BIASES, NOISES, WORTHS = np.linspace(-1.35, 1.35, 13), np.linspace(0.35, 1.15, 7), np.linspace(0.9, 5.1, 36)


def informed(study: Study, spam: float, form: str, rng: np.random.Generator, sweeps: int = 200) -> Floats:
    """What could be known at best: exact Bayes that is told everything but who is who.

    It has the true distributions of worth, bias and noise, the rounding, the share of spam and its form. No method
    that sees only the answers can be better on average in squared error. Gibbs sampling on grids.
    """
    rater_rows = (study.rater[None, :] == np.arange(RATERS)[:, None]).astype(float)
    clip_rows = (study.clip[None, :] == np.arange(CLIPS)[:, None]).astype(float)
    bias_log = -0.5 * (BIASES / BIAS_SD) ** 2
    prior = np.repeat(bias_log - np.log(np.exp(bias_log).sum()), len(NOISES)) - np.log(len(NOISES))
    habit, turned_share = _habit_log(study, form), {"contrary": 1.0, "mix": 1 / 3}.get(form, 0.0)
    worth, sum_of_means = plain_mean(study), np.zeros(CLIPS)
    for sweep in range(sweeps):
        logs = [_rater_log(study.value, worth[study.clip], rater_rows) + prior + np.log(1.0 - spam)]
        if spam:
            logs.append((habit + np.log(spam))[:, None])
        if spam * turned_share:
            turned = _rater_log(6.0 - study.value, worth[study.clip], rater_rows)
            logs.append(turned + prior + np.log(spam * turned_share))
        pick = _draw(np.concatenate(logs, axis=1), rng)[0]
        cells = len(prior)
        kind, cell = (
            np.where(pick < cells, 0, np.where(pick == cells, 1, 2)),
            np.where(pick < cells, pick, pick - cells - 1),
        )
        cell = np.where(kind == 1, 0, cell)
        bias, noise = BIASES[cell // len(NOISES)][study.rater], NOISES[cell % len(NOISES)][study.rater]
        value = np.where(kind[study.rater] == 2, 6.0 - study.value, study.value)
        said = _cell_log(value[:, None], WORTHS + bias[:, None], noise[:, None]) * (kind[study.rater] != 1)[:, None]
        place, chance = _draw(clip_rows @ said - 0.5 * ((WORTHS - CENTRE) / CLIP_SD) ** 2, rng)
        worth = WORTHS[place] + rng.uniform(-0.06, 0.06, CLIPS)
        if sweep >= sweeps // 4:
            sum_of_means += chance @ WORTHS
    return sum_of_means


def _habit_log(study: Study, form: str) -> Floats:
    count = np.bincount(study.rater, minlength=RATERS)
    table = np.zeros((RATERS, 5))
    np.add.at(table, (study.rater, study.value.astype(int) - 1), 1)
    anything, always = -count * np.log(5.0), np.where(table.max(1) == count, -np.log(5.0), -1e9)
    if form == "mix":
        return np.asarray(np.logaddexp(anything, always) - np.log(3.0))
    return np.asarray({"uniform": anything, "constant": always}.get(form, np.full(RATERS, -1e9)))


def _cell_log(value: Floats, mean: Floats, noise: Floats) -> Floats:
    """Log probability that a rounded, bounded answer is `value`."""
    upper, lower = np.where(value >= 5, np.inf, value + 0.5), np.where(value <= 1, -np.inf, value - 0.5)
    return np.asarray(np.log(np.maximum(ndtr((upper - mean) / noise) - ndtr((lower - mean) / noise), 1e-9)))


def _rater_log(value: Floats, worth: Floats, rows: Floats) -> Floats:
    cells = _cell_log(value[:, None, None], worth[:, None, None] + BIASES[:, None], NOISES[None, None, :])
    return np.asarray(rows @ cells.reshape(len(value), -1))


def _draw(logs: Floats, rng: np.random.Generator) -> tuple[Ints, Floats]:
    chance = np.exp(logs - logs.max(1, keepdims=True))
    chance /= chance.sum(1, keepdims=True)
    pick = (chance.cumsum(1) < rng.random((len(logs), 1))).sum(1)
    return np.minimum(pick, logs.shape[1] - 1), chance
