"""A model of the user's own, from the settings to files on the disk, through the server as users start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from antiphon.domain.score import loop_frames
from antiphon.domain.theory import Meter
from tests.generation.text_to_music.tiny import build
from tests.integration.server import RunningServer, running_server

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own-models")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    build("musicgen", folder)
    # The path starts from the folder of the settings file.
    mine = '[[models]]\nname = "mine"\npath = "musicgen"\n[[models]]\nname = "lost"\npath = "nowhere"\n'
    with running_server(folder, model="mine", more=mine) as running:
        yield running


def antiphon(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "antiphon", *arguments], capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def post(server: RunningServer, command: str, **keys: object) -> Any:
    request = urllib.request.Request(
        f"{server.http_url}/api/{command}", json.dumps(keys).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_loops_of_a_model_of_ones_own_are_files_like_any_other(server: RunningServer, folder: Path) -> None:
    asked = ("--bpm", "151.7", "--bars", "1", "--rate", "48000", "--stems", "drums bass", "--prompt", "rain")
    made = antiphon("generate", *asked, "--out", str(folder / "out"), "--url", server.http_url)
    assert made.returncode == 0, made.stderr
    frames = loop_frames(Meter(4, 4).beats_per_bar, 151.7, 48000)
    audio = sorted((folder / "out").rglob("*.wav"))
    assert len(audio) == 3
    assert all(soundfile.info(file).frames == frames for file in audio)
    (sidecar,) = server.data_dir.rglob("*.json")
    about = json.loads(sidecar.read_text())
    assert about["backend"] == "mine"
    assert about["model_version"].startswith("mine-")
    assert about["plays_score"] is False
    assert "transformers" in about["packages"]
    # Its notes are not the score's, so there is nothing to write as MIDI.
    assert not list(server.data_dir.rglob("*.mid"))


def test_models_of_the_settings_stand_beside_the_built_in_one(server: RunningServer) -> None:
    models = {each["version"]: each["state"] for each in post(server, "model/list")["models"]}
    # Earlier weights of the built-in one are there by their own names.
    named = {name: state for name, state in models.items() if not name.startswith("builtin-")}
    assert named == {"builtin": "available", "mine": "active", "lost": "available"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(server, "model/use", version="lost")
    told = json.load(refused.value)["error"]
    assert told["code"] == "backend"
    assert "there is no folder" in told["message"]
    assert {each["state"] for each in post(server, "model/list")["models"] if each["version"] == "mine"} == {"active"}


def test_the_command_line_tells_what_they_can_do(server: RunningServer, folder: Path) -> None:
    config = str(folder / "antiphon.toml")
    shown = antiphon("models", "--config", config)
    assert shown.returncode == 0, shown.stderr
    for text in ("builtin", "native", "mine (default)", "MusicGen", "one by one", "in words", "tiny-licence", "lost"):
        assert text in shown.stdout, text
    found = {each["name"]: each for each in json.loads(antiphon("models", "--json", "--config", config).stdout)}
    here = {name: each["ready"] for name, each in found.items() if each["listed"]}
    assert here == {"builtin": True, "mine": True, "lost": False}
    assert not any(each["ready"] for each in found.values() if not each["listed"]), "those that could be added"
    assert found["mine"]["abilities"]["stems"] == "one by one"
    assert found["mine"]["abilities"]["notes"] is False
    assert "there is no folder" in found["lost"]["fault"]
