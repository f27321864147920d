"""Songs that stream: the same ones for the same step, whatever happened before; never more on disk than the window."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from antiphon.errors import BackendFailed, SettingsError
from antiphon.generation.sound.latents import LinearLatents
from antiphon.paths import presets_dir
from antiphon.training import songs
from antiphon.training.base import Training, run_stages
from antiphon.training.corpus import EDITIONS, HELD_OUT_SEED, song_score
from antiphon.training.dataset import SongFiles
from antiphon.training.etudes import ETUDE_STEMS
from antiphon.training.loop import Schedule, train_stage
from antiphon.training.recipe import NEWEST, RECIPES, Recipe, recipe_of
from antiphon.training.songs import TrainingSongs
from antiphon.training.streaming import Pace, SongStream
from antiphon.training.windows import SoundWindows

PACE = Pace(window=5, batch=2, uses=4, steps=30)


def _tone(number: int) -> NDArray[np.float32]:
    if number == 999:
        raise BackendFailed("no such song")
    return np.full(3, number, np.float32)


def _stream(folder: Path, pace: Pace = PACE, processes: int = 0) -> SongStream[int]:
    files = SongFiles(folder, "tone", _tone)
    return SongStream(files, lambda number: int(files.read(number)[0]), pace, processes)


def _on_disk(folder: Path) -> list[int]:
    return sorted(int(path.name.split(".")[0]) for path in folder.iterdir())


def test_songs_come_and_leave_at_a_steady_pace_and_the_disk_holds_the_window(tmp_path: Path) -> None:
    stream, used = _stream(tmp_path), dict.fromkeys(range(PACE.songs), 0.0)
    for step in range(PACE.steps):
        stream.advance(step)
        assert list(stream) == list(PACE.seen(step))
        assert _on_disk(tmp_path) == list(stream)
        for number in stream:
            used[number] += PACE.batch / len(stream)
    through = [used[number] for number in range(PACE.window, PACE.songs - PACE.window)]
    assert through == pytest.approx([PACE.uses] * len(through)), "each song is used as often as any other"
    stream.close()
    assert _on_disk(tmp_path) == []


@pytest.mark.parametrize("begins", [0, 11, 29])
def test_what_a_step_sees_does_not_depend_on_where_the_training_began(tmp_path: Path, begins: int) -> None:
    stream = _stream(tmp_path)
    stream.advance(begins)
    assert list(stream) == list(PACE.seen(begins))


def test_songs_of_before_a_stop_are_read_and_what_is_of_no_use_goes(tmp_path: Path) -> None:
    before = _stream(tmp_path)
    for step in range(9):
        before.advance(step)
    there = tmp_path / "5.tone.npy"
    np.save(there, np.full(3, 77.0, np.float32))
    (tmp_path / "6.tone.1234.partial").write_bytes(b"half")
    (tmp_path / "500.tone.npy").write_bytes(there.read_bytes())
    after = _stream(tmp_path)
    after.advance(7)
    assert list(after) == [3, 4, 77, 6, 7], "a song that is there is not rendered again"
    assert _on_disk(tmp_path) == [3, 4, 5, 6, 7, 8]


def test_workers_render_in_order_and_not_far_ahead(tmp_path: Path) -> None:
    stream = _stream(tmp_path, processes=2)
    for step in range(12):
        stream.advance(step)
        assert list(stream) == list(PACE.seen(step))
        # Two a worker are under way or done, and one may just have been asked for.
        assert len(_on_disk(tmp_path)) <= PACE.window + 2 * 2 + 1
    stream.close()


def test_what_keeps_a_worker_from_rendering_is_told(tmp_path: Path) -> None:
    stream = _stream(tmp_path, Pace(1000, 1, 1, 1), processes=1)
    with pytest.raises(BackendFailed, match="no such song"):
        stream.advance(0)


def test_a_training_never_comes_to_held_out_songs(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="raise uses"):
        _stream(tmp_path, Pace(5, 100, 1, HELD_OUT_SEED))


def _noise_song(edition: object, codec: LinearLatents, sketches: Path, number: int) -> NDArray[np.float16]:
    rng = np.random.default_rng(number)
    return rng.standard_normal((3, len(ETUDE_STEMS), 150 + number, 4)).astype(np.float16)


def _songs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingSongs:
    """Pictures of noise, so that no instrument must be played; scores are the corpus's own."""
    monkeypatch.setattr(songs, "pictured_and_sketched", _noise_song)
    LinearLatents(4).save_pretrained(folder / "codec")
    recipe = Recipe(window=4, vocoder_window=2, uses=4, latent_dims=4, sound_steps=12, sound_batch=2)
    return TrainingSongs(folder, recipe, 1)


def _trained(folder: Path, supply: TrainingSongs, steps: int) -> tuple[list[float], dict[str, Tensor]]:
    """A tiny training on the stream's batches: every batch's sum, and the weights."""
    held, feed = supply.for_sound_model(64)
    data, model, seen = SoundWindows(held), nn.Linear(4, 1), list[float]()
    with torch.no_grad():
        model.weight.fill_(0.1)
        model.bias.zero_()

    def loss(rng: np.random.Generator) -> Tensor:
        batch = data.batch(rng, 2, 32)
        seen.append(float(batch.latents.sum() + batch.colours.sum()))
        found: Tensor = model(batch.latents).square().mean()
        return found

    trained = train_stage("tiny", folder, model, Schedule(steps, 0.01, warmup_steps=2, cooldown=0.01), loss, feed=feed)
    return seen, trained.weights


def test_a_training_that_was_stopped_sees_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    through, weights = _trained(tmp_path / "a", _songs(tmp_path / "a", monkeypatch), 12)
    supply = _songs(tmp_path / "b", monkeypatch)
    first, _ = _trained(tmp_path / "b", supply, 7)
    second, resumed = _trained(tmp_path / "b", supply, 12)
    assert first + second == through
    for name, value in weights.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-6, atol=1e-7)
    lines = [json.loads(line) for line in (tmp_path / "a" / "tiny.jsonl").read_text().splitlines()]
    assert all(0.0 <= line["waiting"] <= 1.0 for line in lines)


@pytest.mark.needs("fluidsynth")
def test_a_song_that_streams_is_the_song_that_is_kept(tmp_path: Path) -> None:
    """And its sketch is there, for the gate that knows copies."""
    codec = LinearLatents(4)
    (tmp_path / "sketches").mkdir()
    streamed = songs.pictured_and_sketched(EDITIONS[2], codec, tmp_path / "sketches", 3)
    kept = songs.pictures(tmp_path, EDITIONS[2], codec)
    kept.render(3)
    assert np.array_equal(streamed, kept.read(3))
    (sketched,) = songs.kept_sketches(tmp_path / "sketches")
    whole = songs.sketch_song(streamed)
    assert {stem: found.tolist() for stem, found in sketched.items()} == {s: f.tolist() for s, f in whole.items()}
    sound = songs.sound_and_source(EDITIONS[2], 3)
    assert sound.dtype == np.int16
    assert np.isfinite(sound[1].view(np.float16)).all()


def test_the_shipped_recipe_has_a_name_and_a_new_training_streams() -> None:
    about = json.loads((presets_dir() / "models" / "builtin" / "antiphon.json").read_text())
    assert recipe_of(about) == RECIPES[about["version"]]
    assert not RECIPES["builtin-7"].streams
    newest = RECIPES[NEWEST]
    assert newest == Recipe()
    assert newest.streams
    # In the time that a step takes, a core renders several songs: of each training, far fewer are asked for.
    assert newest.sound_pace.songs == 18600 * 16 // 60 + 400 - 1
    told = about["recipe"] | {"corpus": 3, "window": 9, "vocoder_window": 3}
    assert recipe_of({"corpus_version": 3, "recipe": told}) == replace(newest, window=9, vocoder_window=3)


@pytest.mark.parametrize("wrong", [{"corpus": 1}, {"window": 0}, {"uses": 0}, {"window": -1}])
def test_a_recipe_that_makes_no_sense_says_so(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError):
        Recipe(**wrong)


def test_a_folder_belongs_to_one_recipe(tmp_path: Path) -> None:
    def training(recipe: Recipe) -> Training:
        return Training(tmp_path, recipe, "builtin-8", torch.device("cpu"))

    LinearLatents(4).save_pretrained(tmp_path / "codec")
    with pytest.raises(SettingsError, match="--recipe builtin-7"):
        run_stages(["corpus"], training(Recipe()), tmp_path)
    kept = Recipe(window=0, vocoder_window=0, songs=0, vocoder_songs=0, latent_songs=0)
    run_stages(["corpus"], training(kept), tmp_path)
    run_stages([], training(replace(kept, sound_steps=5)), tmp_path)
    with pytest.raises(SettingsError, match="seed 1 there, 2 asked"):
        run_stages(["corpus"], training(replace(kept, seed=2)), tmp_path)


def test_tempi_reach_from_50_to_220_bpm() -> None:
    tempi = [song_score(number, EDITIONS[3]).bpm for number in range(300)]
    assert 49.5 < min(tempi) < 53.0
    assert 210.0 < max(tempi) < 221.5
    before = [song_score(number).bpm for number in range(300)]
    assert min(before) > 55.5
    assert max(before) < 201.0
    meters = {song_score(number, EDITIONS[3]).meter for number in range(40)}
    assert {(meter.numerator, meter.denominator) for meter in meters} == {(4, 4), (3, 4), (6, 8)}
