"""Words for weights: why a rating counts as much as it does, for the console. Numbers are on the scale 0 to 5."""

from __future__ import annotations

import numpy as np

from antiphon.feedback.listening import Listening
from antiphon.feedback.ratings import Floats, Ratings
from antiphon.feedback.reliability import Estimate

#: Probability above which a suspicion is told as one, and below which none is mentioned.
LIKELY, POSSIBLE = 0.5, 0.2
#: Share of one value among a rater's that counts as always the same.
ALWAYS = 0.9
#: Noise, and disagreement on repeats, this many times the usual is worth a word; bias from this many stars on.
UNUSUAL, NOTED_BIAS = 1.5, 0.4
#: Ratings below which a rater is hardly known, and standard deviations of listening that are worth a word.
FEW, SHORT = 4, 1.0


def explain_raters(ratings: Ratings, estimate: Estimate) -> tuple[str, ...]:
    """One sentence per rater (r,), the weightiest reason first."""
    return tuple(_rater_words(rater, ratings, estimate) for rater in range(ratings.raters))


def explain_ratings(ratings: Ratings, estimate: Estimate) -> tuple[str, ...]:
    """One sentence per rating (n,): its weight in per cent, and why."""
    of_rater = explain_raters(ratings, estimate)
    sentences = []
    for rating, rater in enumerate(ratings.rater):
        words = [of_rater[int(rater)], *_listening_words(estimate.listening, rating)]
        sentences.append(f"{100.0 * estimate.weight[rating]:.0f} %: {'; '.join(words)}")
    return tuple(sentences)


def stars(value: float) -> str:
    """A value of 0 to 1 as people read it, 0 to 5, with one decimal where there is one."""
    return f"{5.0 * value:.1f}".removesuffix(".0")


def _rater_words(rater: int, ratings: Ratings, estimate: Estimate) -> str:
    own = ratings.value[ratings.rater == rater]
    if not len(own):
        return "has not rated yet"
    words = [
        *_suspicion(rater, own, estimate),
        *_repeats(float(estimate.raters.repeat_rms[rater]), estimate.population.noise),
        *_manner(rater, estimate),
    ]
    if len(own) < FEW:
        words.append(f"only {len(own)} rating{'s' if len(own) > 1 else ''} so far, so taken much like anybody's")
    return "; ".join(words or ["agrees with the others as most raters do"])


def _suspicion(rater: int, own: Floats, estimate: Estimate) -> list[str]:
    inattention, contrary = float(estimate.raters.inattention[rater]), float(estimate.raters.contrary[rater])
    if max(inattention, contrary) < POSSIBLE:
        return []
    sure = "" if max(inattention, contrary) > LIKELY else "perhaps "
    if contrary > inattention:
        return [f"{sure}rates the wrong way round: low what others rate high ({100 * contrary:.0f} % likely)"]
    values, counts = np.unique(own, return_counts=True)
    if len(own) > 1 and counts.max() >= ALWAYS * len(own):
        which = "everything" if counts.max() == len(own) else "nearly everything"
        return [f"gives {stars(float(values[counts.argmax()]))} to {which}"]
    likely = f"({100 * inattention:.0f} % likely)"
    return [f"{sure}answers without listening: the ratings don't follow the loops {likely}"]


def _repeats(rms: float, noise: float) -> list[str]:
    if np.isnan(rms):
        return []
    if rms > UNUSUAL * noise:
        return [f"contradicts their own ratings on repeats (by {stars(rms)} of 5)"]
    return ["rates repeats alike"] if rms < 0.5 * noise else []


def _manner(rater: int, estimate: Estimate) -> list[str]:
    words: list[str] = []
    if estimate.raters.inattention[rater] > LIKELY:
        return words
    bias, noise = float(estimate.raters.bias[rater]), float(estimate.raters.noise[rater])
    if noise > UNUSUAL * estimate.population.noise:
        words.append(f"often far from the others (±{stars(noise)} of 5)")
    if noise < estimate.population.noise / UNUSUAL:
        words.append(f"close to the others (±{stars(noise)} of 5)")
    if abs(bias) * 5.0 > NOTED_BIAS:
        words.append(f"rates {stars(abs(bias))} {'higher' if bias > 0 else 'lower'} than others, which is allowed for")
    return words


def _listening_words(listening: Listening, rating: int) -> list[str]:
    if listening.strength == 0.0 or abs(listening.deviation[rating]) < SHORT:
        return []
    if listening.deviation[rating] < 0:
        return ["listened to this loop for much less time than others do, which goes with poorer ratings here"]
    return ["listened to this loop for longer than others do"]
