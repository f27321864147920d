"""What the control process and the player say to each other: one JSON object per line, over the player's pipes.

Times (`_s`) are those of `time.monotonic`, which all processes of a machine share.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

#: Longest line that either side takes.
MAX_LINE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Setup:
    """First message to a player; see the settings `[play]`. `channel` counts from 1."""

    device: str
    channel: int
    latency_ms: float
    gain_db: float
    change: str


@dataclass(frozen=True, slots=True)
class Play:
    """Play this candidate from its next boundary on. `stems` are pairs of stem and path.

    `began_s`: where another player had been playing it, when its first frame was heard, to go on in time; else None.
    """

    candidate_id: str
    bpm: float
    bars: int
    meter: str
    stems: list[list[str]]
    began_s: float | None = None


@dataclass(frozen=True, slots=True)
class Hush:
    """Play nothing."""


@dataclass(frozen=True, slots=True)
class Mix:
    """The factor of each stem's samples; 0 for a muted one."""

    factors: dict[str, float]


@dataclass(frozen=True, slots=True)
class Follow:
    """The session's tempo."""

    bpm: float


@dataclass(frozen=True, slots=True)
class Transport:
    """The host started or stopped at `at_s`, standing at `beats` quarter notes."""

    playing: bool
    beats: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """How the player stands; said when it changes and twice a second.

    `state`: `no_device`, `silent` (nothing is wanted), `waiting` (the host stands still), `loading` or `playing`.
    `candidate_id` is what can be heard, `coming_id` what will be. `began_s`: when the first frame of what is played
    was heard. `bpm` and `tempo` (`own`, `speed`, `stretch`): at which tempo it is played, and how that is reached.
    `load`: the share of the time for a block that mixing takes.
    """

    state: str
    candidate_id: str = ""
    coming_id: str = ""
    device: str = ""
    message: str = ""
    sample_rate: int = 0
    latency_ms: float = 0.0
    bpm: float = 0.0
    tempo: str = ""
    began_s: float | None = None
    underruns: int = 0
    lost_frames: int = 0
    load: float = 0.0


Order = Setup | Play | Hush | Mix | Follow | Transport
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Setup, Play, Hush, Mix, Follow, Transport, Report)}


def encode(message: Order | Report) -> bytes:
    """One line, with its end."""
    return json.dumps({"is": type(message).__name__, **dataclasses.asdict(message)}).encode() + b"\n"


def decode(line: bytes) -> Order | Report:
    """The inverse of `encode`. Raises ValueError for anything else."""
    try:
        data = json.loads(line)
        message: Order | Report = _KINDS[data.pop("is")](**data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message of ours: {line[:80]!r}") from error
    return message
