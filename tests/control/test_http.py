"""The HTTP surface with a real client: commands, reading, events, pages and their errors."""

from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType
from openapi_spec_validator import OpenAPIV31SpecValidator

from antiphon.control import http_surface
from antiphon.control.commands import COMMANDS
from antiphon.control.server import ControlHandle
from tests.control.clients import UdpClient
from tests.control.memory_studio import MemoryStudio


@pytest.fixture
async def http(control: ControlHandle) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{control.http_port}", headers={"X-Antiphon-Client": "web"}) as session:
        yield session


async def post(http: ClientSession, path: str, body: Any = None) -> tuple[int, Any]:
    async with http.post(path, json=body) as answer:
        return answer.status, await answer.json() if answer.status != 204 else None


async def get(http: ClientSession, path: str) -> tuple[int, Any]:
    async with http.get(path) as answer:
        return answer.status, await answer.json()


async def sse(http: ClientSession, path: str, last: str) -> list[dict[str, Any]]:
    """Events from after the state up to the first of type `last`."""
    events: list[dict[str, Any]] = []
    async with asyncio.timeout(5), http.get(path) as stream:
        assert stream.content_type == "text/event-stream"
        async for line in stream.content:
            if line.startswith(b"data: "):
                events.append(json.loads(line[6:]))
                if events[-1]["type"] == last:
                    return events
    raise AssertionError("the stream ended")


async def test_generate_and_read_back(http: ClientSession, studio: MemoryStudio) -> None:
    body = {"request_id": "r1", "bpm": 93, "bars": 4, "key": "Am", "stems": ["drums", "bass"], "chords": ["Am", "F"]}
    assert await post(http, "/api/generate", body) == (202, {"request_id": "r1", "job_id": "j1"})
    status, candidate = await get(http, "/api/candidates/c1")
    assert status == 200
    assert (candidate["bpm"], [stem["stem"] for stem in candidate["stems"]]) == (93.0, ["drums", "bass"])
    async with http.get(candidate["mix"]["url"]) as file:
        assert (file.status, file.content_type) == (200, "audio/wav")
        assert (await file.read())[:4] == b"RIFF"
    assert (await get(http, "/api/candidates?limit=1"))[1]["candidates"][0] == candidate
    assert (await get(http, "/api/jobs/j1"))[1]["state"] == "done"
    assert (await get(http, "/api/status"))[1]["queue"] == 0
    assert studio.jobs["web@localhost", "r1"].request.chords is not None


async def test_an_id_is_made_where_none_is_given_and_a_repeat_does_nothing_twice(
    http: ClientSession, studio: MemoryStudio
) -> None:
    _, first = await post(http, "/api/generate", {})
    _, second = await post(http, "/api/generate", {})
    assert first["request_id"] != second["request_id"]
    for _ in range(2):
        assert (await post(http, "/api/generate", {"request_id": 5}))[1]["request_id"] == 5
    assert studio.work_done == 3
    status, answer = await post(http, "/api/generate", {"request_id": 5, "bpm": 99})
    assert (status, answer["error"]["code"], answer["error"]["request_id"]) == (409, "conflict", 5)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/generate", {"bmp": 93}, 400, "unknown_key"),
        ("/api/generate", {"bpm": 0}, 400, "out_of_range"),
        ("/api/generate", {"bars": 10**6}, 429, "limit"),
        ("/api/generate", {"bpm": "93"}, 400, "wrong_type"),
        ("/api/generate", {"bpm": None}, 400, "wrong_type"),
        ("/api/generate", {"bpm": True}, 400, "wrong_type"),
        ("/api/generate", {"stems": [1]}, 400, "wrong_type"),
        ("/api/generate", {"prompt": {"a": 1}}, 400, "wrong_type"),
        ("/api/generate", [1], 400, "invalid"),
        ("/api/cancel", {}, 400, "invalid"),
        ("/api/cancel", {"request_id": "x"}, 404, "not_found"),
        ("/api/rate", {"candidate_id": "c9", "value": 1}, 404, "not_found"),
        ("/api/rate", {"candidate_id": "c9"}, 400, "invalid"),
        ("/api/candidate/c9/rate", {"candidate_id": "c8", "value": 1}, 400, "invalid"),
        ("/api/candidate/a.b/rate", {"value": 1}, 400, "out_of_range"),
        ("/api/hello", {}, 404, "unknown_address"),
        ("/api/nothing", {}, 404, "unknown_address"),
        ("/nothing", {}, 404, "unknown_address"),
        ("/api/status/x", {}, 404, "unknown_address"),
        ("/api/candidates", {}, 405, "method"),
    ],
)
async def test_errors_are_json_with_the_right_status(
    http: ClientSession, path: str, body: Any, status: int, code: str
) -> None:
    got, answer = await post(http, path, body)
    assert (got, answer["error"]["code"]) == (status, code)
    assert answer["error"]["message"]
    assert answer["error"]["request_id"]


async def test_a_training_is_taken_once_and_its_version_is_listed(http: ClientSession) -> None:
    first, again = [await post(http, "/api/train", {"request_id": "t1", "steps": 40}) for _ in range(2)]
    assert first == again
    assert first[1]["job_id"]
    status, answer = await post(http, "/api/model/list", {})
    assert status == 200
    assert any("+" in model["version"] for model in answer["models"])
    status, answer = await post(http, "/api/train", {"steps": 0})
    assert (status, answer["error"]["code"]) == (400, "out_of_range")


async def test_bodies_that_are_not_json(http: ClientSession) -> None:
    headers = {"Content-Type": "application/json"}
    for data in (b"{", b"\xff\xfe", b"[" * 100_000, b'{"bpm": NaN}', b"null"):
        async with http.post("/api/generate", data=data, headers=headers) as answer:
            assert answer.status == 400, data[:20]
            assert (await answer.json())["error"]["code"] in ("invalid", "out_of_range")
    async with http.post("/api/generate", data=b'{"bpm": 93}', headers={"Content-Type": "text/plain"}) as answer:
        assert answer.status == 400
    async with http.post("/api/generate", data=io.BytesIO(b" " * (2 << 20)), headers=headers) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (413, "limit")


async def test_bad_queries(http: ClientSession) -> None:
    for limit in ("0", "501", "x", "-1", "9" * 5000, "²"):
        status, answer = await get(http, f"/api/candidates?limit={limit}")
        assert status == 400, limit
        assert answer["error"]["code"] in ("wrong_type", "out_of_range")
    for path in ("/api/candidates/nope", "/api/jobs/nope", "/api/jobs/%00", "/api/candidates/..%2f"):
        assert (await get(http, path))[0] == 404


async def test_the_other_commands(http: ClientSession, studio: MemoryStudio) -> None:
    await post(http, "/api/generate", {"count": 2})
    assert (await post(http, "/api/rate", {"rating_id": "v", "candidate_id": "c1", "value": 0.8}))[1]["value"] == 0.8
    assert (await post(http, "/api/prefer", {"winner_id": "c1", "loser_id": "c2"}))[0] == 200
    assert await post(http, "/api/playing", {"candidate_id": "c2"}) == (204, None)
    assert await post(http, "/api/current/rate", {"value": 0.3}) == (204, None)
    assert await post(http, "/api/stopped", {"candidate_id": "c2"}) == (204, None)
    assert (await post(http, "/api/audition/previous"))[1] == {"candidate_id": "c1", "index": 0, "count": 2}
    assert len((await post(http, "/api/model/list"))[1]["models"]) == 2
    assert (await post(http, "/api/model/use", {"version": "tuned-2"}))[1]["state"] == "active"
    assert (await post(http, "/api/model/rollback"))[1]["version"] == "builtin-1"
    assert await post(http, "/api/tempo", {"bpm": 90}) == (204, None)
    assert studio.tempo_bpm == 90
    assert (await post(http, "/api/status"))[1]["status"]["queue"] == 0
    await asyncio.sleep(0.5)
    assert [value for _, value, _, _ in studio.ratings.values()] == [0.8, 0.3]


async def test_server_sent_events(control: ControlHandle, http: ClientSession, studio: MemoryStudio) -> None:
    mine = asyncio.create_task(sse(http, "/api/events?client=web", "done"))
    other = asyncio.create_task(sse(http, "/api/events?client=other", "mix"))
    await until_streams(control, 2)
    await post(http, "/api/generate", {"request_id": "r1"})
    types = [event["type"] for event in await mine]
    assert types[:5] == ["update", "tempo", "model", "model", "current"]
    assert types[-1] == "done"
    assert types.count("stem") == 4
    assert {"progress", "job", "mix"} <= set(types)
    assert not {"progress", "done"} & {event["type"] for event in await other}


async def until_streams(control: ControlHandle, count: int) -> None:
    async with asyncio.timeout(5):
        while len(control._http.streams._mailboxes) != count:
            await asyncio.sleep(0.01)


async def test_how_a_prompt_was_read_is_in_the_stream_and_in_the_job(
    control: ControlHandle, http: ClientSession
) -> None:
    stream = asyncio.create_task(sse(http, "/api/events?client=web", "done"))
    await until_streams(control, 1)
    body = {"request_id": "r1", "prompt": "langsamer Dub ohne Schlagzeug, blubb"}
    assert (await post(http, "/api/generate", body))[0] == 202
    (told,) = [event for event in await stream if event["type"] == "understood"]
    assert told["request_id"] == "r1"
    assert told["reading"]["style"] == "dub"
    assert told["reading"]["stems"] == ["bass", "chords", "lead"]
    assert told["reading"]["ignored"] == ["blubb"]
    assert (await get(http, "/api/jobs/j1"))[1]["reading"] == told["reading"]
    await post(http, "/api/generate", {"request_id": "r2"})
    assert "reading" not in (await get(http, "/api/jobs/j2"))[1]


async def test_websocket(control: ControlHandle, http: ClientSession) -> None:
    async with http.ws_connect("/api/ws?client=web") as socket, asyncio.timeout(10):
        await socket.send_json({"command": "generate", "request_id": "r1", "bpm": 93})
        seen = []
        while not seen or seen[-1]["type"] != "done":
            seen.append(await socket.receive_json())
        assert seen[-1] == {"type": "done", "request_id": "r1", "candidate_ids": ["c1"]}
        assert {"update", "ack", "stem", "mix"} <= {each["type"] for each in seen}
        for bad, code in (
            ("{", "invalid"),
            ("[]", "invalid"),
            ('{"command": "nope"}', "unknown_address"),
            ('{"command": "tempo", "bpm": 0}', "out_of_range"),
        ):
            await socket.send_str(bad)
            while (answer := await socket.receive_json())["type"] != "error":
                pass
            assert answer["code"] == code
        await socket.send_str("x" * 100_000)
        while (frame := await socket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED):
            assert frame.type is not WSMsgType.ERROR
    await until_streams(control, 0)


async def test_a_stream_that_is_not_read_is_ended(control: ControlHandle, studio: MemoryStudio) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", control.http_port, limit=1024)
    writer.write(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until_streams(control, 1)
    async with asyncio.timeout(20):
        while control._http.streams._mailboxes:
            for _ in range(500):
                studio._emit_noise(20_000)
            await asyncio.sleep(0)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def test_an_osc_client_and_a_page_of_one_name_are_one_client(
    control: ControlHandle, http: ClientSession, studio: MemoryStudio
) -> None:
    studio.manual = True
    await post(http, "/api/generate", {"request_id": "r1"})
    with UdpClient(control.osc_port) as client:
        await client.ask("/hello", "h", "web")
        assert await client.ask("/cancel", "r1") == ("/cancelled", ("r1",))


async def test_a_bug_below_is_an_error_and_not_its_insides(
    http: ClientSession, studio: MemoryStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> dict[str, Any]:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(studio, "status", broken)
    status, answer = await get(http, "/api/status")
    assert (status, answer["error"]["code"]) == (500, "internal")
    assert "secret" not in json.dumps(answer)


async def test_openapi_is_valid_and_complete(http: ClientSession) -> None:
    _, document = await get(http, "/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    for row in COMMANDS.values():
        assert row.osc_only or "post" in document["paths"][row.http_path]
    schema = document["paths"]["/api/generate"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    keys = schema["properties"]
    assert keys["style"]["enum"] == ["house", "techno", "lofi"]
    assert (keys["bars"]["minimum"], keys["bars"]["maximum"]) == (1, 16)
    assert set(keys) == {"request_id", *(f.name for f in COMMANDS["generate"].keys)}


@pytest.mark.parametrize(("page", "script"), [("index.html", "app.js"), ("midi.html", "midi.js")])
def test_a_script_finds_what_it_looks_for_in_its_page(page: str, script: str) -> None:
    folder = Path(http_surface.__file__).with_name("pages")
    wanted = set(re.findall(r'\$\("#([\w-]+)"', (folder / script).read_text(encoding="utf-8")))
    there = set(re.findall(r' id="([\w-]+)"', (folder / page).read_text(encoding="utf-8")))
    assert wanted
    assert wanted <= there


async def test_pages_are_whole_and_need_nothing_from_elsewhere(http: ClientSession) -> None:
    for path, kind in (
        ("/", "text/html"),
        ("/docs", "text/html"),
        ("/static/style.css", "text/css"),
        ("/static/app.js", "text/javascript"),
        ("/static/player.js", "text/javascript"),
        ("/midi", "text/html"),
        ("/static/midi.js", "text/javascript"),
        ("/favicon.ico", "image/svg+xml"),
    ):
        async with http.get(path, headers={"Accept": "text/html,*/*;q=0.8"}) as answer:
            text = await answer.text()
            assert (answer.status, answer.content_type) == (200, kind)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
            assert not (kind == "text/html" and (" style=" in text or "<style" in text or " onclick" in text))
    async with http.get("/docs") as answer:
        page = await answer.text()
    for row in COMMANDS.values():
        assert row.osc_only or f"POST {row.http_path}" in page
