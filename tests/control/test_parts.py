"""The key `part` over OSC and HTTP with real sockets: said, uploaded, told, and refused."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, FormData

from antiphon.control.decode import decode_osc, find_command
from antiphon.control.events import post_for
from antiphon.control.fields import Bounds
from antiphon.control.http_json import job_json
from antiphon.control.server import ControlHandle
from antiphon.domain.event import PartsRead
from antiphon.domain.given import DECIDES, MOST_MIDI_BYTES, BroughtParts, GivenPart, PartWish, brought_to_json
from antiphon.domain.job import Job
from antiphon.domain.reading import PromptReading
from antiphon.domain.score import Note
from antiphon.settings import Settings
from tests.control.memory_studio import MemoryStudio
from tests.midi_files import beat, midi, track

DRUMS = midi(track(beat((0, 7)), "drums", 9))


@pytest.fixture
async def http(control: ControlHandle) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{control.http_port}") as session:
        yield session


def decoded(bounds: Bounds, *args: object) -> Any:
    row, _ = find_command("/antiphon/generate")
    return decode_osc(row, {}, ["r1", *args], bounds)


def test_over_osc_the_key_is_given_once_for_each_file(bounds: Bounds) -> None:
    command = decoded(
        bounds, "part", "drums:beat.mid", "bars", 2, "part", "Bass=upload:0123456789ab", "part", "a b.mid"
    )
    assert command.parts == (("drums", "beat.mid"), ("bass", "upload:0123456789ab"), ("", "a b.mid"))
    request = command.to_request(120.0, Settings())
    assert request.part_wish == PartWish(command.parts, ("bpm", "meter", "key", "chords"))


@pytest.mark.parametrize(
    ("args", "open"),
    [
        ((), DECIDES),
        (("bpm", 93, "meter", "3/4", "key", "Am"), ("bars", "chords")),
        (("chords", "Am F"), ("bpm", "meter", "bars")),
        (("key", "Am", "chords", "Am F", "bpm", 93), ("meter", "bars")),
    ],
)
def test_what_the_keys_say_is_not_open(bounds: Bounds, args: tuple[object, ...], open: tuple[str, ...]) -> None:
    wish = decoded(bounds, "part", "a.mid", "licence", "mine", *args).to_request(120.0, Settings()).part_wish
    assert wish == PartWish((("", "a.mid"),), open, "mine")


def test_nor_what_the_prompt_says(bounds: Bounds) -> None:
    read = PromptReading(tempo_bpm=(90.0, 100.0), bars=8)
    assert decoded(bounds, "part", "a.mid").to_request(120.0, Settings(), read).part_wish.open == (
        "meter",
        "key",
        "chords",
    )


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["drum:beat.mid"], "did you mean 'drums'"),
        (["drums:"], "no file"),
        (["drums"], "no file"),
        ([""], "no file"),
        (["drums:a.mid", "drums:b.mid"], "drums is given twice"),
        ([f"{n}.mid" for n in range(7)], "1 to 6"),
        ([7], "takes text"),
        (["a\n.mid"], "control characters"),
    ],
)
async def test_what_is_wrong_is_told(http: ClientSession, parts: list[Any], words: str) -> None:
    async with http.post("/api/generate", json={"part": parts}) as answer:
        assert answer.status == 400
        assert words in (await answer.json())["error"]["message"]


async def bring(http: ClientSession, content: bytes) -> tuple[int, Any]:
    form = FormData()
    form.add_field("file", io.BytesIO(content), filename="my beat.mid")
    async with http.post("/api/references", data=form) as answer:
        return answer.status, await answer.json()


async def test_a_midi_file_is_uploaded_as_songs_are(http: ClientSession, studio: MemoryStudio, tmp_path: Path) -> None:
    status, said = await bring(http, DRUMS)
    assert (status, said["name"], said["bytes"]) == (201, "my-beat.mid", len(DRUMS))
    async with http.post("/api/generate", json={"part": f"drums:{said['reference']}", "stems": "bass"}) as answer:
        assert answer.status == 202
    request = next(iter(studio.jobs.values())).request
    assert request.part_wish == PartWish((("drums", said["reference"]),), DECIDES)
    status, refused = await bring(http, DRUMS + bytes(MOST_MIDI_BYTES))
    assert (status, refused["error"]["code"]) == (429, "limit")
    assert len(list((tmp_path / "references").iterdir())) == 1
    async with http.delete(f"/api/references/{said['id']}") as answer:
        assert answer.status == 204


def test_what_was_read_is_told_without_its_notes() -> None:
    part = GivenPart("drums", (Note(0.0, 0.25, 36, 100),) * 900, 8.0, "beat" * 30 + ".mid", "ab" * 32, 93.0, "4/4")
    brought = BroughtParts((part,) * 6, ("repeated",) * 6, (("bpm", 93.0), ("bars", 2)), ("x" * 300,) * 20, "mine")
    post = post_for(PartsRead("pd", "r1", "j1", brought), "")
    assert post is not None
    assert (post.message.address, post.client) == ("/given", "pd")
    text = str(post.message.values[1])
    assert len(text) < 4000, "fits a datagram"
    said = json.loads(text)
    assert said["used"] == {"bpm": 93.0, "bars": 2}
    assert said["parts"][0] | {"name": ""} == {
        "stem": "drums", "name": "", "notes": 900, "beats": 8.0, "bpm": 93.0, "meter": "4/4", "fit": "repeated",
    }  # fmt: skip
    job = Job("j1", "generate", "pd", "r1", {"brought": brought_to_json(brought)}, "done", 1, 0.0)
    assert job_json(job)["given"] == said
