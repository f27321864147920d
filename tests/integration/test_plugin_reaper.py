"""The REAPER scripts in a real Lua interpreter, above a stand-in for REAPER, against a running server through curl."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lupa.lua54 import LuaRuntime

from antiphon.domain.score import loop_frames
from tests.conftest import REPOSITORY
from tests.integration.reaper_host import Item, Reaper
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400), pytest.mark.needs("curl")]
PLUGIN = REPOSITORY / "plugins" / "reaper"
CLIENT = REPOSITORY / "plugins" / "lua" / "antiphon_client.lua"


@pytest.fixture
def reaper(quick_server: RunningServer, tmp_path: Path) -> Reaper:
    host = Reaper(tmp_path, quick_server.http_url)
    host.bpm, host.user_inputs = 120.5, "|Am|1|1"
    return host


def test_stems_stand_on_tracks_at_the_cursor_with_exact_lengths(reaper: Reaper) -> None:
    reaper.cursor_s = 3.25
    reaper.run(PLUGIN / "Antiphon_generate.lua")
    assert reaper.boxes == []
    frames = loop_frames(4, 120.5, 48000)
    for name, item in reaper.items:
        assert item.values["D_POSITION"] == 3.25
        assert item.values["D_LENGTH"] * 48000 == pytest.approx(frames, abs=1e-6)
        assert item.values["D_FADEINLEN"] == item.values["D_FADEOUTLEN"] == 0
        assert f"_{name}_" in item.take_name
        assert Path(item.source).stem == item.take_name
    assert [track.name for track in reaper.tracks] == ["drums", "bass", "chords", "lead"]
    assert reaper.undo == ["begin", "Antiphon: insert stems"]
    assert any("%" in text for text in reaper.help)
    assert reaper.help[-1] == ""

    # What came in is enough to rate it, and to vary it.
    reaper.selected = [reaper.tracks[0].items[0], reaper.tracks[1].items[0]]
    reaper.run(PLUGIN / "Antiphon_rate_4.lua")
    reaper.user_inputs = "0.2|1"
    reaper.run(PLUGIN / "Antiphon_vary.lua")
    assert reaper.boxes == []
    assert len(reaper.tracks) == 8
    # And to step back to it: from the newest candidate, which plays, to the one before.
    reaper.run(PLUGIN / "Antiphon_previous.lua")
    assert reaper.boxes == []
    assert reaper.tracks[8].items[0].source == reaper.tracks[0].items[0].source


def test_the_time_selection_says_where_and_how_long(reaper: Reaper) -> None:
    bar_s = 3 * 60 / 120.5
    reaper.meter, reaper.selection_s, reaper.user_inputs = (6, 8), (bar_s, 3 * bar_s), "="
    reaper.run(PLUGIN / "Antiphon_generate.lua")
    assert reaper.boxes == []
    (item, *_) = (item for _, item in reaper.items)
    assert item.values["D_POSITION"] == bar_s
    assert item.values["D_LENGTH"] * 48000 == pytest.approx(loop_frames(6, 120.5, 48000), abs=1e-6)


@pytest.mark.parametrize(
    ("script", "inputs", "selected", "told"),
    [
        ("Antiphon_generate", "|Hmm|1|1", "", "Hmm"),
        ("Antiphon_generate", "||many|1", "", "bars"),
        ("Antiphon_rate_5", "=", "", "Select an item"),
        ("Antiphon_rate_5", "=", "antiphon_x_1_drums_c9_Am", "c9"),
        ("Antiphon_vary", "much|1", "antiphon_x_1_drums_c9_Am", "amount"),
    ],
)
def test_errors_are_shown_in_a_box(reaper: Reaper, script: str, inputs: str, selected: str, told: str) -> None:
    reaper.user_inputs = inputs
    reaper.selected = [Item(take_name=selected)] if selected else []
    reaper.run(PLUGIN / f"{script}.lua")
    (text,) = reaper.boxes
    assert told in text
    assert reaper.tracks == []


def test_a_lost_server_is_said(reaper: Reaper) -> None:
    reaper.ext_state["antiphon", "url"] = "http://127.0.0.1:9"
    reaper.run(PLUGIN / "Antiphon_generate.lua")
    (text,) = reaper.boxes
    assert "antiphon serve" in text


def test_a_dialog_that_is_left_does_nothing(reaper: Reaper) -> None:
    reaper.user_inputs = None
    reaper.run(PLUGIN / "Antiphon_generate.lua")
    assert reaper.boxes == reaper.tracks == []


def test_the_panel_draws_presses_and_closes(reaper: Reaper) -> None:
    """A click on `3`, the key 5, then the window is closed."""
    lua = reaper.use(PLUGIN / "antiphon_reaper.lua", """
        local frames, drawn = 0, {}
        gfx = {
            w = 260, h = 130, mouse_x = 150, mouse_y = 80, mouse_cap = 0, x = 0, y = 0,
            init = function() end, setfont = function() end, set = function() end, rect = function() end,
            measurestr = function(text) return #text * 7, 14 end, update = function() end,
            drawstr = function(text) drawn[#drawn + 1] = text end, dock = function() return 1 end,
            getchar = function()
                frames = frames + 1
                gfx.mouse_cap = frames == 2 and 1 or 0
                return ({ 0, 0, 0, 53, 0 })[frames] or -1
            end,
        }
        return drawn
    """)  # fmt: skip
    reaper.run(PLUGIN / "Antiphon_panel.lua")
    assert {"Generate", "Vary", "Previous", "Next", "0", "5"} <= set(lua.values())
    # Nothing is selected: click and key each say so.
    assert len(reaper.boxes) == 2
    reaper.at_exit()
    assert reaper.ext_state["antiphon", "dock"] == "1"


@pytest.mark.parametrize("script", sorted([*PLUGIN.glob("*.lua"), CLIENT]), ids=lambda path: path.name)
def test_every_script_is_lua(script: Path) -> None:
    LuaRuntime().eval("function(path) return assert(loadfile(path)) end")(str(script))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, -2.5e3, true, false, null, "x\\u00e4\\ud83d\\ude00\\n"], "b": {}}',
        "[]",
        '"\\\\\\""',
        "  7 ",
        '{"a":{"b":[{}]}}',
    ],
)
def test_json_is_read_as_python_reads_it(text: str) -> None:
    lua = LuaRuntime(encoding="utf-8")
    decode = lua.eval("function(path) return dofile(path).decode end")(str(CLIENT))

    def plain(value: object) -> object:
        if not hasattr(value, "items"):
            return value
        keys = list(value.keys())
        return (
            [plain(value[key]) for key in keys] if keys and keys[0] == 1 else {key: plain(value[key]) for key in keys}
        )

    def without_null(value: object) -> object:
        if isinstance(value, list):
            return [without_null(each) for each in value if each is not None] or {}
        return {key: without_null(each) for key, each in value.items()} if isinstance(value, dict) else value

    assert plain(decode(text)) == without_null(json.loads(text))


@pytest.mark.parametrize("text", ["", "{", '{"a"}', '{"a": }', "[1 2]", '"\\x"', '"abc', "nul", "1 2", "{1: 2}"])
def test_what_is_not_json_is_an_error(text: str) -> None:
    decode = LuaRuntime().eval(
        "function(path, text) local fine, why = pcall(dofile(path).decode, text); return fine end"
    )
    assert decode(str(CLIENT), text) is False
