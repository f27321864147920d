"""How the frames that a device takes stand to the clock: when a frame is heard, and how many were lost."""

from __future__ import annotations

#: Callbacks over which the least lateness is taken: those that come late by the system's own doing don't count.
WINDOW = 16
#: How far a device's crystal may be off; what goes beyond is lost sound.
CRYSTAL = 2e-4
#: Less than this is noise of the callbacks' times.
LEAST_LOSS_S = 0.004


class OutputClock:
    """Told of every callback. Times are those of `time.monotonic`; `latency_s` is from callback to loudspeaker.

    A callback can be late but never early, so the least lateness of several is where the device really stands. It
    drifts slowly with the device's crystal, and jumps where a device went on without us.
    """

    def __init__(self, rate_hz: int, latency_s: float) -> None:
        self._rate_hz = rate_hz
        self._latency_s = latency_s
        self._base: float | None = None
        self._least = float("inf")
        self._seen = self._window_frames = 0

    def tick(self, at_frame: int, frames: int, now_s: float) -> int:
        """A callback at `now_s` asks for `frames` frames from `at_frame` on. Returns the frames lost since; mostly 0.

        The caller counts these as gone by: the next `at_frame` includes them.
        """
        lateness = now_s * self._rate_hz - at_frame
        if self._base is None or lateness < self._base:
            self._base = lateness
        self._least = min(self._least, lateness)
        self._seen += 1
        self._window_frames += frames
        if self._seen < WINDOW:
            return 0
        behind = self._least - self._base
        lost = 0
        if behind > max(0.75 * frames, LEAST_LOSS_S * self._rate_hz):
            lost = round(behind)
        else:
            self._base += min(behind, CRYSTAL * self._window_frames)
        self._least, self._seen, self._window_frames = float("inf"), 0, 0
        return lost

    def heard_at_s(self, frame: int) -> float | None:
        """When a frame is heard; None before the first callback."""
        if self._base is None:
            return None
        return (self._base + frame) / self._rate_hz + self._latency_s

    def frame_heard_at(self, time_s: float) -> int | None:
        """The frame that is heard at a time; None before the first callback."""
        if self._base is None:
            return None
        return round((time_s - self._latency_s) * self._rate_hz - self._base)
