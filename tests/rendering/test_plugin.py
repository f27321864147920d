"""VST3 plug-ins: a real one, compiled here, that reports a latency and remembers what it was given."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest

from antiphon.errors import SettingsError
from antiphon.rendering.chain import render_stem
from antiphon.rendering.circle import Loop
from antiphon.rendering.finish import finish
from antiphon.rendering.preset import parse_preset
from tests.rendering.synth import play, random_score

pytestmark = pytest.mark.needs("g++")
SOURCE = Path(__file__).parent / "vst3"
DPF = Path("/usr/share/dpf/distrho")


def built(folder: Path, channels: int) -> Path:
    """The plug-in as a VST3 bundle."""
    bundle = folder / f"Late{channels}.vst3"
    binary = bundle / "Contents" / f"{platform.machine()}-linux" / f"Late{channels}.so"
    binary.parent.mkdir(parents=True)
    subprocess.run(
        ["g++", "-shared", "-fPIC", "-O1", "-std=gnu++17", "-w", f"-I{DPF}", f"-I{SOURCE}", f"-DCHANNELS={channels}",
         "-DDISTRHO_PLUGIN_TARGET_VST3", SOURCE / "late_gain.cpp", DPF / "DistrhoPluginMain.cpp", "-o", binary],
        check=True, timeout=120,
    )  # fmt: skip
    return bundle


@pytest.fixture(scope="module", params=[1, 2], ids=["mono", "stereo"])
def plugin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DPF.exists():
        text = "the DISTRHO Plugin Framework is not installed (package dpf-source)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(text)
    return built(tmp_path_factory.mktemp("vst3"), request.param)


def effect(plugin: Path, parameters: str) -> str:
    return f"{{ effect = 'vst3', path = '{plugin.as_posix()}', tail_s = 0.1, parameters = {{ {parameters} }} }}"


def test_a_plugin_sounds_without_its_latency_and_from_a_fresh_state(plugin: Path) -> None:
    frames = 20_011
    audio = np.random.default_rng(3).standard_normal((2, frames)).astype(np.float32) * 0.1
    loop = Loop(frames, 44100, 120.0, frames / 44100 * 2)
    preset = parse_preset("x", f"[stems.lead]\neffects = [{effect(plugin, 'gain = 0.5')}]")
    for _ in range(2):
        np.testing.assert_allclose(render_stem(audio, "lead", preset, loop), 0.5 * audio, atol=1e-6)


def test_a_loop_with_plugins_on_two_stems_is_finished(plugin: Path) -> None:
    score = random_score(4, bars=1, bpm=101.0, meter="4/4")
    dry = play(score)
    chain = f"effects = [{effect(plugin, 'gain = 1.5')}]"
    finished = finish(dry, score, parse_preset("x", f"[stems.bass]\n{chain}\n[stems.lead]\n{chain}"), 44100)
    assert set(finished.stems) == set(dry)
    np.testing.assert_allclose(sum(finished.stems.values()), finished.mix, atol=1e-6)


def test_a_parameter_that_is_not_there_or_out_of_range_is_named(plugin: Path) -> None:
    audio = np.zeros((2, 5000), dtype=np.float32)
    for parameters, told in (("gian = 1.0", "did you mean 'gain'"), ("gain = 7.0", "refused")):
        preset = parse_preset("x", f"[stems.lead]\neffects = [{effect(plugin, parameters)}]")
        with pytest.raises(SettingsError, match=told):
            render_stem(audio, "lead", preset, Loop(5000, 44100, 120.0, 5000 / 44100 * 2))
