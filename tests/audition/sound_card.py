"""A sound card that can be pulled out: a JACK server of a test's own on its dummy driver, and a recorder."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.audition.loops import Audio
from tests.conftest import REPOSITORY
from tests.jack import RATE_HZ, plugged

PERIOD_FRAMES = 1024
ENDS_S = 20.0


class SoundCard:
    """Programs that are started with `environ` find it."""

    def __init__(self) -> None:
        self.name = f"antiphon-card-{os.getpid()}"
        self.environ = {
            **os.environ, "JACK_DEFAULT_SERVER": self.name, "JACK_NO_START_SERVER": "1",
            "PYTHONPATH": os.pathsep.join(map(str, (REPOSITORY / "server", REPOSITORY))),
        }  # fmt: skip
        self._server: subprocess.Popen[bytes] | None = None

    def plug(self) -> None:
        """Put it in, and wait until it is there."""
        self._server = plugged(self.name, PERIOD_FRAMES)

    def pull(self) -> None:
        """Pull it out, as suddenly as a plug is pulled."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None

    def close(self) -> None:
        """Put it away; nothing of it stays."""
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                self.pull()


@dataclass(frozen=True)
class Recording:
    """`audio` (frames, 2) without gaps or with them: `frames_of_blocks` on JACK's clock, `times_s` of `time.monotonic`
    when each block was asked for."""

    audio: Audio
    frames_of_blocks: np.ndarray[Any, np.dtype[np.float64]]
    times_s: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def whole(self) -> bool:
        """Whether no frame of JACK's clock is missing."""
        return bool((np.diff(self.frames_of_blocks) == PERIOD_FRAMES).all())

    def time_of(self, frame: int) -> float:
        """When a frame was asked for; the least late of the blocks says."""
        lateness = self.times_s - np.arange(len(self.times_s)) * PERIOD_FRAMES / RATE_HZ
        return float(lateness.min() + frame / RATE_HZ)


class Recorder:
    """Records what `source` sends to the card, from now until `stop`."""

    def __init__(self, card: SoundCard, source: str, file: Path) -> None:
        self._file = file
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.audition.recorder", source, str(file)], cwd=REPOSITORY, env=card.environ,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"recording\n"

    def stop(self) -> Recording:
        self._process.communicate(b"stop\n", timeout=60)
        with np.load(self._file) as found:
            return Recording(found["audio"], found["blocks"][:, 0], found["blocks"][:, 1])
