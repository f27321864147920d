"""The pilot's ear on sounds whose properties are known."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.errors import StorageFailed
from antiphon.pilot.hearing import COLUMNS, NAMES, hear, hear_file
from tests.pilot.house import tone

RATE_HZ = 44100
TIMES_S = np.arange(2 * RATE_HZ) / RATE_HZ
BRIGHT, NOISY, LOW, ONSETS, SHARP, DYNAMIC, WIDTH, CHANGE, SPREAD, ROUGH = range(len(NAMES))


def sine(frequency_hz: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * frequency_hz * TIMES_S)


def heard(left: np.ndarray, right: np.ndarray | None = None) -> tuple[float, ...]:
    return hear(np.column_stack([left, left if right is None else right]), RATE_HZ)


def test_a_low_tone_and_bright_noise_are_told_apart() -> None:
    low, noise = heard(sine(60.0)), heard(0.3 * np.random.default_rng(1).standard_normal(len(TIMES_S)))
    assert low[BRIGHT] == pytest.approx(np.log2(61.0), abs=0.2)
    assert noise[BRIGHT] > low[BRIGHT] + 5
    assert noise[NOISY] > -3 > low[NOISY]
    assert low[LOW] > -0.1 > noise[LOW] + 10
    assert noise[SPREAD] > heard(sine(440.0))[SPREAD] + 1


def test_clicks_are_counted_and_are_sharp() -> None:
    clicks = 0.001 * sine(200.0)
    for start in range(0, len(clicks), RATE_HZ // 4):
        clicks[start + 2000 : start + 4000] += 0.5 * np.exp(-np.arange(2000) / 300.0)
    told = heard(clicks)
    assert told[ONSETS] == pytest.approx(4.0, abs=0.6)
    assert told[SHARP] > heard(sine(200.0))[SHARP]
    assert told[DYNAMIC] > 20 > heard(sine(200.0))[DYNAMIC]


def test_width_harmony_and_roughness() -> None:
    assert heard(sine(200.0))[WIDTH] == -60
    assert heard(sine(200.0), sine(300.0))[WIDTH] == pytest.approx(0.0, abs=0.5)
    half = len(TIMES_S) // 2
    chords = np.concatenate([sine(440.0)[:half], sine(554.4)[half:]])
    assert heard(chords)[CHANGE] > heard(sine(440.0))[CHANGE] + 0.05
    assert heard(sine(440.0) + sine(500.0))[ROUGH] > heard(sine(440.0))[ROUGH] + 10


@pytest.mark.parametrize("frames", [0, 1, 100, 3000, 50000])
@pytest.mark.parametrize("channels", [1, 2])
def test_silence_and_scraps_give_finite_numbers(frames: int, channels: int) -> None:
    told = hear(np.zeros((frames, channels)), RATE_HZ)
    assert len(told) == len(NAMES) == len(COLUMNS)
    assert np.isfinite(told).all()


def test_files_are_heard_and_others_refused() -> None:
    told, seconds = hear_file(tone(220.0, 0.5))
    assert (seconds, told[BRIGHT]) == (pytest.approx(0.5), pytest.approx(np.log2(221.0), abs=0.3))
    with pytest.raises(StorageFailed, match="no audio file"):
        hear_file(b"no sound at all")
