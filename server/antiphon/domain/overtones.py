"""Where a tone's partials lie when they are not the harmonics of its pitch: beside them, below them, between them.

The vocoder's source offers a phase where it has a partial, and nowhere else: of a drawbar organ told as harmonics alone
the decoder loses the stop that sounds an octave below, of a gong most of what rings. And the quality gate expects of a
stem the pitches that its timbre gives its notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

#: Sidebands of frequency modulation that are heard at the indices that the voices have (Carson's rule, rounded up).
_SIDEBANDS = 5


@dataclass(frozen=True, slots=True)
class Overtones:
    """A tone that repeats after `period` periods of its pitch. `orders`: its partials, as multiples of that whole's
    frequency; the pitch itself is number `period`."""

    period: int
    orders: tuple[int, ...]

    def within(self, most: float) -> tuple[int, ...]:
        """The orders up to `most` times the pitch; never none."""
        return tuple(order for order in self.orders if order <= most * self.period) or self.orders[:1]


def frequency_modulated(ratio: Fraction) -> Overtones:
    """Carrier and sidebands, |1 ± k ratio| times the pitch (Chowning, 1973)."""
    period, step = ratio.denominator, ratio.numerator
    sides = {abs(period + sign * order * step) for order in range(_SIDEBANDS + 1) for sign in (-1, 1)}
    return Overtones(period, tuple(sorted(sides - {0})))


def with_stops(harmonics: int, *stops: Fraction) -> Overtones:
    """Harmonics, and partials at other multiples of the pitch, as an organ's stops sound them."""
    period = max((stop.denominator for stop in stops), default=1)
    orders = {period * harmonic for harmonic in range(1, harmonics + 1)} | {int(stop * period) for stop in stops}
    return Overtones(period, tuple(sorted(orders)))


#: Those of a string or a pipe.
HARMONICS = with_stops(40)

#: By timbre; the others' partials are harmonics, or lie where only their recordings know. The ratios of frequency
#: modulation are those of `sampler.voices`.
OVERTONES: Mapping[str, Overtones] = {
    "lead_bell": frequency_modulated(Fraction(7, 2)),
    "lead_gong": frequency_modulated(Fraction(69, 25)),
    # A drawbar organ's: one and two octaves below what is played, and a twelfth above the lower of these.
    "chords_organ": with_stops(40, Fraction(1, 4), Fraction(1, 2), Fraction(3, 2)),
}  # fmt: skip
