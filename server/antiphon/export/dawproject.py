"""DAWproject 1.0 (github.com/bitwig/dawproject): a ZIP file with project.xml, metadata.xml and the audio.

Every candidate stands twice in it: in the arrangement, as audio in seconds, which no importer has a reason to stretch,
and as a scene of the clip launcher, warped to the beat and looped, so that it follows the tempo of a set. Where tempo
or meter change from one candidate to the next, the arrangement's automation says so at that bar line.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from fractions import Fraction
from typing import BinaryIO
from xml.etree import ElementTree as Xml

from antiphon import __version__
from antiphon.domain.candidate import RenderedFile
from antiphon.export.layout import Passage, archive_name, changes, duration_s, stems_in

FORMAT_VERSION = "1.0"
_COLOURS = {"drums": "#e5734d", "percussion": "#e5b14d", "bass": "#4d8fe5", "chords": "#5fb56a", "lead": "#c77fd9",
            "texture": "#8fa3ad"}  # fmt: skip
_OTHER_COLOUR = "#8a8a8a"
_TEMPO, _METER, _MASTER = "tempo", "meter", "master-channel"


def write_dawproject(passages: Sequence[Passage], title: str, target: BinaryIO) -> None:
    """Write the whole project, audio included. Raises OSError where a file can't be read or written."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.xml", _text(project_xml(passages)))
        archive.writestr("metadata.xml", _text(_metadata_xml(title)))
        for passage in passages:
            for file in passage.candidate.stems:
                # Audio hardly gets smaller, and many readers want to play it right out of the archive.
                archive.write(file.path, archive_name(passage.candidate, file), zipfile.ZIP_STORED)


def project_xml(passages: Sequence[Passage]) -> Xml.Element:
    """The element `Project`, in the order of elements that the schema asks for."""
    first = passages[0]
    project = Xml.Element("Project", version=FORMAT_VERSION)
    Xml.SubElement(project, "Application", name="Antiphon", version=__version__)
    transport = Xml.SubElement(project, "Transport")
    _real(transport, "Tempo", "bpm", first.candidate.bpm, id=_TEMPO, name="Tempo", min="20", max="666")
    _meter(transport, "TimeSignature", first, id=_METER)
    structure = Xml.SubElement(project, "Structure")
    stems = stems_in(passages)
    for stem in stems:
        _track(structure, stem)
    master = Xml.SubElement(structure, "Track", id="master", name="Master", contentType="audio notes", loaded="true")
    _channel(master, _MASTER, role="master")
    _arrangement(project, passages, stems)
    scenes = Xml.SubElement(project, "Scenes")
    for number, passage in enumerate(passages):
        _scene(scenes, number, passage, stems)
    return project


def _text(root: Xml.Element) -> bytes:
    Xml.indent(root)
    text: bytes = Xml.tostring(root, encoding="UTF-8", xml_declaration=True)
    return text


def _metadata_xml(title: str) -> Xml.Element:
    metadata = Xml.Element("MetaData")
    Xml.SubElement(metadata, "Title").text = title
    Xml.SubElement(metadata, "Comment").text = "Made with Antiphon"
    return metadata


def _number(value: float | Fraction) -> str:
    return repr(float(value))


def _real(parent: Xml.Element, tag: str, unit: str, value: float, **attributes: str) -> None:
    Xml.SubElement(parent, tag, {"unit": unit, "value": _number(value), **attributes})


def _meter(parent: Xml.Element, tag: str, passage: Passage, **attributes: str) -> None:
    meter = passage.meter
    written = {"numerator": str(meter.numerator), "denominator": str(meter.denominator)}
    Xml.SubElement(parent, tag, {**attributes, **written})


def _track(structure: Xml.Element, stem: str) -> None:
    colour = _COLOURS.get(stem, _OTHER_COLOUR)
    track = Xml.SubElement(
        structure, "Track", id=f"track-{stem}", name=stem, color=colour, contentType="audio", loaded="true"
    )
    _channel(track, f"channel-{stem}", role="regular", destination=_MASTER)


def _channel(track: Xml.Element, channel_id: str, **attributes: str) -> None:
    channel = Xml.SubElement(
        track, "Channel", {"id": channel_id, "audioChannels": "2", "solo": "false", **attributes}
    )  # fmt: skip
    Xml.SubElement(channel, "Mute", id=f"{channel_id}-mute", name="Mute", value="false")
    _real(channel, "Pan", "normalized", 0.5, id=f"{channel_id}-pan", name="Pan", min="0", max="1")
    # Unity gain: the stems sum to the mix.
    _real(channel, "Volume", "linear", 1.0, id=f"{channel_id}-volume", name="Volume", min="0", max="2")


def _arrangement(project: Xml.Element, passages: Sequence[Passage], stems: Sequence[str]) -> None:
    arrangement = Xml.SubElement(project, "Arrangement", id="arrangement")
    lanes = Xml.SubElement(arrangement, "Lanes", id="lanes", timeUnit="beats")
    for stem in stems:
        lane = Xml.SubElement(lanes, "Lanes", id=f"lanes-{stem}", track=f"track-{stem}")
        clips = Xml.SubElement(lane, "Clips", id=f"clips-{stem}")
        for passage in passages:
            file = passage.file(stem)
            if file is not None:
                _arranged(clips, passage, file)
    markers = Xml.SubElement(arrangement, "Markers", id="markers", timeUnit="beats")
    for passage in passages:
        Xml.SubElement(markers, "Marker", time=_number(passage.start_beats), name=passage.name)
    changing = changes(passages)
    if len(changing) > 1:
        _automation(arrangement, changing)


def _automation(arrangement: Xml.Element, changing: Sequence[Passage]) -> None:
    tempo = Xml.SubElement(arrangement, "TempoAutomation", id="tempo-points", timeUnit="beats", unit="bpm")
    Xml.SubElement(tempo, "Target", parameter=_TEMPO)
    meter = Xml.SubElement(arrangement, "TimeSignatureAutomation", id="meter-points", timeUnit="beats")
    Xml.SubElement(meter, "Target", parameter=_METER)
    for passage in changing:
        time = _number(passage.start_beats)
        Xml.SubElement(tempo, "RealPoint", time=time, value=_number(passage.candidate.bpm), interpolation="hold")
        _meter(meter, "TimeSignaturePoint", passage, time=time)


def _arranged(clips: Xml.Element, passage: Passage, file: RenderedFile) -> None:
    clip = Xml.SubElement(
        clips, "Clip", time=_number(passage.start_beats), duration=_number(passage.beats), name=passage.name,
        contentTimeUnit="seconds", playStart="0.0",
    )  # fmt: skip
    _audio(clip, passage, file, algorithm="raw")


def _scene(scenes: Xml.Element, number: int, passage: Passage, stems: Sequence[str]) -> None:
    scene = Xml.SubElement(scenes, "Scene", id=f"scene-{number}", name=passage.name)
    lanes = Xml.SubElement(scene, "Lanes", id=f"scene-{number}-lanes", timeUnit="beats")
    for stem in stems:
        slot = Xml.SubElement(
            lanes, "ClipSlot", id=f"scene-{number}-{stem}", track=f"track-{stem}", hasStop="true"
        )  # fmt: skip
        file = passage.file(stem)
        if file is not None:
            _warped(slot, passage, file)


def _warped(slot: Xml.Element, passage: Passage, file: RenderedFile) -> None:
    beats = _number(passage.beats)
    clip = Xml.SubElement(
        slot, "Clip", time="0.0", duration=beats, name=passage.name, contentTimeUnit="beats", playStart="0.0",
        loopStart="0.0", loopEnd=beats,
    )  # fmt: skip
    warps = Xml.SubElement(clip, "Warps", timeUnit="beats", contentTimeUnit="seconds")
    _audio(warps, passage, file, algorithm="stretch")
    Xml.SubElement(warps, "Warp", time="0.0", contentTime="0.0")
    Xml.SubElement(warps, "Warp", time=beats, contentTime=_number(duration_s(file)))


def _audio(parent: Xml.Element, passage: Passage, file: RenderedFile, algorithm: str) -> None:
    audio = Xml.SubElement(
        parent, "Audio", timeUnit="seconds", duration=_number(duration_s(file)), channels=str(file.channels),
        sampleRate=str(file.sample_rate), algorithm=algorithm,
    )  # fmt: skip
    Xml.SubElement(audio, "File", path=archive_name(passage.candidate, file))
