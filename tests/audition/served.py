"""`antiphon serve --play` as its users have it: asked and stepped over HTTP, heard through a sound card."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.audition.loops import Audio
from tests.integration.server import TONES, RunningServer, running_server

PATIENCE_S = 120.0
#: Each loop keeps its own tempo, so that what is heard can be held against its files.
SETTINGS = "[play]\nenabled = true\nfollow = false\n"


class Served:
    """A running server that plays, and the loops that were asked of it."""

    def __init__(self, server: RunningServer) -> None:
        self._url = server.http_url
        self.loops: dict[str, Audio] = {}
        #: How many frames a bar of each loop has.
        self.bar_frames: dict[str, float] = {}

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self._url + path, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def post(self, command: str, **body: object) -> None:
        asked = urllib.request.Request(
            f"{self._url}/api/{command}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(asked, timeout=PATIENCE_S).close()

    @property
    def player(self) -> dict[str, Any]:
        """What the status says of the player."""
        told: dict[str, Any] = self.get("/api/status")["player"]
        return told

    def until(self, met: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The first status of the player that meets a condition. Raises TimeoutError."""
        until_s = time.monotonic() + PATIENCE_S
        while not met(player := self.player):
            if time.monotonic() > until_s:
                raise TimeoutError(f"the player did not do what was waited for: {player}")
            time.sleep(0.02)
        return player

    def make(self, asked: Sequence[Mapping[str, object]], rate_hz: int) -> None:
        """Have loops made, and read them: `loops` by their ids, the order in which they will be stepped through."""
        for number, request in enumerate(asked):
            self.post("generate", request_id=f"loop-{number}", rate=rate_hz, **request)
        until_s = time.monotonic() + PATIENCE_S
        while len(made := self.get("/api/candidates")["candidates"]) < len(asked):
            if time.monotonic() > until_s:
                raise TimeoutError(f"of {len(asked)} loops only {len(made)} were made")
            time.sleep(0.05)
        for candidate in reversed(made):
            name = candidate["candidate_id"]
            self.loops[name] = self.mixed(candidate, {})
            self.bar_frames[name] = len(self.loops[name]) / candidate["bars"]

    def mixed(self, candidate: dict[str, Any], factors: Mapping[str, float]) -> Audio:
        """The sum of a candidate's stems at these levels."""
        stems = [
            factors.get(f["stem"], 1.0) * soundfile.read(f["path"], dtype="float32")[0] for f in candidate["stems"]
        ]
        return np.asarray(sum(stems), dtype=np.float32)

    def begin(self) -> None:
        """Go to the first loop, and wait until it is heard."""
        first = next(iter(self.loops))
        self.post("playing", candidate_id=first)
        self.until(lambda player: player["coming_id"] == first and heard(player))

    def step(self, way: str = "next") -> str:
        """Go on to the next candidate, or to the `previous` one, and wait until it is heard; its id."""
        before = self.player["coming_id"]
        self.post(f"audition/{way}")
        return str(self.until(lambda player: player["coming_id"] not in ("", before) and heard(player))["candidate_id"])


def heard(player: Mapping[str, Any]) -> bool:
    """Whether what was chosen is what is heard."""
    return bool(player["candidate_id"] == player["coming_id"] != "")


@contextmanager
def served(folder: Path, model: str = TONES) -> Iterator[Served]:
    """A server of its own with a player. JACK is found by the environment, as `SoundCard.environ` has it."""
    with running_server(folder, model, SETTINGS) as server:
        yield Served(server)
