"""What the control process and the learner say to each other: one JSON object per line, over the learner's pipes.

A question has a kind (see `learner.QUESTIONS`) and JSON-compatible data; it gets one answer or one refusal.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

#: Longest line that either side takes: all ratings of an installation's season, some hundred bytes each.
MAX_LINE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Question:
    """Work for the learner. `number` is the control process's own, and comes back with the answer."""

    number: int
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    number: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The question could not be answered; `message` says why, in words for the log and the status."""

    number: int
    message: str


@dataclass(frozen=True, slots=True)
class Alive:
    """Sent every second by a thread of its own, also while a question is thought over."""


News = Answer | Refusal | Alive
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Question, Answer, Refusal, Alive)}


def encode(message: Question | News) -> bytes:
    """One line, with its end. Raises ValueError for numbers that are not finite, which JSON does not have."""
    return json.dumps({"is": type(message).__name__, **dataclasses.asdict(message)}, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> Question | News:
    """The inverse of `encode`. Raises ValueError for anything else."""
    try:
        data = json.loads(line)
        message: Question | News = _KINDS[data.pop("is")](**data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a message of ours: {line[:80]!r}") from error
    return message
