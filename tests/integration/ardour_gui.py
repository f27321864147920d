"""Ardour itself, with its windows, on a screen that nobody sees: steered by its own OSC surface and by keys."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from pythonosc.udp_client import SimpleUDPClient
from Xlib import XK, X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow
from Xlib.ext import xtest

from tests.conftest import REPOSITORY
from tests.integration.test_ardour import SCRIPTS, ardour
from tests.jack import JackServer

PLUGIN = REPOSITORY / "plugins" / "ardour"
OSC_PORT = 3819
PATIENCE_S = 90.0
STARTS, START_S = 3, 40.0
PERIOD_FRAMES = 1024
#: How long between two keys: a dialog has to have taken the first.
KEY_S = 0.15
#: Windows that are less wide are hints and the like.
LEAST_WIDTH = 150
#: What Ardour asks when it is started for the first time, answered: JACK, as it runs.
_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<Ardour><Config><Option name="try-autostart-engine" value="1"/></Config><Extra><AudioMIDISetup><EngineStates>
<State backend="JACK" driver="" device="" input-device="" output-device="" sample-rate="48000" buffer-size="1024"
 input-latency="0" output-latency="0" input-channels="0" output-channels="0" active="1" use-buffered-io="0"
 midi-option=""><MIDIDevices/></State></EngineStates></AudioMIDISetup></Extra></Ardour>
"""
_PROTOCOLS = '<ControlProtocols><Protocol name="Open Sound Control (OSC)" active="1"/></ControlProtocols>'


class Screen:
    """A screen of Xvfb, with a keyboard (XTEST). There is no window manager: keys go to where the pointer is, in its
    middle, where dialogs open."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._display: Any = Display(name)

    def close(self) -> None:
        self._display.close()

    def windows(self) -> int:
        """How many windows can be seen."""
        shown = 0
        for window in self._display.screen().root.query_tree().children:
            try:
                wide = window.get_geometry().width > LEAST_WIDTH
                shown += wide and window.get_attributes().map_state == X.IsViewable
            except (BadWindow, BadDrawable):  # it has gone meanwhile
                continue
        return shown

    def press(self, *keys: str) -> None:
        """Press and release keys one after the other, by their names in X11: `a`, `Tab`, `Control_L+a`."""
        for chord in keys:
            codes = [self._display.keysym_to_keycode(XK.string_to_keysym(key)) for key in chord.split("+")]
            for kind, each in ((X.KeyPress, codes), (X.KeyRelease, codes[::-1])):
                for code in each:
                    xtest.fake_input(self._display, kind, code)
            self._display.sync()
            time.sleep(KEY_S)


@contextmanager
def screen() -> Iterator[Screen]:
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as told:
            shown = Screen(f":{told.readline().strip()}")
        with closing(shown):
            yield shown
    finally:
        process.terminate()
        process.wait()


class ArdourGui:
    """A running Ardour with one session, and our actions in its slots."""

    def __init__(self, session: Path, config: Path, shown: Screen, osc: SimpleUDPClient) -> None:
        self.session, self.config, self.screen, self._osc = session, config, shown, osc

    def act(self, action: str) -> None:
        """One of Ardour's own actions, as `Common/Save`."""
        self._osc.send_message("/access_action", action)

    def answer(self, slot: int, *keys: str) -> None:
        """Run the action of a slot, wait for its dialog, and press keys in that."""
        before = self.screen.windows()
        self.act(f"LuaAction/script-{slot}")
        wait_until(lambda: self.screen.windows() > before, "no dialog opened")
        time.sleep(1.0)  # until it has taken the keyboard
        self.screen.press(*keys)

    def locate(self, frame: int) -> None:
        """Move the playhead there, once the engine runs."""
        told = self.config / "playhead.txt"

        def there() -> bool:
            self._osc.send_message("/locate", [frame, 0])
            time.sleep(0.3)
            self.act("LuaAction/script-1")
            time.sleep(0.5)
            return told.exists() and told.read_text() == str(frame)

        wait_until(there, "the playhead did not move")

    def playlists(self) -> dict[str, list[str]]:
        """The names of the regions on each track, in the session as it is now."""
        self.act("Common/Save")
        time.sleep(0.5)
        try:
            root = Xml.parse(self.session).getroot()
        except Xml.ParseError:  # it is being written
            return {}
        playlists = root.iterfind("Playlists/Playlist")
        return {
            each.attrib["name"]: [region.attrib["name"] for region in each.iterfind("Region")] for each in playlists
        }


def wait_until(so: Callable[[], object], otherwise: str) -> None:
    until_s = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < until_s, otherwise
        time.sleep(0.05)


@contextmanager
def ardour_gui(session: Path, folder: Path, url: str, actions: Sequence[str]) -> Iterator[ArdourGui]:
    """Ardour with this session. Slot 1 tells where the playhead is, the others hold `actions` of ours."""
    config = folder / "xdg" / ardour("lua").removesuffix("-lua")
    (config / "scripts").mkdir(parents=True)
    for script in (*PLUGIN.glob("*.lua"), *(PLUGIN.parent / "lua").glob("*.lua")):
        shutil.copy(script, config / "scripts")
    (config / "antiphon.txt").write_text(f"url = {url}\n")
    (config / "config").write_text(_CONFIG)
    (config / f".a{config.name.removeprefix('ardour')}").touch()  # not the first time
    text = session.read_text(encoding="utf-8")
    session.write_text(text.replace("</Session>", f"{_PROTOCOLS}</Session>"), encoding="utf-8")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(config.parent),
        "LANG": "C.UTF-8",
    }
    slots = [SCRIPTS / "playhead.lua", *(config / "scripts" / f"{action}.lua" for action in actions)]
    saved = folder / "slots"
    command = [ardour("lua"), str(SCRIPTS / "slots.lua"), str(saved), *map(str, slots)]
    subprocess.run(command, env=environ, check=True, capture_output=True)
    code = base64.b64encode(saved.read_bytes()).decode()
    (config / "ui_scripts").write_text(f'<UIScripts><ActionScript lua="Lua 5.3">{code}</ActionScript></UIScripts>')
    with ExitStack() as undo:
        jack = undo.enter_context(JackServer(f"antiphon-ardour-{os.getpid()}", PERIOD_FRAMES))
        shown = undo.enter_context(screen())
        environ |= {"DISPLAY": shown.name, "JACK_DEFAULT_SERVER": jack.name, "JACK_NO_START_SERVER": "1"}
        log = undo.enter_context((folder / "ardour.log").open("w"))
        command = ["ardour", "--no-announcements", "--no-splash", str(session)]
        for _ in range(STARTS):
            process = subprocess.Popen(
                command, env=environ, cwd=folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
            )
            if _runs(environ):
                break
            _end(process)
        else:
            raise AssertionError((folder / "ardour.log").read_text())
        undo.callback(_end, process)
        with SimpleUDPClient("127.0.0.1", OSC_PORT) as osc:
            yield ArdourGui(session, config, shown, osc)


def _runs(environ: dict[str, str]) -> bool:
    """Whether the session's outputs are connected within some time: then Ardour and JACK have found one another.

    On a busy machine they may miss each other, and Ardour stays silent for good.
    """
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s:
        listed = subprocess.run(["jack_lsp", "-c"], env=environ, capture_output=True, text=True, check=False).stdout
        if "ardour:Master/audio_out 1\n   system:playback_1" in listed:
            return True
        time.sleep(0.5)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
