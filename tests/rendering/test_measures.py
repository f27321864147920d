"""How stems sound, in numbers: sounds whose measures are known, what must not change them, and what must."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.domain.measures import MEASURES, measures_from_json, measures_to_json
from antiphon.domain.score import loop_frames
from antiphon.rendering.finish import MIX, finish
from antiphon.rendering.measures import measure, measure_stems
from antiphon.rendering.preset import load_preset
from tests.rendering.synth import play, random_score

RATE = 44100
DURATION_S = 4.0
Audio = NDArray[np.float32]
ONSETS_S = np.arange(0.0, DURATION_S, 0.5)


def times(rate: int = RATE) -> NDArray[np.float64]:
    return np.arange(round(DURATION_S * rate)) / rate


def tone(hz: float, rate: int = RATE) -> Audio:
    """One sine, steady, in mono."""
    return (0.3 * np.sin(2 * np.pi * hz * times(rate))).astype(np.float32)[None]


def noise(seed: int = 0) -> Audio:
    return (0.1 * np.random.default_rng(seed).standard_normal((1, len(times())))).astype(np.float32)


def struck(rise_s: float, decay_s: float) -> Audio:
    """A tone every half second that rises and decays."""
    since = times() % 0.5
    envelope = np.minimum(since / rise_s, 1.0) * np.exp(-np.maximum(since - rise_s, 0.0) / decay_s)
    return (envelope * tone(440.0)[0]).astype(np.float32)[None]


def measured(audio: Audio, rate: int = RATE, level_lu: float = -6.0) -> dict[str, float]:
    found = measure(audio, ONSETS_S, level_lu, rate)
    assert found is not None
    assert len(found) == len(MEASURES)
    return {each.key: value for each, value in zip(MEASURES, found, strict=True)}


@pytest.mark.parametrize("hz", [125.0, 1000.0, 4000.0])
def test_a_tone_is_as_bright_as_it_is_high(hz: float) -> None:
    assert measured(tone(hz))["brightness_oct"] == pytest.approx(math.log2(hz / 1000.0), abs=0.1)


def test_two_tones_have_their_middle_as_centroid() -> None:
    assert measured(tone(1000.0) + tone(3000.0))["brightness_oct"] == pytest.approx(1.0, abs=0.05)


def test_noise_is_noisier_than_a_chord_and_a_chord_than_a_tone() -> None:
    flat = [
        measured(each)["noisiness_db"] for each in (noise(), tone(300.0) + tone(700.0) + 0.05 * noise(), tone(1000.0))
    ]
    # Bins of noise are distributed exponentially: their geometric mean lies Euler's constant below the mean, in nepers.
    assert flat[0] == pytest.approx(-10.0 * np.euler_gamma / math.log(10.0), abs=0.2)
    assert flat[0] > flat[1] + 10.0 > flat[2] + 20.0


def test_attacks_are_timed() -> None:
    hard, soft = (10.0 ** measured(struck(rise_s, 0.2))["attack_log10_s"] for rise_s in (0.002, 0.1))
    assert hard < 0.012
    assert soft == pytest.approx(0.8 * 0.1, rel=0.25), "from a tenth of the rise to nine tenths"


def test_what_rings_on_is_more_sustained_and_what_is_struck_more_lively() -> None:
    steady, short = measured(tone(440.0)), measured(struck(0.002, 0.05))
    assert steady["sustain"] > 0.99
    assert short["sustain"] < 0.3
    assert short["movement"] > steady["movement"] + 0.02


def test_low_end_is_what_lies_below() -> None:
    assert measured(tone(60.0))["low_end"] > 0.95
    assert measured(tone(600.0))["low_end"] < 0.1
    assert measured(tone(60.0) + tone(600.0))["low_end"] == pytest.approx(0.5**0.5, abs=0.03)


def test_sides_are_a_share() -> None:
    one, other = noise(1), noise(2)
    assert measured(np.concatenate([one, one]))["side_share"] == 0.0
    assert measured(one)["side_share"] == 0.0
    assert measured(np.concatenate([one, other]))["side_share"] == pytest.approx(0.5**0.5, abs=0.02)


def test_gain_and_rate_change_nothing_but_the_level() -> None:
    sound = struck(0.01, 0.1) + 0.05 * tone(2000.0)
    quiet = measured(0.05 * sound)
    assert quiet == pytest.approx(measured(sound), abs=2e-3)
    twice = struck(0.01, 0.1)
    at_96 = np.interp(times(96000), times(), twice[0]).astype(np.float32)[None]
    assert measured(at_96, 96000) == pytest.approx(measured(twice), abs=0.5)
    assert measured(sound, level_lu=-3.0)["level_lu"] == -3.0


def test_silence_has_no_measures() -> None:
    assert measure(np.zeros((2, RATE), dtype=np.float32), ONSETS_S, -70.0, RATE) is None


def test_a_stem_without_notes_in_the_score_is_measured_where_it_is_loudest() -> None:
    found = measure(struck(0.1, 0.2), np.zeros(0), -6.0, RATE)
    assert found is not None
    assert all(map(math.isfinite, found))


def test_a_finished_loop_is_measured_stem_by_stem() -> None:
    score = random_score(3, bars=1)
    finished = finish(play(score, RATE), score, load_preset("clean"), RATE)
    silent = replace(finished, stems={**finished.stems, "lead": np.zeros_like(finished.mix)})
    assert finished.frames == loop_frames(score.beats, score.bpm, RATE)
    found = measure_stems(silent.stems, silent.loudness_lufs, silent.loudness_lufs[MIX], score, RATE)
    assert [stem for stem, _ in found] == sorted({*finished.stems} - {"lead"})
    by_stem = dict(found)
    assert by_stem["bass"][0] < by_stem["drums"][0], "drums are brighter than a bass"
    assert measures_from_json(measures_to_json(found)) == found
    assert measure_stems(silent.stems, silent.loudness_lufs, silent.loudness_lufs[MIX], score, RATE) == found
