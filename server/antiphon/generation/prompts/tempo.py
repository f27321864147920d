"""What slow and fast mean: a range of tempos, by the word alone or within a style."""

from __future__ import annotations

from antiphon.generation.styles import get_style

#: The tempo words of a vocabulary file, from very slow to very fast.
TEMPO_LEVELS = {"very_slow": -2.0, "slow": -1.0, "unhurried": -0.5, "moderate": 0.0, "fast": 1.0, "very_fast": 2.0}
#: Without a style, in beats per minute, by level.
_ALONE = {-2: (46.0, 60.0), -1: (60.0, 84.0), 0: (88.0, 112.0), 1: (124.0, 148.0), 2: (150.0, 180.0)}
SLOWEST_BPM, FASTEST_BPM = 20.0, 400.0


def tempo_range(level: float, style: str | None) -> tuple[float, float]:
    """The range in beats per minute, whole numbers, for a level from -2 (very slow) to 2 (very fast).

    In a style it is the style's own slow or fast: slow techno is still faster than fast dub.
    """
    level = min(2.0, max(-2.0, level))
    table = _ALONE if style is None else _in_style(*get_style(style).bpm)
    below = min(1, int(level // 1))
    share = level - below
    (low, high), (next_low, next_high) = table[below], table[below + 1]
    return float(round(low + share * (next_low - low))), float(round(high + share * (next_high - high)))


def _in_style(low: float, high: float) -> dict[int, tuple[float, float]]:
    quarter = (high - low) / 4.0
    return {
        -2: (low * 0.8, low * 0.9), -1: (low * 0.92, low + quarter), 0: (low, high),
        1: (high - quarter, high * 1.08), 2: (high * 1.1, high * 1.2),
    }  # fmt: skip
