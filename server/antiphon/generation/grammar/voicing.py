"""Voice leading: inversions chosen so that the hands move as little as they can, all round the loop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from antiphon.domain.theory import QUALITIES, Chord

LOW, HIGH = 50, 76
#: Below this, intervals narrower than a minor third are mud.
_MUD = 55

Voicing = tuple[int, ...]


def _kept_tones(chord: Chord) -> tuple[int, ...]:
    """Pitch classes that are played: at most four, the fifth going first, as pianists leave it out."""
    intervals = list(QUALITIES[chord.quality])
    if len(intervals) > 4 and 7 in intervals:
        intervals.remove(7)
    if len(intervals) > 4:
        intervals.remove(0)
    return tuple((chord.root + step) % 12 for step in intervals)


def _clear(voicing: Voicing) -> bool:
    """No mud: nothing narrow down low, no minor ninths, no clusters of three."""
    gaps = [high - low for low, high in pairwise(voicing)]
    if any(gap < 3 and low < _MUD for gap, low in zip(gaps, voicing, strict=False)):
        return False
    if any(a <= 2 and b <= 2 for a, b in pairwise(gaps)):
        return False
    return not any(high - low == 13 for low in voicing for high in voicing)


def _stacked(tones: Sequence[int], base: int) -> Voicing:
    pitches = [base]
    for tone in tones[1:]:
        pitches.append(pitches[-1] + ((tone - pitches[-1]) % 12 or 12))
    return tuple(pitches)


@lru_cache(maxsize=1024)
def voicings(chord: Chord) -> tuple[Voicing, ...]:
    """All close and drop-two voicings of a chord between LOW and HIGH."""
    tones = sorted(_kept_tones(chord))
    found: set[Voicing] = set()
    for turn in range(len(tones)):
        rotated = tones[turn:] + tones[:turn]
        for base in range(LOW, HIGH + 1):
            if base % 12 != rotated[0]:
                continue
            close = _stacked(rotated, base)
            found.add(close)
            if len(close) >= 3:
                found.add(tuple(sorted((*close[:-2], close[-2] - 12, close[-1]))))
            if len(close) == 2:
                found.add((*close, close[0] + 12))
    inside = sorted(v for v in found if v[0] >= LOW and v[-1] <= HIGH)
    return tuple(v for v in inside if _clear(v)) or tuple(inside) or (_stacked(tones, LOW + (tones[0] - LOW) % 12),)


@lru_cache(maxsize=65536)
def movement(before: Voicing, after: Voicing) -> float:
    """How far the hands move, in semitones: every voice to its nearest, both ways, the top voice counted twice."""
    there = sum(min(abs(a - b) for b in after) for a in before)
    back = sum(min(abs(a - b) for a in before) for b in after)
    return (there + back) / 2.0 + abs(before[-1] - after[-1]) * 0.5


def lead_voices(chords: Sequence[Chord], register: int) -> list[Voicing]:
    """A voicing for each chord: the least movement round the whole circle, near `register` (the middle pitch).

    Viterbi's algorithm over the voicings of each chord; the first chord takes the one nearest to the register, and the
    way back from the last chord to it is counted too.
    """

    def strain(voicing: Voicing) -> float:
        return 0.6 * abs(sum(voicing) / len(voicing) - register)

    first = min(voicings(chords[0]), key=strain)
    costs: dict[Voicing, float] = {first: 0.0}
    steps: list[dict[Voicing, Voicing]] = []
    for chord in chords[1:]:
        best: dict[Voicing, Voicing] = {}
        sums: dict[Voicing, float] = {}
        for voicing in voicings(chord):
            came = min(costs, key=lambda before, after=voicing: costs[before] + movement(before, after))  # type: ignore[misc]
            best[voicing] = came
            sums[voicing] = costs[came] + movement(came, voicing) + strain(voicing)
        costs = sums
        steps.append(best)
    last = min(costs, key=lambda voicing: costs[voicing] + movement(voicing, first))
    path = [last]
    for best in reversed(steps):
        path.append(best[path[-1]])
    return path[::-1]
