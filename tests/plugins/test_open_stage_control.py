"""The Open Stage Control session and its module, in node above a stand-in for the documented functions."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from tests.conftest import REPOSITORY

PLUGIN = REPOSITORY / "plugins" / "open-stage-control"
STAND_IN = Path(__file__).parent / "node" / "open_stage_control.js"
WIDGETS = json.loads((PLUGIN / "antiphon.json").read_text())["content"]["widgets"]

pytestmark = pytest.mark.needs("node")


def run(*steps: dict[str, Any]) -> list[list[Any]]:
    """What was sent and shown; every message sent to the server is one that it takes."""
    done = subprocess.run(
        ["node", str(STAND_IN), str(PLUGIN / "antiphon.js")], input="\n".join(map(json.dumps, steps)), text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for kind, *words in rows:
        if kind == "sent":
            target, address, arguments = words
            assert target == "127.0.0.1:9110"
            command, path = find_command(address)
            decode_osc(command, path, [argument["value"] for argument in arguments], Bounds())
    return rows


def sent(rows: list[list[Any]]) -> list[str]:
    return [address.removeprefix("/antiphon/") for kind, _, address, *_ in rows if kind == "sent"]


def shown(rows: list[list[Any]], what: str) -> list[str]:
    return [row[2][0] for row in rows if row[0] == "shown" and row[1] == f"/shown/{what}"]


def pressed(widget: dict[str, Any]) -> dict[str, Any]:
    """What Open Stage Control hands to the module when a widget is used: its preArgs, then its value."""
    return {"press": widget["address"], "args": [*widget.get("preArgs", []), widget.get("on", 0.8)]}


def test_every_widget_sends_what_the_server_takes() -> None:
    active = [widget for widget in WIDGETS if widget["type"] in ("button", "fader")]
    rows = run({"hear": "/antiphon/current", "args": ["c8f2", 0, 3]}, *map(pressed, active))
    assert sent(rows) == [widget["address"].removeprefix("/antiphon/") for widget in active]
    assert len({widget["id"] for widget in WIDGETS}) == len(WIDGETS)


def test_each_request_has_an_id_of_its_own() -> None:
    generate = next(widget for widget in WIDGETS if widget["id"] == "generate")
    rows = run(pressed(generate), pressed(generate))
    first, second = ([argument["value"] for argument in row[3]] for row in rows)
    assert first[1:] == second[1:] == ["bars", 4]
    assert first[0] != second[0]


def test_errors_progress_and_the_current_candidate_are_shown() -> None:
    vary = next(widget for widget in WIDGETS if widget["id"] == "vary")
    rows = run(
        pressed(vary),
        {"hear": "/antiphon/progress", "args": ["r", 0.4, "sounding"]},
        {"hear": "/antiphon/error", "args": ["r", "limit", "the queue is full"]},
        {"hear": "/antiphon/current", "args": ["c8f2", 1, 3]},
    )
    assert shown(rows, "status") == [
        "nothing is being auditioned: press next first", "40 % sounding", "the queue is full",
    ]  # fmt: skip
    assert shown(rows, "candidate") == ["c8f2 (2 of 3)"]
    listening = {widget["address"] for widget in WIDGETS if widget["type"] == "text"}
    assert {row[1] for row in rows if row[0] == "shown"} <= listening


def test_a_lost_server_is_said_once_and_found_again() -> None:
    rows = run(
        {"init": True}, {"hear": "/antiphon/subscribed", "args": [0, 0.0]}, {"wait_ms": 30000},
        {"hear": "/antiphon/welcome", "args": []}, {"wait_ms": 4000}, {"unload": True}, {"wait_ms": 9000},
    )  # fmt: skip
    assert [text.split(":")[0] for text in shown(rows, "status")] == ["no server answers", "connected"]
    names = sent(rows)
    assert names[:3] == ["hello", "subscribe", "refresh"]
    assert names.count("subscribe") > 1
    assert 10 <= names.count("hello") <= 13
