"""Versions that have the same weights: each sounds as it always did, whichever is the newest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tests.tiny_backend import tiny_pipeline

from antiphon.domain.score import Note, Score, StemScore
from antiphon.domain.theory import Key, Meter
from antiphon.errors import BackendFailed
from antiphon.generation.backend import SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.registry import backend_names
from antiphon.generation.sound.voice import Voice
from antiphon.paths import presets_dir

OLD = Voice(no_pre_echo=False)
BASS = StemScore("bass", "bass_saw", (Note(0.0, 0.5, 36, 100), Note(1.0, 0.5, 48, 100), Note(2.5, 1.0, 40, 90)))
REQUEST = SoundRequest(Score(120.0, Meter(4, 4), 1, Key(9, "minor"), (), 0.0, "test", 1, (BASS,)), 3, 1, 44100)


@pytest.fixture(scope="module")
def newest() -> BuiltinBackend:
    return BuiltinBackend(tiny_pipeline(), "tiny-2", voices={"tiny-2": Voice(), "tiny-1": OLD})


def _bass(backend: BuiltinBackend) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    (stems,) = backend.generate([REQUEST], lambda *_: None)
    return stems["bass"]


def test_an_earlier_version_sounds_as_it_did(newest: BuiltinBackend) -> None:
    earlier = newest.sounding_as("tiny-1")
    as_it_was = BuiltinBackend(tiny_pipeline(), "tiny-1", voices={"tiny-1": OLD})
    assert (earlier.version, earlier.base, earlier.sounding_as("tiny-2").voice) == ("tiny-1", earlier, Voice())
    assert np.array_equal(_bass(earlier), _bass(as_it_was))
    assert not np.array_equal(_bass(earlier), _bass(newest))
    before, after = earlier.pictures(REQUEST), newest.pictures(REQUEST)
    assert before is not None
    assert after is not None
    assert torch.equal(before.latents, after.latents), "the weights are the same"
    with pytest.raises(BackendFailed, match="tiny-2, tiny-1"):
        newest.sounding_as("tiny-0")


def test_what_was_fine_tuned_on_an_earlier_version_is_laid_over_that(newest: BuiltinBackend, tmp_path: Path) -> None:
    about = {"version": "tiny-1+4", "base_version": "tiny-1", "scale": 1.0}
    layer = "blocks.0.to_qkv.lora_"
    tensors = {f"{layer}A.weight": torch.zeros(1, 20), f"{layer}B.weight": torch.zeros(60, 1)}
    save_file(tensors, tmp_path / "adapter.safetensors", {"antiphon": json.dumps(about)})
    tuned = newest.fine_tuned(tmp_path / "adapter.safetensors")
    assert (tuned.version, tuned.base.version, tuned.voice) == ("tiny-1+4", "tiny-1", OLD)
    assert np.array_equal(_bass(tuned), _bass(newest.sounding_as("tiny-1")))


def test_the_versions_that_are_shipped_can_be_asked_for_by_name() -> None:
    about = json.loads((presets_dir() / "models" / "builtin" / "antiphon.json").read_text())
    assert set(backend_names()) == {"builtin", *about.get("earlier", {})}
    assert Voice.of(about) == Voice()


def test_what_a_folder_does_not_say_did_not_exist_yet() -> None:
    assert Voice.of({"version": "builtin-3"}) == Voice(bent=False, no_pre_echo=False, own_overtones=False, spread=False)
