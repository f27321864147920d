"""Training is repeatable and survives being stopped; the corpus is the same for the same seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file
from torch import Tensor, nn

from antiphon.domain.timbres import COLOURS, TOLD_COLUMN
from antiphon.generation.builtin import colour_columns
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.roll import PITCHES, ROLL_CHANNELS
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder
from antiphon.paths import presets_dir
from antiphon.training import base, corpus
from antiphon.training.adversary import Adversary
from antiphon.training.checkpoint import save_checkpoint
from antiphon.training.dataset import colour_row
from antiphon.training.etudes import ETUDE_STEMS, etude
from antiphon.training.loop import Schedule, train_stage
from antiphon.training.noise_levels import noise_levels
from antiphon.training.recipe import RECIPES, Recipe, recipe_of
from antiphon.training.report import Probed, keep_probe, write_report
from antiphon.training.score_stage import ScoreRecipe
from antiphon.training.stages import onset_weights


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


@pytest.mark.needs("fluidsynth")
def test_a_song_is_the_same_for_the_same_seed() -> None:
    song, again = corpus.render_song(corpus.HELD_OUT_SEED), corpus.render_song(corpus.HELD_OUT_SEED)
    assert song.audio.shape[1] % LATENT_HOP_FRAMES == 0
    np.testing.assert_allclose(song.audio, again.audio, atol=3e-3, err_msg="but for FluidSynth's dither")


@pytest.mark.needs("fluidsynth")
def test_held_out_songs_sound_as_when_the_figures_were_taken() -> None:
    """Whatever a new edition of the corpus brings: what is measured on has neither effects nor other tempi."""
    song = corpus.render_song(corpus.HELD_OUT_SEED + 1)
    assert corpus.song_effects(corpus.HELD_OUT_SEED + 1, corpus.MEASURED) == ({},) * len(ETUDE_STEMS)
    powers = np.sqrt(np.mean(np.square(song.audio, dtype=np.float64), axis=1))
    assert song.score.bpm == pytest.approx(82.6875)
    np.testing.assert_allclose(powers, [0.07403, 0.13147, 0.11891, 0.03417, 0.08285, 0.04598], rtol=2e-3)


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


def test_every_checkpoint_is_told_of_with_the_averaged_weights(tmp_path: Path) -> None:
    model, loss = _line()
    told: list[tuple[int, float]] = []
    trained = train_stage(
        "line", tmp_path, model, Schedule(40, 0.05, warmup_steps=2, checkpoint_s=0.0), loss,
        on_checkpoint=lambda step, weights: told.append((step, float(weights["bias"]))),
    )  # fmt: skip
    assert [step for step, _ in told] == list(range(1, 41))
    assert told[-1][1] == float(trained.weights["bias"])


def test_the_report_shows_losses_measures_and_sounds(tmp_path: Path) -> None:
    model, loss = _line()
    train_stage("line", tmp_path, model, Schedule(60, 0.05, warmup_steps=2), loss)
    wave = np.sin(np.arange(4410) * 0.05).astype(np.float32)
    for step in (20, 40):
        keep_probe(tmp_path, "line", step, Probed({"error <dB>": 1.0 / step}, {"made": wave}), 44100)
    page = write_report(tmp_path, {"recipe": {"seed": 4}}).read_text()
    assert '"seed": 4' in page.replace("&quot;", '"')
    assert "<h2>line</h2>" in page
    assert page.count("<polyline") == 2
    assert "error &lt;dB&gt;" in page
    assert "0.025" in page
    assert "samples/line-made.wav" in page
    assert (tmp_path / "samples" / "line-made.wav").stat().st_size == 44 + 2 * 4410


def test_noise_levels_are_high_and_some_are_nothing_but_noise() -> None:
    levels = noise_levels(20_000, torch.Generator().manual_seed(1))
    assert levels.min() > 0.0
    assert levels.max() == 1.0
    assert 0.04 < float((levels == 1.0).float().mean()) < 0.06
    # Sampling in four steps begins at 1 and goes on at .95: training has to have been there.
    assert float((levels > 0.9).float().mean()) > 0.35
    assert float((levels < 0.5).float().mean()) > 0.03


def test_attacks_count_more_and_the_whole_as_much_as_before() -> None:
    roll = torch.zeros(2, 12, ROLL_CHANNELS)
    roll[0, 5, 40] = 0.7
    roll[:, 6:9, PITCHES + 40] = 0.7
    weights = onset_weights(roll)[..., 0]
    assert weights.mean().item() == pytest.approx(1.0)
    plain = weights[1, 0]
    assert (weights[1] == plain).all(), "what sounds on begins nothing"
    torch.testing.assert_close((weights[0] / plain).round(), torch.tensor([1.0] * 4 + [3.0] * 3 + [1.0] * 5))


def test_no_colours_told_and_colours_untold_are_two_things() -> None:
    """In training as in requests: else the model guesses colours where there are none."""
    none, dusty = colour_row({}, 64), colour_row({"dusty": 0.8}, 64)
    assert none.nonzero()[0].tolist() == [64 + TOLD_COLUMN]
    assert np.array_equal(none, colour_columns((), 64))
    assert np.array_equal(dusty, colour_columns(("dusty",), 64))
    assert len(COLOURS) < 64 + TOLD_COLUMN, "the column is nobody else's"


def test_what_one_command_makes_is_what_is_shipped() -> None:
    shipped = presets_dir() / "models" / "builtin"
    sound, score = (json.loads((folder / "antiphon.json").read_text()) for folder in (shipped, shipped / "score"))
    assert recipe_of(sound) == RECIPES[sound["version"]], "train_base.py --recipe builtin-7"
    # Trained on from the version before: the card has the command, and what it leaves out is the default.
    options = dict(re.findall(r"--score-(loops|steps|rate) (\S+)", (shipped / "README.md").read_text()))
    options = {name: type(getattr(ScoreRecipe(), name))(value.strip("`")) for name, value in options.items()}
    assert score["recipe"] == asdict(ScoreRecipe(**options, start="score-1"))


def test_every_exported_file_says_in_its_header_what_it_was_made_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target = tmp_path / "training", tmp_path / "model"
    recipe = Recipe(window=0, vocoder_window=0, songs=1, latent_dims=4, seed=7)
    tiny = partial(ScoreTransformer, width=20, depth=1, heads=2)
    monkeypatch.setattr(base, "ScoreTransformer", tiny)
    pictures = folder / "corpus" / f"v{corpus.CORPUS_VERSION}" / "0.pictures.npy"
    pictures.parent.mkdir(parents=True)
    noise = np.random.default_rng(0).standard_normal((3, len(ETUDE_STEMS), 200, 4))
    np.save(pictures, noise.astype(np.float16))
    LinearLatents(4).save_pretrained(folder / "codec")
    for name, model in (("sound", tiny(latent_dims=4)), ("vocoder", HarmonicVocoder())):
        weights = {key: value.detach().clone() for key, value in model.named_parameters()}
        save_checkpoint(folder / f"{name}.safetensors", model, weights, torch.optim.AdamW(model.parameters()), 3, 1.0)
    (target / "score").mkdir(parents=True)
    save_file({"x": np.zeros(1)}, target / "score" / "other.safetensors", {"format": "pt"})
    base.export(base.Training(folder, recipe, "builtin-9", torch.device("cpu")), target)

    about = json.loads((target / "antiphon.json").read_text())
    told = {}
    for path in target.rglob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            told[path.relative_to(target).parts[0]] = file.metadata()
    assert told.pop("score") == {"format": "pt"}, "another model's weights are left alone"
    assert told["corpus.safetensors"]["songs"] == "1"
    assert set(told) == {"codec", "corpus.safetensors", "transformer", "vocoder"}
    for name, metadata in told.items():
        assert name == "corpus.safetensors" or metadata["format"] == "pt"
        said = json.loads(metadata["antiphon"])
        assert said == about
        assert said["version"] == "builtin-9"
        assert (said["recipe"]["seed"], said["corpus_version"]) == (7, corpus.CORPUS_VERSION)
        assert said["revision"] == base.revision()
    assert ScoreToStemsPipeline.from_pretrained(target).transformer.config.width == 20
