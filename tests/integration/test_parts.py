"""A bass for my drums, as somebody would ask for it: from the command line, by HTTP and by OSC, on a running server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PYTHON_PATH, REPOSITORY
from tests.control.clients import Reply, UdpClient
from tests.integration.server import TONES, RunningServer, running_server
from tests.midi_files import beat, meter, midi, notes_of, same_notes, tempo, track

pytestmark = pytest.mark.integration

DRUMS = midi(track(beat((0, 7, 10), 2), "Beat", 9, (tempo(97.0), meter(4, 4))))
#: Eighths of a bass in A minor, a little late.
RIFF = midi(track([(5 + 240 * n, 220, (33, 33, 36, 31)[n % 4], 80 + n) for n in range(16)], "bass"))
PATIENCE_S = 100.0


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("parts"), TONES) as running:
        yield running


def midi_files(candidate: dict[str, object]) -> dict[str, Path]:
    stems = candidate["stems"]
    assert isinstance(stems, list)
    return {file["stem"]: Path(file["midi_path"]) for file in stems}


def get(server: RunningServer, path: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{server.http_url}/api/{path}") as answer:
        return dict(json.load(answer))


def test_from_the_command_line(quick: RunningServer, tmp_path: Path) -> None:
    (tmp_path / "mine.mid").write_bytes(DRUMS)
    out = tmp_path / "out"
    said = subprocess.run(
        [sys.executable, "-m", "antiphon", "generate", "--part", "drums=mine.mid", "--style", "hiphop",
         "--out", str(out), "--url", quick.http_url],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": PYTHON_PATH, "COLUMNS": "200"}, capture_output=True, text=True,
        timeout=PATIENCE_S, check=True,
    ).stdout  # fmt: skip
    assert "drums: mine.mid, 26 notes, 8 beats, 97 bpm, 4/4" in said
    assert "the loop has their tempo 97.0, meter 4/4, bars 2" in said
    [drums] = out.glob("*drums*.mid")
    assert same_notes(drums, DRUMS)
    assert len(list(out.glob("*.wav"))) == 5
    assert (REPOSITORY / "server").is_dir()


def test_by_http_a_riff_gets_its_band(quick: RunningServer) -> None:
    edge = b'--x\r\nContent-Disposition: form-data; name="file"; filename="riff.mid"\r\n\r\n' + RIFF + b"\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    upload = urllib.request.Request(f"{quick.http_url}/api/references", data=edge, headers=headers)
    with urllib.request.urlopen(upload) as answer:
        reference = json.load(answer)["reference"]
    body = json.dumps({"request_id": "h1", "part": reference, "seed": 3}).encode()
    asked = urllib.request.Request(
        f"{quick.http_url}/api/generate", data=body,
        headers={"Content-Type": "application/json", "X-Antiphon-Client": "band"},
    )  # fmt: skip
    events = urllib.request.urlopen(f"{quick.http_url}/api/events?client=band", timeout=PATIENCE_S)
    with events, urllib.request.urlopen(asked) as answer:
        job_id = json.load(answer)["job_id"]
        told = [json.loads(line[5:]) for line in _lines(events, "done")]
    given = next(each["given"] for each in told if "given" in each)
    assert [part["stem"] for part in given["parts"]] == ["bass"]
    assert given["used"]["key"] == "Am"
    assert given == get(quick, f"jobs/{job_id}")["given"]
    candidate = get(quick, f"candidates/{told[-1]['candidate_ids'][0]}")
    assert candidate["key"] == "Am"
    assert same_notes(midi_files(candidate)["bass"], RIFF)
    chords = {pitch % 12 for _, _, pitch, _ in notes_of(midi_files(candidate)["chords"])}
    assert chords <= {9, 11, 0, 2, 4, 5, 7}, "the chords that go with it are in its key"


def _lines(events: object, until: str) -> Iterator[bytes]:
    """The data lines of an event stream, up to the event that ends it."""
    ends = False
    for line in events:  # type: ignore[attr-defined]
        ends = ends or line.startswith(b"event: " + until.encode())
        if line.startswith(b"data:"):
            yield line
            if ends:
                return


async def test_by_osc_a_bass_for_drums_that_are_not_heard(quick: RunningServer) -> None:
    folder = quick.data_dir / "references"
    folder.mkdir(exist_ok=True)
    (folder / "kick.mid").write_bytes(DRUMS)
    with UdpClient(quick.osc_port) as client:
        client.send("/generate", "o1", "part", "drums:kick.mid", "stems", "bass", "bpm", 120, "composer", "model")
        replies: list[Reply] = []
        while not replies or replies[-1][0] not in ("/done", "/error"):
            # The score model is loaded for the first time.
            replies.append(await client.next(PATIENCE_S))
        assert replies[-1][0] == "/done", replies[-1]
        names = [address for address, _ in replies]
        assert names.index("/ack") < names.index("/given") < names.index("/stem")
        given = json.loads(str(dict(replies)["/given"][1]))
        assert given["used"] == {"meter": "4/4", "bars": 2}
        candidate = get(quick, f"candidates/{replies[-1][1][1]}")
        assert candidate["composers"] == {"bass": "model score-2"}
        assert candidate["bpm"] == 120.0
        for part, words in (
            ("drums:../antiphon.toml", "outside"),
            ("drum:kick.mid", "did you mean"),
            ("drums:no.mid", "no file"),
        ):
            address, values = await client.ask("/generate", f"x-{part}", "part", part)
            assert (address, words in str(values[2])) == ("/error", True), values
