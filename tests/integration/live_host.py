"""A stand-in for Ableton Live: the part of its published API that our script uses, as modules that it can import.

Names and meanings are those of the Live API's stubs (`ableton-live-stubs`), which a test holds this against. It keeps
the rules that scripts trip over: an audio clip is made in an empty slot of an audio track only, from a file that
exists.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import soundfile


class WarpMarker:
    def __init__(self, sample_time: float, beat_time: float) -> None:
        self.sample_time, self.beat_time = sample_time, beat_time


class Clip:
    """As Live makes it from a file: warped by a guess of its own, not looping."""

    def __init__(self, file_path: str) -> None:
        self.file_path, self.name, self.color = file_path, Path(file_path).name, 0x4D8FE5
        self.is_playing = self.looping = False
        self.warping = True
        self.loop_start, self.loop_end = 0.0, 1.0
        self.warp_markers = [WarpMarker(0.0, 0.0), WarpMarker(0.37, 1.0)]

    def add_warp_marker(self, warp_marker: WarpMarker, /) -> None:
        self.remove_warp_marker(warp_marker.beat_time)
        self.warp_markers.append(warp_marker)

    def remove_warp_marker(self, beat_time: float, /) -> None:
        self.warp_markers = [each for each in self.warp_markers if each.beat_time != beat_time]


class ClipSlot:
    def __init__(self, audio: bool) -> None:
        self._audio = audio
        self.clip: Clip | None = None

    @property
    def has_clip(self) -> bool:
        return self.clip is not None

    def create_audio_clip(self, file_path: str, /) -> Clip:
        assert self._audio
        assert not self.has_clip
        assert soundfile.info(file_path).frames
        self.clip = Clip(file_path)
        return self.clip


class Track:
    def __init__(self, name: str, audio: bool, scenes: int) -> None:
        self.name, self.has_audio_input = name, audio
        self.clip_slots = [ClipSlot(audio) for _ in range(scenes)]


class Scene:
    def __init__(self, name: str = "") -> None:
        self.name = name


class Song:
    def __init__(self) -> None:
        self.tempo, self.signature_numerator, self.signature_denominator = 120.0, 4, 4
        self.scenes = [Scene(), Scene()]
        self.tracks = [Track("1-MIDI", False, 2), Track("Vocals", True, 2)]
        self.undo_depth = self.undo_steps = 0

    def create_scene(self, index: int, /) -> Scene:
        at = len(self.scenes) if index == -1 else index
        self.scenes.insert(at, Scene())
        for track in self.tracks:
            track.clip_slots.insert(at, ClipSlot(track.has_audio_input))
        return self.scenes[at]

    def create_audio_track(self, index: int | None = None, /) -> Track:
        assert index == -1
        self.tracks.append(Track("Audio", True, len(self.scenes)))
        return self.tracks[-1]

    def begin_undo_step(self) -> None:
        self.undo_depth += 1

    def end_undo_step(self) -> None:
        self.undo_depth -= 1
        self.undo_steps += 1


class Application:
    version = (12, 1, 0)

    def get_major_version(self) -> int:
        return self.version[0]

    def get_minor_version(self) -> int:
        return self.version[1]

    def get_bugfix_version(self) -> int:
        return self.version[2]


class ControlSurface:
    """The base class in `ableton.v2`: the song, a timer of 100 ms, the status bar, the log."""

    def __init__(self, c_instance: Song) -> None:
        self.song = c_instance
        self.shown: list[str] = []
        self.logged: list[str] = []
        self.due: list[Any] = []

    def schedule_message(self, delay: int, callback: Any) -> None:
        assert delay >= 1
        self.due.append(callback)

    def show_message(self, text: str) -> None:
        self.shown.append(text)

    def log_message(self, text: str) -> None:
        self.logged.append(text)

    def disconnect(self) -> None: ...


@contextmanager
def live(plugin: Path, version: tuple[int, int, int] = (12, 1, 0)) -> Iterator[Any]:
    """The script's package, imported as Live would, with the stand-in's modules under it."""
    Application.version = version
    module = types.ModuleType("Live")
    module.Application = types.SimpleNamespace(get_application=Application)  # type: ignore[attr-defined]
    module.Clip = types.SimpleNamespace(WarpMarker=WarpMarker)  # type: ignore[attr-defined]
    surface = types.ModuleType("ableton.v2.control_surface")
    surface.ControlSurface = ControlSurface  # type: ignore[attr-defined]
    stand_ins = {
        "Live": module, "ableton": types.ModuleType("ableton"), "ableton.v2": types.ModuleType("ableton.v2"),
        "ableton.v2.control_surface": surface,
    }  # fmt: skip
    sys.modules.update(stand_ins)
    sys.path.insert(0, str(plugin))
    try:
        import Antiphon

        yield Antiphon
    finally:
        sys.path.remove(str(plugin))
        for name in [*stand_ins, *(name for name in sys.modules if name.split(".")[0] == "Antiphon")]:
            sys.modules.pop(name, None)
