"""A stand-in for REAPER: a real Lua interpreter with the functions of REAPER's published API that our scripts call.

It keeps tracks and items as REAPER does, runs programs as ExecProcess does, and writes down what the user would see. A
function that is not here does not exist: a script that calls it fails, as it would there.
"""

# ruff: noqa: N802  (the names are REAPER's)

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lupa.lua54 import LuaRuntime


@dataclass(eq=False)
class Item:
    """A media item with one take."""

    values: dict[str, float] = field(default_factory=dict)
    take_name: str = ""
    source: str = ""


@dataclass(eq=False)
class Track:
    name: str = ""
    items: list[Item] = field(default_factory=list)


class Reaper:
    """The project and the screen. Public attributes are what a test sets up and looks at."""

    def __init__(self, resource_path: Path, url: str) -> None:
        self.tracks: list[Track] = []
        self.selected: list[Item] = []
        self.cursor_s, self.selection_s = 0.0, (0.0, 0.0)
        self.meter, self.bpm, self.sample_rate = (4, 4), 120.0, 48000.0
        self.user_inputs: str | None = None
        self.boxes: list[str] = []
        self.help: list[str] = []
        self.undo: list[str] = []
        self.ext_state = {("antiphon", "url"): url}
        self._resource_path = resource_path
        self._deferred: list[Any] = []
        self._lua = LuaRuntime(unpack_returned_tuples=True)
        api = {name.removeprefix("api_"): getattr(self, name) for name in dir(self) if name.startswith("api_")}
        self._lua.globals()["reaper"] = self._lua.table_from(api)

    def run(self, script: Path, seconds: float = 60.0) -> None:
        """Run a script as an action, then its deferred functions until there are none. Raises LuaError."""
        self._lua.eval("function(path) return dofile(path) end")(str(script))
        until_s = time.monotonic() + seconds
        while self._deferred and time.monotonic() < until_s:
            waiting, self._deferred = self._deferred, []
            for function in waiting:
                function()
            time.sleep(0.03)
        assert not self._deferred, "the script still runs"

    def use(self, script: Path, code: str) -> Any:
        """Load a script as `shared` and evaluate Lua code."""
        return self._lua.eval(f"function(path) local shared = dofile(path); {code} end")(str(script))

    @property
    def items(self) -> Iterator[tuple[str, Item]]:
        return ((track.name, item) for track in self.tracks for item in track.items)

    # What follows has the names and arguments of REAPER's own functions.
    def api_ExecProcess(self, command: str, timeout_ms: int) -> str | None:
        done = subprocess.run(command, shell=True, capture_output=True, timeout=timeout_ms / 1000, check=False)
        return f"{done.returncode}\n{(done.stdout + done.stderr).decode()}"

    def api_GetExtState(self, section: str, key: str) -> str:
        return self.ext_state.get((section, key), "")

    def api_SetExtState(self, section: str, key: str, value: str, persist: bool) -> None:
        self.ext_state[section, key] = value

    def api_GetResourcePath(self) -> str:
        return str(self._resource_path)

    def api_MB(self, text: str, title: str, kind: int) -> int:
        assert title == "Antiphon"
        self.boxes.append(text)
        return 1

    def api_Help_Set(self, text: str, temporary: bool) -> None:
        self.help.append(text)

    def api_GetSet_LoopTimeRange(
        self, is_set: bool, is_loop: bool, _s: float, _e: float, _a: bool
    ) -> tuple[float, ...]:
        return self.selection_s

    def api_GetCursorPosition(self) -> float:
        return self.cursor_s

    def api_TimeMap_GetTimeSigAtTime(self, project: int, time_s: float) -> tuple[int, int, float]:
        return *self.meter, self.bpm

    def api_TimeMap2_timeToQN(self, project: int, time_s: float) -> float:
        return time_s * self.bpm / 60

    def api_GetSetProjectInfo(self, project: int, what: str, value: float, is_set: bool) -> float:
        assert (what, is_set) == ("PROJECT_SRATE", False)
        return self.sample_rate

    def api_GetUserInputs(self, title: str, count: int, captions: str, values: str) -> tuple[bool, str]:
        separator = "|" if "separator=|" in captions else ","
        assert values.count(separator) == count - 1
        return self.user_inputs is not None, values if self.user_inputs in (None, "=") else str(self.user_inputs)

    def api_CountSelectedMediaItems(self, project: int) -> int:
        return len(self.selected)

    def api_GetSelectedMediaItem(self, project: int, index: int) -> Item:
        return self.selected[index]

    def api_GetActiveTake(self, item: Item) -> Item:
        return item

    def api_GetTakeName(self, take: Item) -> str:
        return take.take_name

    def api_CountTracks(self, project: int) -> int:
        return len(self.tracks)

    def api_InsertTrackAtIndex(self, index: int, defaults: bool) -> None:
        self.tracks.insert(index, Track())

    def api_GetTrack(self, project: int, index: int) -> Track:
        return self.tracks[index]

    def api_GetSetMediaTrackInfo_String(self, track: Track, what: str, text: str, is_set: bool) -> tuple[bool, str]:
        assert (what, is_set) == ("P_NAME", True)
        track.name = text
        return True, text

    def api_AddMediaItemToTrack(self, track: Track) -> Item:
        track.items.append(Item())
        return track.items[-1]

    def api_AddTakeToMediaItem(self, item: Item) -> Item:
        return item

    def api_PCM_Source_CreateFromFile(self, path: str) -> str:
        assert Path(path).is_file()
        return path

    def api_SetMediaItemTake_Source(self, take: Item, source: str) -> bool:
        take.source = source
        return True

    def api_GetSetMediaItemTakeInfo_String(self, take: Item, what: str, text: str, is_set: bool) -> tuple[bool, str]:
        assert (what, is_set) == ("P_NAME", True)
        take.take_name = text
        return True, text

    def api_SetMediaItemInfo_Value(self, item: Item, what: str, value: float) -> bool:
        item.values[what] = value
        return True

    def api_PreventUIRefresh(self, step: int) -> None: ...

    def api_UpdateArrange(self) -> None: ...

    def api_Main_OnCommand(self, command: int, flag: int) -> None:
        assert command == 40047

    def api_Undo_BeginBlock(self) -> None:
        self.undo.append("begin")

    def api_Undo_EndBlock(self, text: str, flags: int) -> None:
        self.undo.append(text)

    def api_time_precise(self) -> float:
        return time.monotonic()

    def api_defer(self, function: Callable[[], None]) -> None:
        self._deferred.append(function)

    def api_atexit(self, function: Callable[[], None]) -> None:
        self.at_exit = function
