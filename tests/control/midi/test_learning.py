"""Learning: gestures by value, a map over HTTP from a running server, and the command line, through real ports."""

from __future__ import annotations

import asyncio
import threading
import time
import tomllib
from pathlib import Path

import pytest
from aiohttp import ClientSession
from typer.testing import CliRunner

from antiphon.cli import app
from antiphon.control.midi.learn import QUESTIONS, Question, control_for, map_name, source_of
from antiphon.control.midi.map_file import load_map, parse_map
from antiphon.control.midi.sources import Source
from antiphon.control.midi.wire import Received
from antiphon.domain.score import STEMS
from antiphon.errors import InvalidRequest
from tests.control.midi.conftest import Playing
from tests.jack import Controller, JackServer


def ccs(number: int, *values: int) -> list[Received]:
    return [Received("cc", 1, number, value) for value in values]


@pytest.mark.parametrize(
    ("gesture", "source"),
    [
        (ccs(7, *range(20, 60)), Source("cc", 1, 7)),
        (ccs(7, *range(1, 15)), Source("cc", 1, 7)),
        (ccs(7, 127, 0), Source("cc", 1, 7, "button")),
        (ccs(7, 1, 1, 1, 2, 1, 127, 127, 126, 127), Source("cc", 1, 7, "twos_complement")),
        (ccs(7, 65, 65, 66, 65, 63, 63, 62, 63), Source("cc", 1, 7, "binary_offset")),
        (ccs(7, 1, 1, 2, 1, 1, 65, 65, 66, 65), Source("cc", 1, 7, "sign_magnitude")),
        ([each for v in range(9) for each in (*ccs(16, v), *ccs(48, 9 * v))], Source("cc14", 1, 16)),
        ([*ccs(99, 1), *ccs(98, 5), *ccs(6, 3), *ccs(38, 4), *ccs(6, 5)], Source("nrpn", 1, 133)),
        ([Received("note", 10, 36, 100), Received("note", 10, 36, 0)], Source("note", 10, 36, "button")),
        ([Received("program", 1, 3, 127)], Source("program", 1, 3, "button")),
        ([Received("pitch", 1, 0, v) for v in (0, 900, 8000)], Source("pitch", 1, 0)),
        ([Received("clock", 0, 0, 0)], None),
        ([], None),
    ],
)
def test_a_gesture_tells_what_kind_of_control_it_was(gesture: list[Received], source: Source | None) -> None:
    assert source_of(gesture) == source


def test_every_question_makes_a_control_that_a_map_may_hold() -> None:
    knob, pad = Source("cc", 3, 7), Source("note", 3, 36, "button")
    for question in QUESTIONS:
        made = 0
        for source in (knob, pad):
            try:
                entry = control_for(question, source)
            except InvalidRequest:
                continue
            made += 1
            assert parse_map("x", {"title": "x", "controls": [entry]}, "x").controls[0].action.do == question.do
        assert made, question
        assert question.text
    with pytest.raises(InvalidRequest, match="takes a press"):
        control_for(Question("next"), Source("pitch", 1, 0))
    assert map_name("Arturia BeatStep:Arturia BeatStep MIDI 1 20:0") == "arturia_beatstep"


async def sweep(device: Controller, number: int) -> None:
    for value in range(0, 100, 3):
        device.cc(number, value)
        await asyncio.sleep(0.002)


@pytest.mark.needs("jackd", "jack_lsp")
@pytest.mark.integration
async def test_a_map_is_learnt_and_used_over_http(playing: Playing) -> None:
    device = Controller("BeatStep")
    playing.plugged.append(device)
    await playing.until(lambda: "BeatStep:MIDI 1" in playing.midi.status()["inputs"], "seeing the port")
    base = playing.control.base_url
    async with ClientSession() as http:
        async with http.post(f"{base}/api/midi/learn", json={"port": "Nothing"}) as answer:
            assert answer.status == 404
        async with http.post(f"{base}/api/midi/learn", json={"port": "BeatStep", "timeout_s": 0.2}) as answer:
            assert answer.status == 404
            assert "nothing was moved" in (await answer.json())["error"]["message"]
        async with http.post(f"{base}/api/midi/learn", json={"port": "BeatStep", "do": "level"}) as answer:
            assert answer.status == 400
            assert "questions" in (await answer.json())["error"]["message"]
        wish = {"port": "beatstep", "timeout_s": 20, "do": "level", "stem": "bass"}
        asked = asyncio.ensure_future(http.post(f"{base}/api/midi/learn", json=wish))
        while not asked.done():
            await sweep(device, 21)
            await asyncio.sleep(0.9)
        async with await asked as answer:
            learnt = await answer.json()
        assert learnt["source"] == {"kind": "cc", "channel": 1, "number": 21, "mode": "absolute"}
        for body, wanted in (({"name": "../x"}, "name must be"), ({"name": "x", "title": "x"}, "controls is missing")):
            async with http.post(f"{base}/api/midi/maps", json=body) as answer:
                assert answer.status == 400
                assert wanted in (await answer.json())["error"]["message"]
        controls = [learnt["control"]]
        body = {"name": "beatstep", "title": "BeatStep", "ports": ["BeatStep"], "controls": controls}
        async with http.post(f"{base}/api/midi/maps", json=body) as answer:
            assert await answer.json() == {"name": "beatstep", "title": "BeatStep", "controls": 1}
        await playing.until(lambda: playing.has("BeatStep"), "using the new map")
        for value in (127, 32):
            device.cc(21, value)
            await asyncio.sleep(0.4)
        bass = STEMS.index("bass")
        await playing.until(lambda: abs(playing.studio.stem_mix[bass].level - 32 / 127) < 1e-6, "turning a stem down")
        async with http.get(f"{base}/api/midi") as answer:
            found = await answer.json()
        assert [each["map"] for each in found["devices"]] == ["beatstep"]
        async with http.get(f"{base}/api/status") as answer:
            assert (await answer.json())["midi"]["system"] == "jack"


@pytest.mark.needs("jackd", "jack_lsp")
@pytest.mark.integration
def test_the_command_line_lists_monitors_and_learns(
    jack: JackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some of them: what each makes is tested above, and hands need a second for each.
    monkeypatch.setattr("antiphon.cli.midi.QUESTIONS", QUESTIONS[:5])
    device = Controller("My Box")
    config = tmp_path / "c.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n[midi]\napi = "jack"\n')
    ended = threading.Event()

    def play() -> None:
        while not ended.is_set():
            for value in (*range(0, 90, 3),):
                device.cc(33, value)
                time.sleep(0.002)
            ended.wait(0.9)

    hands = threading.Thread(target=play)
    hands.start()
    try:
        run = CliRunner().invoke
        listed = run(app, ["midi", "list", "--config", str(config)])
        assert "My Box:MIDI 1" in listed.output
        assert "none: antiphon midi learn" in listed.output
        watched = run(app, ["midi", "monitor", "--seconds", "2", "--config", str(config)])
        assert "CC 33 on channel 1: " in watched.output
        learnt = run(app, ["midi", "learn", "--port", "my box", "--wait", "1.5", "--config", str(config)])
        assert learnt.exit_code == 0, learnt.output
        assert "does rate already" in learnt.output
        refused = run(app, ["midi", "monitor", "--port", "other", "--config", str(config)])
        assert "there is no such port" in str(refused.exception)
    finally:
        ended.set()
        hands.join()
        device.unplug()
    made = load_map(tmp_path / "controllers" / "my_box.toml")
    assert made.ports == ("My Box",)
    assert made.controls[0].source == Source("cc", 1, 33)
    assert tomllib.loads((tmp_path / "controllers" / "my_box.toml").read_text())["controls"][0]["do"] == "rate"
