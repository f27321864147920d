"""Noise between two noises: SLERP on recipes.

Noises of different seeds are as good as orthogonal and of equal length (those kept of songs are brought to unit power,
and are to every seed), so spherical interpolation (Shoemake,
"Animating rotation with quaternion curves", 1985; for latents White, "Sampling generative networks", arXiv 1609.04468,
2016) is done on the weights of the recipes: the outcome is a recipe again, and its noise exactly unit normal.
"""

from __future__ import annotations

import math

from antiphon.domain.genome import NoiseRecipe

#: Seeds that a recipe keeps: of many generations of ancestors only the strongest are heard.
MOST_SEEDS = 8
_SAME_ANGLE = 1e-6


def angle(first: NoiseRecipe, second: NoiseRecipe) -> float:
    """The angle between two noises in radians: 0 for the same noise, π/2 for noises that share no seed."""
    weights = dict(first.parts)
    return math.acos(max(-1.0, min(1.0, sum(weights.get(seed, 0.0) * weight for seed, weight in second.parts))))


def slerp(first: NoiseRecipe, second: NoiseRecipe, share: float) -> NoiseRecipe:
    """The recipe `share` (0 to 1) of the way from the first noise to the second; at the ends these themselves."""
    between = angle(first, second)
    if share <= 0 or between < _SAME_ANGLE:
        return first
    if share >= 1:
        return second
    near, far = (math.sin(part * between) / math.sin(between) for part in (1.0 - share, share))
    weights = {seed: near * weight for seed, weight in first.parts}
    for seed, weight in second.parts:
        weights[seed] = weights.get(seed, 0.0) + far * weight
    kept = sorted(weights.items(), key=lambda part: (-abs(part[1]), isinstance(part[0], str), part[0]))[:MOST_SEEDS]
    length = math.sqrt(sum(weight * weight for _, weight in kept))
    return NoiseRecipe(tuple((seed, weight / length) for seed, weight in kept))
