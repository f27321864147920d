"""The Bitwig script in node, above a stand-in for the controller API; what it sends, the server's decoder takes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from tests.conftest import REPOSITORY

SCRIPT = REPOSITORY / "plugins" / "bitwig" / "Antiphon.control.js"
STAND_IN = Path(__file__).parent / "node" / "bitwig.js"
TRACKS = ("Vocals", "Drums", "bass", "chords", "lead")
WELCOME = {"hear": "/antiphon/welcome", "args": ["h", "0.1.0", 1, "Antiphon"]}

pytestmark = pytest.mark.needs("node")


def run(*steps: dict[str, Any], tracks: tuple[str, ...] = TRACKS) -> list[list[Any]]:
    done = subprocess.run(
        ["node", str(STAND_IN), str(SCRIPT), json.dumps(tracks)], input="\n".join(map(json.dumps, steps)), text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for kind, *words in rows:
        if kind == "sent":
            target, address, arguments = words
            assert target == "127.0.0.1:9110"
            command, path = find_command(address)
            decode_osc(command, path, arguments, Bounds())
    return rows


def sent(rows: list[list[Any]], command: str) -> list[list[Any]]:
    return [row[3] for row in rows if row[0] == "sent" and row[2] == f"/antiphon/{command}"]


def shown(rows: list[list[Any]]) -> list[str]:
    return [row[1] for row in rows if row[0] == "shown"]


def made(candidate: str, *stems: str) -> list[dict[str, Any]]:
    files = [
        {"hear": "/antiphon/stem", "args": ["LAST", candidate, stem, f"/x/{stem}.wav", "u", 9, 44100]} for stem in stems
    ]
    done = {"hear": "/antiphon/done", "args": ["LAST", candidate]}
    return [{"hear": "/antiphon/ack", "args": ["LAST", "j1"]}, *files, done]


def test_a_loop_in_the_set_s_tempo_lands_in_one_scene() -> None:
    generate = {"click": "Generate"}
    rows = run(
        WELCOME, {"set": "Key", "value": "Am"}, generate, *made("c1", "drums", "lead"), generate, *made("c2", "drums")
    )
    assert sent(rows, "subscribe") == [[9021]]
    first, second = sent(rows, "generate")
    assert first[1:] == ["bpm", 120.5, "meter", "6/8", "bars", 4, "key", "Am"]
    assert first[0] != second[0]
    assert [row[1:] for row in rows if row[0] == "inserted"] == [
        ["Drums", 0, "/x/drums.wav"], ["lead", 0, "/x/lead.wav"], ["Drums", 1, "/x/drums.wav"],
    ]  # fmt: skip
    assert sent(rows, "playing") == [["c1"], ["c2"]]


def test_it_rates_varies_and_steps_back() -> None:
    rows = run(
        WELCOME, {"click": "Generate"}, *made("c1", "drums"), {"click": "Rate 4"},
        {"hear": "/antiphon/rated", "args": ["LAST", "c1", 0.8]}, {"click": "Vary"}, {"click": "Previous"},
        {"hear": "/antiphon/current", "args": ["c0", 0, 2]},
        {"hear": "/antiphon/candidate", "args": ["LAST", "c0", 93.5, 8.5, "4/4", "Am"]},
        {"hear": "/antiphon/stem", "args": ["LAST", "c0", "bass", "/x/b.wav", "u", 9, 44100]},
        {"hear": "/antiphon/mix", "args": ["LAST", "c0", "mix", "/x/m.wav", "u", 9, 44100]},
    )  # fmt: skip
    ((_, candidate, value, *_),) = sent(rows, "rate")
    assert (candidate, value) == ("c1", 0.8)
    assert "Antiphon: rated 4 of 5" in shown(rows)
    assert [arguments[1:] for arguments in sent(rows, "vary")] == [["c1", "amount", 0.3]]
    assert [arguments[1:] for arguments in sent(rows, "describe")] == [["c0"]]
    assert [row[1:] for row in rows if row[0] == "inserted"][-1] == ["bass", 0, "/x/b.wav"]


def test_errors_are_shown() -> None:
    rows = run(
        WELCOME, {"click": "Rate 3"}, {"click": "Vary"}, {"click": "Generate"},
        {"hear": "/antiphon/error", "args": ["LAST", "limit", "the queue is full"]},
        {"hear": "/antiphon/error", "args": ["somebody", "limit", "not for us"]},
    )  # fmt: skip
    told = " | ".join(shown(rows))
    assert "nothing to rate yet" in told
    assert "nothing to vary yet" in told
    assert "the queue is full" in told
    assert "not for us" not in told
    rows = run(WELCOME, {"click": "Generate"}, *made("c1", "drums", "bass"), tracks=("drums",))
    assert "name an audio track each for: bass" in shown(rows)[-1]
    assert [row[1] for row in rows if row[0] == "inserted"] == ["drums"], "the others are heard all the same"
    rows = run(WELCOME, {"click": "Generate"}, *made("c1", "drums", "bass"), tracks=("kick",))
    assert shown(rows)[-1].endswith("name an audio track each for: drums, bass")
    assert not [row for row in rows if row[0] == "inserted"]


def test_a_lost_server_is_said_once_and_found_again() -> None:
    rows = run(WELCOME, {"wait_ms": 20000}, WELCOME, {"wait_ms": 3000}, {"exit": True})
    assert [text.split(";")[0] for text in shown(rows)] == [
        "Antiphon: connected", "Antiphon: no server answers at 127.0.0.1:9110", "Antiphon: connected",
    ]  # fmt: skip
    assert len(sent(rows, "subscribe")) == 2
    assert sent(rows, "unsubscribe") == [[9021]]
