"""The measures of eval_fidelity.py, on sounds whose answer is known, and the whole run with a tiny model."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

import eval_fidelity
from antiphon.domain.score import Note, StemScore
from antiphon.errors import BackendFailed
from antiphon.training.corpus import Song, song_colours, song_score
from benchmarks.fidelity import arms, hearing, keys
from benchmarks.fidelity.arms import REAL, Arm, SoundModel
from benchmarks.fidelity.closeness import clicks, dc_db, excess_db
from benchmarks.fidelity.frechet import Plane, frechet_distance
from benchmarks.fidelity.keys import keys_table, song_keys, tally
from benchmarks.fidelity.listeners import Musicnn, Vgg, musicnn_folder, pictures
from benchmarks.fidelity.tables import Measure, distance_verdict, measures
from benchmarks.fidelity.tensor_bundle import read_bundle
from benchmarks.fidelity.timbre_ears import Lesson, TimbreEars, traits
from benchmarks.judges import KeyFound
from tests.generation.sound.test_pipeline import tiny_pipeline

RATE = 44100
#: Timbres that a tiny model has room for, for every stem of an étude.
FIRST_TIMBRES = ("kit_909", "bass_sub", "chords_pad", "lead_saw", "kit_808", "chords_pad")


def _varint(value: int) -> bytes:
    found = b""
    while value >= 128:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def _block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """One block, keys shortened by what they share with the key before, then its trailer."""
    block, before = b"", b""
    for key, value in entries:
        shared = next(
            (i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), min(len(key), len(before))
        )
        block += _varint(shared) + _varint(len(key) - shared) + _varint(len(value)) + key[shared:] + value
        before = key
    return block + struct.pack("<II", 0, 1) + b"\0" + b"\0\0\0\0"


def write_bundle(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """A checkpoint as TensorFlow lays it out, by the two specifications."""
    data, entries = b"", [(b"", b"\x08\x01")]
    for name, values in sorted(tensors.items()):
        dims = b"".join(b"\x12" + _varint(len(dim)) + dim for size in values.shape for dim in [b"\x08" + _varint(size)])
        raw = values.astype("<f4").tobytes()
        entry = b"\x08\x01\x12" + _varint(len(dims)) + dims + b"\x20" + _varint(len(data)) + b"\x28" + _varint(len(raw))
        entries.append((name.encode(), entry + b"\x35\1\2\3\4"))
        data += raw
    block = _block(entries)
    index = _block([(b"~", _varint(0) + _varint(len(block) - 5))])
    footer = _varint(0) + _varint(0) + _varint(len(block)) + _varint(len(index) - 5)
    (folder / ".index").write_bytes(block + index + footer.ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57))
    (folder / ".data-00000-of-00001").write_bytes(data)


def test_a_tensor_bundle_is_read_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    tensors = {"conv/kernel": rng.random((3, 5, 1, 70)), "conv/bias": rng.random(70), "step": rng.random(())}
    write_bundle(tmp_path, tensors)
    found = read_bundle(f"{tmp_path}/")
    assert set(found) == set(tensors)
    for name, values in tensors.items():
        assert found[name].shape == values.shape
        assert np.array_equal(found[name], values.astype(np.float32))


@pytest.mark.parametrize("harm", ["missing", "cut", "other"])
def test_a_broken_bundle_says_so(tmp_path: Path, harm: str) -> None:
    write_bundle(tmp_path, {"conv/kernel": np.ones((4, 4))})
    index = tmp_path / ".index"
    whole = index.read_bytes()
    if harm == "missing":
        index.unlink()
    else:
        index.write_bytes(whole[20:] if harm == "cut" else b"x" * 200)
    with pytest.raises(BackendFailed, match="not a TensorFlow checkpoint"):
        read_bundle(f"{tmp_path}/")


def test_where_musicnn_is_missing_the_user_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.fidelity.listeners.find_spec", lambda name: None)
    with pytest.raises(BackendFailed, match="pip install --no-deps musicnn"):
        musicnn_folder()


@pytest.mark.skipif(find_spec("musicnn") is None, reason="the package musicnn, for its weights, is not installed")
def test_the_listeners_answer_as_their_own_graphs_do() -> None:
    """Figures by TensorFlow 2.21 from the graphs stored beside the weights, on the same pictures."""
    seen = np.log10(1 + 10000 * np.random.default_rng(7).gamma(0.3, 0.02, (3, 187, 96))).astype(np.float32)
    patches = torch.from_numpy(seen)
    folder = musicnn_folder()
    wanted = (
        (Musicnn(folder), [-0.17717555, 0.41247222, -0.28482637, 2.7064598], [0.08405644, 0.021937, 0.03448326]),
        (Vgg(folder), [-0.21683784, -0.7691761, -0.30529207, 0.8566896], [0.10182932, 0.02232887, 0.03536746]),
    )
    for listener, embedding, tags in wanted:
        assert listener(patches)[1, :4].numpy() == pytest.approx(embedding, abs=1e-4)
        assert listener.tags(patches)[1, :3].numpy() == pytest.approx(tags, abs=1e-5)


def test_patches_go_round_the_circle() -> None:
    tone = np.sin(2 * np.pi * 441 * np.arange(4 * RATE) / RATE).astype(np.float32)
    found = pictures(tone, 3)
    assert found.shape == (3, 187, 96)
    # The tone has a whole number of turns, so the patch across the wrap is like the first, away from its very start.
    assert torch.allclose(found[0, 20:-20], found[2, 20:-20], atol=0.1)


def test_frechet_distance_of_known_clouds() -> None:
    rng = np.random.default_rng(2)
    cloud = rng.standard_normal((4000, 3)) @ np.diag([1.0, 2.0, 0.5])
    assert frechet_distance(cloud, cloud) == pytest.approx(0.0, abs=1e-6)
    assert frechet_distance(cloud, cloud + np.array([3.0, 0.0, 4.0])) == pytest.approx(25.0, abs=1e-6)
    # Twice as wide in every direction: the sum of (2σ − σ)².
    assert frechet_distance(cloud, 2.0 * cloud) == pytest.approx(np.trace(np.cov(cloud.T)) + (cloud.mean(0) ** 2).sum())
    far = np.hstack((cloud, np.zeros((4000, 2))))
    plane = Plane.of(far, 3)
    assert frechet_distance(plane.project(far), plane.project(2 * far)) == pytest.approx(
        frechet_distance(cloud, 2 * cloud)
    )


def test_what_was_not_heard_is_neither_met_nor_missed() -> None:
    measure = Measure("attack texture", lambda heard: 0.0, least=0.8)
    assert [measure.judged(value, 1.0) for value in (0.8, 0.79, float("nan"))] == ["met", "**missed**", ""]
    near = Measure("key", lambda heard: 0.0, below_real=0.03)
    assert [near.judged(value, 0.5) for value in (0.47, 0.46)] == ["met", "**missed**"]
    assert [distance_verdict(1.4, 24), distance_verdict(1.6, 24)] == ["met", "**missed**"]
    assert "songs" in distance_verdict(0.4, 2)
    assert (measure.goal(), near.goal()) == ("≥ 0.8", "≥ real − 0.03")


SAME, RELATIVE, WRONG = KeyFound("Am", True, False), KeyFound("C", False, True), KeyFound("F#", False, False)


def _songs_heard(*groups: tuple[int, KeyFound | None, KeyFound | None]) -> dict[int, dict[str, KeyFound | None]]:
    """So many songs each of what the real renders and the model had."""
    pairs = [(real, made) for count, real, made in groups for _ in range(count)]
    return {seed: {"real": real, "model": made} for seed, (real, made) in enumerate(pairs)}


def test_keys_lost_and_won_are_counted_and_weighed() -> None:
    heard = _songs_heard((3, SAME, SAME), (2, SAME, RELATIVE), (7, RELATIVE, WRONG), (1, SAME, None), (2, WRONG, SAME))
    model = tally(list(heard.values()), "model")
    assert (model.right, model.same) == (pytest.approx(7 / 15), pytest.approx(5 / 15))
    assert (model.lost, model.won) == (8, 2)
    # 2 · (1 + 10 + 45) / 2¹⁰: two or fewer of ten on either side.
    assert model.p == pytest.approx(0.109375)
    real = tally(list(heard.values()), "real")
    assert (real.right, real.same, real.lost, real.won, real.p) == (pytest.approx(13 / 15), 0.4, 0, 0, 1.0)
    # An étude without a pitch counts nowhere but in the title.
    table = keys_table({**heard, 99: {"real": None, "model": None}}, "model")
    assert table.title == "Key on 16 études"
    assert table.rows == (
        ("real", "0.867", "0.400", "", "", "", ""),
        ("model", "0.467", "0.333", "8", "2", "0.11", "**missed**"),
    )


def test_a_key_rate_just_so_much_lower_is_enough() -> None:
    for lost, said in ((3, "met"), (4, "**missed**")):
        heard = _songs_heard((70 - lost, SAME, RELATIVE), (lost, SAME, WRONG), (30, WRONG, WRONG))
        assert keys_table(heard, "model").rows[1][-1] == said
        assert keys_table(heard, "another").rows[1][-1] == ""


def test_the_key_is_judged_in_one_table_only() -> None:
    goals = [{measure.name: measure.goal() for measure in measures(None, songs)} for songs in (0, 200)]
    assert [goal["key or its relative found"] for goal in goals] == ["≥ real − 0.03", ""]
    assert goals[0].keys() == goals[1].keys()


def test_a_key_is_heard_once_and_of_what_has_pitch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []

    def find(mono: np.ndarray, asked: object) -> KeyFound:
        heard.append(float(mono[0]))
        return RELATIVE

    monkeypatch.setattr(hearing, "find_key", find)
    monkeypatch.setattr(keys, "render_song", _short_song)
    # Row 0 are drums, row 3 the lead; no other stem of the short song has notes.
    loud = Arm("loud", "loud", lambda sitting: np.full_like(sitting.song.audio, 0.5))
    drums = Arm("drums", "drums", lambda sitting: sitting.song.audio * (np.arange(6) == 0)[:, None])
    for _ in range(2):
        assert song_keys(tmp_path, 7, [loud, drums]) == {"loud": RELATIVE, "drums": None}
    assert heard == [0.5]
    song_keys(tmp_path, 7, [REAL])
    song_keys(tmp_path, 8, [loud])
    assert len(heard) == 3


def test_clicks_count_away_from_onsets_only() -> None:
    rng = np.random.default_rng(3)
    wave = (0.01 * rng.standard_normal(2 * RATE)).astype(np.float32)
    assert clicks(wave, np.array([0.5])) == 0
    wave[RATE] = 0.9
    wave[RATE // 2] = 0.9
    assert clicks(wave, np.array([0.5])) == 1
    assert clicks(wave, np.array([0.5, 1.0])) == 0


def test_excess_and_dc() -> None:
    time_s = np.arange(RATE) / RATE
    real = np.sin(2 * np.pi * 200 * time_s).astype(np.float32)
    hiss = (real + 0.1 * np.sin(2 * np.pi * 9000 * time_s)).astype(np.float32)
    worst, whole = excess_db(real, hiss)
    assert worst == pytest.approx(40.0, abs=1.0)
    assert whole == pytest.approx(0.04, abs=0.02)
    assert excess_db(real, real) == (0.0, 0.0)
    assert excess_db(real, 0.5 * real)[0] <= 0.0
    assert dc_db(real + np.float32(0.01)) == pytest.approx(-40.0, abs=0.1)


def _lessons(count: int, seed: int) -> list[Lesson]:
    """Two timbres of two stems each, told by two traits; `bright` adds to a third."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(count):
        stem, which = ("bass", "lead")[number % 2], int(rng.integers(2))
        bright = bool(rng.random() < 0.3)
        heard = rng.standard_normal(6).astype(np.float32)
        heard[:2] += 6 * which
        heard[2] += 6 * bright
        found.append(Lesson(stem, f"{stem}_{which}", {"bright": 0.8} if bright else {}, heard))
    return found


def test_timbres_and_colours_are_learnt() -> None:
    ears = TimbreEars(_lessons(80, 1))
    assert ears.known_colours == {"bright"}
    asked = _lessons(60, 2)
    told = ears.hear(asked)
    assert np.mean([one.timbre == lesson.timbre for one, lesson in zip(told, asked, strict=True)]) > 0.9
    assert (
        np.mean([("bright" in one.colours) == bool(lesson.colours) for one, lesson in zip(told, asked, strict=True)])
        > 0.9
    )


def test_traits_do_not_hear_the_level() -> None:
    stem = StemScore("lead", "lead_saw", (Note(0.0, 1.0, 60, 100), Note(2.0, 1.0, 64, 100)))
    time_s = np.arange(86 * 1024) / RATE
    wave = (0.5 * np.sin(2 * np.pi * 300 * time_s) * np.exp(-3 * (time_s % 1.0))).astype(np.float32)
    first, quieter = traits(wave, stem, 4.0), traits(wave * np.float32(0.2), stem, 4.0)
    assert np.abs(first - quieter).max() < 0.3
    noise = np.random.default_rng(4).standard_normal(wave.size).astype(np.float32) * 0.1
    assert np.abs(first - traits(noise, stem, 4.0)).max() > 10.0


@pytest.mark.slow
def test_older_weights_without_the_newer_inputs_are_sounded(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny_pipeline().save_pretrained(tmp_path)
    path = tmp_path / "transformer" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    save_file({name: value for name, value in weights.items() if "source" not in name and "colours" not in name}, path)
    older = SoundModel("older", tmp_path).pipeline.transformer
    assert float(older.embed_source.weight.detach().abs().max()) == 0.0
    assert torch.equal(older.out.weight, weights["out.weight"])
    save_file({name: value for name, value in weights.items() if not name.startswith("out.")}, path)
    with pytest.raises(BackendFailed, match=r"out\.bias"):
        _ = SoundModel("broken", tmp_path).pipeline


def _short_song(seed: int) -> Song:
    """Song number `seed` with two stems of plain tones, four seconds long."""
    score = song_score(seed)
    rng, frames = np.random.default_rng(seed), 172 * 1024
    stems = []
    audio = np.zeros((len(score.stems), frames), dtype=np.float32)
    for row, stem in enumerate(score.stems):
        notes = tuple(Note(float(beat), 0.5, 60, 100) for beat in range(6)) if row in (0, 3) else ()
        stems.append(StemScore(stem.stem, FIRST_TIMBRES[row], notes))
        tone = np.sin(2 * np.pi * (200 + 40 * row) * np.arange(frames) / RATE) + 0.1 * rng.standard_normal(frames)
        audio[row] = 0.3 * tone * np.exp(-np.arange(frames) % (frames // 6) / 6000) * bool(notes)
    short = replace(score, bars=2, stems=tuple(stems), bpm=float(score.meter.beats_per_bar * 2) * 60 * RATE / frames)
    return Song(short, audio, song_colours(seed))


@pytest.mark.slow
def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rendered: list[int] = []

    def render(seed: int) -> Song:
        rendered.append(seed)
        return _short_song(seed)

    monkeypatch.setattr(hearing, "render_song", render)
    monkeypatch.setattr(keys, "render_song", render)
    monkeypatch.setattr(hearing, "_TRACKERS", {"essentia": lambda mono: 120.0, "librosa": lambda mono: 0.0})
    monkeypatch.setattr(arms, "GRIFFIN_LIM_ITERATIONS", 1)
    pipeline = tiny_pipeline()
    pipeline.save_pretrained(tmp_path / "tiny")
    heard_by = {"ear": lambda patches: patches.mean(1)[:, ::8]}
    monkeypatch.setattr(eval_fidelity, "listeners_of", lambda options: heard_by)
    few = ["--songs", "2", "--lessons", "0", "--steps", "1", "--shifts", "8", "--keys", "3"]
    few += ["--models", f"tiny={tmp_path / 'tiny'}"]
    command = ["eval_fidelity", *few, "--folder", str(tmp_path / "kept"), "--json", str(tmp_path / "f.json")]
    monkeypatch.setattr(sys, "argv", command)
    assert eval_fidelity.main() == 0
    data = json.loads((tmp_path / "f.json").read_text())
    titles = [table["title"] for table in data["tables"]]
    assert titles[:3] == ["Fréchet distance, ear", "What it must show", "Key on 3 études"]
    asked = data["tables"][2]["rows"]
    assert [row[0] for row in asked] == ["real", "sampler engine", "decoder", "tiny, 1 steps"]
    assert [bool(row[-1]) for row in asked] == [False, False, False, True]
    assert "*Key on 3 études*" in data["tables"][1]["notes"][-1]
    key_row = next(row for row in data["tables"][1]["rows"] if row[0] == "key or its relative found")
    assert key_row[-3:] == ["", "", ""]
    assert list(data["figures"]["arms"]) == [
        "real",
        "sampler engine",
        "decoder",
        "Griffin-Lim",
        "tiny, as delivered",
        "tiny, 1 steps",
        "tiny, 1 steps, shift 8",
    ]
    real = next(iter(data["figures"]["arms"]["real"].values()))["drums"]
    assert (real["mel_db"], real["level_db"], real["attack"], real["band_excess_db"]) == (0.0, 0.0, 1.0, 0.0)
    made = next(iter(data["figures"]["arms"]["tiny, 1 steps"].values()))["drums"]
    assert made["mel_db"] > 1.0
    delivered, sampled = (
        next(iter(data["figures"]["arms"][arm].values())) for arm in ("tiny, as delivered", "sampler engine")
    )
    assert delivered["drums"] == sampled["drums"] != made
    assert "by timbre, worst first" in capsys.readouterr().out
    for arm in ("real", "sampler engine", "decoder", "tiny, 1 steps"):
        songs, found = data["figures"]["arms"][arm], data["figures"]["keys"][arm]
        assert len(found) == 3
        assert [song["mix"]["key"] for song in songs.values()] == [found[seed]["name"] for seed in songs]
    count = len(rendered)
    # Two songs, two for the floor, three for the key.
    assert count == 7
    assert eval_fidelity.main() == 0
    assert len(rendered) == count, "what was heard is not heard again"
