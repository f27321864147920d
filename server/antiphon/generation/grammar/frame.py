"""The felt grid: sixteenth steps as the player feels them, and where they lie in beats.

At 174 a hip-hop drummer plays half time, at 60 a house drummer double time. So a bar that is felt need not be the bar
that is written: a style's patterns are laid on felt bars, whose steps are an eighth, a sixteenth or a thirty-second.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from antiphon.domain.theory import Meter
from antiphon.generation.styles import Style

#: From this many steps per second on, sixteenths are a blur: grooves and melodies then keep to eighths.
_BLUR_STEPS_PER_S = 13.0


@lru_cache(maxsize=256)
def _whole_steps(meter: Meter, bars: int, step_beats: float) -> int:
    """Whole steps in so many bars, in rationals; remembered, because composing a loop asks hundreds of times."""
    return int(meter.beats_per_bar * bars / Fraction(step_beats))


@dataclass(frozen=True, slots=True)
class Frame:
    """Counts time in felt steps. `pulses` are the steps of a felt bar on which a listener's foot falls."""

    meter: Meter
    bars: int
    bpm: float
    step_beats: float
    bar_steps: int
    pulses: tuple[int, ...]
    strong: tuple[int, ...]
    swing: float
    swing_unit_steps: int

    @property
    def total_steps(self) -> int:
        return _whole_steps(self.meter, self.bars, self.step_beats)

    @property
    def felt_bars(self) -> int:
        """Felt bars of the loop; the last may be cut short by the loop's end."""
        return -(-self.total_steps // self.bar_steps)

    @property
    def written_bar_steps(self) -> int:
        return _whole_steps(self.meter, 1, self.step_beats)

    @property
    def compound(self) -> bool:
        return self.meter.pulse_beats == 1.5

    @property
    def blurred(self) -> bool:
        """Whether a step is too short to be heard as a note of its own."""
        return self.bpm / 60.0 / self.step_beats > _BLUR_STEPS_PER_S

    def weight(self, step: int) -> int:
        """Metric weight: 4 downbeat, 3 strong pulse, 2 pulse, 1 eighth, 0 sixteenth."""
        inside = step % self.bar_steps
        if inside == 0:
            return 4
        if inside in self.strong:
            return 3
        if inside in self.pulses:
            return 2
        return 1 if inside % 2 == 0 else 0

    def pulses_from(self, start: int, end: int) -> list[int]:
        """The steps in [start, end) on which a pulse falls."""
        return [step for step in range(start, end) if step % self.bar_steps in (0, *self.pulses)]

    def beats(self, step: float) -> float:
        """Where a step lies, swung, in beats."""
        if self.swing:
            pair = 2.0 * self.swing_unit_steps
            whole = step // pair
            share = (step - whole * pair) / pair
            middle = 0.5 + self.swing / 6.0
            swung = share * 2.0 * middle if share <= 0.5 else middle + (share - 0.5) * 2.0 * (1.0 - middle)
            step = (whole + swung) * pair
        return step * self.step_beats


#: Meter: steps of a bar, pulses, strong pulses.
_BARS: dict[str, tuple[int, tuple[int, ...], tuple[int, ...]]] = {
    "4/4": (16, (0, 4, 8, 12), (8,)),
    "3/4": (12, (0, 4, 8), ()),
    "5/4": (20, (0, 4, 8, 12, 16), (12,)),
    "6/8": (12, (0, 6), (6,)),
    "12/8": (24, (0, 6, 12, 18), (12,)),
    "7/8": (14, (0, 4, 8), (8,)),
}


def _ratio(a: float, b: float) -> float:
    return max(a, b) / min(a, b)


def feel(bpm: float, meter: Meter, style: Style) -> float:
    """How many felt beats pass in a written one: 1, 2 (double time) or 0.5 (half time).

    Only meters whose bar halves into bars of the same kind can be felt so: 3/4 in half time would turn into 3/2.
    """
    if meter.name not in ("4/4", "6/8", "12/8"):
        return 1.0
    # In compound meters the foot falls on dotted quarters, which are half as long again.
    pulse_bpm = bpm / (1.5 if meter.pulse_beats == 1.5 else 1.0)
    low, high = style.bpm
    if low * 0.8 <= pulse_bpm <= high * 1.3:
        return 1.0
    centre = (low + high) / 2.0
    return min((1.0, 2.0, 0.5), key=lambda factor: _ratio(pulse_bpm * factor, centre))


def make_frame(bpm: float, meter: Meter, bars: int, style: Style, swing: float) -> Frame:
    """The felt grid of a loop; `swing` as at a tempo that leaves time for it."""
    bar_steps, pulses, strong = _BARS[meter.name]
    step_beats = 0.25 / feel(bpm, meter, style)
    # Pairs of sixteenths can swing in any meter; pairs of eighths only where a pulse holds a pair.
    swings = style.swing_unit == 16 or meter.denominator == 4
    steps_per_s = bpm / 60.0 / step_beats
    # The faster, the straighter, as players do.
    relief = 1.0 if steps_per_s <= 9.0 or style.swing_unit == 8 else max(0.0, 1.0 - (steps_per_s - 9.0) / 5.0)
    if style.swing_unit == 8 and steps_per_s > 15.0:
        relief = 0.6
    return Frame(
        meter=meter, bars=bars, bpm=bpm, step_beats=step_beats, bar_steps=bar_steps, pulses=pulses, strong=strong,
        swing=swing * relief if swings else 0.0, swing_unit_steps=16 // style.swing_unit,
    )  # fmt: skip
