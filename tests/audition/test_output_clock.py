"""What the callbacks' times tell: when a frame is heard, and what was lost; late callbacks and crystals fool nobody."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.audition.output_clock import OutputClock

RATE, BLOCK = 48000, 512


def run(
    seconds: float, lost: dict[int, int] | None = None, crystal: float = 0.0, late_s: float = 0.003, block: int = BLOCK
) -> tuple[OutputClock, int, int]:
    """A device that asks for blocks; `lost`: frames that it went on without us, by block. Callbacks come late by
    exponential amounts of the mean `late_s`. Returns the clock, the frames found lost, and the frame that is due."""
    rng = np.random.default_rng(7)
    clock, mixed, gone, found = OutputClock(RATE, 0.02), 0, 0, 0
    for k in range(round(seconds * RATE / block)):
        gone += (lost or {}).get(k, 0)
        due_s = 100.0 + (k * block + gone) / (RATE * (1 + crystal))
        missing = clock.tick(mixed, block, due_s + rng.exponential(late_s))
        found += missing
        mixed += missing + block
    return clock, found, mixed


@pytest.mark.parametrize("crystal", [0.0, 1e-4, -1e-4])
@pytest.mark.parametrize("late_s", [0.0, 0.001, 0.01])
def test_an_hour_with_late_callbacks_loses_nothing(crystal: float, late_s: float) -> None:
    clock, found, mixed = run(3600.0, crystal=crystal, late_s=late_s, block=1024)
    assert found == 0
    heard_s = clock.heard_at_s(mixed)
    assert heard_s is not None
    assert heard_s == pytest.approx(100.0 + mixed / (RATE * (1 + crystal)) + 0.02, abs=0.004)
    assert clock.frame_heard_at(heard_s) == pytest.approx(mixed, abs=1)


@pytest.mark.parametrize("frames", [BLOCK, 3 * BLOCK, 24_000, RATE * 60])
def test_frames_that_went_by_are_found(frames: int) -> None:
    _, found, _ = run(20.0, lost={300: frames, 1200: frames}, late_s=0.0005)
    assert found == pytest.approx(2 * frames, abs=50)


def test_before_the_first_callback_nothing_is_known() -> None:
    clock = OutputClock(RATE, 0.02)
    assert clock.heard_at_s(0) is None
    assert clock.frame_heard_at(1.0) is None
