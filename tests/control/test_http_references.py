"""Songs over HTTP and OSC with real sockets: brought, listed, taken away; what is no song, or too much, is refused."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from antiphon.control.server import ControlHandle, start_control
from antiphon.domain.reference import Wish
from antiphon.settings import Settings
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio, silent_wav

SONG = silent_wav(20000, 44100)
URL = "/api/references"


@pytest.fixture
async def small(studio: MemoryStudio, settings: Settings) -> AsyncIterator[ControlHandle]:
    """A server that takes two songs of a megabyte."""
    limits = replace(settings.limits, reference_mb=1, references=2)
    handle = await start_control(studio, replace(settings, limits=limits), VOCABULARY)
    yield handle
    await handle.close()


@pytest.fixture
async def http(small: ControlHandle) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{small.http_port}") as session:
        yield session


def form(content: bytes = SONG, name: str = "file", filename: str = "my song.wav") -> FormData:
    data = FormData()
    data.add_field(name, io.BytesIO(content), filename=filename)
    return data


async def bring(http: ClientSession, data: Any = None) -> tuple[int, Any]:
    async with http.post(URL, data=form() if data is None else data) as answer:
        return answer.status, await answer.json()


async def test_a_song_is_brought_listed_used_and_taken_away(
    http: ClientSession, tmp_path: Path, studio: MemoryStudio
) -> None:
    status, song = await bring(http)
    assert (status, song["name"], song["bytes"]) == (201, "my-song.wav", len(SONG))
    [path] = (tmp_path / "references").iterdir()
    assert path.read_bytes() == SONG
    async with http.get(URL) as answer:
        assert [each["id"] for each in (await answer.json())["references"]] == [song["id"]]
    body = {"reference": song["reference"], "licence": "my own", "strength": 0.25, "bpm": 100, "request_id": "r1"}
    async with http.post("/api/generate", json=body) as answer:
        assert answer.status == 202
    wish = next(iter(studio.jobs.values())).request.wish
    assert wish == Wish((song["reference"],), "my own", 0.25, ("key",))
    async with http.delete(f"{URL}/{song['id']}") as answer:
        assert answer.status == 204
    assert list((tmp_path / "references").iterdir()) == []
    async with http.delete(f"{URL}/{song['id']}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (form(b"plain words, no song"), 400, "no audio file"),
        (form(b""), 400, "empty"),
        (form(name="other"), 400, "part `file`"),
        (form(SONG + bytes(1 << 20)), 429, "reference_mb"),
        (b"RIFFnot a form", 400, "form"),
    ],
)
async def test_what_is_no_song_is_refused_and_leaves_nothing(
    http: ClientSession, tmp_path: Path, data: Any, status: int, words: str
) -> None:
    found, answer = await bring(http, data)
    assert (found, answer["error"]["message"].count(words) > 0) == (status, True), answer
    assert not (tmp_path / "references").exists() or list((tmp_path / "references").iterdir()) == []


async def test_a_stream_without_a_length_is_cut_off_at_the_limit(http: ClientSession, tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + SONG
        for _ in range(64):
            yield bytes(1 << 16)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with contextlib.suppress(OSError):  # the server may close while we still send
        async with http.post(URL, data=endless(), headers=headers) as answer:
            assert answer.status == 429
    assert list((tmp_path / "references").iterdir()) == []


async def test_malformed_forms_are_refused(http: ClientSession, tmp_path: Path) -> None:
    for headers, body in (
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"no boundary at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken header\r\n\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + SONG),
    ):
        async with http.post(URL, data=body, headers={"Content-Type": headers}) as answer:
            assert answer.status == 400, body[:40]
            assert "error" in await answer.json()
    assert not (tmp_path / "references").exists() or list((tmp_path / "references").iterdir()) == []


async def test_an_upload_that_breaks_off_leaves_nothing(small: ControlHandle, tmp_path: Path) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", small.http_port)
    head = b"POST /api/references HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + SONG
    writer.write(head + b"Content-Length: 900000\r\n\r\n" + part)
    async with asyncio.timeout(10):
        while not list((tmp_path / "references").glob(".*")):
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(bytes(1000))
        writer.close()
        while list((tmp_path / "references").iterdir()):
            await asyncio.sleep(0.01)
    await writer.wait_closed()


async def test_only_so_many_songs_are_kept(http: ClientSession) -> None:
    assert [(await bring(http))[0] for _ in range(3)] == [201, 201, 429]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"reference": "a.wav"}, "licence"),
        ({"reference": "a.wav", "licence": "  "}, "licence"),
        ({"strength": 0.5}, "goes with reference"),
        ({"licence": "mine"}, "goes with reference"),
        ({"reference": [], "licence": "mine"}, "too few"),
        ({"reference": [str(i) for i in range(9)], "licence": "mine"}, "1 to 8"),
        ({"reference": "a\n.wav", "licence": "mine"}, "control characters"),
        ({"reference": 5, "licence": "mine"}, "takes text"),
        ({"reference": "a.wav", "licence": "mine", "strength": 2}, "0 to 1"),
    ],
)
async def test_a_wish_that_is_wrong_is_told(http: ClientSession, body: dict[str, Any], words: str) -> None:
    async with http.post("/api/generate", json=body) as answer:
        assert answer.status == 400
        assert words in (await answer.json())["error"]["message"]


def test_over_osc_the_key_is_given_once_for_each_song(bounds: Bounds) -> None:
    row, path = find_command("/antiphon/generate")
    args = ["r1", "reference", "a.wav", "licence", "mine", "reference", "b.wav", "key", "Am"]
    command: Any = decode_osc(row, path, args, bounds)
    assert command.references == ("a.wav", "b.wav")
    wish = command.to_request(120.0, Settings()).wish
    assert wish == Wish(("a.wav", "b.wav"), "mine", 0.5, ("bpm",))
