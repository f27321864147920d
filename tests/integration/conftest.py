"""One server for all clients, and one loop for all programs that read files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.heard import Heard, Loop, delivered, heard
from tests.integration.server import TONES, RunningServer, running_server

#: How long a client may take from its start to its end, on a busy machine.
CONVERSATION_S = 100.0
RATE = 48000
BPM, BARS = 124.0, 2


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """`antiphon serve`, running."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def quick_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same with a backend that needs half a second for a loop: for hosts, whose conversation is what counts.

    The built-in model's sounds go through the clients that speak for themselves (liblo, curl, node, Pure Data, …).
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TONE_STEP_S", "0.12")
        with running_server(tmp_path_factory.mktemp("quick"), TONES) as running:
            yield running


@pytest.fixture(scope="session")
def loop(server: RunningServer) -> Loop:
    """Two bars at 124 bpm and 48 kHz, asked for over HTTP."""
    body = {"request_id": "files", "bpm": BPM, "bars": BARS, "key": "Dm", "steps": 2, "seed": 7, "rate": RATE}
    events = urllib.request.urlopen(f"{server.http_url}/api/events?client=files", timeout=CONVERSATION_S)
    asked = urllib.request.Request(
        f"{server.http_url}/api/generate",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-Antiphon-Client": "files"},
    )
    with events, urllib.request.urlopen(asked) as answer:
        # Over HTTP the answer is the acknowledgement; the rest comes as events.
        assert answer.status == 202
        acknowledged = Heard("/ack", ("files", json.load(answer)["job_id"]))
        messages = [acknowledged, *_until_over(events, "files")]
        return delivered(messages, "files", bpm=BPM, beats=4 * BARS, rate=RATE)


def event_heard(line: str) -> Heard | None:
    """A server-sent event's data line as a message; None of other lines and events of nobody's request."""
    if not line.startswith("data: "):
        return None
    data: dict[str, Any] = json.loads(line.removeprefix("data: "))
    if "request_id" not in data:
        return None
    values: list[object] = []
    for value in list(data.values())[1:]:
        values.extend(value if isinstance(value, list) else [value])
    return heard([["/" + data["type"], *values]])[0]


def _until_over(lines: Any, request_id: str) -> Iterator[Heard]:
    for line in lines:
        message = event_heard(line.decode().strip())
        if message is not None and message.values[0] == request_id:
            yield message
            if message.address in ("/done", "/error", "/cancelled"):
                return


@pytest.fixture
def converse(tmp_path: Path) -> Callable[..., str]:
    """Run a program to its end in an empty folder and home; what it printed, on both streams. Fails with that.

    With `may_crash` the exit status does not count.
    """

    def run(command: Sequence[str | Path], may_crash: bool = False, **environ: str) -> str:
        path = shutil.which(command[0])
        assert path is not None, command[0]
        surroundings = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"} | environ
        try:
            done = subprocess.run(
                [path, *map(str, command[1:])], cwd=tmp_path, env=surroundings, timeout=CONVERSATION_S,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            pytest.fail(f"{command[0]} did not end within {CONVERSATION_S:.0f} s; it said:\n{said}", pytrace=False)
        assert may_crash or done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    return run
