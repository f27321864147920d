"""From what was played to a loop: the tempo is found, stretched away, begun on the beat, closed without a seam."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Score, loop_frames
from antiphon.domain.theory import Key, Meter, parse_meter
from antiphon.errors import BackendFailed
from antiphon.generation.grammar import compose
from antiphon.generation.text_to_music.loop import close_loop, closed, plan, to_loop_frames
from antiphon.generation.text_to_music.tempo import find_beat
from tests.generation.music import METERS

RATE_HZ = 16000
Audio = NDArray[np.float32]


def scored(bpm: float, bars: int = 4, meter: str = "4/4") -> Score:
    return compose(GenerateRequest(bpm=bpm, bars=bars, meter=parse_meter(meter), style="house"), 1)


HOUSE = scored(120.0)


def clicks(bpm: float, first_s: float, duration_s: float, rate_hz: int = RATE_HZ) -> Audio:
    """A short noise on every beat, louder on every fourth, a softer one between: (1, frames)."""
    rng = np.random.default_rng(4)
    audio = np.zeros(round(duration_s * rate_hz))
    stroke = rng.standard_normal(rate_hz // 20) * np.exp(-np.arange(rate_hz // 20) / (0.01 * rate_hz))
    for place in range(int((duration_s - first_s) * bpm / 30)):
        start = round((first_s + place * 30 / bpm) * rate_hz)
        level = 1.0 if place % 8 == 0 else 0.6 if place % 2 == 0 else 0.2
        piece = audio[start : start + len(stroke)]
        piece += level * stroke[: len(piece)]
    return audio[None].astype(np.float32)


def held(hz: float, duration_s: float) -> Audio:
    time_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return np.stack([np.sin(2 * np.pi * hz * time_s), np.sin(2 * np.pi * 1.5 * hz * time_s)]).astype(np.float32)


def onsets_s(audio: Audio, rate_hz: int) -> NDArray[np.float64]:
    """Where the strokes of `clicks` begin."""
    loud = np.abs(audio).max(axis=0) > 0.25 * np.abs(audio).max()
    places = np.flatnonzero(loud)
    return places[np.diff(places, prepend=-rate_hz) > 0.1 * rate_hz] / rate_hz


@pytest.mark.parametrize("played_bpm", [98.0, 111.0, 119.7, 120.0, 124.0, 138.0])
def test_the_tempo_and_where_the_beat_falls_are_found(played_bpm: float) -> None:
    beat = find_beat(clicks(played_bpm, 0.31, 12.0), RATE_HZ, 0.5)
    assert beat.certain
    assert beat.ratio == pytest.approx(played_bpm / 120.0, rel=0.003)
    assert beat.phase_s == pytest.approx(0.31, abs=0.012)


@pytest.mark.parametrize("what", ["noise", "chord", "silence", "nothing"])
def test_where_nothing_beats_nothing_is_claimed(what: str) -> None:
    noise = np.random.default_rng(1).standard_normal((2, 8 * RATE_HZ)).astype(np.float32)
    audio = {"noise": noise, "chord": held(110.0, 8.0), "silence": 0 * noise, "nothing": noise[:, :1]}[what]
    beat = find_beat(audio, RATE_HZ, 0.5)
    assert (beat.certain, beat.ratio) == (False, 1.0)
    assert beat.phase_s == beat.sound_s


@pytest.mark.parametrize(("played_bpm", "first_s"), [(120.0, 0.0), (120.0, 0.4), (107.0, 0.2), (133.0, 0.0)])
def test_what_was_played_in_another_tempo_lies_on_the_grid_afterwards(played_bpm: float, first_s: float) -> None:
    score = HOUSE
    made = plan(score, 0.0, 47.0)
    played = clicks(played_bpm, first_s, made.duration_s)
    circle = close_loop(played, RATE_HZ, made)
    frames = loop_frames(score.beats, score.bpm, 44100)
    loop = to_loop_frames(circle, made.repeats, frames)
    assert loop.shape == (1, frames)
    # An attack that begins a hair early lies at the loop's end: count from there.
    places = onsets_s(np.roll(loop, 4410, axis=1), 44100) - 0.1
    beats = places / 0.5
    assert np.abs(beats - np.rint(beats)).max() * 0.5 < 0.02
    assert set(np.rint(beats).astype(int)) == set(range(16))
    # The loudest stroke of each bar is its first: the loop begins at a bar.
    beats_of_loop = np.roll(loop, 441, axis=1).reshape(16, -1)
    strengths = np.square(beats_of_loop[:, :4410]).sum(axis=1)
    assert set(np.argsort(strengths)[-4:]) == {0, 4, 8, 12}


@given(
    st.floats(60, 200), st.sampled_from(METERS), st.integers(1, 8), st.sampled_from([44100, 48000, 96000]),
    st.floats(10, 60),
)  # fmt: skip
@settings(max_examples=6, deadline=None)
def test_any_loop_has_exactly_its_frames_and_no_seam(
    bpm: float, meter: Meter, bars: int, rate: int, longest_s: float
) -> None:
    score = dataclasses.replace(HOUSE, bpm=bpm, bars=bars, meter=meter, key=Key(0, "major"))
    made = plan(score, 0.0, longest_s)
    assert made.bars * made.repeats == bars
    assert made.least_s <= made.duration_s <= longest_s
    played = held(110.7, made.duration_s)
    circle = close_loop(played, RATE_HZ, made)
    frames = loop_frames(score.beats, score.bpm, rate)
    loop = to_loop_frames(circle, made.repeats, frames)
    assert loop.shape == (2, frames)
    assert loop.dtype == np.float32
    across = np.abs(loop[:, 0] - loop[:, -1]).max()
    assert across <= np.abs(np.diff(loop, axis=1)).max() * 1.01


@given(st.integers(0, 10_000), st.integers(1, 400))
@settings(max_examples=30, deadline=None)
def test_the_end_passes_over_into_what_came_before_the_start(seed: int, overlap: int) -> None:
    cut = np.random.default_rng(seed).standard_normal((2, overlap + 2000)).astype(np.float32)
    loop = closed(cut, overlap)
    assert loop.shape == (2, 2000)
    assert np.array_equal(loop[:, : 2000 - overlap], cut[:, overlap:2000])
    # Unlike sides keep their power, so noise has no dip.
    assert np.abs(loop).max() <= np.abs(cut).max() * 1.5
    if overlap >= 50:
        assert np.abs(loop[:, -1] - cut[:, overlap - 1]).max() < 0.1


def test_a_steady_tone_has_no_dip_where_it_closes() -> None:
    overlap = 800
    cut = held(200.0, 1.0)[:, : overlap + 8000]
    level = np.abs(closed(cut, overlap)[0, -overlap:]).reshape(10, 80).max(axis=1)
    assert level.min() > 0.95
    assert level.max() < 1.05


def test_long_loops_are_made_of_shorter_ones() -> None:
    score = scored(120.0, bars=16)
    assert (plan(score, 0.0, 47.0).bars, plan(score, 0.0, 30.0).bars, plan(score, 0.0, 10.24).bars) == (16, 8, 4)
    made = plan(score, 0.0, 10.24)
    played = clicks(120.0, 0.2, made.duration_s)
    loop = to_loop_frames(close_loop(played, RATE_HZ, made), made.repeats, 32 * 44100)
    assert loop.shape == (1, 32 * 44100)
    assert np.allclose(loop[:, : 8 * 44100], loop[:, 8 * 44100 : 16 * 44100], atol=1e-3)


def test_a_bar_that_is_too_long_says_so() -> None:
    with pytest.raises(BackendFailed, match=r"one bar of 12/8 at 30 bpm takes 12\.0 s.*up to 10\.2 s.*faster tempo"):
        plan(scored(30.0, 1, "12/8"), 0.0, 10.24)


def test_music_that_ends_early_is_padded_with_silence() -> None:
    made = plan(scored(120.0), 0.0, 47.0)
    loop = close_loop(held(110.0, 1.0), RATE_HZ, made)
    assert loop.shape == (2, 8 * RATE_HZ)
    assert np.abs(loop[:, 2 * RATE_HZ : 7 * RATE_HZ]).max() == 0.0
