"""Each benchmark runs to its end with tiny parameters, and says what it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from benchmarks.server import Client, offer, packet
from tests.conftest import PYTHON_PATH

ROOT = Path(__file__).resolve().parents[2]
SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
TONES = ("--model", "tests.tone_backend:load")


def bench(name: str, path: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark; returns its JSON, with what it printed under `printed`."""
    command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), *arguments, "--json", str(path)]
    environment = os.environ | {"PYTHONPATH": PYTHON_PATH}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    data: dict[str, Any] = json.loads(path.read_text())
    return data | {"printed": done.stdout}


def titles(data: dict[str, Any]) -> list[str]:
    return [table["title"] for table in data["tables"]]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_exactness(tmp_path: Path) -> None:
    plain = () if SOUND_FONT.exists() else ("--no-sampler",)
    data = bench("bench_exactness", tmp_path / "e.json", "--requests", "2", "--seed", "4", *TONES, *plain)
    assert titles(data) == ["Exactness", "Tempo found in the drums", "Key found", "Seam"]
    judged = data["figures"]["judged"]
    delivered = [each for each in judged if not each["failure"]]
    assert len(judged) == 2
    assert delivered
    for each in delivered:
        assert each["wrong_frames"] == []
        assert each["sum_error_db"] < -80.0
        assert each["peak_dbtp"] <= -1.0
    assert "### Exactness" in data["printed"]


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_oscquery(tmp_path: Path) -> None:
    data = bench("bench_oscquery", tmp_path / "o.json", "--changes", "5", *TONES)
    assert titles(data) == ["OSCQuery"]
    times = [data["figures"][address] for address in ("/antiphon/tempo", "/antiphon/stem/bass/level")]
    assert [len(each) for each in times] == [5, 5]
    assert all(0 < each < 10 for some in times for each in some)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_speed(tmp_path: Path) -> None:
    data = bench(
        "bench_speed", tmp_path / "s.json", "--runs", "1", "--loops", "1", "--bars", "1", "--skip-peers", *TONES
    )
    assert titles(data) == ["Speed: median (range)", "Where the time goes", "One loop from a real server, OSC over UDP"]
    made = data["figures"]["ours"]["1"][0]
    assert made["candidates"] == 1
    assert [stem for stem, _ in made["files_s"]] == ["drums", "bass", "chords", "lead", "mix"]
    assert 0.0 < made["first_stem_s"] <= made["wall_s"]
    stages = data["figures"]["stages_s"]["1"]
    assert stages["effects, level, mix"] > 0.0
    assert sum(stages.values()) <= made["wall_s"] * 1.01
    times = data["figures"]["server_s"][0]
    assert times["/antiphon/ack"] < times["/antiphon/stem"] <= times["/antiphon/done"]


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(300)
def test_control(tmp_path: Path) -> None:
    tiny = ("--rates", "50", "--seconds", "0.05", "--starts", "1", "--busy-jobs", "1")
    data = bench("bench_control", tmp_path / "c.json", *tiny, *TONES)
    assert titles(data) == ["Cold start", "Acknowledgement latency", "Event loop lag"]
    starts, streams = data["figures"]["starts"], data["figures"]["streams"]
    assert starts["welcome_s"][0] < starts["ready_s"][0]
    assert len(streams) == 6
    for loads in streams.values():
        assert all(len(load["latencies_s"]) == load["sent"] > 0 for load in loads)
    assert data["figures"]["status_busy"]["loop_lag"]["p99_ms"] >= 0.0


@pytest.mark.integration
def test_load_is_matched_to_its_answers() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "peers" / "osc_echo.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:
        assert echo.stdout is not None
        try:
            with Client(int(echo.stdout.readline())) as client:
                load = offer(client, lambda n: (f"r{n}", packet("/echo", f"r{n}")), 100.0, 0.2, ("/echoed",))
                deaf = offer(client, lambda n: (f"d{n}", packet("/nobody")), 100.0, 0.05, ("/echoed",), patience_s=0.2)
        finally:
            echo.terminate()
    assert (load.sent, len(load.latencies_s), load.lost) == (20, 20, 0)
    assert all(0.0 < latency < 1.0 for latency in load.latencies_s)
    assert deaf.lost == deaf.sent == 5


@pytest.mark.slow
def test_the_papers_pipeline_runs() -> None:
    from peers import latent_audio_diffusion as peer

    unet = {
        "sample_size": 4, "in_channels": 1, "out_channels": 1, "layers_per_block": 1, "block_out_channels": (32, 32),
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }  # fmt: skip
    autoencoder = peer.AUTOENCODER | {"layers_per_block": 1, "block_out_channels": (32,) * 4, "sample_size": 32}
    built = peer.build(unet, autoencoder, picture=32, steps=2, iterations=2)
    made = peer.sound(built, 2)
    assert made.audio_s == pytest.approx(32 * 512 / 22050, rel=0.05)
    assert min(made.unet_s, made.decoder_s, made.griffin_lim_s) > 0.0


def test_stable_audio_open_takes_a_step() -> None:
    import torch

    from peers import stable_audio_open as peer

    small = {"num_layers": 1, "num_attention_heads": 2, "num_key_value_attention_heads": 1, "cross_attention_dim": 64}
    built = peer.build(**small, global_states_input_dim=128, cross_attention_input_dim=64)
    assert built.parameters < 1_000_000
    assert peer.forward_s(built, 16, torch.float32) > 0.0


def test_the_peers_have_their_published_size() -> None:
    import torch
    from diffusers import AutoencoderKL, StableAudioDiTModel, UNet2DModel

    from peers import latent_audio_diffusion as paper

    with torch.device("meta"):
        sizes = {
            "unet": UNet2DModel(**paper.UNET),
            "autoencoder": AutoencoderKL(**paper.AUTOENCODER),
            "stable audio": StableAudioDiTModel(),
        }
    millions = {name: sum(p.numel() for p in model.parameters()) // 1_000_000 for name, model in sizes.items()}
    assert millions == {"unet": 113, "autoencoder": 83, "stable audio": 1056}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_listening_sheet(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet"
    command = [
        sys.executable,
        str(ROOT / "scripts" / "listening_sheet.py"),
        "--out",
        str(sheet),
        "--styles",
        "dub",
        "--loops",
        "1",
    ]
    made = subprocess.run(
        [*command, "--bars", "1", *TONES, "--engine", "drums:sampler"],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": PYTHON_PATH},
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (row,) = json.loads((sheet / "figures.json").read_text())
    assert row["engines"] == {
        "drums": "sampler sampler-1", "bass": "neural tone-1", "chords": "neural tone-1", "lead": "neural tone-1",
    }  # fmt: skip
    assert [file["stem"] for file in row["files"]] == ["mix", "drums", "bass", "chords", "lead"]
    assert all(file["measures"]["true peak dBTP"] <= -1.0 for file in row["files"])
    page = (sheet / "index.html").read_text()
    for file in row["files"]:
        assert (sheet / f"{file['name']}.flac").stat().st_size > 1000
        assert f"{file['name']}.png" in page
        with Image.open(sheet / f"{file['name']}.png") as picture:
            assert picture.size[1] == 128
            assert np.ptp(np.asarray(picture)) > 50, "a picture of nothing"
