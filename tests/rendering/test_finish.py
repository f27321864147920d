"""The finished loop: exact length, stems that sum to the mix, loudness, true peak, the same bits twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.domain.score import loop_frames
from antiphon.errors import BackendFailed
from antiphon.rendering import finish as finish_module
from antiphon.rendering import shaped as shaped_module
from antiphon.rendering.finish import finish
from antiphon.rendering.loudness import loudness_lufs, measure_loudness, true_peak, true_peak_db
from antiphon.rendering.parallel import each
from antiphon.rendering.preset import effect_presets, load_preset, parse_preset
from tests.rendering.synth import play, random_score, total

PRESETS = sorted(effect_presets())


def _fourier_peak(audio: np.ndarray, factor: int = 8) -> float:
    """True peak by another road: the loop's Fourier series, evaluated on a finer grid."""
    frames = audio.shape[1]
    fine = np.fft.irfft(np.fft.rfft(audio.astype(float), axis=1), factor * frames, axis=1) * factor
    return float(np.abs(fine).max())


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_a_sound_loop(name: str) -> None:
    score = random_score(3, bars=2, bpm=117.3)
    stems = play(score)
    finished = finish(stems, score, load_preset(name), 44100)
    frames = loop_frames(score.beats, score.bpm, 44100)
    everything = [*finished.stems.values(), finished.mix]
    assert all(audio.shape == (2, frames) and audio.dtype == np.float32 for audio in everything)
    np.testing.assert_array_equal(total(finished.stems), finished.mix)
    for stem, audio in (*finished.stems.items(), ("mix", finished.mix)):
        assert 20 * np.log10(_fourier_peak(audio)) <= -1.0, stem
        assert finished.peak_dbtp[stem] == pytest.approx(true_peak_db(audio), abs=0.02)
        assert np.abs(audio.mean(axis=1)).max() < 1e-4
        steps = np.abs(np.diff(audio, axis=1)).max()
        assert np.abs(audio[:, 0] - audio[:, -1]).max() <= steps
    reference = pyloudnorm.Meter(44100).integrated_loudness(np.tile(finished.mix, (1, 3)).T)
    assert finished.loudness_lufs["mix"] == pytest.approx(reference, abs=0.2)
    assert reference <= finished.preset.loudness_lufs + 0.2
    again = finish(stems, score, load_preset(name), 44100)
    np.testing.assert_array_equal(finished.mix, again.mix)
    for stem in stems:
        np.testing.assert_array_equal(finished.stems[stem], again.stems[stem])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10**6),
    bpm=st.floats(50, 220),
    bars=st.integers(1, 4),
    meter=st.sampled_from(["3/4", "4/4", "6/8", "7/8"]),
    rate=st.sampled_from([44100, 48000, 96000]),
    preset=st.sampled_from(PRESETS),
)
def test_exact_whatever_the_tempo_meter_and_rate(
    seed: int, bpm: float, bars: int, meter: str, rate: int, preset: str
) -> None:
    score = random_score(seed, bars, bpm, meter)
    frames = loop_frames(score.beats, bpm, rate)
    rng = np.random.default_rng(seed)
    stems = {part.stem: (rng.standard_normal((1 + seed % 2, frames)) * 0.1).astype(np.float32) for part in score.stems}
    finished = finish(stems, score, load_preset(preset), rate)
    assert {audio.shape for audio in (*finished.stems.values(), finished.mix)} == {(2, frames)}
    np.testing.assert_array_equal(total(finished.stems), finished.mix)
    assert max(finished.peak_dbtp.values()) <= -1.0


def test_true_peak_lies_between_the_samples() -> None:
    frames = 4408
    wave = np.sin(2 * np.pi * (frames // 4) * np.arange(frames) / frames + np.pi / 4)[None, :].astype(np.float32)
    assert np.abs(wave).max() == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert true_peak(wave) == pytest.approx(1.0, abs=0.01)
    assert true_peak(np.zeros((2, 100), dtype=np.float32)) == 0.0


@pytest.mark.parametrize("frames", [1000, 1279, 1280, 1281, 40_000, 123_457])
def test_true_peak_agrees_with_the_fourier_series(frames: int) -> None:
    rng = np.random.default_rng(frames)
    spectrum = np.zeros((2, frames // 2 + 1), dtype=complex)
    band = spectrum[:, 1 : int(0.8 * spectrum.shape[1])]
    band[...] = rng.standard_normal(band.shape) + 1j * rng.standard_normal(band.shape)
    audio = np.fft.irfft(spectrum, frames, axis=1)
    audio = (audio / np.abs(audio).max()).astype(np.float32)
    assert true_peak(audio) == pytest.approx(_fourier_peak(audio, 8), rel=2e-3)


def test_the_loudest_peak_may_lie_across_the_seam() -> None:
    audio = np.full((1, 4000), 1e-3, dtype=np.float32)
    audio[0, [0, -1]] = 0.7
    assert true_peak(audio) == pytest.approx(_fourier_peak(audio, 8), rel=5e-3)
    assert true_peak(audio) > 0.8


def test_loudness_of_a_loop_shorter_than_the_meters_block() -> None:
    rate, seconds = 48000, 0.25
    time = np.arange(int(rate * seconds)) / rate
    tone = np.stack([np.sin(2 * np.pi * 1000 * time)] * 2).astype(np.float32)
    assert loudness_lufs(tone, rate) == pytest.approx(0.0, abs=0.1)
    assert loudness_lufs(np.zeros((2, 100), dtype=np.float32), rate) == -70.0


def test_a_quiet_second_side_is_no_peak() -> None:
    audio = np.zeros((2, 640), dtype=np.float32)
    audio[0, 100], audio[1, 300] = 0.5, 0.01
    assert true_peak(audio) == pytest.approx(0.5)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_loudness_is_pyloudnorms_also_after_a_gain(rate: int) -> None:
    rng = np.random.default_rng(rate)
    frames = 4 * rate + 123
    # Half of it 30 dB down, below the relative gate; a fifth as good as silent, below the absolute one.
    level = np.where(np.arange(frames) < 2 * rate, 0.1, 0.003) * (np.arange(frames) % rate > 0.2 * rate)
    wide = (rng.standard_normal((2, frames)) * level).astype(np.float32)
    for audio in (wide, np.repeat(wide[:1], 2, axis=0)):
        for gain_db in (0.0, -25.0):
            louder = audio * np.float32(10 ** (gain_db / 20))
            expected = pyloudnorm.Meter(rate).integrated_loudness(louder.T)
            assert measure_loudness(audio, rate).lufs(gain_db) == pytest.approx(expected, abs=1e-3)


def test_glue_and_limiter_are_one_gain_for_all() -> None:
    score = random_score(8, bars=2, bpm=120.0, meter="4/4")
    stems = play(score)
    plain = finish(stems, score, parse_preset("plain", ""), 44100)
    source = "[mix]\nglue = { threshold_db = -3, ratio = 8 }\nlimiter_db = 6\nloudness_lufs = -10"
    squeezed = finish(stems, score, parse_preset("squeezed", source), 44100)
    assert squeezed.reduction_db > 3
    curves = []
    for stem in stems:
        loud = np.abs(plain.stems[stem][0]) > 0.1
        curve = np.full(plain.frames, np.nan)
        curve[loud] = squeezed.stems[stem][0][loud] / plain.stems[stem][0][loud]
        curves.append(curve)
    together = np.stack(curves)
    both = np.sum(np.isfinite(together), axis=0) >= 2
    spread = np.nanmax(together[:, both], axis=0) - np.nanmin(together[:, both], axis=0)
    # Each stem loses its own trace of DC after the curve.
    assert spread.max() < 5e-3
    assert np.nanstd(together[0]) > 0.02
    loud_only = finish(stems, score, parse_preset("loud", "[mix]\nloudness_lufs = -10"), 44100)
    assert squeezed.loudness_lufs["mix"] > loud_only.loudness_lufs["mix"]


def test_turning_the_loop_turns_the_result() -> None:
    """Nothing in the whole chain knows where the loop starts (presets without bar-locked movement)."""
    score = random_score(5, bars=1, bpm=100.0, meter="4/4")
    stems = play(score)
    shift = 12_345
    for name in ("clean", "jazz_room", "vintage_plate"):
        straight = finish(stems, score, load_preset(name), 44100)
        turned = finish({k: np.roll(v, shift, axis=1) for k, v in stems.items()}, score, load_preset(name), 44100)
        # Only the loudness meter's blocks and the glue's steps (1.5 ms) start somewhere.
        gain = np.float32(10 ** ((straight.gain_db - turned.gain_db) / 20))
        error = np.roll(straight.mix, shift, axis=1) - turned.mix * gain
        assert 10 * np.log10(np.mean(error**2) / np.mean(straight.mix**2) + 1e-15) < -50, name


@pytest.mark.parametrize("name", ["club_punch", "dub_chamber"])
def test_threads_change_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several loops at once, each on several threads, against one piece after another."""
    score = random_score(9, bars=1, bpm=101.0, meter="4/4")
    stems, preset = play(score), load_preset(name)
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(lambda _: finish(stems, score, preset, 44100), range(3)))
    monkeypatch.setattr(finish_module, "each", lambda work, pieces: [work(piece) for piece in pieces])
    alone = finish(stems, score, preset, 44100)
    for loop in together:
        np.testing.assert_array_equal(loop.mix, alone.mix)
        assert loop.peak_dbtp == alone.peak_dbtp
        assert loop.loudness_lufs == alone.loudness_lufs


def test_plugins_stay_on_the_calling_thread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found: set[str] = set()

    def run(_: object, audio: np.ndarray, __: int) -> np.ndarray:
        found.add(threading.current_thread().name)
        return audio

    monkeypatch.setattr(shaped_module, "run_plugin", run)
    effect = f"{{ effect = 'vst3', path = '{(tmp_path / 'x.vst3').as_posix()}' }}"
    score = random_score(9, bars=1, bpm=101.0, meter="4/4")
    finish(play(score), score, parse_preset("x", f"[stems.other]\neffects = [{effect}]"), 44100)
    assert found == {threading.current_thread().name}


def test_an_error_in_one_piece_is_told_when_all_are_through() -> None:
    done: list[int] = []

    def work(piece: int) -> int:
        if piece == 0:
            raise BackendFailed("broken")
        time.sleep(0.02)
        done.append(piece)
        return piece

    with pytest.raises(BackendFailed, match="broken"):
        each(work, range(6))
    assert sorted(done) == [1, 2, 3, 4, 5]
    assert each(work, range(9, 0, -1)) == list(range(9, 0, -1))


def test_silence_and_garbage_don_t_blow_up() -> None:
    score = random_score(1, bars=1, bpm=120.0)
    frames = loop_frames(score.beats, score.bpm, 44100)
    silent = {part.stem: np.zeros((1, frames), dtype=np.float32) for part in score.stems}
    finished = finish(silent, score, load_preset("club_punch"), 44100)
    assert not finished.mix.any()
    assert finished.loudness_lufs["mix"] == -70.0
    silent["lead"] = np.full((1, frames), np.nan, dtype=np.float32)
    assert np.isfinite(finish(silent, score, load_preset("clean"), 44100).mix).all()
    silent["lead"] = np.zeros((1, frames - 1), dtype=np.float32)
    with pytest.raises(BackendFailed, match="lead"):
        finish(silent, score, load_preset("clean"), 44100)
