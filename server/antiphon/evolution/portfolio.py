"""Which few of many loops to play together: liked, and as far apart from each other as is asked.

Liking that adds up, plus a price for each loop's distances from the others, is max-sum diversification (Borodin, Lee &
Ye, "Max-sum diversification, monotone submodular functions and dynamic updates", PODS 2012): choosing greedily and then
exchanging while that helps comes near the best. What distance is worth nobody can say; how diverse a generation shall
be, anybody can. So the price is sought that is just high enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

#: The price of a distance of 1: the lowest tried (in liking), how often it is doubled until it suffices, then halved.
LOWEST_PRICE, DOUBLINGS, HALVINGS = 0.05, 12, 6
_TINY = 1e-12


def mean_distance(far: Vector) -> float:
    """The mean over pairs of a table of distances (loops, loops); 0 where there is one loop only."""
    count = len(far)
    return float(far.sum() / (count * (count - 1))) if count > 1 else 0.0


def assemble(worth: Vector, far: Vector, count: int, wanted: float) -> list[int]:
    """The places of `count` loops (all, where there are fewer), the most worth first: of great mean `worth` (loops,),
    and their mean distance by `far` (loops, loops) at least `wanted`; where that can't be had, as great as was found.
    """
    chosen = _best(worth, far, count, 0.0)
    if _spread(far, chosen) < wanted:
        chosen = _by_price(worth, far, count, wanted)
    return sorted(chosen, key=lambda place: -worth[place])


def _by_price(worth: Vector, far: Vector, count: int, wanted: float) -> list[int]:
    """The loops at the lowest price at which they are far enough apart."""
    low, high = 0.0, LOWEST_PRICE
    chosen = _best(worth, far, count, high)
    for _ in range(DOUBLINGS):
        if _spread(far, chosen) >= wanted:
            break
        low, high = high, 2.0 * high
        chosen = _best(worth, far, count, high)
    for _ in range(HALVINGS if _spread(far, chosen) >= wanted else 0):
        middle = (low + high) / 2.0
        tried = _best(worth, far, count, middle)
        if _spread(far, tried) >= wanted:
            high, chosen = middle, tried
        else:
            low = middle
    return chosen


def _spread(far: Vector, chosen: list[int]) -> float:
    return mean_distance(far[np.ix_(chosen, chosen)])


def _best(worth: Vector, far: Vector, count: int, price: float) -> list[int]:
    """The loops whose mean worth and `price` times their mean distance are greatest, nearly."""
    count = min(count, len(worth))
    chosen: list[int] = []
    total = np.zeros(len(worth))
    for _ in range(count):
        gain = worth + price * total / max(1, count - 1)
        gain[chosen] = -np.inf
        chosen.append(int(gain.argmax()))
        total += far[chosen[-1]]
    return _exchanged(worth, far, chosen, price)


def _exchanged(worth: Vector, far: Vector, chosen: list[int], price: float) -> list[int]:
    """Exchange one loop at a time for one that is left out, while that helps."""
    share = 2.0 * price / max(1, len(chosen) - 1)
    for _ in range(4 * len(chosen)):
        total = far[:, chosen].sum(1)
        gain = (worth + share * total)[:, None] - share * far[:, chosen] - (worth + share * total)[None, chosen]
        gain[chosen] = -np.inf
        come, go = np.unravel_index(int(gain.argmax()), gain.shape)
        if gain[come, go] <= _TINY:
            break
        chosen[int(go)] = int(come)
    return chosen
