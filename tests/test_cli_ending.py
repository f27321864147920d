"""Ctrl+C, once, twice, three times, in a program of its own: what is worth having is not lost to impatience."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.conftest import PYTHON_PATH

PROGRAM = """
import asyncio, time
from antiphon.cli.ending import Ending

async def work():
    print("begun", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("tidied", flush=True)

with Ending("one moment") as ending:
    ended = asyncio.run(ending.until_ended(work()))
    print("ended" if ended else "done", flush=True)
    time.sleep(2)
    print("report", flush=True)
"""


@pytest.mark.parametrize(("presses", "report"), [(1, True), (2, True), (3, False)])
def test_the_report_is_written_unless_it_is_given_up(presses: int, report: bool) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert [process.stdout.readline() for _ in range(2)] == ["tidied\n", "ended\n"]
        if presses > 1:
            process.send_signal(signal.SIGINT)
            assert [process.stderr.readline() for _ in range(2)] == ["\n", "one moment\n"]
        if presses > 2:
            process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert ("report" in out, process.returncode == 0, "KeyboardInterrupt" in errors) == (report, report, not report)
