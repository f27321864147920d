"""Ardour: a session with a stem on each track; what it sees, and what it exports."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.integration.ardour_session import place_files
from tests.integration.conftest import RATE
from tests.integration.heard import Loop

pytestmark = [pytest.mark.integration, pytest.mark.needs("ardour")]
TOLERANCE = 10 ** (-80 / 20)
#: Ardour 7.3's command-line exporter is not steady without a sound card: on a busy machine it may leave out a moment of
#: a track, and 6 of 72 runs crashed once the file was written. So the file counts, and one of these has to be right;
#: a fault in our stems would be in all of them.
EXPORTS = 4
SCRIPTS = Path(__file__).parent / "ardour"


def ardour(tool: str) -> str:
    """A command-line tool of the installed Ardour: their names carry its version, as in ardour7-lua."""
    folders = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)]
    found = sorted(path.name for folder in folders for path in folder.glob(f"ardour[0-9]*-{tool}"))
    assert found, f"Ardour is there, but not its ardour…-{tool}"
    return found[-1]


def test_a_session_with_the_stems_sounds_as_our_mix(loop: Loop, converse: Callable[..., str], tmp_path: Path) -> None:
    stems = {stem.stem: stem.path for stem in loop.stems}
    folder = tmp_path / "session"
    converse([ardour("lua"), SCRIPTS / "create.lua", folder, "loop", str(RATE), *stems])
    place_files(folder / "loop.ardour", stems)
    said = converse([ardour("lua"), SCRIPTS / "list.lua", folder, "loop"])
    rows = [line.split("\t")[1:] for line in said.splitlines() if line.startswith("region\t")]
    seen = {track: (name, int(position), int(length)) for track, name, position, length, _ in rows}
    assert seen == {stem.stem: (stem.path.stem, 0, stem.frames) for stem in loop.stems}, said
    for track, *_, peak in rows:
        samples, _ = soundfile.read(stems[track], always_2d=True)
        assert float(peak) == pytest.approx(np.abs(samples).max(), abs=1e-4)
    ours, _ = soundfile.read(loop.mix.path, always_2d=True)
    errors = []
    while len(errors) < EXPORTS and not any(error < TOLERANCE for error in errors):
        errors.append(export_error(folder, ours, converse))
    assert min(errors) < TOLERANCE, errors


def export_error(folder: Path, ours: np.ndarray, converse: Callable[..., str]) -> float:
    """The largest difference between the session's export and our mix."""
    exported = folder.parent / "export.wav"
    exported.unlink(missing_ok=True)
    command = [ardour("export"), "-b", "24", "-s", str(RATE), "-o", exported, folder, "loop"]
    said = converse(command, may_crash=True)
    assert exported.exists(), said
    theirs, rate = soundfile.read(exported, always_2d=True)
    assert (theirs.shape, rate) == (ours.shape, RATE)
    return float(np.abs(theirs - ours).max())
