"""The sampler: every timbre sounds, in tune, on the beat, on a circle; the same score is the same samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.domain.score import Note, Score, StemScore, loop_frames
from antiphon.domain.theory import Key, Meter
from antiphon.domain.timbres import COLOURS, TIMBRES
from antiphon.errors import BackendFailed
from antiphon.generation.backend import SoundRequest
from antiphon.generation.sampler import kits, playing, recordings, textures, voices
from antiphon.generation.sampler.backend import SamplerBackend
from antiphon.generation.sampler.colours import TREATMENTS, coloured, draw_colours
from antiphon.generation.sound.source import pitch_hz

_PITCH = {"drums": 38, "percussion": 63, "bass": 41, "chords": 62, "lead": 74, "texture": 50}
#: Timbres whose partials are not multiples of the pitch, or that waver about it.
_WAVERING = {
    "lead_bell",
    "lead_gong",
    "chords_glass",
    "texture_halo",
    "lead_vibes",
    "lead_kalimba",
    "lead_marimba",
    "chords_choir",
}


def _plucks() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Two seconds of plucked notes on a circle, and their onsets."""
    onsets = np.arange(0, 88200, 22050)
    wave = np.zeros(88200)
    for index, onset in enumerate(onsets):
        note = voices.note("lead_pluck", 60 + 3 * index, 7, 12000)
        wave[(onset + np.arange(note.size)) % wave.size] += note
    return wave, onsets


def _centroid_hz(wave: NDArray[np.float64]) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float((power * np.fft.rfftfreq(wave.size, 1 / 44100)).sum() / power.sum())


def test_every_timbre_has_exactly_one_sound() -> None:
    rooms = (kits.KITS, voices.VOICES, textures.TEXTURES, recordings.RECORDED_KITS, recordings.RECORDED_INSTRUMENTS)
    assert sorted(t.name for t in TIMBRES) == sorted(name for room in rooms for name in room)


@pytest.mark.parametrize("timbre", TIMBRES, ids=lambda timbre: timbre.name)
def test_every_timbre_sounds_and_wraps(timbre: object) -> None:
    assert isinstance(timbre, type(TIMBRES[0]))
    late = StemScore(timbre.stem, timbre.name, (Note(3.8, 1.5, _PITCH[timbre.stem], 100),))
    wave = playing.play_stem(late, 22050.0, 88200)
    assert 0.03 < np.abs(wave).max() <= 0.98
    assert np.abs(wave[:6000]).max() > 0.005, "the tail of the last note opens the loop"
    assert np.array_equal(wave, playing.play_stem(late, 22050.0, 88200))


@pytest.mark.parametrize("timbre", [t for t in TIMBRES if t.source == "tone"], ids=lambda timbre: timbre.name)
def test_tones_are_in_tune(timbre: object) -> None:
    assert isinstance(timbre, type(TIMBRES[0]))
    pitch = _PITCH[timbre.stem] + 1
    stem = StemScore(timbre.stem, timbre.name, (Note(0.0, 4.0, pitch, 100),))
    spectrum = np.abs(np.fft.rfft(playing.play_stem(stem, 44100.0, 4 * 44100)[2205:46305] * np.hanning(44100), 1 << 19))
    hz = np.fft.rfftfreq(1 << 19, 1 / 44100)

    def near(target: float) -> float:
        return float(spectrum[np.abs(1200 * np.log2(np.maximum(hz, 1) / target)) < 30].max())

    # On the pitch or an octave of it there is more than a quarter tone beside.
    octaves = [pitch_hz(pitch) * factor for factor in (1, 2, 4)]
    on, off = max(map(near, octaves)), max(near(f * 2 ** (k / 24)) for f in octaves for k in (-1.6, 1.6))
    assert on > (1.1 if timbre.name in _WAVERING else 3.0) * off


def test_every_sound_word_has_a_treatment_that_is_heard() -> None:
    assert tuple(sorted(TREATMENTS)) == tuple(sorted(COLOURS))
    wave, onsets = _plucks()
    for word in COLOURS:
        made = coloured(wave, onsets, {word: 0.8}, np.random.default_rng(1))
        assert made.shape == wave.shape
        assert np.isfinite(made).all()
        assert np.sqrt(np.mean((made - wave) ** 2)) > 0.1 * np.sqrt(np.mean(wave**2)), word


def test_sound_words_mean_what_they_say() -> None:
    wave, onsets = _plucks()
    made = {w: coloured(wave, onsets, {w: 0.8}, np.random.default_rng(1)) for w in COLOURS}
    assert _centroid_hz(made["bright"]) > 1.2 * _centroid_hz(wave)
    assert _centroid_hz(made["dark"]) < 0.85 * _centroid_hz(wave)
    attack = np.concatenate([np.arange(onset, onset + 400) for onset in onsets])
    share = {word: np.sum(sound[attack] ** 2) / np.sum(sound**2) for word, sound in made.items()}
    assert share["soft"] < share["hard"]
    assert np.mean(made["short"][15000:22050] ** 2) < 0.1 * np.mean(wave[15000:22050] ** 2)


def test_words_that_contradict_each_other_are_not_drawn_together() -> None:
    drawn = [draw_colours(np.random.default_rng(seed)) for seed in range(300)]
    assert not any({"bright", "dark"} <= set(colours) for colours in drawn)
    assert {word for colours in drawn for word in colours} == set(COLOURS)
    assert 0.3 < np.mean([not colours for colours in drawn]) < 0.5


def test_a_held_note_sounds_on_without_a_gap() -> None:
    wave = recordings.note("chords_organ", 60, 8 * 44100)
    loudness = np.sqrt(np.square(wave[4410 : 4410 + 85 * 4000]).reshape(-1, 4000).mean(1))
    assert loudness.min() > 0.4 * np.median(loudness)


def _request(rate: int) -> SoundRequest:
    drums = StemScore("drums", "kit_studio", (Note(0.0, 0.2, 36, 110), Note(1.5, 0.2, 38, 90)))
    lead = StemScore("lead", "lead_trumpet", (Note(0.5, 1.0, 69, 100),), ("dark",))
    score = Score(
        97.3, Meter(3, 4), 2, Key(9, "minor"), (), 0.0, "jazz", 1, (drums, lead, StemScore("bass", "bass_sub", ()))
    )
    return SoundRequest(score, 5, 1, rate)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_the_backend_plays_exact_loops(rate: int) -> None:
    seen: list[tuple[int, int]] = []
    request = _request(rate)
    (stems,) = SamplerBackend().generate([request], lambda done, total: seen.append((done, total)))
    frames = loop_frames(request.score.beats, request.score.bpm, rate)
    assert {name: audio.shape for name, audio in stems.items()} == dict.fromkeys(("drums", "lead", "bass"), (1, frames))
    assert not stems["bass"].any()
    assert seen == [(1, 1)]
    onset = round(0.5 * frames / 6)
    assert (
        np.abs(stems["lead"][0, onset : onset + rate // 4]).max()
        > 10 * np.abs(stems["lead"][0, : onset - rate // 50]).max()
    )


def test_strokes_have_places_of_their_own_and_the_kick_the_middle() -> None:
    request = _request(44100)
    (mono,) = SamplerBackend().generate([request], lambda *_: None)
    hats = StemScore("drums", "kit_studio", (Note(0.0, 0.2, 36, 110), Note(1.5, 0.2, 42, 90), Note(3.0, 0.2, 51, 90)))
    plain = replace(request, score=replace(request.score, stems=(hats,)))
    (flat,), (placed,) = (SamplerBackend().generate([each], lambda *_: None) for each in
                          (plain, replace(plain, widths={"drums": 1.0})))  # fmt: skip
    sides = placed["drums"]
    np.testing.assert_allclose(sides.mean(axis=0), flat["drums"][0], atol=1e-6)
    quarter = sides.shape[1] // 4

    def louder_right(beat: float) -> float:
        strokes = sides[:, round(beat * sides.shape[1] / 6) :][:, : quarter // 2]
        left, right = np.square(strokes).sum(axis=1)
        return float(10 * np.log10(right / left))

    assert louder_right(0.0) == pytest.approx(0.0, abs=0.05)
    assert louder_right(1.5) == pytest.approx(20 * np.log10(1.35 / 0.65), abs=0.1)
    assert louder_right(3.0) < -6
    dark = replace(hats, colours=("dark", "driven"))
    (placed,) = SamplerBackend().generate(
        [replace(plain, score=replace(request.score, stems=(dark,)), widths={"drums": 1.0})], lambda *_: None
    )
    sides = placed["drums"]
    assert abs(louder_right(0.0)) < 1.5
    assert louder_right(1.5) > 3
    # Kick and snare alone, and instruments that aren't struck stay mono, to the last bit.
    wide = replace(request, widths=dict.fromkeys(("drums", "lead", "bass"), 1.0))
    (same,) = SamplerBackend().generate([wide], lambda *_: None)
    for stem in mono:
        np.testing.assert_array_equal(same[stem], mono[stem])


def test_an_unknown_sound_is_an_error_that_helps() -> None:
    with pytest.raises(BackendFailed, match="neural engine"):
        playing.play("lead_nosuch", (Note(0.0, 1.0, 60, 100),), 22050.0, 44100)


def test_missing_recordings_are_an_error_that_helps(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_PRESETS", str(tmp_path))
    recordings._recordings.cache_clear()
    with pytest.raises(BackendFailed, match="reinstall"):
        recordings.stroke("kit_studio", 36)
    recordings._recordings.cache_clear()
