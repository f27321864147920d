"""The loop's circle: spectrum, windows, roll and source all wrap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.domain.score import Note, Score, StemScore
from antiphon.domain.theory import Key, Meter
from antiphon.generation.sampler.playing import play_stem
from antiphon.generation.sound import spectrum
from antiphon.generation.sound.circle import Windows, window_frames, window_weights
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.roll import PITCHES, circle_latent_frames, stem_roll
from antiphon.generation.sound.source import pitch_hz, stem_source

SCORE = Score(120.0, Meter(4, 4), 2, Key(9, "minor"), (), 0.0, "test", 1, ())


def _stem(*notes: Note, stem: str = "lead") -> StemScore:
    return StemScore(stem, "lead_saw", notes)


def test_mel_filters_equal_librosas() -> None:
    reference = librosa.filters.mel(sr=44100, n_fft=2048, n_mels=128, fmin=20, fmax=20000)
    np.testing.assert_allclose(spectrum.mel_filters().numpy(), reference, atol=1e-7)


def test_inverse_transform_restores_the_waveform() -> None:
    audio = torch.randn(3, 512 * 21, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(spectrum.istft_circle(spectrum.stft_circle(audio)), audio, atol=1e-5, rtol=0)


def test_turning_the_circle_turns_the_picture() -> None:
    audio = torch.randn(1, 512 * 16, generator=torch.Generator().manual_seed(1))
    turned = spectrum.log_mel_circle(torch.roll(audio, 512 * 5, dims=1))
    torch.testing.assert_close(turned, torch.roll(spectrum.log_mel_circle(audio), 5, dims=1), atol=1e-4, rtol=0)


@given(st.integers(4, 1200).map(lambda half: 2 * half))
@settings(max_examples=60, deadline=None)
def test_windows_cover_every_frame_and_weights_sum_to_one(time: int) -> None:
    frames = window_frames(time, 192)
    total = torch.zeros(time).index_add(0, frames.reshape(-1), window_weights(frames, time, 192).reshape(-1))
    torch.testing.assert_close(total, torch.ones(time), atol=1e-5, rtol=0)
    assert bool((frames[:, 0] % 2 == 0).all())
    assert frames.shape[1] <= 192
    assert frames.shape[1] % 2 == 0
    # Every frame is seen by some window with neighbours on both sides: no seam.
    seen = torch.zeros(time, dtype=torch.bool)
    seen[frames[:, 6:-6].reshape(-1)] = True
    assert bool(seen.all())


@pytest.mark.parametrize("time", [20, 150, 192, 500])
def test_windows_blend_to_the_whole(time: int) -> None:
    """A prediction that doubles each frame doubles the circle, however the windows fall."""
    latents = torch.randn(2, time, 4, generator=torch.Generator().manual_seed(2))
    windows = Windows(time, 192, torch.device("cpu"))
    assert windows.cut(latents).shape[0] == 2 * windows.count
    torch.testing.assert_close(windows.blend(2 * windows.cut(latents)), 2 * latents)


def test_latents_restore_pictures_within_a_decibel_and_have_unit_power() -> None:
    generator = torch.Generator().manual_seed(3)
    basis = torch.randn(20, 256, generator=generator)
    pictures = torch.randn(4000, 20, generator=generator) @ basis + 0.05 * torch.randn(4000, 256, generator=generator)
    codec = LinearLatents.fitted(pictures, dims=32)
    latents = codec.encode(pictures.reshape(1, 8000, 128))
    restored = codec.decode(latents).reshape(4000, 256)
    assert float((restored - pictures).abs().mean()) * 8.686 < 1.0
    assert float(latents.square().mean().sqrt()) == pytest.approx(1.0, abs=0.05)


def test_an_onset_between_frames_is_shared_between_them() -> None:
    # 8 beats on 64 frames: beat 1 falls on frame 8.0, the border of frames 7 and 8 (whose middles are 7.5 and 8.5).
    roll = stem_roll(_stem(Note(1.0, 0.5, 60, 127)), 8.0, 64)
    assert roll[7, 60] == pytest.approx(0.5)
    assert roll[8, 60] == pytest.approx(0.5)
    assert roll[8:12, PITCHES + 60].tolist() == pytest.approx([1.0] * 4)
    assert roll[12, PITCHES + 60] == 0.0


def test_a_note_rings_on_over_the_start() -> None:
    roll = stem_roll(_stem(Note(7.5, 1.0, 60, 127)), 8.0, 64)
    assert roll[60:, PITCHES + 60].tolist() == pytest.approx([1.0] * 4)
    assert roll[:4, PITCHES + 60].tolist() == pytest.approx([1.0] * 4)
    source = stem_source(_stem(Note(7.5, 1.0, 60, 127)), 8.0, 64 * 1024)
    assert np.abs(source[: 4 * 1024]).max() > 0.05


@given(st.floats(50, 220), st.integers(1, 16))
@settings(max_examples=60, deadline=None)
def test_the_circle_is_close_to_the_loop(bpm: float, bars: int) -> None:
    score = replace(SCORE, bpm=bpm, bars=bars)
    exact = score.duration_s * spectrum.MODEL_RATE_HZ / spectrum.LATENT_HOP_FRAMES
    time = circle_latent_frames(score)
    assert time % 2 == 0
    assert abs(time - exact) <= 1.0


@pytest.mark.parametrize("scale", [1.0, 1.01])
def test_the_source_has_the_notes_pitch(scale: float) -> None:
    source = stem_source(_stem(Note(0.0, 8.0, 69, 100)), 8.0, 4 * 44100, pitch_scale=scale)
    peak_hz = np.abs(np.fft.rfft(source[:44100])).argmax()
    assert peak_hz == pytest.approx(pitch_hz(69) * scale, abs=1.0)


def _pitch_hz(wave: np.ndarray[tuple[int, ...], np.dtype[np.float32]], hz: float) -> np.ndarray[Any, Any]:
    """Instantaneous frequency of the fundamental."""
    band = scipy.signal.butter(4, [hz / 1.3, hz * 1.3], "band", fs=44100, output="sos")
    analytic = scipy.signal.hilbert(scipy.signal.sosfiltfilt(band, wave))
    return np.asarray(np.diff(np.unwrap(np.angle(analytic))) * 44100 / (2 * np.pi))


@pytest.mark.parametrize(
    ("timbre", "colours", "span_s", "cents"),
    [
        ("lead_sine", {}, (0.5, 1.5), 18.0), ("bass_saw", {"wobbly": 1.0}, (0.2, 1.5), 26.0),
        ("bass_saw", {}, (0.2, 1.5), 0.0),
    ],
)  # fmt: skip
def test_the_source_bends_as_the_sampler_does(
    timbre: str, colours: dict[str, float], span_s: tuple[float, float], cents: float
) -> None:
    stem = StemScore(timbre.split("_")[0], timbre, (Note(0.0, 4.0, 57, 100),))
    straight, bent = (stem_source(stem, 8.0, 4 * 44100, colours=colours, bent=bends) for bends in (False, True))
    played = play_stem(stem, 22050.0, 4 * 44100, colours, 1)
    within = slice(*(int(44100 * each) for each in span_s))
    hz = pitch_hz(57)
    heard = [1200 * np.log2(_pitch_hz(wave, hz)[within] / hz) for wave in (straight, bent, played)]
    assert np.abs(heard[0]).max() < 0.15 * max(cents, 20.0), "straight"
    assert np.abs(heard[1]).max() == pytest.approx(cents, abs=0.3 * max(cents, 20.0))
    assert np.abs(heard[1] - heard[2]).mean() < 0.15 * max(cents, 20.0), "and as the sampler has it"


def test_the_source_falls_onto_its_pitch_with_the_808() -> None:
    """Some four turns more in the first fifth of a second than at the pitch itself."""
    stem = StemScore("bass", "bass_808", (Note(0.0, 4.0, 57, 100),))
    band = scipy.signal.butter(2, [100, 700], "band", fs=44100, output="sos")
    turns = []
    for wave in (
        stem_source(stem, 8.0, 4 * 44100, bent=False), stem_source(stem, 8.0, 4 * 44100),
        play_stem(stem, 22050.0, 4 * 44100, {}, 1),
    ):  # fmt: skip
        heard = scipy.signal.sosfiltfilt(band, wave)[:8820]
        turns.append(int((np.diff(np.sign(heard)) > 0).sum()))
    assert turns[0] == pytest.approx(44, abs=1)
    assert turns[1] == pytest.approx(turns[2], abs=1)
    assert turns[1] - turns[0] == pytest.approx(4, abs=1)


def test_a_drum_stroke_clicks_at_its_very_sample() -> None:
    source = stem_source(StemScore("drums", "kit_909", (Note(1.25, 0.1, 36, 100),)), 4.0, 88200)
    assert int(np.abs(source).argmax()) == round(1.25 * 22050)
