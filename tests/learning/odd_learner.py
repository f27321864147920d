"""The real learner with questions that tests need: an echo, one that kills it (once, or always), one that hangs."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from antiphon.errors import OutOfRange
from antiphon.learning import learner


def _echo(data: dict[str, Any]) -> dict[str, Any]:
    print("this line must not reach the pipe")
    return data


def _die(data: dict[str, Any]) -> dict[str, Any]:
    """Dies as long as the file `until` is not there, which it makes itself where `once` says so."""
    marker = Path(data["until"])
    if not marker.exists():
        if data.get("once"):
            marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"lived": True}


def _refuse(data: dict[str, Any]) -> dict[str, Any]:
    raise OutOfRange("there is nothing to learn from")


def _fail(data: dict[str, Any]) -> dict[str, Any]:
    return {"quotient": 1 / data["divisor"]}


def _infinite(data: dict[str, Any]) -> dict[str, Any]:
    return {"value": float("inf")}


def _think(data: dict[str, Any]) -> dict[str, Any]:
    time.sleep(data["seconds"])
    return {}


learner.QUESTIONS.update(echo=_echo, die=_die, refuse=_refuse, fail=_fail, infinite=_infinite, think=_think)

if __name__ == "__main__":
    learner.main()
