"""Ardour's session format (7 and later), packed into a ZIP file together with the audio.

A session is XML: sources (one for each channel of a file), regions of them, playlists that hold regions, and routes
that play a playlist each. What is left out here Ardour fills in with its defaults. Positions in audio time count
superclocks (libs/temporal/temporal/superclock.h): 282,240,000 a second, a whole number for every usual sample rate,
so that every region stands on a sample and is exactly as long as its file.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import count
from pathlib import PurePath
from typing import BinaryIO
from xml.etree import ElementTree as Xml

from antiphon.domain.candidate import RenderedFile
from antiphon.errors import InvalidRequest
from antiphon.export.layout import Passage, changes, stems_in

SUPERCLOCKS_PER_S = 282_240_000
_TICKS_PER_BEAT = 1920
_FORMAT_VERSION = "7002"
_MASTER = "Master"
#: A region as an import by hand makes it; without the short fades, for a loop's ends belong together.
_REGION = {
    "type": "audio", "first-edit": "nothing", "start": "a0", "opaque": "1", "muted": "0", "locked": "0",
    "automatic": "0", "import": "0", "external": "0", "sync-marked": "0", "layering-index": "0", "fade-in-active": "0",
    "fade-out-active": "0", "scale-amplitude": "1", "stretch": "1", "shift": "1",
}  # fmt: skip


def write_ardour(passages: Sequence[Passage], title: str, target: BinaryIO) -> None:
    """Write a ZIP file with one folder, the session's.

    Raises OSError where a file can't be read, InvalidRequest where passages differ in sample rate: a session has one.
    """
    text: bytes = Xml.tostring(session_xml(passages, title), encoding="UTF-8", xml_declaration=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{title}/{title}.ardour", text)
        for passage in passages:
            for file in passage.candidate.stems:
                name = f"{title}/interchange/{title}/audiofiles/{_source_name(passage, file)}"
                archive.write(file.path, name, zipfile.ZIP_STORED)


def session_xml(passages: Sequence[Passage], title: str) -> Xml.Element:
    """The element `Session`. Raises InvalidRequest."""
    rates = {file.sample_rate for passage in passages for file in passage.candidate.stems}
    if len(rates) > 1:
        told = " and ".join(f"{rate} Hz" for rate in sorted(rates))
        raise InvalidRequest(
            f"these loops have {told}, and an Ardour session has one sample rate: export those of each apart, by ids"
        )
    return _Session(passages, title, rates.pop()).xml()


class _Session:
    """One session as it is written; every thing in it gets the next id."""

    def __init__(self, passages: Sequence[Passage], title: str, rate_hz: int) -> None:
        self._passages, self._title, self._rate_hz = passages, title, rate_hz
        self._ids = count(1)

    def xml(self) -> Xml.Element:
        root = Xml.Element(
            "Session", {"version": _FORMAT_VERSION, "name": self._title, "sample-rate": str(self._rate_hz)}
        )  # fmt: skip
        Xml.SubElement(root, "ProgramVersion", {"created-with": "Antiphon", "modified-with": "Antiphon"})
        config = Xml.SubElement(root, "Config")
        # How Ardour shall write what is recorded; without it no session loads.
        Xml.SubElement(config, "Option", {"name": "native-file-data-format", "value": "FormatFloat"})
        Xml.SubElement(config, "Option", {"name": "native-file-header-format", "value": "WAVE"})
        sources, regions = Xml.SubElement(root, "Sources"), Xml.SubElement(root, "Regions")
        self._locations(Xml.SubElement(root, "Locations"))
        routes, playlists = Xml.SubElement(root, "Routes"), Xml.SubElement(root, "Playlists")
        stems = stems_in(self._passages)
        self._master(routes, stems)
        for order, stem in enumerate(stems, start=1):
            playlist = self._track(routes, playlists, stem, order)
            for passage in self._passages:
                file = passage.file(stem)
                if file is not None:
                    self._region(sources, regions, playlist, passage, file)
        # Nothing is in these, but a session without them is refused.
        for empty in ("Metadata", "Bundles", "VCAManager", "UnusedPlaylists", "RouteGroups"):
            Xml.SubElement(root, empty)
        _tempo_map(root, self._passages)
        root.set("id-counter", self._next())
        return root

    def _next(self) -> str:
        return str(next(self._ids))

    def _time(self, seconds: Fraction) -> str:
        """Audio time at the nearest sample."""
        return f"a{self._length(round(seconds * self._rate_hz))}"

    def _length(self, frames: int) -> int:
        return frames * SUPERCLOCKS_PER_S // self._rate_hz

    def _locations(self, locations: Xml.Element) -> None:
        for passage in self._passages:
            at = self._time(passage.start_s)
            Xml.SubElement(
                locations, "Location", id=self._next(), name=passage.name, start=at, end=at, flags="IsMark"
            )  # fmt: skip
        last = self._passages[-1]
        start_frames = round(last.start_s * self._rate_hz)
        end = f"a{self._length(start_frames + max(file.frames for file in last.candidate.stems))}"
        Xml.SubElement(
            locations, "Location", id=self._next(), name="session", start="a0", end=end, flags="IsSessionRange"
        )  # fmt: skip

    def _master(self, routes: Xml.Element, stems: Sequence[str]) -> None:
        about = {"meter-point": "MeterOutput", "strict-io": "1"}
        route = self._route(routes, _MASTER, about, order=0, flags="MasterOut,OrderSet")
        self._ports(route, _MASTER, "Input", [[f"{stem}/audio_out {k}" for stem in stems] for k in (1, 2)])
        self._ports(route, _MASTER, "Output", [[f"system:playback_{k}"] for k in (1, 2)])
        self._processors(route, _MASTER, ("trim", "amp", "meter", "main-outs"))

    def _track(self, routes: Xml.Element, playlists: Xml.Element, stem: str, order: int) -> Xml.Element:
        """A track whose faders leave the sound as it is; its playlist."""
        playlist_id = self._next()
        about = {
            "meter-point": "MeterPostFader", "audio-playlist": playlist_id, "mode": "Normal",
            "disk-io-point": "DiskIOPreFader", "alignment-choice": "Automatic",
        }  # fmt: skip
        route = self._route(routes, stem, about, order, flags="AudioTrack,OrderSet")
        self._ports(route, stem, "Input", [[], []])
        self._ports(route, stem, "Output", [[f"{_MASTER}/audio_in {k}"] for k in (1, 2)])
        self._processors(route, stem, ("diskwriter", "diskreader", "trim", "amp", "meter", "main-outs"))
        belongs = {"id": playlist_id, "name": stem, "type": "audio", "orig-track-id": route.attrib["id"]}
        return Xml.SubElement(playlists, "Playlist", belongs | {"frozen": "0", "combine-ops": "0"})

    def _route(self, routes: Xml.Element, name: str, about: dict[str, str], order: int, flags: str) -> Xml.Element:
        own = {"version": _FORMAT_VERSION, "id": self._next(), "name": name, "default-type": "audio", "active": "1"}
        route = Xml.SubElement(routes, "Route", own | about)
        Xml.SubElement(route, "PresentationInfo", order=str(order), flags=flags, color="0")
        return route

    def _ports(self, route: Xml.Element, name: str, direction: str, connections: Sequence[Sequence[str]]) -> None:
        io = Xml.SubElement(
            route, "IO", {"name": name, "id": self._next(), "direction": direction, "default-type": "audio"}
        )  # fmt: skip
        way = "in" if direction == "Input" else "out"
        for channel, others in enumerate(connections, start=1):
            port = Xml.SubElement(io, "Port", type="audio", name=f"{name}/audio_{way} {channel}")
            for other in others:
                Xml.SubElement(port, "Connection", other=other)

    def _processors(self, route: Xml.Element, name: str, kinds: Sequence[str]) -> None:
        for kind in kinds:
            named = {"trim": "Amp", "amp": "Amp", "main-outs": name, "diskwriter": f"recorder:{name}"}
            named |= {"diskreader": f"player:{name}", "meter": f"meter-{name}"}
            about = {"id": self._next(), "name": named[kind], "active": "1", "type": kind}
            processor = Xml.SubElement(route, "Processor", about)
            if kind == "main-outs":
                processor.attrib |= {"own-input": "1", "own-output": "0", "output": name, "role": "Main"}

    def _region(
        self, sources: Xml.Element, regions: Xml.Element, playlist: Xml.Element, passage: Passage, file: RenderedFile
    ) -> None:
        name = _source_name(passage, file)
        region = {**_REGION, "name": PurePath(name).stem, "channels": str(file.channels)}
        length, position = f"a{self._length(file.frames)}", self._time(passage.start_s)
        for channel in range(file.channels):
            source = {"id": self._next(), "name": name, "type": "audio", "flags": "", "take-id": "", "gain": "1"}
            Xml.SubElement(sources, "Source", source | {"channel": str(channel), "origin": ""})
            region |= {f"source-{channel}": source["id"], f"master-source-{channel}": source["id"]}
        # A length knows from where it is counted, and that is where the region stands.
        for parent, start, whole in ((regions, "a0", "1"), (playlist, position, "0")):
            placed = {"id": self._next(), "position": start, "length": f"{length}@{start}", "whole-file": whole}
            Xml.SubElement(parent, "Region", region | placed)


def _source_name(passage: Passage, file: RenderedFile) -> str:
    """What a file is called in the session. The region has its name from it, by which a loop is known again when it is
    rated from Ardour."""
    name = PurePath(file.path).name
    return name if passage.candidate.candidate_id in name else f"{passage.candidate.candidate_id}_{name}"


def _tempo_map(root: Xml.Element, passages: Sequence[Passage]) -> None:
    tempo_map = Xml.SubElement(root, "TempoMap", {"superclocks-per-second": str(SUPERCLOCKS_PER_S)})
    tempos, meters = Xml.SubElement(tempo_map, "Tempos"), Xml.SubElement(tempo_map, "Meters")
    Xml.SubElement(tempo_map, "MusicTimes")
    for passage, bar in _with_bars(passages):
        beats, rest = divmod(passage.start_beats, 1)
        where = {
            "sclock": str(round(passage.start_s * SUPERCLOCKS_PER_S)),
            "quarters": f"{beats}:{round(rest * _TICKS_PER_BEAT)}", "bbt": f"{bar}|1|0",
        }  # fmt: skip
        bpm = repr(float(passage.candidate.bpm))
        about = {"npm": bpm, "enpm": bpm, "note-type": "4", "type": "Tempo::Constant", "active": "1"}
        Xml.SubElement(tempos, "Tempo", about | {"locked-to-meter": "0", "continuing": "0", "omega": "0"} | where)
        meter = {"note-value": str(passage.meter.denominator), "divisions-per-bar": str(passage.meter.numerator)}
        Xml.SubElement(meters, "Meter", meter | where)


def _with_bars(passages: Sequence[Passage]) -> Iterator[tuple[Passage, int]]:
    """The passages at which tempo or meter change, each with the number of its first bar, counted from 1."""
    changing, bar = {passage.start_beats for passage in changes(passages)}, 1
    for passage in passages:
        if passage.start_beats in changing:
            yield passage, bar
        bar += passage.candidate.bars
