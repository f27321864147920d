"""`antiphon export` against a running server: a project on the disk, whose audio is the loop's own."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import rpp
import soundfile

from tests.integration.heard import Loop
from tests.integration.server import RunningServer

pytestmark = pytest.mark.integration


def export(server: RunningServer, folder: Path, *arguments: str) -> Path:
    """Run the command; the path that it printed."""
    command = [sys.executable, "-m", "antiphon", "export", "--url", server.http_url, "--out", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def test_a_reaper_project_with_its_audio_beside_it(server: RunningServer, loop: Loop, tmp_path: Path) -> None:
    project = export(server, tmp_path, "--format", "rpp", loop.candidate_id)
    assert project == tmp_path / f"antiphon-{loop.candidate_id}" / f"antiphon-{loop.candidate_id}.rpp"
    root = rpp.loads(project.read_text())
    items = root.findall("TRACK/ITEM")
    assert len(items) == len(loop.stems)
    for item, stem in zip(items, loop.stems, strict=True):
        audio = project.parent / item.find("SOURCE").find("FILE")[1]
        assert audio.read_bytes() == stem.path.read_bytes()
        assert float(item.find("LENGTH")[1]) * stem.sample_rate == pytest.approx(soundfile.info(audio).frames, abs=1e-6)


def test_nothing_is_overwritten(server: RunningServer, loop: Loop, tmp_path: Path) -> None:
    first, second = (export(server, tmp_path, loop.candidate_id) for _ in range(2))
    assert [first.name, second.name] == [f"antiphon-{loop.candidate_id}{n}.dawproject" for n in ("", "-2")]
    assert zipfile.ZipFile(second).testzip() is None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first.name, second.name])


def test_a_whole_evening(server: RunningServer, loop: Loop, tmp_path: Path) -> None:
    evening = zipfile.ZipFile(export(server, tmp_path, "--hours", "1"))
    assert any(loop.candidate_id in name for name in evening.namelist())
