"""The server as users start it: `antiphon serve`, a process of its own, on free ports and a fresh data folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.conftest import REPOSITORY

#: While no model of our own has been trained, another can stand in: INTEGRATION_MODEL=tests.tone_backend:load
MODEL = os.environ.get("INTEGRATION_MODEL", "builtin")
#: The backend for tests that are not about sound.
TONES = "tests.tone_backend:load"
#: These tests are about clients: a loop of two sampler steps may well need several takes to pass the quality gate.
QUALITY_RETRIES = 20


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where a running server is reached, and its data folder."""

    osc_port: int
    http_url: str
    data_dir: Path

    @property
    def http_port(self) -> int:
        return urlsplit(self.http_url).port or 0


@contextmanager
def running_server(folder: Path, model: str = MODEL, more: str = "") -> Iterator[RunningServer]:
    """Start a server in `folder`, wait until it serves requests, and end it by SIGTERM. Fails with what it said.

    `more` is TOML that follows the settings.
    """
    settings = {
        "osc_port": 0, "http_port": 0, "data_dir": f'"{folder / "data"}"', "model": f'"{model}"',
        "quality_retries": QUALITY_RETRIES,
    }  # fmt: skip
    config = folder / "antiphon.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    config.write_text(lines + more, encoding="utf-8")
    said = folder / "stderr.txt"
    # A bare environment, so that no variable of this shell sets the server up otherwise.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ANTIPHON_")}
    # The tree that these tests stand in, wherever the installed package lies.
    environ["PYTHONPATH"] = os.pathsep.join(map(str, (REPOSITORY / "server", REPOSITORY)))
    with said.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "antiphon", "serve", "--config", str(config)],
            stdout=subprocess.PIPE, stderr=errors, text=True, cwd=REPOSITORY, env=environ,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            ready = re.match(r"ready osc=127\.0\.0\.1:(\d+) http=(http://\S+) model=", line)
            assert ready is not None, f"{line}\n{said.read_text(encoding='utf-8')}"
            yield RunningServer(int(ready[1]), ready[2], folder / "data")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0, said.read_text(encoding="utf-8")
        finally:
            process.kill()
            process.communicate()
