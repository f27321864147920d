"""What rated stems that are liked have more of: a colour, as the step in latents by which they differ.

A sound model that follows its score makes nearly the same of the same request, however its noise falls: there is little
in a liked loop that its own conditions did not ask for, and learning to make it likelier changes nothing. What liked
stems have in common is between conditions. So it is looked for there, and made everybody's: ridge regression of the
ratings on the stems' mean latents while notes sound, and on how they differ where notes begin, less what the score
explains (how much is played, and how high); then, of what that has learnt, the pattern and not the filter (Haufe et
al., "On the interpretation of weight vectors of linear models", NeuroImage 2014): how a stem that is liked more by one
standard deviation looks on average. Moving along
a filter would find the cheapest way to please a formula; moving along the pattern goes where real stems are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.roll import PITCHES

Floats = NDArray[np.float64]

#: Strengths of the ridge that are tried, as shares of the mean variance.
_RIDGES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
#: Loops without which there is no asking how well the others foretell one.
FEWEST_LOOPS = 6


@dataclass(frozen=True, slots=True)
class RatedStem:
    """A stem as it is learnt from: its latents (time, dims) and roll (time, 256), whose loop, which stem, how it was
    rated (0 to 1), and how far that can be trusted (0 to 1)."""

    latents: Tensor
    roll: Tensor
    loop: str
    stem: str
    value: float
    weight: float


@dataclass(frozen=True, slots=True)
class Colour:
    """`step`: latents float32 (2, dims), how a stem that is liked by one standard deviation more differs from the mean:
    while notes sound, and besides where they begin; `agreement`: correlation, -1 to 1, of loops' ratings with what the
    other loops' foretell."""

    step: NDArray[np.float32]
    agreement: float


def sounding(roll: Tensor) -> Tensor:
    """How far notes sound in each frame: float (..., time), 0 to 1 with soft edges, from a roll (..., time, 256)."""
    sounds = (roll[..., PITCHES:].sum(-1) > 0.0).to(roll.dtype)
    soft = F.avg_pool1d(sounds.reshape(-1, 1, sounds.shape[-1]), 5, 1, 2, count_include_pad=False)
    return soft.reshape(sounds.shape)


def beginning(roll: Tensor) -> Tensor:
    """Where notes begin: float (..., time), 0 or 1, from a roll (..., time, 256)."""
    return (roll[..., :PITCHES].sum(-1) > 0.0).to(roll.dtype)


def spread_over(roll: Tensor, step: Tensor) -> Tensor:
    """A colour's step (2, dims) in every frame of a roll (..., time, 256): float (..., time, dims)."""
    return sounding(roll)[..., None] * step[0] + beginning(roll)[..., None] * step[1]


def never_softer(step: Tensor, codec: LinearLatents) -> Tensor:
    """A colour's step (2, dims) without its part where notes begin, if that makes them quieter there than while they
    sound: when notes begin is the score's to say, and the gate turns down what blurs it."""
    with torch.no_grad():
        louder = codec.decode(step[None, 1:]) - codec.decode(torch.zeros_like(step[None, 1:]))
    return step if float(louder.mean()) >= 0.0 else torch.stack([step[0], torch.zeros_like(step[1])])


def liked_colour(stems: Sequence[RatedStem]) -> Colour | None:
    """The colour of what is liked; None where too few loops are rated, or all alike."""
    loops = np.array([each.loop for each in stems])
    if len(set(loops.tolist())) < FEWEST_LOOPS:
        return None
    seen = np.stack([_look(each) for each in stems])
    root = np.sqrt([each.weight for each in stems])[:, None]
    told = np.array([each.value for each in stems])[:, None]
    score = _score_columns(stems) * root
    looks, rated = _less(seen * root, score), _less(told * root, score)[:, 0]
    if np.std(rated) < 1e-6 or np.std(looks) < 1e-9:
        return None
    kernel = looks @ looks.T
    kernel /= np.trace(kernel) / len(kernel)
    foretold = {ridge: _left_out(kernel, rated, loops, ridge) for ridge in _RIDGES}
    ridge = min(_RIDGES, key=lambda each: float(np.square(rated - foretold[each]).sum()))
    agreement = _correlation(_by_loop(foretold[ridge], loops), _by_loop(rated, loops))
    learnt = kernel @ np.linalg.solve(kernel + ridge * np.eye(len(kernel)), rated)
    spread = float(np.std(learnt))
    if spread < 1e-9:
        return None
    pattern = looks.T @ (learnt / spread) / np.square(root).sum()
    sure = _sure_of(pattern, looks, len(set(loops.tolist())))
    return Colour(sure.reshape(2, -1).astype(np.float32), agreement)


def _look(stem: RatedStem) -> Floats:
    """Mean latents while notes sound, then how those where notes begin differ from them: (2 × dims,)."""
    sounds, begins = (_mean(stem.latents, frames(stem.roll)) for frames in (sounding, beginning))
    return np.asarray(torch.cat([sounds, begins - sounds]).double().numpy())


def _mean(latents: Tensor, frames: Tensor) -> Tensor:
    return (latents * frames[:, None]).sum(0) / frames.sum().clamp_min(1.0)


def _score_columns(stems: Sequence[RatedStem]) -> Floats:
    """What a rating may be about besides colour: which stem it is, how much of the time it sounds, how often notes
    begin, how high they are."""
    rows = []
    names = sorted({each.stem for each in stems})
    for each in stems:
        onsets, sounds = each.roll[:, :PITCHES], each.roll[:, PITCHES:]
        pitches = np.arange(PITCHES)
        weight = sounds.sum(0).double().numpy()
        height = float((weight * pitches).sum() / max(weight.sum(), 1e-9))
        busy = [float((sounds.sum(1) > 0).float().mean()), float(np.log1p(onsets.sum().item())), height / 12.0]
        rows.append([*(float(each.stem == name) for name in names), *busy])
    return np.array(rows)


def _less(columns: Floats, known: Floats) -> Floats:
    """What of `columns` does not follow from `known` (Frisch and Waugh, 1933)."""
    return np.asarray(columns - known @ np.linalg.lstsq(known, columns, rcond=None)[0])


def _left_out(kernel: Floats, rated: Floats, loops: NDArray[np.str_], ridge: float) -> Floats:
    """What all other loops foretell of each."""
    foretold = np.zeros(len(rated))
    for loop in set(loops.tolist()):
        own = loops == loop
        among = kernel[np.ix_(~own, ~own)] + ridge * np.eye(int((~own).sum()))
        foretold[own] = kernel[np.ix_(own, ~own)] @ np.linalg.solve(among, rated[~own])
    return foretold


def _by_loop(values: Floats, loops: NDArray[np.str_]) -> Floats:
    return np.array([values[loops == loop].mean() for loop in sorted(set(loops.tolist()))])


def _correlation(first: Floats, second: Floats) -> float:
    scale = float(np.std(first) * np.std(second))
    return float(np.mean((first - first.mean()) * (second - second.mean())) / scale) if scale > 1e-12 else 0.0


def _sure_of(pattern: Floats, looks: Floats, loops: int) -> Floats:
    """The pattern, each of its parts as far as it stands out from chance (the positive part of James and Stein's
    shrinkage; the stems of a loop share a rating, so it is loops that count)."""
    chance = np.square(looks).mean(0) / loops
    return np.asarray(pattern * np.maximum(0.0, 1.0 - chance / np.maximum(np.square(pattern), 1e-12)))
