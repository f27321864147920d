"""The Ardour actions in Ardour's own Lua, in a real session, against a running server; only the GUI is stood in for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from antiphon.domain.score import loop_frames
from tests.conftest import REPOSITORY
from tests.integration.server import RunningServer
from tests.integration.test_ardour import ardour

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400), pytest.mark.needs("ardour", "curl")]
STAND_IN = Path(__file__).parent / "ardour" / "plugin.lua"
PLUGIN = REPOSITORY / "plugins" / "ardour"


@pytest.fixture
def act(quick_server: RunningServer, converse: Callable[..., str], tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Run an action of ours; what the stand-in GUI was asked to do."""
    sessions = iter(range(100))

    def run(action: str, *answers: str, url: str = quick_server.http_url) -> list[list[str]]:
        scripts = tmp_path / ardour("lua").removesuffix("-lua") / "scripts"
        scripts.mkdir(parents=True, exist_ok=True)
        for script in (*PLUGIN.glob("*.lua"), *(PLUGIN.parent / "lua").glob("*.lua")):
            (scripts / script.name).write_text(script.read_text())
        (scripts.parent / "antiphon.txt").write_text(f"url = {url}\n")
        folder = tmp_path / f"session-{next(sessions)}"
        said = converse(
            [ardour("lua"), STAND_IN, scripts, folder, action, *answers],
            XDG_CONFIG_HOME=str(tmp_path),
        )
        assert "stack traceback" not in said, said
        return [line.split("\t") for line in said.splitlines()]

    return run


def imported(rows: list[list[str]]) -> list[Path]:
    """The files that came in, each as a track of its own at the playhead."""
    assert all(row[2:] == ["distinct", "track", "0"] for row in rows if row[0] == "import")
    return [Path(row[1]) for row in rows if row[0] == "import"]


def messages(rows: list[list[str]]) -> list[list[str]]:
    return [row[1:] for row in rows if row[0] == "message"]


def test_stems_come_in_as_tracks_exactly_as_long_as_they_should_be(act: Callable[..., list[list[str]]]) -> None:
    rows = act("antiphon_generate", "bars=1", "key=Am", "energy=0.7")
    files = imported(rows)
    assert [path.name.split("_")[3] for path in files] == ["drums", "bass", "chords", "lead"], rows
    for path in files:
        assert soundfile.info(path).frames == loop_frames(4, 93.5, 48000)
        assert path.stem.endswith("_Amin")
    assert any(row[0] == "progress" and float(row[1]) > 0 for row in rows)
    assert messages(rows) == []
    # One key has the same again: what the dialog was told, and another loop.
    assert [path.stem.split("_")[-1] for path in imported(act("antiphon_again"))] == ["Amin"] * len(files)
    # The region that came in is enough to rate the loop, and to vary it.
    region = f"+{files[0].stem}"
    assert messages(act("antiphon_rate", region, "value=4")) == []
    children = imported(act("antiphon_vary", region, "amount=0.2"))
    assert len(children) == 4
    assert not set(children) & set(files)


@pytest.mark.parametrize(
    ("action", "answers", "kind", "told"),
    [
        ("antiphon_generate", ["key=Hmm"], "error", "key"),
        ("antiphon_generate", ["bars=99"], "error", "bars"),
        ("antiphon_rate", ["+antiphon_x_1_drums_c9_Am"], "error", "c9"),
        ("antiphon_rate", ["+Audio 1"], "info", "Select a region"),
        ("antiphon_vary", ["+antiphon_x_1_drums_c1_Am", "+antiphon_x_1_bass_c2_Am"], "info", "several loops"),
    ],
)
def test_errors_are_shown_in_a_dialog(
    act: Callable[..., list[list[str]]], action: str, answers: list[str], kind: str, told: str
) -> None:
    rows = act(action, *answers)
    ((shown, text),) = messages(rows)
    assert shown == kind
    assert told in text
    assert imported(rows) == []


def test_a_lost_server_is_said(act: Callable[..., list[list[str]]]) -> None:
    ((kind, text),) = messages(act("antiphon_generate", url="http://127.0.0.1:9"))
    assert kind == "error"
    assert "antiphon serve" in text


def test_the_progress_window_cancels(act: Callable[..., list[list[str]]]) -> None:
    rows = act("antiphon_generate", "cancel=1", "bars=8", "count=8")
    assert imported(rows) == []
    assert ["progress done"] in rows
