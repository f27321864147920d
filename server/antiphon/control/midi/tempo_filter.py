"""The tempo behind jittered clock ticks: a delay-locked loop whose bandwidth narrows as it learns.

The loop is that of Adriaensen, "Using a DLL to filter time" (Linux Audio Conference, 2005): a second-order loop that
predicts the next tick and corrects phase and period by the error. Its two gains are not fixed but those of the
expanding-memory filter of first degree (Morrison, "Introduction to Sequential Smoothing and Prediction", 1969), under
which the loop is at every tick the least-squares line through all ticks so far; after `MEMORY_TICKS` they stay, and the
loop keeps following. A fixed bandwidth that is narrow enough for 5 ms of jitter would need ten times as long to lock.
"""

from __future__ import annotations

import math

#: MIDI clock: ticks per quarter note.
PULSES_PER_BEAT = 24
#: From here on the gains stay: eight beats.
MEMORY_TICKS = 8 * PULSES_PER_BEAT
#: Before one beat nothing is said.
LEAST_TICKS = PULSES_PER_BEAT
#: A longer silence is a pause: 20 bpm ticks every 125 ms.
LONGEST_GAP_S = 0.5
#: Tempos that anybody plays; a clock outside is a fault.
BPM_RANGE = (20.0, 400.0)

#: If this many ticks in a row come early (or late) by more than the jitter explains, the tempo has changed.
_WITNESSES = 8
#: Clocks are set to round tempos: the roundest within the error is taken to be meant.
_GRIDS_BPM = (1.0, 0.5, 0.1, 0.01)


class TempoFilter:
    """Feed it the times of ticks in seconds; it says the tempo, and how sure it is of it."""

    def __init__(self) -> None:
        self._reported: float | None = None
        self.restart()

    def restart(self) -> None:
        """Forget the ticks: what comes begins anew."""
        self._count = 0
        self._due_s = 0.0
        self._period_s = 0.0
        self._last_s = -math.inf
        self._variance_s2 = 0.0
        self._leaning = 0
        self._lean_s = 0.0
        self._reported = None

    def tick(self, at_s: float) -> None:
        """One tick. A gap or a jump in tempo starts the filter again, from this tick."""
        gap_s, self._last_s = at_s - self._last_s, at_s
        if not 0 <= gap_s <= LONGEST_GAP_S:
            self.restart()
            self._last_s = at_s
        self._count += 1
        if self._count == 1:
            self._due_s = at_s
            return
        if self._count == 2:
            self._period_s = gap_s
            self._due_s = at_s + gap_s
            return
        error_s = at_s - self._due_s
        if self._has_left(error_s):
            self.restart()
            self.tick(at_s)
            return
        self._correct(error_s)

    def _correct(self, error_s: float) -> None:
        n = min(self._count, MEMORY_TICKS)
        phase_gain = 2 * (2 * n - 1) / (n * (n + 1))
        period_gain = 6 / (n * (n + 1))
        self._due_s += self._period_s + phase_gain * error_s
        self._period_s += period_gain * error_s
        # The prediction is already the phase at the next tick: the correction of the period belongs to it too.
        self._due_s += period_gain * error_s
        weight = max(1 / (self._count - 2), 1 / MEMORY_TICKS)
        self._variance_s2 += weight * (error_s * error_s - self._variance_s2)

    def _has_left(self, error_s: float) -> bool:
        """Whether the ticks come from another tempo now: several in a row lean to one side, too far for jitter."""
        if self._count < LEAST_TICKS:
            return False
        side = 1 if error_s > 0 else -1
        self._leaning, self._lean_s = (
            (self._leaning + side, self._lean_s + error_s) if self._leaning * side >= 0 else (side, error_s)
        )
        far_s = max(0.002, 1.5 * math.sqrt(self._variance_s2))
        return abs(self._leaning) >= _WITNESSES and abs(self._lean_s) > abs(self._leaning) * far_s

    @property
    def estimate_bpm(self) -> float | None:
        """The loop's own tempo; None before one beat, and where it is none that anybody plays."""
        if self._count < LEAST_TICKS or self._period_s <= 0:
            return None
        bpm = 60.0 / (self._period_s * PULSES_PER_BEAT)
        return bpm if BPM_RANGE[0] <= bpm <= BPM_RANGE[1] else None

    @property
    def error_bpm(self) -> float:
        """The standard error of the estimate: that of a least-squares slope through the ticks in memory."""
        bpm = self.estimate_bpm
        if bpm is None:
            return math.inf
        n = min(self._count, MEMORY_TICKS)
        slope_s = math.sqrt(self._variance_s2 * 12 / (n * (n * n - 1)))
        return bpm * slope_s / self._period_s

    @property
    def bpm(self) -> float | None:
        """The tempo that is meant: the roundest within three standard errors. It changes only when it has to."""
        estimate = self.estimate_bpm
        if estimate is None:
            return self._reported
        allowed = 3 * self.error_bpm + 0.005
        if self._reported is not None and abs(self._reported - estimate) <= allowed:
            return self._reported
        self._reported = self._roundest(estimate, allowed)
        return self._reported

    @staticmethod
    def _roundest(estimate: float, allowed: float) -> float:
        for grid in _GRIDS_BPM:
            near = round(estimate / grid) * grid
            if abs(near - estimate) <= allowed:
                return round(near, 2)
        return round(estimate, 2)
