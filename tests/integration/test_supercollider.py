"""SuperCollider: the language asks and reads, the synthesis server plays what came."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.integration.heard import delivered, heard, refused
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("sclang", "scsynth")]
SCRIPT = Path(__file__).parent / "sc" / "conversation.scd"


def test_the_language_asks_and_the_synthesis_server_plays(
    server: RunningServer, converse: Callable[..., str], tmp_path: Path
) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    rendered = tmp_path / "rendered.wav"
    said = converse(
        ["sclang", "-D", SCRIPT],
        ANTIPHON_PORT=str(server.osc_port), ANTIPHON_RENDERED=str(rendered),
        QT_QPA_PLATFORM="offscreen", QTWEBENGINE_DISABLE_SANDBOX="1", XDG_RUNTIME_DIR=str(runtime),
    )  # fmt: skip
    rows = [line.split("\t") for line in said.splitlines()]
    messages = heard(row[1:] for row in rows if row[0] == "heard:")
    assert messages[0].address == "/welcome"
    loop = delivered(messages, "s1", bpm=140, rate=48000)
    assert "bpm" in refused(messages, "s2", "out_of_range")
    read = {row[1]: (int(row[2]), int(row[3]), row[5]) for row in rows if row[0] == "read:"}
    assert read == {stem.stem: (stem.frames, 48000, "int24") for stem in loop.stems}
    ours, _ = soundfile.read(loop.mix.path, dtype="float32", always_2d=True)
    played, rate = soundfile.read(rendered, dtype="float32", always_2d=True)
    assert rate == 48000
    # scsynth works in blocks: the end is filled up with silence.
    assert len(ours) <= len(played) <= len(ours) + 128
    assert np.array_equal(played[: len(ours)], ours)
