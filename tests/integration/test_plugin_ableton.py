"""The Live script above a stand-in for Live, with real datagrams to a running server."""

from __future__ import annotations

import ast
import os
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest

from antiphon.domain.score import loop_frames
from tests.conftest import REPOSITORY
from tests.integration import live_host
from tests.integration.relay import relay
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]
PLUGIN = REPOSITORY / "plugins" / "ableton"


class Session:
    """A Live set with the script in it."""

    def __init__(self, package: Any) -> None:
        self.song = live_host.Song()
        self.surface = package.create_instance(self.song)

    def tick(self) -> None:
        due, self.surface.due = self.surface.due, []
        for callback in due:
            callback()
        assert self.surface.logged == []

    def until(self, met: Callable[[], object], seconds: float = 90.0) -> None:
        end_s = time.monotonic() + seconds
        while not met():
            assert time.monotonic() < end_s, (self.surface.shown, [scene.name for scene in self.song.scenes])
            self.tick()
            time.sleep(0.01)

    def clips(self, at: int) -> dict[str, live_host.Clip]:
        return {track.name: slot.clip for track in self.song.tracks if (slot := track.clip_slots[at]).clip is not None}


@pytest.fixture
def session(quick_server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    with relay(quick_server.osc_port, trigger=b"/antiphon/stopped", silent_s=8.0) as between:
        monkeypatch.setenv("ANTIPHON_OSC_PORT", str(between.port))
        with live_host.live(PLUGIN) as package:
            running = Session(package)
            yield running
            running.surface.disconnect()


def test_a_scene_asks_and_a_colour_rates(session: Session) -> None:
    session.until(lambda: any("connected" in text for text in session.surface.shown))
    session.song.tempo = 120.5
    session.song.scenes[1].name = ">> bars 1 key Am steps 2 seed 7"
    session.until(lambda: "bpm" in session.song.scenes[1].name)
    clips = session.clips(1)
    assert list(clips) == ["drums", "bass", "chords", "lead"]
    frames = loop_frames(4, 120.5, 44100)
    for stem, clip in clips.items():
        assert f"_{stem}_" in clip.name
        assert (clip.looping, clip.loop_start, clip.loop_end) == (True, 0.0, 4.0)
        markers = sorted((each.beat_time, each.sample_time) for each in clip.warp_markers)
        assert markers == [(0.0, 0.0), (4.0, pytest.approx(frames / 44100))]
    assert session.song.undo_depth == 0

    session.until(lambda: session.surface._ticks % 5 == 0)
    session.tick()
    clips["bass"].color = 0x2FBF3A  # green
    session.until(lambda: any("rated" in text for text in session.surface.shown))
    assert "rated 5.0" in session.surface.shown[-1] or "rated 4.9" in session.surface.shown[-1]

    # What plays is said; then it can be varied, into a scene of its own.
    clips["drums"].is_playing = True
    session.until(lambda: session.surface._playing)
    session.song.scenes[1].name = ">> vary 0.2"
    session.until(lambda: len(session.song.scenes) == 3 and "bpm" in session.song.scenes[2].name)
    assert set(session.clips(2)) == set(clips)
    assert session.clips(2)["drums"].name != clips["drums"].name
    assert session.clips(1) == clips, "nothing is overwritten"

    # Stepping back to what played: its stems once more, fetched from the server.
    session.song.scenes[0].name = ">> previous"
    session.until(lambda: "bpm" in session.song.scenes[0].name)

    # The relay falls silent at the first /stopped: the server is lost, and found again.
    clips["drums"].is_playing = False
    session.until(lambda: any("antiphon serve" in text for text in session.surface.shown))
    told = len([text for text in session.surface.shown if "connected" in text])
    session.until(lambda: len([text for text in session.surface.shown if "connected" in text]) > told)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (">> kee Am", "'kee'"),
        (">> bars many", "'many'"),
        (">> key Hmm", "Hmm"),
        (">> vary", "play a loop"),
        (">> bars", "'bars'"),
    ],
)
def test_a_mistake_is_told_in_the_scene(session: Session, name: str, told: str) -> None:
    session.song.scenes[0].name = name
    session.until(lambda: session.song.scenes[0].name.startswith("!!"))
    assert told in session.song.scenes[0].name
    assert session.clips(0) == {}


def test_words_of_a_prompt_reach_to_the_next_key(session: Session) -> None:
    _, arguments = session.surface._read(["prompt", "dusty", "keys", "key", "D", "dorian", "bars", "2"])
    assert arguments[4:] == ["prompt", "dusty keys", "key", "D dorian", "bars", 2]


def test_an_old_live_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_OSC_PORT", "9")
    with live_host.live(PLUGIN, (12, 0, 1)) as package:
        surface = package.create_instance(live_host.Song())
        assert "12.0.5" in surface.shown[0]
        surface.disconnect()


def test_colours_from_red_to_green_are_ratings(session: Session) -> None:
    rating_of = sys.modules["Antiphon.surface"].rating_of
    assert rating_of(0xFF0000) == rating_of(0xFF0010) == 0
    assert rating_of(0xFFFF00) == pytest.approx(0.5)
    assert rating_of(0x00FF00) == 1
    assert rating_of(0x3A57FF) is rating_of(0x808080) is None


@pytest.mark.parametrize("name", ["Clip", "ClipSlot", "Track", "Scene", "Song", "Application", "WarpMarker"])
def test_the_stand_in_has_no_name_that_live_lacks(name: str) -> None:
    files = distribution("ableton-live-stubs").files or []
    stub = "Clip" if name == "WarpMarker" else name
    (path,) = (Path(str(file.locate())) for file in files if file.name == f"{stub}.pyi")
    (published,) = (
        node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef) and node.name == name
    )
    known = {node.name for node in published.body if isinstance(node, ast.FunctionDef)}
    made = {"Clip": ("x",), "ClipSlot": (True,), "Track": ("t", True, 1), "WarpMarker": (0.0, 0.0)}.get(name, ())
    stand_in = getattr(live_host, name)(*made)
    ours = {each for each in dir(stand_in) if not each.startswith("_")} - {"undo_depth", "undo_steps", "version"}
    assert ours <= known
    assert os.sep in str(path)
