"""The control surface: scene names that begin with `>>` are requests, clip colours are ratings, what plays is said.

Everything is looked at on a timer and nothing by listeners: Live allows no change to the set from within a listener.
"""

import colorsys
import os
import re
from pathlib import Path

import Live
from ableton.v2.control_surface import ControlSurface

from .client import Client

TICK = 1  # of Live's 100 ms
LOOK_EVERY_TICKS = 5
FIRST_VERSION = (12, 0, 5)
SIGN, FAILED_SIGN = ">>", "!!"
STEPS = ("next", "previous")
STEMS = ("drums", "percussion", "bass", "chords", "lead", "texture")
KEYS = ("prompt", "style", "key", "bars", "chords", "stems", "count", "seed", "energy", "preset", "steps")
NAME = re.compile(r"antiphon_[^_]*_[^_]*_[^_]*_([A-Za-z0-9-]+)_")
GREEN_HUE = 1 / 3


class AntiphonSurface(ControlSurface):
    """One per Live set."""

    def __init__(self, c_instance):
        super().__init__(c_instance)
        port = int(os.environ.get("ANTIPHON_OSC_PORT", "9010"))
        self._client = Client(self, os.environ.get("ANTIPHON_HOST", "127.0.0.1"), port)
        self._colours, self._playing, self._stepping = {}, set(), None
        self._last = None
        self._ticks = 0
        self._open = True
        if self._version() < FIRST_VERSION:
            self.show_message(
                f"Antiphon: a script can't give audio to Live {'.'.join(map(str, self._version()))}: use 12.0.5"
            )
            self._open = False
        self.schedule_message(TICK, self._tick)

    def disconnect(self):
        self._open = False
        self._client.close()
        super().disconnect()

    @staticmethod
    def _version():
        app = Live.Application.get_application()
        return app.get_major_version(), app.get_minor_version(), app.get_bugfix_version()

    def _tick(self):
        if not self._open:
            return
        try:
            self._client.poll()
            self._ticks += 1
            if self._ticks % LOOK_EVERY_TICKS == 0:
                self._look()
        except Exception as error:  # noqa: BLE001  the timer must go on, whatever a set holds
            self.log_message(f"Antiphon: {error!r}")
        self.schedule_message(TICK, self._tick)

    # What the user does

    def _look(self):
        for scene in self.song.scenes:
            if scene.name.startswith(SIGN):
                self._ask(scene, scene.name[len(SIGN) :].split())
        playing = set()
        for clip in self._clips():
            found = NAME.search(clip.name)
            if found:
                self._look_at(clip, found.group(1))
                if clip.is_playing:
                    playing.add(found.group(1))
        for candidate_id in playing - self._playing:
            self._last = candidate_id
            self._client.send("playing", candidate_id)
        for candidate_id in self._playing - playing:
            self._client.send("stopped", candidate_id)
        self._playing = playing

    def _clips(self):
        for track in self.song.tracks:
            if track.has_audio_input and track.name in STEMS:
                for slot in track.clip_slots:
                    if slot.has_clip:
                        yield slot.clip

    def _look_at(self, clip, candidate_id):
        """A colour that has changed from what it was at first is a rating."""
        before = self._colours.setdefault(candidate_id, clip.color)
        if clip.color != before:
            self._colours[candidate_id] = clip.color
            value = rating_of(clip.color)
            if value is not None:
                self._client.request("rate", candidate_id, value)
                self.show_message("Antiphon: rated %.1f of 5" % (value * 5))

    def _ask(self, scene, words):
        """`>> bars 4 key Am prompt dusty keys`, `>> vary 0.3`, `>> next`, `>> previous`."""
        try:
            command, arguments = self._read(words)
        except ValueError as error:
            self._show(scene, f"{FAILED_SIGN} {error}")
            return
        self._show(scene, "Antiphon …")
        if command in STEPS:
            self._stepping = scene
            self._client.send("audition/" + command)
        else:
            self._client.request(command, *arguments, subject=scene)

    def _read(self, words):
        if words[:1] and words[0] in STEPS:
            return words[0], []
        if words[:1] == ["vary"]:
            if self._last is None:
                raise ValueError("nothing of Antiphon has played yet: play a loop, then vary it")
            return "vary", [self._last] + (["amount", number(words[1])] if words[1:] else [])
        song = self.song
        arguments = [
            "bpm",
            round(song.tempo, 3),
            "meter",
            f"{song.signature_numerator}/{song.signature_denominator}",
        ]
        while words:
            name, words = words[0], words[1:]
            if name not in KEYS or not words:
                raise ValueError("{!r} is no key with a value: there are {}".format(name, ", ".join(KEYS)))
            # Words reach to the next key.
            end = next((at for at, word in enumerate(words) if at and word in KEYS), len(words))
            value, words = " ".join(words[:end]), words[end:]
            arguments += [name, number(value) if name in ("bars", "count", "seed", "energy", "steps") else value]
        return "generate", arguments

    @staticmethod
    def _show(scene, text):
        if scene.name != text:
            scene.name = text

    # What the server says (see client.Client)

    def on_connected(self, connected, text):
        self.show_message("Antiphon: " + text)

    def on_progress(self, scene, fraction, stage):
        if scene is not None:
            self._show(scene, f"Antiphon {int(fraction * 100)} %")

    def on_error(self, scene, code, text):
        self.show_message(f"Antiphon: {text} ({code})")
        if scene is not None:
            self._show(scene, f"{FAILED_SIGN} {text}")

    def on_current(self, candidate_id, index, count):
        scene, self._stepping = self._stepping, None
        if scene is not None and candidate_id:
            self._client.fetch(candidate_id, scene)

    def on_loops(self, scene, loops):
        """Put each loop into a scene: the first into the one that asked, the others after it."""
        song = self.song
        song.begin_undo_step()
        try:
            at = list(song.scenes).index(scene) if scene in list(song.scenes) else len(song.scenes) - 1
            for number_of, loop in enumerate(loops):
                if number_of:
                    at += 1
                    song.create_scene(at)
                at = self._free_scene(at, loop)
                self._insert(song.scenes[at], at, loop)
        finally:
            song.end_undo_step()

    def _free_scene(self, at, loop):
        """The scene itself where its slots are empty, else a new one after it."""
        tracks = [self._track(stem) for stem in loop.stems]
        if any(track.clip_slots[at].has_clip for track in tracks):
            self.song.create_scene(at + 1)
            return at + 1
        return at

    def _insert(self, scene, at, loop):
        for stem, (path, frames, sample_rate) in loop.stems.items():
            slot = self._track(stem).clip_slots[at]
            clip = slot.create_audio_clip(path)
            # The file's name carries the candidate's id: rating and listening time find it there.
            clip.name = Path(path).stem
            self._warp(clip, loop.beats, frames / sample_rate)
        self._show(scene, f"{loop.candidate_id} {loop.bpm:g} bpm")

    @staticmethod
    def _warp(clip, beats, seconds):
        """Beat 0 at the first sample, the last beat at the end: no guess of Live's about the tempo is left."""
        clip.warping = True
        clip.add_warp_marker(Live.Clip.WarpMarker(0.0, 0.0))
        clip.add_warp_marker(Live.Clip.WarpMarker(seconds, beats))
        for marker in list(clip.warp_markers):
            if 0.0 < marker.beat_time < beats:
                clip.remove_warp_marker(marker.beat_time)
        clip.looping = True
        clip.loop_start, clip.loop_end = 0.0, beats

    def _track(self, stem):
        """The audio track of a stem's name; it is made where there is none."""
        for track in self.song.tracks:
            if track.name == stem and track.has_audio_input:
                return track
        track = self.song.create_audio_track(-1)
        track.name = stem
        return track


def rating_of(colour):
    """0 to 1 from a colour (0xRRGGBB): red is 0, yellow in between, green is 1; None for all others."""
    hue, saturation, _ = colorsys.rgb_to_hsv(
        (colour >> 16 & 255) / 255, (colour >> 8 & 255) / 255, (colour & 255) / 255
    )
    if hue > 0.95:
        hue = 0.0  # a red that leans to pink
    if saturation < 0.25 or hue > GREEN_HUE + 0.1:
        return None
    return min(hue / GREEN_HUE, 1.0)


def number(text):
    """An int where it is one, else a float. Raises ValueError that says what is wrong."""
    try:
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
