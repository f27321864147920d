"""The actions in Ardour with its real windows: asked by a dialog, stems on tracks at the playhead, alike our mix."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from antiphon.domain.score import loop_frames
from tests.integration.ardour_gui import ardour_gui, wait_until
from tests.integration.conftest import RATE
from tests.integration.server import TONES, RunningServer, running_server
from tests.integration.test_ardour import ALIKE, best_export, seen
from tests.integration.test_export import export

pytestmark = [
    pytest.mark.integration, pytest.mark.timeout(400), pytest.mark.needs("ardour", "curl", "xvfb", "jackd"),
]  # fmt: skip
BPM = 124


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose loops are made at once."""
    with running_server(tmp_path_factory.mktemp("tones"), TONES) as running:
        yield running


def candidates(server: RunningServer) -> list[dict[str, Any]]:
    """The oldest first."""
    with urllib.request.urlopen(f"{server.http_url}/api/candidates") as answer:
        found: list[dict[str, Any]] = json.load(answer)["candidates"]
    return found[::-1]


def stems(server: RunningServer) -> int:
    """How many there are of all loops: each has a track of its own."""
    return sum(len(each["stems"]) for each in candidates(server))


def test_a_performance_in_the_running_program(
    tones: RunningServer, converse: Callable[..., str], tmp_path: Path
) -> None:
    body = json.dumps({"request_id": "first", "bpm": BPM, "bars": 2, "rate": RATE}).encode()
    asked = urllib.request.Request(f"{tones.http_url}/api/generate", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(asked).close()
    wait_until(lambda: candidates(tones), "no loop was made")
    session = export(tones, tmp_path, "--format", "ardour", candidates(tones)[0]["candidate_id"])
    bar = loop_frames(4, BPM, RATE)
    starts = [0, loop_frames(8, BPM, RATE), loop_frames(8, BPM, RATE) + bar]
    actions = ("antiphon_generate", "antiphon_again", "antiphon_rate")
    with ardour_gui(session, tmp_path, tones.http_url, actions) as gui:
        (gui.config / "antiphon_last.json").write_text('{"bars": 1}')
        gui.locate(starts[1])
        # In the order of the dialog: words, key, bars, how many, energy, Cancel, OK.
        gui.answer(2, "t", "r", "a", "p", "Tab", "a", "m", *5 * ["Tab"], "space")
        wait_until(lambda: len(candidates(tones)) == 2, "the server was not asked")
        wait_until(lambda: len(gui.playlists()) == stems(tones), "the stems did not come in")
        gui.locate(starts[2])
        gui.act("LuaAction/script-3")
        wait_until(lambda: len(candidates(tones)) == 3, "the server was not asked again")
        wait_until(lambda: len(gui.playlists()) == stems(tones), "the stems did not come in again")
        # Nothing is selected: that is said in a window, which a key closes.
        shown = gui.screen.windows()
        gui.answer(4, "space")
        wait_until(lambda: gui.screen.windows() == shown, "the message does not close")
    made = candidates(tones)
    assert [(each["bars"], each["key"]) for each in made[1:]] == [(1, "Am"), (1, "Am")]
    expected = {
        (Path(file["path"]).stem, str(start), str(loop_frames(4 * each["bars"], BPM, RATE)))
        for each, start in zip(made, starts, strict=True)
        for file in each["stems"]
    }
    assert {tuple(row[1:4]) for row in seen(session, converse)["region"]} == expected
    ours = np.concatenate([soundfile.read(each["mix"]["path"])[0] for each in made])
    assert best_export(session, ours, converse) > ALIKE
