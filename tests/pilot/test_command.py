"""`antiphon pilot` as users run it: what it refuses, and a whole one with simulated raters on a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PYTHON_PATH
from tests.integration.server import TONES, RunningServer, running_server

NO_PERSON = "Simulated raters: no person was asked"


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "antiphon", "pilot", *arguments]


def environment(**environ: str) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", "PYTHONPATH": PYTHON_PATH, **environ}


def pilot(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=200, check=False, env=environment(**environ)
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("server"), TONES) as running:
        yield running


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "told"),
    [
        ((), {"ANTIPHON_HTTP_PORT": "1"}, 1, "antiphon serve"),
        ((), {"ANTIPHON_LEARNING_ENABLED": "false"}, 2, "learning.enabled is false"),
        ((), {"ANTIPHON_LEARNING_BASELINE_SHARE": "0"}, 2, "learning.baseline_share is 0"),
        (("--raters", "1", "--ratings-per-loop", "2"), {}, 2, "2 raters or more"),
        (("--per-generation", "1"), {}, 2, "--per-generation"),
    ],
)
def test_mistakes_are_told_before_anything_is_made(
    arguments: tuple[str, ...], environ: dict[str, str], code: int, told: str, tmp_path: Path
) -> None:
    answer = pilot("--simulated", "--out", str(tmp_path / "new"), *arguments, **environ)
    assert (answer.returncode, told in answer.stderr) == (code, True), answer.stderr
    assert "Traceback" not in answer.stderr
    assert not any(tmp_path.glob("new/*"))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("an earlier report")
    answer = pilot("--simulated", "--out", str(tmp_path))
    assert (answer.returncode, "not empty" in answer.stderr) == (1, True)


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_pilot_with_simulated_raters(server: RunningServer, tmp_path: Path) -> None:
    sizes = ("--generations", "1", "--per-generation", "4", "--bars", "1", "--bpm", "140")
    answer = pilot("--simulated", *sizes, "--url", server.http_url, "--out", str(tmp_path / "report"))
    assert answer.returncode == 0, answer.stderr
    assert NO_PERSON in answer.stdout
    assert re.search(r"^generation 0: first \d\.\d\d \(4 ratings\)$", answer.stdout, re.MULTILINE), answer.stdout
    assert re.search(r"^generation 1: .*\bnew \d\.\d\d \(3 ratings\)$", answer.stdout, re.MULTILINE), answer.stdout
    report = tmp_path / "report" / "report.html"
    assert str(report) in answer.stdout
    assert "simulated" in report.read_text(encoding="utf-8").lower()
    for name in ("ratings.csv", "shown.csv"):
        assert (tmp_path / "report" / name).read_text(encoding="utf-8").count("\n") >= 9
    # Who looks at the server's own ratings sees what they are, too. What it lists may lag behind on a busy machine.
    until_s = time.monotonic() + 60.0
    while len(ratings := _ratings(server)) < 8 and time.monotonic() < until_s:
        time.sleep(0.2)
    assert {each["rater"] for each in ratings} == {"simulated-1", "simulated-2"}
    assert all(re.fullmatch(r"pilot-\d{8}-\d{6}-simulated", each["context"]) for each in ratings)


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_pilot_with_people_ends_with_a_report_when_it_is_interrupted(server: RunningServer, tmp_path: Path) -> None:
    sizes = ("--generations", "1", "--per-generation", "4", "--bars", "1", "--bpm", "140")
    kiosk = ("--kiosk-host", "127.0.0.1", "--kiosk-port", "0")
    process = subprocess.Popen(
        command(*sizes, *kiosk, "--url", server.http_url, "--out", str(tmp_path / "report")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        said = ""
        while "4 loops are there" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        address = re.search(r"the kiosk: (http://\S+)", said)
        assert address is not None, said
        session = _post(address[1], "session", {})["session"]
        for value in (1, 4):
            told = _post(address[1], "next", {"session": session})
            _post(address[1], "rate", {"session": session, "candidate": told["candidate"], "value": value})
        # What was rated is on disk already: nothing that may happen to the pilot costs it.
        rows = (tmp_path / "report" / "ratings.csv").read_text(encoding="utf-8").splitlines()
        assert [row.split(",")[7] for row in rows] == ["rating_0_to_5", "1.0", "4.0"]
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()
    assert process.returncode == 0, errors
    assert "the report is being written" in errors
    assert "generation 0: first 2.50 (2 ratings)" in out
    assert "Simulated" not in out
    assert (tmp_path / "report" / "report.html").is_file()


def _ratings(server: RunningServer) -> list[dict[str, str]]:
    with urllib.request.urlopen(f"{server.http_url}/api/ratings") as told:
        ratings: list[dict[str, str]] = json.load(told)["ratings"]
    return ratings


def _post(address: str, path: str, body: dict[str, object]) -> dict[str, str]:
    asked = urllib.request.Request(f"{address}/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        told: dict[str, str] = json.load(answer)
    return told
