"""Loops stay loops: every chain's result repeats without a seam, and is what the effect gives in the long run."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pedalboard
import pytest

from antiphon.errors import SettingsError
from antiphon.rendering.chain import render_stem
from antiphon.rendering.circle import Loop, SizedCache, convolve_loop
from antiphon.rendering.preset import parse_preset
from antiphon.rendering.shaped import apply_shaped

RATE = 44100


def _loop(frames: int, bpm: float = 120.0) -> Loop:
    return Loop(frames, RATE, bpm, frames / RATE * bpm / 60.0)


def _sound(frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((2, frames)) * np.exp(-np.arange(frames) / (0.3 * frames)) * 0.2).astype(np.float32)


def _db(error: np.ndarray, reference: np.ndarray) -> float:
    return float(
        20
        * np.log10(np.sqrt(np.mean(error.astype(float) ** 2)) / np.sqrt(np.mean(reference.astype(float) ** 2)) + 1e-15)
    )


def _rendered(effects: str, audio: np.ndarray, loop: Loop) -> np.ndarray:
    return render_stem(audio, "lead", parse_preset("x", f"[stems.lead]\neffects = [{effects}]"), loop)


@pytest.mark.parametrize("frames", [11_025, 44_100, 88_211])
@pytest.mark.parametrize("smooth", [True, False])
def test_circular_convolution_is_endless_repetition(frames: int, smooth: bool) -> None:
    frames = frames if smooth else frames + 2
    audio = _sound(frames)
    response = np.random.default_rng(1).standard_normal((2, 2, 30_000)).astype(np.float32) * np.exp(
        -np.arange(30_000) / 4000
    )
    response = response.astype(np.float32)
    turns = 30_000 // frames + 2
    expected = np.zeros((2, frames))
    for source in range(2):
        for side in range(2):
            size = 1 << 20
            spectrum = np.fft.rfft(np.tile(audio[source], turns), size) * np.fft.rfft(response[source, side], size)
            expected[side] += np.fft.irfft(spectrum, size)[(turns - 1) * frames : turns * frames]
    assert _db(convolve_loop(audio, response) - expected, expected) < -100


@pytest.mark.parametrize(
    ("effects", "plugins"),
    [
        ("{ effect = 'reverb', room_size = 0.6, wet_db = -6, dry_db = -3 }",
         [pedalboard.Reverb(room_size=0.6, wet_level=10 ** (-6 / 20), dry_level=10 ** (-3 / 20))]),
        ("{ effect = 'delay', note = '1/8.', feedback = 0.6, mix = 0.4 }",
         [pedalboard.Delay(delay_seconds=0.375, feedback=0.6, mix=0.4)]),
        ("{ effect = 'high_pass', cutoff_hz = 200, slope_db = 12 },"
         "{ effect = 'peak', cutoff_hz = 900, gain_db = 6, q = 2 }",
         [pedalboard.HighpassFilter(200), pedalboard.HighpassFilter(200), pedalboard.PeakFilter(900, 6, 2)]),
        ("{ effect = 'low_shelf', cutoff_hz = 100, gain_db = 6 }", [pedalboard.LowShelfFilter(100, 6, 0.707)]),
        # The plug-ins' own rounding (32 bits) grows when several ring into each other, most of all at low cutoffs.
        ("{ effect = 'low_shelf', cutoff_hz = 800, gain_db = 6 },"
         "{ effect = 'delay', note = '1/4', feedback = 0.5, mix = 0.3 },"
         "{ effect = 'reverb', room_size = 0.3, wet_db = -12, dry_db = 0 }",
         [pedalboard.LowShelfFilter(800, 6, 0.707), pedalboard.Delay(0.5, 0.5, 0.3),
          pedalboard.Reverb(room_size=0.3, wet_level=10 ** (-12 / 20), dry_level=1.0)]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("frames", [22_050, 66_151])
def test_a_linear_chain_is_pedalboards_steady_state(
    effects: str, plugins: list[pedalboard.Plugin], frames: int
) -> None:
    """Against the plug-ins themselves, run over 20 s of the loop: within −80 dB."""
    audio = _sound(frames)
    turns = int(20 * RATE / frames) + 2
    signal = np.tile(audio, (1, turns))
    for plugin in plugins:
        signal = plugin.process(signal, float(RATE), reset=True)
    expected = signal[:, (turns - 1) * frames : turns * frames]
    error = _rendered(effects, audio, _loop(frames)) - expected
    # Freeverb adds and takes away 0.1 against denormal numbers, which leaves a DC of its own rounding.
    assert _db(error - error.mean(axis=1, keepdims=True), expected) < -80


@pytest.mark.parametrize("effect", ["ping_pong", "space", "spread", "width", "pan", "delay", "reverb"])
def test_linear_effects_turn_with_the_circle(effect: str) -> None:
    """On a circle nothing marks the start: rotating the loop rotates the result."""
    frames = 50_003
    audio, loop = _sound(frames), _loop(frames)
    turned = _rendered(f"{{ effect = '{effect}' }}", np.roll(audio, 12_345, axis=1), loop)
    straight = _rendered(f"{{ effect = '{effect}' }}", audio, loop)
    assert _db(np.roll(straight, 12_345, axis=1) - turned, straight) < -90


@pytest.mark.parametrize(
    "effect",
    ["compressor", "distortion", "clip", "bitcrush", "downsample", "chorus", "phaser", "wow", "auto_pan", "pump"],
)
@pytest.mark.parametrize("frames", [22_050, 88_200])
def test_moving_effects_leave_no_seam(effect: str, frames: int) -> None:
    time_s = np.arange(frames) / RATE
    tone = 0.4 * np.sin(2 * np.pi * round(220 * frames / RATE) * RATE / frames * time_s)
    audio = np.stack([tone, tone]).astype(np.float32)
    spec = parse_preset("x", f"[stems.lead]\neffects = [{{ effect = '{effect}' }}]").chain("lead")[0]
    result = apply_shaped(spec, audio, _loop(frames))
    assert result.shape == audio.shape
    steps = np.abs(np.diff(result, axis=1)).max()
    assert np.abs(result[:, 0] - result[:, -1]).max() <= 1.05 * steps


CHAINS = {
    "even": "{ effect = 'low_pass', cutoff_hz = 900 }, { effect = 'compressor' }, { effect = 'delay' }",
    "moving": "{ effect = 'chorus' }, { effect = 'phaser' }, { effect = 'wow' }, { effect = 'pump' }",
    "split early": "{ effect = 'pan', position = 0.3 }, { effect = 'clip' }, { effect = 'width', amount = 0.5 }",
    "split late": "{ effect = 'bitcrush' }, { effect = 'space' }, { effect = 'ping_pong' }, { effect = 'reverb' }",
    "moving sides": "{ effect = 'auto_pan' }, { effect = 'downsample' }, { effect = 'spread' }, { effect = 'gain' }",
}


@pytest.mark.parametrize("effects", CHAINS.values(), ids=CHAINS.keys())
def test_mono_gives_what_two_equal_sides_give(effects: str) -> None:
    audio, loop = _sound(44_101)[:1], _loop(44_101)
    mono = _rendered(effects, audio, loop)
    stereo = _rendered(effects, np.repeat(audio, 2, axis=0), loop)
    assert mono.shape == stereo.shape
    assert _db(mono - stereo, stereo) < -80


def test_an_array_that_several_threads_want_is_made_once() -> None:
    cache, made = SizedCache(1 << 20), []

    def make() -> np.ndarray:
        made.append(threading.get_ident())
        time.sleep(0.02)
        return np.ones(10)

    with ThreadPoolExecutor(8) as threads:
        arrays = list(threads.map(lambda _: cache.get("key", make), range(32)))
    assert len(made) == 1
    assert all(array is arrays[0] for array in arrays)
    with pytest.raises(ZeroDivisionError):
        cache.get("other", lambda: np.ones(1 // 0))
    assert cache.get("other", make) is not arrays[0]


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    cache = SizedCache(100)
    first = cache.get("first", lambda: np.zeros(60, dtype=np.uint8))
    cache.get("second", lambda: np.zeros(60, dtype=np.uint8))
    assert cache.get("first", lambda: np.zeros(60, dtype=np.uint8)) is not first
    huge = cache.get("huge", lambda: np.zeros(101, dtype=np.uint8))
    assert cache.get("huge", lambda: np.zeros(101, dtype=np.uint8)) is not huge


def test_the_echo_lies_on_the_note_value() -> None:
    frames = 4 * RATE
    audio = np.zeros((2, frames), dtype=np.float32)
    audio[:, 1000] = 1.0
    for effect, note, bpm, seconds in (
        ("delay", "1/8.", 120, 0.375),
        ("ping_pong", "1/8t", 90, 2 / 9),
        ("delay", "1/4", 77, 60 / 77),
    ):
        result = _rendered(f"{{ effect = '{effect}', note = '{note}', mix = 0.5 }}", audio, _loop(frames, bpm))
        result[:, :1100] = 0
        assert abs(int(np.argmax(np.abs(result).max(axis=0))) - 1000 - seconds * RATE) <= 2


def test_spread_is_mono_compatible_and_wide() -> None:
    audio = np.repeat(_sound(44_100)[:1], 2, axis=0)
    wide = _rendered("{ effect = 'spread', amount = 1.0 }", audio, _loop(44_100))
    assert _db(wide.sum(axis=0) - audio.sum(axis=0), audio.sum(axis=0)) < -80
    assert np.corrcoef(wide)[0, 1] < 0.6


def test_width_zero_is_mono_and_one_changes_nothing() -> None:
    audio = _sound(30_000)
    mono = _rendered("{ effect = 'width', amount = 0 }", audio, _loop(30_000))
    np.testing.assert_allclose(mono[0], mono[1], atol=1e-6)
    np.testing.assert_allclose(_rendered("{ effect = 'width' }", audio, _loop(30_000)), audio, atol=1e-6)


def test_pump_ducks_on_every_quarter() -> None:
    frames = 4 * RATE
    audio = np.ones((2, frames), dtype=np.float32)
    spec = parse_preset("x", "[stems.lead]\neffects = [{ effect = 'pump', depth_db = 12 }]").chain("lead")[0]
    gain = 20 * np.log10(apply_shaped(spec, audio, _loop(frames))[0])
    assert gain[[400 + RATE // 2 * beat for beat in range(8)]].max() < -10
    assert gain[[RATE // 2 * beat - 400 for beat in range(1, 8)]].min() > -1


@pytest.mark.parametrize("content", [None, b"not a plug-in"])
def test_a_plugin_that_is_missing_or_broken_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "Great.vst3"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"Great\.vst3"):
        _rendered(f"{{ effect = 'vst3', path = '{path.as_posix()}' }}", _sound(10_000), _loop(10_000))
