"""Exported projects: read back by other readers; every stem where it belongs, exactly as long as it is."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import rpp
import soundfile

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.score import loop_frames
from antiphon.domain.theory import parse_meter
from antiphon.errors import InvalidRequest, NotFound, StorageFailed
from antiphon.export import project
from antiphon.export.ardour import SUPERCLOCKS_PER_S
from antiphon.export.layout import Passage, changes, lay_out, stems_in
from antiphon.export.project import FORMATS, export
from tests.export.dawproject_rules import check

RATE = 48000


def candidate(
    folder: Path, candidate_id: str, bpm: float = 120.0, bars: int = 2, meter: str = "4/4",
    stems: tuple[str, ...] = ("drums", "bass"), ending: str = "wav",
) -> Candidate:  # fmt: skip
    frames = loop_frames(parse_meter(meter).beats_per_bar * bars, bpm, RATE)
    files = {}
    for number, stem in enumerate((*stems, "mix")):
        path = folder / f"antiphon_{candidate_id}_{stem}.{ending}"
        soundfile.write(path, np.full((frames, 2), 0.01 * (number + 1)), RATE, subtype="PCM_24")
        files[stem] = RenderedFile(stem, str(path), frames, RATE, 2, -1.0, -18.0)
    return Candidate(
        candidate_id, "j1", 0, bpm, "D dorian", bars, meter, 7, "builtin", tuple(files[stem] for stem in stems),
        files["mix"], str(folder / "x.json"),
    )  # fmt: skip


@pytest.fixture
def evening(tmp_path: Path) -> list[Candidate]:
    """Three loops: other tempo, other meter, other stems, other file format."""
    return [
        candidate(tmp_path, "c1", 93.1),
        candidate(tmp_path, "c2", 140.0, 3, "6/8", ("drums", "chords"), "flac"),
        candidate(tmp_path, "c3", 140.0, 3, "6/8", ("lead",)),
    ]


def packed(candidates: list[Candidate], kind: str, folder: Path) -> zipfile.ZipFile:
    with export(candidates, kind, "session", folder) as file:
        return zipfile.ZipFile(io.BytesIO(file.read()))


def dawproject(candidates: list[Candidate], folder: Path) -> Xml.Element:
    return Xml.fromstring(packed(candidates, "dawproject", folder).read("project.xml"))


def reaper(candidates: list[Candidate], folder: Path) -> rpp.Element:
    return rpp.loads(packed(candidates, "rpp", folder).read("session/session.rpp").decode())


def test_dawproject_keeps_the_rules_of_its_schema(evening: list[Candidate], tmp_path: Path) -> None:
    assert check(dawproject(evening, tmp_path)) == []
    assert check(dawproject(evening[:1], tmp_path)) == []


def test_the_rules_find_breaches() -> None:
    broken = Xml.fromstring(
        '<Project><Transport/><Application name="x"/><Scenes><Scene id="a" track="b"/></Scenes></Project>'
    )
    assert check(broken) == [
        "Project lacks version", "Project has its children in the order ['Transport', 'Application', 'Scenes']",
        "Application lacks version", "Scene takes no track", "Scene track=b names nothing",
    ]  # fmt: skip


def test_dawproject_carries_every_file_bit_for_bit(evening: list[Candidate], tmp_path: Path) -> None:
    archive = packed(evening, "dawproject", tmp_path)
    assert archive.testzip() is None
    stems = {f"audio/{each.candidate_id}/{Path(file.path).name}": file for each in evening for file in each.stems}
    assert set(archive.namelist()) == {"project.xml", "metadata.xml", *stems}
    for name, file in stems.items():
        assert archive.read(name) == Path(file.path).read_bytes()
    named = {element.attrib["path"] for element in Xml.fromstring(archive.read("project.xml")).iter("File")}
    assert named == set(stems)


def test_dawproject_places_clips_at_bar_lines_with_exact_lengths(evening: list[Candidate], tmp_path: Path) -> None:
    root = dawproject(evening, tmp_path)
    found = {}
    for lane in root.iterfind("Arrangement/Lanes/Lanes"):
        for clip in lane.iterfind("Clips/Clip"):
            audio = clip.find("Audio")
            assert audio is not None
            frames = float(audio.attrib["duration"]) * int(audio.attrib["sampleRate"])
            found[lane.attrib["track"], float(clip.attrib["time"])] = (float(clip.attrib["duration"]), round(frames, 6))
    frames = [each.mix.frames for each in evening]
    assert found == {
        ("track-drums", 0.0): (8.0, frames[0]), ("track-bass", 0.0): (8.0, frames[0]),
        ("track-drums", 8.0): (9.0, frames[1]), ("track-chords", 8.0): (9.0, frames[1]),
        ("track-lead", 17.0): (9.0, frames[2]),
    }  # fmt: skip
    tempo = [(p.attrib["time"], p.attrib["value"]) for p in root.iterfind("Arrangement/TempoAutomation/RealPoint")]
    assert tempo == [("0.0", "93.1"), ("8.0", "140.0")]
    meters = [p.attrib["numerator"] for p in root.iterfind("Arrangement/TimeSignatureAutomation/TimeSignaturePoint")]
    assert meters == ["4", "6"]


def test_dawproject_has_a_looped_scene_for_every_candidate(evening: list[Candidate], tmp_path: Path) -> None:
    scenes = dawproject(evening, tmp_path).findall("Scenes/Scene")
    assert [scene.attrib["name"].split(",")[0] for scene in scenes] == ["c1", "c2", "c3"]
    clips = scenes[1].findall("Lanes/ClipSlot/Clip")
    assert [(clip.attrib["loopStart"], clip.attrib["loopEnd"]) for clip in clips] == [("0.0", "9.0")] * 2
    warps = clips[0].findall("Warps/Warp")
    assert [float(warp.attrib["contentTime"]) * RATE for warp in warps] == [0, pytest.approx(evening[1].mix.frames)]


def test_rpp_read_by_another_parser(evening: list[Candidate], tmp_path: Path) -> None:
    root = reaper(evening, tmp_path)
    assert root.tag == "REAPER_PROJECT"
    assert root.find("TEMPO")[1:] == ["93.1", "4", "4"]
    tracks = root.findall("TRACK")
    assert [track.find("NAME")[1] for track in tracks] == ["drums", "bass", "chords", "lead"]
    items = [(float(item.find("POSITION")[1]), float(item.find("LENGTH")[1])) for item in tracks[0].findall("ITEM")]
    second_s = 8 * 60 / 93.1
    assert items == [
        (0.0, pytest.approx(evening[0].mix.frames / RATE, abs=1e-11)),
        (pytest.approx(second_s, abs=1e-11), pytest.approx(evening[1].mix.frames / RATE, abs=1e-12)),
    ]
    assert root.find("TRACK/ITEM/SOURCE").find("FILE")[1] == "audio/c1/antiphon_c1_drums.wav"
    assert [source.attrib for source in root.findall("TRACK/ITEM/SOURCE")][1] == ["FLAC"]
    points = [item[1:5] for item in root.find("TEMPOENVEX") if item[0] == "PT"]
    assert [(point[1], int(point[3])) for point in points] == [("93.1", 4 * 65536 + 4), ("140", 8 * 65536 + 6)]
    assert float(points[1][0]) == pytest.approx(second_s, abs=1e-11)
    markers = [item[3] for item in root if item[0] == "MARKER"]
    assert markers == [f"{each.candidate_id}, D dorian, {each.bpm:g} bpm" for each in evening]


def test_rpp_names_files_that_lie_beside_it(evening: list[Candidate], tmp_path: Path) -> None:
    archive = packed(evening, "rpp", tmp_path)
    root = rpp.loads(archive.read("session/session.rpp").decode())
    named = {f"session/{source.find('FILE')[1]}" for source in root.findall("TRACK/ITEM/SOURCE")}
    assert named == set(archive.namelist()) - {"session/session.rpp"}


def test_ardour_counts_superclocks_and_ids_are_each_thing_s_own(evening: list[Candidate], tmp_path: Path) -> None:
    archive = packed(evening, "ardour", tmp_path)
    root = Xml.fromstring(archive.read("session/session.ardour"))
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert int(root.attrib["id-counter"]) > max(map(int, ids))
    named = {f"session/interchange/session/audiofiles/{source.attrib['name']}" for source in root.iter("Source")}
    assert named == set(archive.namelist()) - {"session/session.ardour"}
    per_frame = SUPERCLOCKS_PER_S // RATE
    starts = [0, evening[0].mix.frames, evening[0].mix.frames + evening[1].mix.frames]
    found = {}
    for playlist in root.iterfind("Playlists/Playlist"):
        for region in playlist.iterfind("Region"):
            length, at = region.attrib["length"].split("@")
            assert at == region.attrib["position"]
            found[playlist.attrib["name"], int(at[1:]) / per_frame] = int(length[1:]) / per_frame
    assert found == {
        ("drums", starts[0]): evening[0].mix.frames, ("bass", starts[0]): evening[0].mix.frames,
        ("drums", starts[1]): evening[1].mix.frames, ("chords", starts[1]): evening[1].mix.frames,
        ("lead", starts[2]): evening[2].mix.frames,
    }  # fmt: skip
    assert [tempo.attrib["npm"] for tempo in root.iter("Tempo")] == ["93.1", "140.0"]
    assert [(meter.attrib["quarters"], meter.attrib["bbt"]) for meter in root.iter("Meter")] == [
        ("0:0", "1|1|0"), ("8:0", "3|1|0"),
    ]  # fmt: skip


def test_one_ardour_session_has_one_sample_rate(evening: list[Candidate], tmp_path: Path) -> None:
    slow = tuple(replace(file, sample_rate=44100) for file in evening[1].stems)
    with pytest.raises(InvalidRequest, match="44100 Hz and 48000 Hz"):
        export([evening[0], replace(evening[1], stems=slow)], "ardour", "session", tmp_path)


def test_time_is_kept_in_rationals(tmp_path: Path) -> None:
    """A hundred passages at an awkward tempo: no drift, not of a sample."""
    one = candidate(tmp_path, "c1", 93.1)
    last = lay_out([one] * 100)[-1]
    assert last.start_beats == 99 * 8
    assert last.start_s == Fraction(99 * 8 * 60) / Fraction(93.1)


def test_only_changes_of_tempo_and_meter_are_written(evening: list[Candidate]) -> None:
    passages = lay_out(evening)
    assert [passage.candidate.candidate_id for passage in changes(passages)] == ["c1", "c2"]
    assert stems_in(passages) == ("drums", "bass", "chords", "lead")
    assert isinstance(passages[0], Passage)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_gone_is_said(kind: str, evening: list[Candidate], tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="make a loop"):
        export([], kind, "session", tmp_path)
    Path(evening[1].stems[0].path).unlink()
    with pytest.raises(NotFound, match="c2"):
        export(evening, kind, "session", tmp_path)


def test_a_full_disk_is_said(evening: list[Candidate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "SPARE_BYTES", 2**70)
    with pytest.raises(StorageFailed, match="MiB"):
        export(evening, "rpp", "session", tmp_path)


def test_nothing_is_left_on_the_disk(evening: list[Candidate], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with export(evening, "dawproject", "session", folder) as file:
        assert file.read(2) == b"PK"
    assert list(folder.iterdir()) == []
