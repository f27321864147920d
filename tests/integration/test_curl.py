"""curl, as any language without OSC would use HTTP: a request in JSON, events as they come, files in part or whole."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import CONVERSATION_S, event_heard
from tests.integration.heard import Heard, Loop, delivered
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("curl")]
JSON = ("-H", "Content-Type: application/json", "-H", "X-Antiphon-Client: curl")


def test_events_of_a_request(server: RunningServer, converse: Callable[..., str]) -> None:
    body = {"request_id": "c1", "bpm": 99.5, "bars": 1, "steps": 2, "seed": 7, "format": "flac", "rate": 96000}
    url = f"{server.http_url}/api/events?client=curl"
    with subprocess.Popen(["curl", "-sN", "-m", str(CONVERSATION_S), url], stdout=subprocess.PIPE, text=True) as stream:
        assert stream.stdout is not None
        # The state comes first: from then on nothing is missed.
        assert stream.stdout.readline() == "event: update\n"
        said = converse(["curl", "-s", *JSON, "-d", json.dumps(body), f"{server.http_url}/api/generate"])
        messages: list[Heard] = [Heard("/ack", ("c1", json.loads(said)["job_id"]))]
        for line in stream.stdout:
            message = event_heard(line)
            if message is not None and message.values[0] == "c1" and message.address != "/ack":
                messages.append(message)
                if message.address in ("/done", "/error"):
                    break
        stream.terminate()
    loop = delivered(messages, "c1", bpm=99.5, rate=96000)
    assert all(file.path.suffix == ".flac" for file in loop.files)


def test_a_mistake_is_told_in_json(server: RunningServer, converse: Callable[..., str]) -> None:
    command = ["curl", "-s", "-w", "%{http_code}", *JSON, "-d", '{"bars": 1000000}', f"{server.http_url}/api/generate"]
    said = converse(command)
    assert said[-3:] == "429"
    error = json.loads(said[:-3])["error"]
    assert error["code"] == "limit"
    assert "bars" in error["message"]


def test_a_download_goes_on_where_it_was_broken_off(loop: Loop, converse: Callable[..., str], tmp_path: Path) -> None:
    drums = loop.stems[0]
    whole = drums.path.read_bytes()
    part = tmp_path / "drums.wav"
    converse(["curl", "-sf", "-r", "0-9999", "-o", part, drums.url])
    assert part.read_bytes() == whole[:10000]
    converse(["curl", "-sf", "-C", "-", "-o", part, drums.url])
    assert part.read_bytes() == whole
    head = converse(["curl", "-sfI", drums.url])
    assert f"Content-Length: {len(whole)}" in head
    assert "Accept-Ranges: bytes" in head
