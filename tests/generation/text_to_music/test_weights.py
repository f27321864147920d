"""Folders and hub ids: what is there is told, and what is missing or unsafe is refused with a way out."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from antiphon.cli.models import matrices
from antiphon.domain.model_entry import ModelEntry
from antiphon.errors import BackendFailed
from antiphon.generation.backend import NotEnoughMemory
from antiphon.generation.builtin import DEFAULT_STEPS, BuiltinBackend
from antiphon.generation.engines import SAMPLED_BY_DEFAULT
from antiphon.generation.registry import load_backend
from antiphon.generation.text_to_music import hub, loading, memory
from antiphon.generation.text_to_music.abilities import NO, YES
from antiphon.generation.text_to_music.families import BUILTIN, FAMILIES
from antiphon.generation.text_to_music.survey import addable, survey
from antiphon.generation.text_to_music.weights import examine, fingerprint, licence
from antiphon.paths import presets_dir
from tests.generation.text_to_music.tiny import BUILDERS

Tiny = Callable[[str], Path]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model(tiny: Tiny, tmp_path: Path) -> Path:
    """A model of one's own to break."""
    return Path(shutil.copytree(tiny("stable-audio-open"), tmp_path / "model"))


def load(folder: Path, **changes: str) -> object:
    return load_backend("mine", "cpu", [ModelEntry("mine", path=str(folder), **changes)])  # type: ignore[arg-type]


@pytest.mark.parametrize("family", BUILDERS)
def test_a_folder_says_what_it_is(tiny: Tiny, family: str) -> None:
    found = examine(tiny(family))
    assert found.family is FAMILIES[family.removesuffix("-turbo")]
    assert found.turbo == family.endswith("turbo")
    assert found.parameters * 4 <= found.size_bytes <= found.parameters * 4 + 100_000
    assert (found.dtype, found.licence) == ("F32", "tiny-licence")


def change(path: Path, edit: Callable[[dict[str, object]], object]) -> None:
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))


def unsafe(folder: Path) -> None:
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))


def cut_off(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-8])


def no_head(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(
        b"version https://git-lfs.github.com/spec/v1\n"
    )


def sharded(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (shutil.rmtree, r"there is no folder .*put the model there"),
    "no index": (lambda f: (f / "model_index.json").unlink(), r"neither model_index\.json nor config\.json"),
    "another kind": (
        lambda f: change(f / "model_index.json", lambda d: d.update(_class_name="FluxPipeline")),
        "holds a FluxPipeline: Antiphon can run Stable Audio Open",
    ),
    "bad index": (lambda f: (f / "model_index.json").write_text("{"), r"model_index\.json cannot be read"),
    "no table": (lambda f: (f / "model_index.json").write_text("[]"), "not a table"),
    "own code": (
        lambda f: change(f / "model_index.json", lambda d: d.update(vae=["evil", "Vae"])),
        "the part vae .* comes from 'evil': code that comes with a model is never run",
    ),
    "elsewhere": (
        lambda f: change(f / "model_index.json", lambda d: d.update({"../vae": ["diffusers", "Vae"]})), "never run"
    ),
    "part gone": (lambda f: shutil.rmtree(f / "vae"), "lacks its part vae"),
    "pickles": (unsafe, "a format that can hold harmful code; Antiphon reads safetensors only"),
    "no weights": (
        lambda f: (f / "vae" / "diffusion_pytorch_model.safetensors").unlink(), r"has no weights \(\*\.safetensors\)"
    ),
    "cut off": (cut_off, r"is damaged \(it has \d+ bytes, and its head tells of \d+\)"),
    "not fetched": (no_head, "is damaged"),
    "a shard short": (sharded, "lacks model-00001-of-00002"),
    "config": (
        lambda f: change(f / "vae" / "config.json", lambda d: d.update(decoder_channels=5)), "could not be loaded"
    ),
}  # fmt: skip


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_what_is_missing_or_broken_says_what_to_do(model: Path, breakage: str) -> None:
    damage, wanted = BREAKAGES[breakage]
    damage(model)
    with pytest.raises(BackendFailed, match=wanted):
        load(model)


def test_a_missing_package_is_named_with_the_extra(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torchsde" else find(name))
    with pytest.raises(BackendFailed, match=r"needs the package torchsde: pip install 'antiphon\[text-to-music\]'"):
        load(model)


def test_a_model_that_is_too_large_is_refused_before_it_is_loaded(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1000)
    with pytest.raises(NotEnoughMemory, match=r"mine needs about .* GB on cpu, and 0\.0 GB are free: .*bfloat16"):
        load(model)
    with pytest.raises(NotEnoughMemory, match="choose a smaller model"):
        load(model, dtype="bfloat16")


def test_a_device_that_is_not_there_is_named(model: Path) -> None:
    with pytest.raises(BackendFailed, match="shall compute on 'cuda:7', which does not work here"):
        load(model, device="cuda:7")
    with pytest.raises(BackendFailed, match="shall compute on 'toaster'"):
        load(model, device="toaster")


def test_precision_is_the_familys_on_a_gpu_only() -> None:
    assert memory.dtype_for("auto", "cuda:1", "bfloat16") is torch.bfloat16
    assert memory.dtype_for("auto", "cpu", "bfloat16") is torch.float32
    assert memory.dtype_for("float16", "cpu", "bfloat16") is torch.float16
    assert memory.free_bytes("cpu") > 10_000_000


def test_other_weights_have_another_version(model: Path) -> None:
    family = examine(model).family
    before = fingerprint(model, family)
    weights = model / "vae" / "diffusion_pytorch_model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    assert fingerprint(model, family) != before


@pytest.mark.parametrize(
    ("card", "wanted"),
    [
        ("---\nlicense: mit\ntags: [a]\n---\nlicense: gpl", "mit"),
        ("---\nlicense: 'cc-by-nc-4.0'\n---\n", "cc-by-nc-4.0"),
        ("# Title\nlicense: mit", ""),
        ("", ""),
    ],
)
def test_the_licence_is_that_of_the_cards_head(tmp_path: Path, card: str, wanted: str) -> None:
    (tmp_path / "README.md").write_text(card)
    assert licence(tmp_path) == wanted
    assert licence(tmp_path / "nowhere") == ""


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_hub_model_that_was_downloaded_once_works_without_network(offline: Path, model: Path) -> None:
    repository = offline / "models--owner--tiny"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    shutil.copytree(model, repository / "snapshots" / COMMIT)
    entry = ModelEntry("mine", hub="owner/tiny")
    assert hub.cached(entry) == repository / "snapshots" / COMMIT
    assert load_backend("mine", "cpu", [entry]).version.startswith("mine-")
    (_, found) = survey([entry], presets_dir() / "models" / "builtin")
    assert (found.kind, found.fault, found.place) == ("Stable Audio Open", "", "hub: owner/tiny")


def test_a_hub_model_that_is_not_here_says_so(offline: Path) -> None:
    entry = ModelEntry("mine", hub="owner/tiny")
    assert hub.cached(entry) is None
    with pytest.raises(BackendFailed, match="owner/tiny is not on this machine, and HF_HUB_OFFLINE forbids"):
        load_backend("mine", "cpu", [entry])
    (_, found) = survey([entry], presets_dir() / "models" / "builtin")
    assert "downloaded when it is first used" in found.fault


def test_only_what_can_hold_no_code_is_asked_of_the_hub(model: Path, tiny: Tiny) -> None:
    for folder in (model, tiny("musicgen")):
        patterns = hub.wanted(folder)
        assert not [each for each in patterns if each.endswith((".bin", ".pt", ".ckpt", ".py", "/*"))]
        assert [each for each in patterns if each.endswith(".safetensors")]
    # Pipelines have their weights in parts; what lies beside them in another format is not wanted.
    assert "*.safetensors" not in hub.wanted(model)


def test_the_survey_tells_who_can_do_what(tiny: Tiny, tmp_path: Path) -> None:
    entries = [ModelEntry(family, path=str(tiny(family))) for family in BUILDERS]
    entries.append(ModelEntry("lost", path=str(tmp_path / "lost")))
    found = {each.name: each for each in survey(entries, presets_dir() / "models" / "builtin")}
    assert {name: each.abilities.stems for name, each in found.items() if each.abilities} == {
        "builtin": "native", "stable-audio-open": "one by one", "stable-audio-3": "one by one",
        "ace-step": "in context", "ace-step-turbo": "one by one", "audioldm2": "one by one", "musicgen": "one by one",
    }  # fmt: skip
    assert [name for name, each in found.items() if each.fault] == ["lost"]
    assert "there is no folder" in found["lost"].fault
    assert (found["builtin"].licence, found["musicgen"].licence) == ("GPL-3.0-or-later", "tiny-licence")
    assert json.loads(json.dumps([each.as_json() for each in found.values()]))[0]["ready"] is True
    (broken, *_) = survey([], tmp_path)
    assert broken.fault


def test_what_could_be_added_is_told_besides_what_is_here(tiny: Tiny) -> None:
    """With what it could do; and what is here is not offered again."""
    here = survey([ModelEntry("mine", path=str(tiny("musicgen")))], presets_dir() / "models" / "builtin")
    offered = {each.name: each for each in addable(here)}
    assert set(offered) == {*FAMILIES, "ace-step-turbo"} - {"musicgen"}
    told = {each.name: each.as_json() for each in (*here, *offered.values())}
    assert told["mine"]["listed"]
    assert told["mine"]["ready"]
    for name, each in offered.items():
        assert not told[name]["ready"], "not before somebody adds it"
        assert each.needs
        assert each.licence
    can = {name: each["can"] for name, each in told.items()}
    assert can["builtin"]["notes and MIDI files"] == can["builtin"]["songs as references"] == YES
    assert can["builtin"]["learns from ratings"] == YES
    assert can["builtin"]["sound"].startswith("stereo")
    assert can["builtin"]["engines"].endswith("drums, percussion, texture")
    assert can["builtin"]["steps"] == f"{YES} (4)"
    assert can["mine"]["steps"] == can["mine"]["vary in small steps"] == NO
    assert can["ace-step"]["a stem anew (restem)"] == "hears the others"
    assert can["ace-step-turbo"]["guidance"] == NO
    assert can["stable-audio-3"]["negative prompt"] == "with guidance"


def test_what_the_families_are_said_to_do_is_what_their_adapters_do(tiny: Tiny) -> None:
    for name, family in FAMILIES.items():
        model = loading.load(ModelEntry(name, path=str(tiny(name))), "cpu")._model
        assert model.in_context == (family.abilities.stems == "in context"), name
        if family.abilities.steps and "," not in family.abilities.default_steps:
            assert model.default_steps == int(family.abilities.default_steps), name
    assert BUILTIN.songs == hasattr(BuiltinBackend, "invert")
    assert set(BUILTIN.sampled) == SAMPLED_BY_DEFAULT
    assert BUILTIN.default_steps == str(DEFAULT_STEPS)


def test_the_matrix_fits_a_terminal(tiny: Tiny) -> None:
    models = [*survey([], presets_dir() / "models" / "builtin"), *addable([])]
    for width in (70, 100, 200):
        console = Console(width=width, record=True, file=StringIO())
        for table in matrices(models, width):
            console.print(table)
        lines = console.export_text().splitlines()
        assert max(map(len, lines)) <= width
        assert sum("learns from ratings" in line for line in lines) == len(matrices(models, width))
        assert all(any(each.name in line for line in lines) for each in models)
