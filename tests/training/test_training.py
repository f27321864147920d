"""Training is repeatable and survives being stopped; the corpus is the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from antiphon.domain.score import Note
from antiphon.domain.timbres import SOUND_WORDS, TIMBRES
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES
from antiphon.training import corpus, kits, oneshots, soundfont, textures, voices
from antiphon.training.adversary import Adversary
from antiphon.training.colours import TREATMENTS, coloured, draw_words
from antiphon.training.etudes import ETUDE_STEMS, etude
from antiphon.training.loop import Schedule, train_stage


def _line() -> tuple[nn.Linear, Callable[[np.random.Generator], Tensor]]:
    torch.manual_seed(4)
    model = nn.Linear(3, 1)

    def loss(rng: np.random.Generator) -> Tensor:
        x = torch.from_numpy(rng.standard_normal((8, 3)).astype(np.float32))
        result: Tensor = (model(x) - x.sum(1, keepdim=True)).square().mean()
        return result

    return model, loss


def test_a_stopped_training_ends_as_one_that_ran_through(tmp_path: Path) -> None:
    model, loss = _line()
    through = train_stage("line", tmp_path / "a", model, Schedule(12, 0.05, warmup_steps=2, cooldown=0.01), loss)
    model, loss = _line()
    train_stage("line", tmp_path / "b", model, Schedule(7, 0.05, warmup_steps=2, cooldown=0.01), loss)
    model, loss = _line()
    resumed = train_stage("line", tmp_path / "b", model, Schedule(12, 0.05, warmup_steps=2, cooldown=0.01), loss)
    assert resumed.steps == 12
    for name, value in through.weights.items():
        torch.testing.assert_close(resumed.weights[name], value, rtol=1e-6, atol=1e-7)


def test_the_loss_falls(tmp_path: Path) -> None:
    model, loss = _line()
    before = loss(np.random.default_rng(0)).item()
    train_stage("line", tmp_path, model, Schedule(200, 0.05, warmup_steps=2), loss)
    assert loss(np.random.default_rng(0)).item() < 0.05 * before


@pytest.mark.parametrize("seed", range(30))
def test_etudes_are_well_formed(seed: int) -> None:
    score = etude(seed)
    assert score == etude(seed)
    assert [stem.stem for stem in score.stems] == list(ETUDE_STEMS)
    for stem in score.stems:
        onsets = [note.onset_beats for note in stem.notes]
        assert onsets == sorted(onsets)
        assert all(0 <= note.onset_beats < score.beats and note.duration_beats > 0 for note in stem.notes)
        assert all(1 <= note.velocity <= 127 for note in stem.notes)
        if stem.stem not in ("drums", "percussion"):
            assert {note.pitch % 12 for note in stem.notes} <= set(score.key.scale)


def test_every_timbre_has_a_voice() -> None:
    voiced = (kits.KITS, voices.VOICES, soundfont.PROGRAMS, oneshots.ONESHOTS, textures.TEXTURES)
    assert sorted(t.name for t in TIMBRES) == sorted(name for room in voiced for name in room)


@pytest.mark.parametrize("timbre", sorted({*kits.KITS, *voices.VOICES, *textures.TEXTURES}))
def test_synthesised_timbres_sound_and_wrap(timbre: str) -> None:
    stem = next(t.stem for t in TIMBRES if t.name == timbre)
    pitch = {"drums": 46, "bass": 40, "chords": 60, "lead": 72, "texture": 50}[stem]
    frames = 80 * LATENT_HOP_FRAMES
    late = corpus.StemScore(stem, timbre, (Note(3.7, 1.5, pitch, 100),))
    wave = corpus.render_stem(late, frames / 4, frames)
    assert 0.05 < np.abs(wave).max() <= 0.98
    assert np.abs(wave[:4000]).max() > 0.01, "the tail of the last note opens the loop"
    assert np.array_equal(wave, corpus.render_stem(late, frames / 4, frames))


@pytest.mark.needs("fluidsynth")
def test_a_song_is_the_same_for_the_same_seed() -> None:
    song, again = corpus.render_song(corpus.HELD_OUT_SEED), corpus.render_song(corpus.HELD_OUT_SEED)
    assert song.audio.shape[1] % LATENT_HOP_FRAMES == 0
    np.testing.assert_allclose(song.audio, again.audio, atol=3e-3, err_msg="but for FluidSynth's dither")


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


def test_every_sound_word_has_a_treatment_that_is_heard() -> None:
    assert tuple(sorted(TREATMENTS)) == tuple(sorted(SOUND_WORDS))
    wave, onsets = _plucks()
    for word in SOUND_WORDS:
        made = coloured(wave, onsets, {word: 0.8}, np.random.default_rng(1))
        assert made.shape == wave.shape
        assert np.isfinite(made).all()
        assert np.sqrt(np.mean((made - wave) ** 2)) > 0.1 * np.sqrt(np.mean(wave**2)), word


def test_sound_words_mean_what_they_say() -> None:
    wave, onsets = _plucks()
    made = {w: coloured(wave, onsets, {w: 0.8}, np.random.default_rng(1)) for w in SOUND_WORDS}
    assert _centroid_hz(made["bright"]) > 1.2 * _centroid_hz(wave)
    assert _centroid_hz(made["dark"]) < 0.85 * _centroid_hz(wave)
    attack = np.concatenate([np.arange(onset, onset + 400) for onset in onsets])
    share = {word: np.sum(sound[attack] ** 2) / np.sum(sound**2) for word, sound in made.items()}
    assert share["soft"] < share["hard"]
    assert np.mean(made["short"][15000:22050] ** 2) < 0.1 * np.mean(wave[15000:22050] ** 2)


def test_words_that_contradict_each_other_are_not_drawn_together() -> None:
    drawn = [draw_words(np.random.default_rng(seed)) for seed in range(300)]
    assert not any({"bright", "dark"} <= set(words) for words in drawn)
    assert {word for words in drawn for word in words} == set(SOUND_WORDS)
    assert 0.3 < np.mean([not words for words in drawn]) < 0.5


def test_an_adversary_learns_to_tell_and_remembers_it() -> None:
    torch.manual_seed(2)
    adversary = Adversary(torch.device("cpu"), sizes=(256,), rate=3e-3)
    real, made = torch.sin(torch.arange(4096) * 0.2).expand(2, -1), 0.3 * torch.randn(2, 4096)
    first = adversary.learn(made, real)
    for _ in range(40):
        last = adversary.learn(made, real)
    assert last < 0.5 * first
    again = Adversary(torch.device("cpu"), sizes=(256,), rate=3e-3)
    again.restore(adversary.state())
    assert float(again.penalty(made, real)) == pytest.approx(float(adversary.penalty(made, real)))
    assert float(adversary.penalty(made, real)) > float(adversary.penalty(real, real))
