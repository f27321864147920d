"""What "this one rather than that one" adds to what ratings say of clips.

Each preference moves the two clips' normal beliefs apart, the more the more surprising it is, by assumed-density
filtering (TrueSkill: Herbrich, Minka & Graepel, "TrueSkill: a Bayesian skill rating system", NIPS 2006), with a chance
that whoever said it did not listen.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from antiphon.feedback.ratings import Floats, Ints


def prefer(
    mean: Floats, sd: Floats, winner: Ints, loser: Ints, noise: float, attention: Floats
) -> tuple[Floats, Floats]:
    """Means and standard deviations (c,) of clips after preferences (n,), told in order.

    `noise` is the standard deviation of one judgement of one clip, in the units of `mean`; `attention` (n,) the
    probability that each preference was made by ear, 0 to 1. Somebody's preference for a clip over itself says nothing.
    """
    mean, variance = mean.astype(np.float64), np.square(sd, dtype=np.float64)
    for won, lost, heard in zip(winner, loser, attention, strict=True):
        if won == lost:
            continue
        total = 2.0 * noise**2 + variance[won] + variance[lost]
        gap = (mean[won] - mean[lost]) / np.sqrt(total)
        density = heard * np.exp(-0.5 * gap**2) / np.sqrt(2.0 * np.pi)
        surprise = density / (heard * ndtr(gap) + 0.5 * (1.0 - heard) + 1e-300)
        known = np.clip(surprise * (surprise + gap), 0.0, 1.0)
        for clip, sign in ((won, 1.0), (lost, -1.0)):
            mean[clip] += sign * variance[clip] / np.sqrt(total) * surprise
            variance[clip] *= 1.0 - variance[clip] / total * known
    return np.clip(mean, 0.0, 1.0), np.sqrt(variance)
