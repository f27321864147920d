"""Ardour opens the sessions that we write: regions, tempo, meter where they belong; what it exports is our mix."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.export.project import export as export_project
from tests.export.test_projects import candidate
from tests.integration.conftest import RATE
from tests.integration.heard import Loop
from tests.integration.server import RunningServer
from tests.integration.test_export import export

pytestmark = [pytest.mark.integration, pytest.mark.needs("ardour")]
#: Ardour 7.3's command-line exporter is not steady without a sound card: on a busy machine it may leave out a moment of
#: a track, and it may crash once the file is written. So the file counts, and one of these has to be right;
#: a fault in our stems would be in all of them.
EXPORTS = 4
ALIKE = 0.999
SCRIPTS = Path(__file__).parent / "ardour"
Rows = list[list[str]]


def ardour(tool: str) -> str:
    """A command-line tool of the installed Ardour: their names carry its version, as in ardour7-lua."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    found = sorted(path.name for folder in folders for path in folder.glob(f"ardour[0-9]*-{tool}"))
    assert found, f"Ardour is there, but not its ardour…-{tool}"
    return found[-1]


def seen(session: Path, converse: Callable[..., str], *places: int) -> dict[str, Rows]:
    """What Ardour says of a session: rows by their kind, in its order."""
    said = converse([ardour("lua"), SCRIPTS / "list.lua", session.parent, session.stem, *map(str, places)])
    rows: dict[str, Rows] = {"region": [], "place": [], "location": []}
    for line in said.splitlines():
        kind, *values = line.split("\t")
        if kind in rows:
            rows[kind].append(values)
    return rows


def best_export(session: Path, ours: np.ndarray, converse: Callable[..., str]) -> float:
    """How well the best of some exports correlates with what it should be; all have its exact length."""
    best = 0.0
    exported = session.parent.parent / "export.wav"
    for _ in range(EXPORTS):
        exported.unlink(missing_ok=True)
        command = [ardour("export"), "-b", "24", "-s", str(RATE), "-o", exported, session.parent, session.stem]
        said = converse(command, may_crash=True)
        assert exported.exists(), said
        theirs, rate = soundfile.read(exported, always_2d=True)
        assert (theirs.shape, rate) == (ours.shape, RATE)
        best = max(best, float(np.corrcoef(theirs.ravel(), ours.ravel())[0, 1]))
        if best > ALIKE:
            break
    return best


def test_a_session_of_a_loop_sounds_as_its_mix(
    server: RunningServer, loop: Loop, converse: Callable[..., str], tmp_path: Path
) -> None:
    session = export(server, tmp_path, "--format", "ardour", loop.candidate_id)
    rows = seen(session, converse)["region"]
    found = {track: (name, int(position), int(length)) for track, name, position, length, _ in rows}
    assert found == {stem.stem: (stem.path.stem, 0, stem.frames) for stem in loop.stems}
    for (*_, peak), stem in zip(rows, loop.stems, strict=True):
        assert float(peak) == pytest.approx(np.abs(soundfile.read(stem.path)[0]).max(), abs=1e-4)
    ours, _ = soundfile.read(loop.mix.path, always_2d=True)
    assert best_export(session, ours, converse) > ALIKE


def test_a_whole_evening_stands_bar_after_bar(converse: Callable[..., str], tmp_path: Path) -> None:
    made = [
        candidate(tmp_path, "c1", 93.1),
        candidate(tmp_path, "c2", 140.0, 3, "6/8", ("drums", "chords"), "flac"),
        candidate(tmp_path, "c3", 140.0, 3, "7/8", ("lead",)),
    ]
    rng = np.random.default_rng(1)
    starts, ours = [0], np.zeros((0, 2))
    for each in made:
        ours = np.concatenate([ours, np.zeros((each.mix.frames, 2))])
        for file in each.stems:
            noise = rng.uniform(-0.2, 0.2, (file.frames, 2))
            soundfile.write(file.path, noise, RATE, subtype="PCM_24")
            ours[starts[-1] :] += noise
        starts.append(len(ours))
    with export_project(made, "ardour", "evening", tmp_path) as packed:
        zipfile.ZipFile(packed).extractall(tmp_path)
    # Ardour finds its files in a folder of another name too.
    session = (tmp_path / "evening").rename(tmp_path / "evening-2") / "evening.ardour"
    rows = seen(session, converse, *starts[:3])
    assert [row[:4] for row in rows["region"]] == [
        [track, f"antiphon_{each.candidate_id}_{track}", str(start), str(each.mix.frames)]
        for track, number in (("drums", 0), ("drums", 1), ("bass", 0), ("chords", 1), ("lead", 2))
        for each, start in [(made[number], starts[number])]
    ]
    assert rows["place"] == [
        ["0", "93.1000", "4/4", "1|1|0"],
        [str(starts[1]), "140.0000", "6/8", "3|1|0"],
        [str(starts[2]), "140.0000", "7/8", "6|1|0"],
    ]
    assert ["session", "0", str(starts[3])] in rows["location"]
    assert [row[1] for row in rows["location"] if row[0].startswith("c")] == [str(start) for start in starts[:3]]
    assert best_export(session, ours, converse) > ALIKE
