"""The mixing without a device: every loop on its sample, changes on the bar, no clicks, stems at their levels."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audition.loop import PreparedLoop, change_marks
from antiphon.audition.mixer import FADE_S, RAMP_S, Mixer
from tests.audition.loops import Audio, hum, made_loop, noise

RATE = 48000
FADE = round(FADE_S * RATE)
#: Where many loops are made, short ones.
LOW_RATE = 8000
LOW_FADE = round(FADE_S * LOW_RATE)


def play(mixer: Mixer, frames: int, blocks: Sequence[int] = (256, 1024, 64, 480, 3000)) -> Audio:
    """The next frames, in blocks of changing size."""
    out = np.empty((frames, 2), dtype=np.float32)
    done = turn = 0
    while done < frames:
        size = min(blocks[turn % len(blocks)], frames - done)
        mixer.fill(out[done : done + size])
        done, turn = done + size, turn + 1
    return out


def around(loop: PreparedLoop, start: int, first: int, frames: int) -> Audio:
    """What a loop that begins at `start` gives from frame `first` on."""
    at = (first - start + np.arange(frames)) % loop.frames
    return np.asarray(loop.audio.sum(axis=0)[at], dtype=np.float32)


def test_a_loop_goes_round_on_its_own_frames_for_hours() -> None:
    loop = made_loop("a", bpm=93.7, bars=1)
    mixer = Mixer(RATE)
    mixer.play(loop)
    play(mixer, 4096)
    voice = mixer.voice
    assert voice is not None
    assert voice.start == FADE  # its first frame follows the fade-in, which runs on the loop's own end
    hours = 7 * 3600 * RATE
    mixer.frame += hours - hours % loop.frames  # whole turns
    at = mixer.frame
    np.testing.assert_allclose(play(mixer, 3 * loop.frames), around(loop, FADE, at, 3 * loop.frames), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    asked_at=st.integers(100, 60_000),
    bpm=st.sampled_from([120.0, 93.1, 174.0, 61.7]),
    meter=st.sampled_from(["4/4", "3/4", "7/8", "12/8"]),
    change=st.sampled_from(["bar", "beat", "loop"]),
)
def test_a_change_is_complete_on_the_next_mark_and_begins_bar_one(
    asked_at: int, bpm: float, meter: str, change: str
) -> None:
    first = made_loop("a", 1, rate_hz=LOW_RATE, change=change, meter=meter)
    second = made_loop("b", 2, bpm=bpm, bars=3, rate_hz=LOW_RATE, change=change)
    mixer = Mixer(LOW_RATE)
    mixer.play(first)
    play(mixer, asked_at)
    asked = mixer.frame
    mixer.play(second)
    heard = play(mixer, 2 * first.frames)
    marks = {LOW_FADE + turn * first.frames + mark for turn in range(20) for mark in first.marks}
    turn = min(mark for mark in marks if mark >= asked + LOW_FADE)
    before, after = heard[: turn - LOW_FADE - asked], heard[turn - asked :]
    np.testing.assert_allclose(before, around(first, LOW_FADE, asked, len(before)), atol=1e-6)
    np.testing.assert_allclose(after, around(second, turn, turn, len(after)), atol=1e-6)
    assert mixer.audible_id == "b"


def test_loops_of_one_length_change_places_within_the_bars() -> None:
    first, second = made_loop("a", 1), made_loop("b", 2)
    mixer = Mixer(RATE)
    mixer.play(first)
    play(mixer, 30_000)  # in the first of two bars
    mixer.play(second)
    heard = play(mixer, 3 * first.frames)
    turn = FADE + first.frames // 2 - 30_000
    np.testing.assert_allclose(
        heard[turn:], around(second, FADE, FADE + first.frames // 2, len(heard) - turn), atol=1e-6
    )


def test_the_same_loop_at_another_tempo_goes_on_at_its_beat() -> None:
    slow = made_loop("a", 1, bpm=120.0, change="beat")
    fast = made_loop("a", 2, bpm=126.0, change="beat")
    mixer = Mixer(RATE)
    mixer.play(slow)
    play(mixer, 30_000)  # in the second beat
    mixer.play(fast)
    heard = play(mixer, slow.frames)
    turn = FADE + slow.marks[2] - 30_000
    np.testing.assert_allclose(heard[turn:], around(fast, 0, fast.marks[2], len(heard) - turn), atol=1e-6)


def test_now_is_at_once_and_in_step() -> None:
    first, second = made_loop("a", 1, change="now"), made_loop("b", 2, change="now")
    mixer = Mixer(RATE)
    mixer.play(first)
    play(mixer, 12_345)
    mixer.play(second)
    heard = play(mixer, 5000)
    np.testing.assert_allclose(heard[FADE:], around(second, FADE, 12_345 + FADE, 5000 - FADE), atol=1e-6)


def flux(audio: Audio) -> NDArrayFlux:
    """Energy above 4 kHz per 5 ms: a click is the only thing that has any, where all else is a hum."""
    step = RATE // 200
    frames = audio[: len(audio) // step * step, 0].reshape(-1, step).astype(np.float64)
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(step), axis=1))
    return spectrum[:, round(4000 / RATE * step) :].sum(axis=1)


NDArrayFlux = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@pytest.mark.parametrize(
    "what", ["change", "mute", "level", "stop", "start", "lose", "lose before", "lose across", "tempo"]
)
def test_nothing_clicks(what: str) -> None:
    frames = 96_000
    low, high = ([hum(frames, RATE, hertz) for hertz in each] for each in ((110.0, 220.0), (146.8, 311.0)))
    first, second = (made_loop(name, stems=stems, names=("bass", "lead")) for name, stems in (("a", low), ("b", high)))
    mixer = Mixer(RATE)
    if what != "start":
        mixer.play(first)
        play(mixer, 20_000)
    match what:
        case "change":
            mixer.play(second)
        case "tempo":
            mixer.play(made_loop("a", stems=high, names=("bass", "lead")), start=777)
        case "mute":
            mixer.set_factors({"bass": 0.0})
        case "level":
            mixer.set_factors({"bass": 0.3, "lead": 0.9})
        case "stop":
            mixer.hush()
        case "start":
            mixer.play(first)
        case "lose":
            mixer.lose(2345)
        case "lose before" | "lose across":  # with a change planned: it comes a moment later, or now
            mixer.play(second)
            play(mixer, 100)
            mixer.lose(2345 if what == "lose before" else 90_000)
    heard = play(mixer, frames)
    # What a hum has in it anyway, and no more than a fade of 8 ms adds: a step of 0.05 would be ten times this.
    assert flux(heard).max() < 0.05, flux(heard).max()
    steps = np.abs(np.diff(heard[:, 0])).max()
    of_loops = max(np.abs(np.diff(loop.audio.sum(axis=0)[:, 0])).max() for loop in (first, second))
    assert steps <= 1.5 * of_loops


def test_a_click_would_be_found() -> None:
    frames = 96_000
    cut = np.concatenate([hum(frames, RATE, 110.0)[:10_123], hum(frames, RATE, 146.8)[777:20_000]])
    assert flux(cut).max() > 0.2


def test_power_stays_even_over_a_change() -> None:
    first, second = made_loop("a", 1), made_loop("b", 2)
    mixer = Mixer(RATE)
    mixer.play(first)
    play(mixer, FADE + first.frames // 2 - FADE - 4800)
    mixer.play(second)
    heard = play(mixer, 9600)
    rms = [float(np.sqrt(np.mean(part**2))) for part in np.split(heard, 20)]
    assert max(rms) / min(rms) < 1.25


@pytest.mark.parametrize("stem", range(4))
def test_levels_and_mutes_are_those_of_the_stems(stem: int) -> None:
    loop = made_loop("a", 3)
    mixer = Mixer(RATE, gain=0.5)
    mixer.play(loop)
    factors = dict.fromkeys(loop.stems, 0.0) | {loop.stems[stem]: 0.7}
    play(mixer, 4800)
    mixer.set_factors(factors)
    ramp = round(RAMP_S * RATE)
    at = mixer.frame + ramp
    heard = play(mixer, 20_000)[ramp:]
    places = (at - FADE + np.arange(len(heard))) % loop.frames
    np.testing.assert_allclose(heard, 0.35 * loop.audio[stem][places], atol=1e-6)


def test_with_all_stems_muted_nothing_is_heard() -> None:
    loop = made_loop("a")
    mixer = Mixer(RATE)
    mixer.play(loop)
    play(mixer, 4800)
    assert mixer.audible_id == "a"
    mixer.set_factors(dict.fromkeys(loop.stems, 0.0))
    assert mixer.audible_id == ""
    play(mixer, 4800)
    assert not play(mixer, 1000).any()


def test_the_newest_wish_counts_and_old_arrays_are_handed_back() -> None:
    loops = [made_loop(name, k) for k, name in enumerate("abc")]
    mixer = Mixer(RATE)
    mixer.play(loops[0])
    play(mixer, 1000)
    mixer.play(loops[1])
    play(mixer, 1000)  # planned for the bar
    mixer.play(loops[2])
    play(mixer, 96_000)
    assert mixer.audible_id == "c"
    assert {loop.candidate_id for loop in mixer.retired} == {"a", "b"}
    mixer.hush()
    play(mixer, 1000)
    assert (mixer.audible_id, mixer.voice) == ("", None)
    assert not play(mixer, 1000).any()


def test_lost_frames_are_gone_by() -> None:
    loop = made_loop("a")
    mixer = Mixer(RATE)
    mixer.play(loop)
    play(mixer, 10_000)
    mixer.lose(4321)
    heard = play(mixer, 8000)
    np.testing.assert_allclose(heard[FADE:], around(loop, FADE, 14_321 + FADE, 8000 - FADE), atol=1e-6)


@pytest.mark.parametrize("lost", [2345, 40_000, 90_000, 200_000])
def test_a_change_is_not_lost_with_frames(lost: int) -> None:
    first, second = made_loop("a", 1), made_loop("b", 2)
    mixer = Mixer(RATE)
    mixer.play(first)
    play(mixer, 30_000)
    mixer.play(second)
    play(mixer, 100)
    mixer.lose(lost)
    play(mixer, first.frames)
    assert mixer.audible_id == "b"
    at = mixer.frame
    np.testing.assert_allclose(play(mixer, 5000), around(second, FADE, at, 5000), atol=1e-6)


def test_a_loop_shorter_than_a_block() -> None:
    loop = made_loop("a", stems=[noise(500, 1)], names=("bass",), bars=1)
    mixer = Mixer(RATE)
    mixer.play(loop)
    heard = play(mixer, 4000, blocks=(4000,))
    np.testing.assert_allclose(heard[FADE:], around(loop, FADE, FADE, 4000 - FADE), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "meter", "marks"),
    [
        ("bar", Fraction(4), (0, 700)),
        ("beat", Fraction(7, 2), (0, 200, 400, 600, 700, 900, 1100, 1300)),
        ("loop", Fraction(4), (0,)),
        ("now", Fraction(4), ()),
    ],
)
def test_marks(change: str, meter: Fraction, marks: tuple[int, ...]) -> None:
    assert change_marks(change, 1400, 2, meter) == marks
