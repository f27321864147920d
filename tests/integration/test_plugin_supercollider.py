"""The class Antiphon in SuperCollider's language: a whole conversation, and its loops as scsynth plays them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import REPOSITORY
from tests.integration.relay import relay
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400), pytest.mark.needs("sclang", "scsynth")]
SCRIPT = Path(__file__).parent / "sc" / "plugin.scd"
PLUGIN = REPOSITORY / "plugins" / "supercollider"


def play(quick_server: RunningServer, converse: Callable[..., str], folder: Path) -> list[list[str]]:
    """Run the script with the class installed; the lines that it posted, as words."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    config = folder / "sclang_conf.yaml"
    config.write_text(f"includePaths:\n    - {PLUGIN / 'Classes'}\nexcludePaths:\n    []\npostInlineWarnings: false\n")
    with relay(quick_server.osc_port, silent_s=4.0) as between:
        said = converse(
            ["sclang", "-D", "-l", config, SCRIPT],
            ANTIPHON_PORT=str(between.port), QT_QPA_PLATFORM="offscreen", QTWEBENGINE_DISABLE_SANDBOX="1",
            XDG_RUNTIME_DIR=str(runtime), ANTIPHON_RENDERED=str(folder / "rendered.wav"),
        )  # fmt: skip
    assert "ERROR" not in said, said
    assert "late" not in said.split(), said
    return [line.split("\t") for line in said.splitlines()]


def test_a_conversation_and_a_loop_in_time(
    quick_server: RunningServer, converse: Callable[..., str], tmp_path: Path
) -> None:
    rows = play(quick_server, converse, tmp_path)
    (loop,) = (row[1:] for row in rows if row[0] == "loop")
    candidate_id, bpm, beats, stems, _ = loop
    assert (float(bpm), float(beats), stems) == (pytest.approx(140), 4.0, "4")
    rated = [row[1:] for row in rows if row[0] == "rated"]
    assert [(each, float(value)) for each, value in rated] == [(candidate_id, 0.75), (candidate_id, 0.5)]
    stepped = [(row[0], float(row[2])) for row in rows if row[0] in ("previous", "next")]
    assert stepped == [("previous", 140), ("next", pytest.approx(99.5))]
    # The mistake is told with the server's own words; so is that it was lost, once, and that it is back.
    errors = [row[2:] for row in rows if row[:2] == ["changed", "error"]]
    assert [code for code, _ in errors] == ["unknown_key", "unreachable"], errors
    assert "key" in errors[0][1]
    assert "antiphon serve" in errors[1][1]
    assert [row[2] for row in rows if row[:2] == ["changed", "connected"]] == ["true", "false", "true"]
    rounds_have_no_seam(quick_server, candidate_id, tmp_path / "rendered.wav")


def rounds_have_no_seam(quick_server: RunningServer, candidate_id: str, rendered: Path) -> None:
    """Three rounds as scsynth plays them are the mix three times, down to rounding."""
    (mix_path,) = quick_server.data_dir.rglob(f"*_mix_{candidate_id}_*.wav")
    mix, rate = soundfile.read(mix_path, dtype="float32", always_2d=True)
    heard, rendered_rate = soundfile.read(rendered, dtype="float32", always_2d=True)
    assert (rate, rendered_rate) == (48000, 48000)
    # A round is as long as its beats on the clock, a loop has whole frames: in the 5 ms where rounds fade into each
    # other, two copies may lie a sample apart. Everywhere else it is the mix; nowhere does it get louder or softer.
    for each in range(3):
        start = round(each * 4 * 60 / 140 * rate)
        faded = 0 if each == 0 else round(0.005 * rate) + 1
        body = heard[start + faded : start + len(mix) - 2]
        assert np.abs(body - mix[faded:-2]).max() < 1e-4, each
        if each:
            fade, expected = heard[start : start + faded], mix[:faded]
            assert np.sqrt(np.mean(fade**2) / np.mean(expected**2)) == pytest.approx(1, abs=0.1), each
