"""The TouchOSC layout: read by zlib and an XML parser, understood by the command table; its script in a real Lua."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import py2tosc
import pytest
from lupa.lua54 import LuaRuntime

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from tests.conftest import REPOSITORY

PLUGIN = REPOSITORY / "plugins" / "touchosc"
LAYOUT = PLUGIN / "antiphon.tosc"


def text(path: Path) -> str:
    return zlib.decompress(path.read_bytes()).decode("utf-8")


@pytest.fixture(scope="module")
def root() -> Xml.Element:
    return Xml.fromstring(text(LAYOUT))


def test_the_layout_is_what_its_script_writes(tmp_path: Path) -> None:
    command = [sys.executable, str(PLUGIN / "make_layout.py"), str(tmp_path / "again.tosc")]
    subprocess.run(command, check=True, timeout=60)
    assert text(tmp_path / "again.tosc") == text(LAYOUT), "run plugins/touchosc/make_layout.py"


def test_py2tosc_finds_nothing_wrong_with_it() -> None:
    assert [str(issue) for issue in py2tosc.load(LAYOUT).validate()] == []


def test_every_message_is_one_that_the_server_takes(root: Xml.Element) -> None:
    sent = []
    for message in root.iter("osc"):
        address = "".join(part.findtext("value") or "" for part in message.iterfind("path/partial"))
        arguments: list[Any] = [1.0 for _ in message.iterfind("arguments/partial")]
        command, path = find_command(address)
        decode_osc(command, path, arguments, Bounds())
        sent.append(address)
    stems = ("drums", "percussion", "bass", "chords", "lead", "texture")
    assert sorted(sent) == sorted([
        "/antiphon/audition/previous", "/antiphon/audition/next", "/antiphon/current/rate",
        *(f"/antiphon/stem/{stem}/{what}" for stem in stems for what in ("level", "mute")),
    ])  # fmt: skip


class TouchOsc:
    """What the layout's script may call in TouchOSC: labels by name, a clock, OSC out."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.now_ms = 0
        self.lua = LuaRuntime()
        self.globals = self.lua.globals()
        self.globals["sendOSC"] = lambda *words: self.sent.append(words)
        self.globals["getMillis"] = lambda: self.now_ms
        self.lua.execute("""
            controls = {}
            for _, name in ipairs({ 'status', 'candidate', 'place', 'tempo', 'bars', 'energy' }) do
                controls[name] = { values = { text = '', x = 0.5 } }
            end
            root = { findByName = function(_, name, deep) return controls[name] end }
        """)
        self.lua.execute((PLUGIN / "layout.lua").read_text())

    def label(self, name: str) -> str:
        return str(self.globals["controls"][name]["values"]["text"])

    def hear(self, address: str, *values: object) -> None:
        arguments = self.lua.table_from([self.lua.table_from({"tag": "s", "value": value}) for value in values])
        self.globals["onReceiveOSC"](self.lua.table_from([f"/antiphon/{address}", arguments]))

    def understood(self) -> list[str]:
        """The commands sent since, each as the server reads it."""
        names = []
        for address, *arguments in self.sent:
            # TouchOSC sends every number as a float.
            values = [float(value) if isinstance(value, int | float) else value for value in arguments]
            command, path = find_command(address)
            decode_osc(command, path, values, Bounds())
            names.append(command.name)
        self.sent.clear()
        return names


def test_the_script_asks_with_an_id_of_its_own_each_time() -> None:
    device = TouchOsc()
    device.globals["init"]()
    assert device.understood() == ["hello", "subscribe", "refresh"]
    for name in ("generate", "generate", "evolve"):
        device.globals["onReceiveNotify"](name)
    ids = [words[1] for words in device.sent]
    assert len(set(ids)) == 3
    assert device.understood() == ["generate", "generate", "evolve"]
    device.globals["onReceiveNotify"]("vary")
    assert device.sent == []
    assert "next" in device.label("status")
    device.hear("current", "c8f2", 0, 3)
    assert (device.label("candidate"), device.label("place")) == ("c8f2", "1 of 3")
    device.globals["onReceiveNotify"]("vary")
    assert device.understood() == ["vary"]


def test_the_script_shows_errors_and_progress() -> None:
    device = TouchOsc()
    device.globals["init"]()
    device.hear("progress", "t1", 0.4, "sounding")
    assert device.label("status") == "40 % sounding"
    device.hear("error", "t1", "limit", "the queue is full")
    assert device.label("status") == "the queue is full"
    device.hear("tempo", 124.0)
    assert device.label("tempo") == "124.0 bpm"


def test_the_script_notices_a_lost_server_and_subscribes_anew() -> None:
    device = TouchOsc()
    device.globals["init"]()
    device.hear("welcome", "t", "0.1.0", 1, "Antiphon")
    device.sent.clear()
    for device.now_ms in range(0, 14000, 1000):
        device.globals["update"]()
    assert "no server answers" in device.label("status")
    names = device.understood()
    assert names.count("subscribe") >= 1
    assert names.count("hello") >= 3
    device.hear("welcome", "t", "0.1.0", 1, "Antiphon")
    assert device.label("status") == "connected"
    device.hear("subscribed", 9020, -1.0)
    assert device.label("status") == "the server stops"
