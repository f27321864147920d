"""Effects of the corpus: the stem stays a circle, its pitch and its onsets the score's, and its words true."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.domain.timbres import COLOURS, EFFECT_COLUMNS, TOLD_COLUMN
from antiphon.generation.builtin import colour_columns
from antiphon.generation.sampler.colours import TREATMENTS, coloured, goes_with
from antiphon.rendering.circle import Loop
from antiphon.training.corpus import EDITIONS, render_song, song_colours, song_effects
from antiphon.training.dataset import colour_row
from antiphon.training.effects import EFFECT_NAMES, ONE_EFFECT, TWO_EFFECTS, chain_of, draw_effects, through
from antiphon.training.etudes import ETUDE_STEMS

RATE_HZ = 44100
FRAMES = 5 * RATE_HZ
LOOP = Loop(FRAMES, RATE_HZ, 120.0, 10.0)
Wave = NDArray[np.float32]


def _rng() -> np.random.Generator:
    return np.random.default_rng(3)


def _made(wave: Wave, name: str, strength: float = 1.0) -> Wave:
    return through(wave, chain_of({name: strength}, _rng()), LOOP)


def _bands_db(wave: Wave) -> NDArray[np.float64]:
    """Power in sixteen bands, even in octaves, from 60 Hz to 16 kHz."""
    power = np.abs(np.fft.rfft(wave.astype(np.float64))) ** 2
    edges = np.geomspace(60.0, 16000.0, 17) * wave.size / RATE_HZ
    return np.array([10.0 * np.log10(power[int(a) : int(b)].mean()) for a, b in pairwise(edges)])


@pytest.mark.parametrize("name", EFFECT_NAMES)
def test_the_circle_has_no_seam(name: str) -> None:
    """What is made of a tone that goes on round the loop has no larger step at the seam than elsewhere, and what rings
    on at the end is heard at the start."""
    steady = np.sin(2.0 * np.pi * 220.0 * 5 * np.arange(FRAMES) / FRAMES).astype(np.float32)
    made = _made(steady, name)
    steps = np.abs(np.diff(made, append=made[0]))
    bends = np.abs(np.diff(steps, append=steps[0]))
    assert steps[-1] <= steps[:-1].max() * 1.05
    assert bends[-2:].max() <= bends[:-2].max() * 1.05
    burst = np.zeros(FRAMES, np.float32)
    burst[-200:] = _rng().standard_normal(200)
    if name in ("room", "dark", "thin", "phaser"):
        assert np.abs(_made(burst, name)[:100]).max() > 1e-5, "its tail comes round"


def _pitch_hz(wave: Wave, hz: float) -> float:
    """The strongest partial within two semitones of `hz`, read between the bins."""
    power = np.log(np.abs(np.fft.rfft(wave * np.hanning(wave.size))) + 1e-9)
    low, high = (int(hz * 2.0 ** (shift / 12.0) * wave.size / RATE_HZ) for shift in (-2.0, 2.0))
    peak = low + int(power[low:high].argmax())
    a, b, c = power[peak - 1 : peak + 2]
    return float((peak + 0.5 * (a - c) / (a - 2.0 * b + c)) * RATE_HZ / wave.size)


@pytest.mark.parametrize("name", EFFECT_NAMES)
def test_pitch_stays_true(name: str) -> None:
    turns = 440.0 * np.arange(FRAMES) / RATE_HZ
    tone = sum(np.sin(2.0 * np.pi * partial * turns) / partial for partial in range(1, 9))
    tone = np.where(np.arange(FRAMES) < 4 * RATE_HZ, tone, 0.0).astype(np.float32)
    made = _made(tone, name)
    sustained = slice(RATE_HZ // 2, 3 * RATE_HZ)
    cents = 1200.0 * np.log2(_pitch_hz(made[sustained], 440.0) / _pitch_hz(tone[sustained], 440.0))
    assert abs(cents) < 6.0


@pytest.mark.parametrize("name", [name for name in EFFECT_NAMES if name != "chorus"])
def test_onsets_stay_where_the_score_has_them_and_no_others_come(name: str) -> None:
    strokes = np.zeros(FRAMES, np.float32)
    places = (np.arange(10) * FRAMES) // 10
    decay = np.exp(-np.arange(6000) / 900.0)
    for place in places:
        strokes[place : place + 6000] += (_rng().standard_normal(6000) * decay).astype(np.float32)
    made = _made(strokes, name)
    for wave in (strokes, made):
        level = np.sqrt(np.mean(np.square(wave.reshape(-1, 147).astype(np.float64)), axis=1))
        rises = np.flatnonzero((level > 0.3 * level.max()) & (np.roll(level, 1) < 0.15 * level.max()))
        assert len(rises) == len(places)
        assert np.abs(rises * 147 - places).max() <= 2 * 147, "within seven milliseconds"


@pytest.mark.parametrize("name", [name for name in EFFECT_NAMES if name in TREATMENTS])
@pytest.mark.parametrize("strength", [0.55, 1.0])
def test_an_effect_that_is_told_as_a_colour_does_what_the_colour_does(name: str, strength: float) -> None:
    noise = (0.1 * _rng().standard_normal(FRAMES)).astype(np.float32)
    colour = coloured(noise.astype(np.float64), np.array([0]), {name: strength}, _rng()).astype(np.float32)
    assert np.abs(_bands_db(_made(noise, name, strength)) - _bands_db(colour)).mean() < 1.6
    if name == "driven":
        tone = np.sin(2.0 * np.pi * 1000 * np.arange(FRAMES) / FRAMES).astype(np.float32)
        treated = coloured(tone.astype(np.float64), np.array([0]), {name: strength}, _rng())
        third = [np.abs(np.fft.rfft(wave))[[1000, 3000]] for wave in (_made(tone, name, strength), treated)]
        ratios_db = [20.0 * np.log10(each[1] / each[0]) for each in third]
        assert ratios_db[0] == pytest.approx(ratios_db[1], abs=2.0), "as many overtones"


@pytest.mark.parametrize("name", [name for name in EFFECT_NAMES if name not in TREATMENTS])
def test_an_effect_that_no_colour_stands_for_has_a_column_that_requests_leave_empty(name: str) -> None:
    row = colour_row({"dusty": 0.6, name: 0.8}, 64)
    assert row[EFFECT_COLUMNS[name]] == pytest.approx(0.8)
    assert row.nonzero()[0].tolist() == sorted([COLOURS.index("dusty"), EFFECT_COLUMNS[name], 64 + TOLD_COLUMN])
    assert colour_columns(COLOURS, 64)[EFFECT_COLUMNS[name]] == 0.0
    assert name not in COLOURS


def test_every_effect_is_heard_and_keeps_level_and_headroom() -> None:
    noise = (0.2 * _rng().standard_normal(FRAMES)).astype(np.float32)
    for name in EFFECT_NAMES:
        made = _made(noise, name, 0.55)
        assert np.abs(made - noise).max() > 0.02, name
        assert np.abs(made).max() <= 0.981
        assert 0.7 < np.sqrt(np.mean(made**2) / np.mean(noise**2)) <= 1.001, name
    assert not _made(np.zeros(FRAMES, np.float32), "driven").any()
    assert through(noise, (), LOOP) is noise


def test_three_stems_in_ten_have_effects_that_go_together() -> None:
    drawn = [(stem, effects) for number in range(400)
             for stem, effects in zip(ETUDE_STEMS, song_effects(number, EDITIONS[3]), strict=True)]  # fmt: skip
    share = sum(bool(effects) for _, effects in drawn) / len(drawn)
    assert share == pytest.approx(ONE_EFFECT + TWO_EFFECTS, abs=0.03)
    counted = Counter(name for _, effects in drawn for name in effects)
    assert set(counted) == set(EFFECT_NAMES)
    assert not [stem for stem, effects in drawn if "chorus" in effects and stem in ("drums", "percussion", "bass")]
    for number in range(100):
        for colours in song_colours(number, EDITIONS[3]):
            names = [name for name in colours if name in COLOURS]
            assert all(goes_with(name, [other for other in names if other != name]) for name in names)
    again = [draw_effects(np.random.default_rng(5), "lead", {"dusty": 0.7}) for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.needs("fluidsynth")
def test_a_song_of_the_new_edition_is_the_same_for_the_same_seed_and_says_its_effects() -> None:
    number = next(n for n in range(50) if song_effects(n, EDITIONS[3])[3])
    song, again = render_song(number, EDITIONS[3]), render_song(number, EDITIONS[3])
    assert np.array_equal(song.audio, again.audio)
    assert song.score.bpm == again.score.bpm
    told = song_effects(number, EDITIONS[3])[3]
    assert told.items() <= song.colours[3].items()
    assert np.abs(song.audio).max() <= 0.981
    assert np.isfinite(song.audio).all()
