"""The Max abstraction: its patchers parsed and their cords followed, its script run in node above a stand-in for js."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from tests.conftest import REPOSITORY

PLUGIN = REPOSITORY / "plugins" / "max"
STAND_IN = Path(__file__).parent / "node" / "max.js"
SETUP = {"message": ["setup", "127.0.0.1", 9010, 9022]}
WELCOME = {"message": ["/antiphon/welcome", "h", "0.1.0", 1, "Antiphon"], "inlet": 1}


@pytest.mark.parametrize("name", ["antiphon.maxpat", "antiphon.maxhelp"])
def test_every_cord_leads_from_an_outlet_to_an_inlet(name: str) -> None:
    patcher = json.loads((PLUGIN / name).read_text())["patcher"]
    boxes = {each["box"]["id"]: each["box"] for each in patcher["boxes"]}
    assert len(boxes) == len(patcher["boxes"])
    for each in patcher["lines"]:
        (source, outlet), (destination, inlet) = each["patchline"]["source"], each["patchline"]["destination"]
        assert 0 <= outlet < boxes[source]["numoutlets"], each
        assert 0 <= inlet < boxes[destination]["numinlets"], each
    for box in boxes.values():
        assert len(box.get("outlettype", ())) == box["numoutlets"]
        assert ("text" in box) == (box["maxclass"] in ("newobj", "message", "comment")), box


def run(*steps: dict[str, Any]) -> dict[int | str, list[list[Any]]]:
    """What came out of each outlet (and of Max's console); all that goes to the server is what it takes."""
    done = subprocess.run(
        ["node", str(STAND_IN), str(PLUGIN / "antiphon.js")], input="\n".join(map(json.dumps, steps)), text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    out: dict[int | str, list[list[Any]]] = {0: [], 1: [], 2: [], 3: [], 4: [], "console": []}
    for kind, *rest in map(json.loads, done.stdout.splitlines()):
        out[rest[0] if kind == "outlet" else "console"].append(rest[1] if kind == "outlet" else rest)
    for address, *words in out[0]:
        if address.startswith("/"):
            command, path = find_command(address)
            decode_osc(command, path, words, Bounds())
    return out


def sent(out: dict[int | str, list[list[Any]]], command: str) -> list[list[Any]]:
    return [words for address, *words in out[0] if address == f"/antiphon/{command}"]


@pytest.mark.needs("node")
def test_messages_become_requests_with_ids_of_their_own() -> None:
    out = run(
        SETUP, WELCOME, {"message": ["generate", "bpm", 124, "key", "Am"]}, {"message": ["generate", "bpm", 124]},
        {"message": ["/antiphon/done", "r", "c8f2"], "inlet": 1}, {"message": ["rate", 0.8]},
        {"message": ["vary", "amount", 0.3]}, {"message": ["next"]}, {"message": ["tempo", 124.5]},
        {"message": ["playing", "c8f2"]}, {"message": ["describe", "c8f2"]}, {"free": True},
    )  # fmt: skip
    assert out[4] == [["port", 9022]]
    assert out[0][:2] == [["host", "127.0.0.1"], ["port", 9010]]
    first, second = sent(out, "generate")
    assert first[0] != second[0]
    assert first[1:] == ["bpm", 124, "key", "Am"]
    assert sent(out, "rate")[0][1:] == ["c8f2", 0.8]
    assert sent(out, "vary")[0][1:] == ["c8f2", "amount", 0.3]
    assert out[1] == [["done", "r", "c8f2"]]
    assert out[2] == []
    assert sent(out, "unsubscribe") == [[9022]]


@pytest.mark.needs("node")
def test_errors_come_out_and_stand_in_the_console() -> None:
    out = run(
        SETUP, WELCOME, {"message": ["rate", 0.8]}, {"message": ["zap", 3]},
        {"message": ["/antiphon/error", "r", "limit", "the queue is full"], "inlet": 1},
    )  # fmt: skip
    assert [row[1] for row in out[2]] == ["not_found", "invalid", "limit"]
    assert out[2][-1] == ["error", "limit", "the queue is full"]
    assert len(out["console"]) == 3


@pytest.mark.needs("node")
def test_a_lost_server_is_said_once_and_found_again() -> None:
    out = run(SETUP, WELCOME, {"wait_ms": 20000}, WELCOME, {"wait_ms": 3000})
    assert out[3] == [[1], [0], [1]]
    assert [row[1] for row in out[2]] == ["unreachable"]
    assert "antiphon serve" in out[2][0][2]
