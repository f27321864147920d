"""Projects over HTTP: one candidate, named ones, an evening; mistakes are told as JSON."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from aiohttp import ClientSession

from antiphon.control.server import ControlHandle
from tests.control.clients import UdpClient
from tests.control.memory_studio import MemoryStudio


@pytest.fixture
async def made(control: ControlHandle) -> ControlHandle:
    """A control surface with three candidates, `c1` to `c3`."""
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1", "bpm", 93, "count", 3)
        await client.until("/done")
    return control


async def scenes(made: ControlHandle, query: str) -> list[str]:
    """The candidates of a DAWproject export, in its order."""
    async with ClientSession(made.base_url) as http, http.get(f"/api/export/dawproject{query}") as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_length == len(await answer.read())
        archive = zipfile.ZipFile(io.BytesIO(await answer.read()))
    found = Xml.fromstring(archive.read("project.xml")).findall("Scenes/Scene")
    return [scene.attrib["name"].split(",")[0] for scene in found]


async def test_one_some_or_the_evening(made: ControlHandle) -> None:
    assert await scenes(made, "?candidates=c2") == ["c2"]
    assert await scenes(made, "?candidates=c3,c1,c3") == ["c3", "c1"]
    assert await scenes(made, "") == ["c1", "c2", "c3"]


async def test_an_evening_goes_back_some_hours_and_leaves_out_what_is_gone(
    made: ControlHandle, studio: MemoryStudio
) -> None:
    os.utime(studio.made["c1"].mix.path, (0, 0))
    assert await scenes(made, "?hours=2") == ["c2", "c3"]
    Path(studio.made["c3"].stems[0].path).unlink()
    assert await scenes(made, "?hours=2") == ["c2"]


async def test_it_is_sent_as_a_download(made: ControlHandle) -> None:
    async with ClientSession(made.base_url) as http:
        async with http.get("/api/export/rpp?candidates=c1") as answer:
            assert answer.headers["Content-Disposition"] == 'attachment; filename="antiphon-c1.rpp.zip"'
            assert "antiphon-c1/antiphon-c1.rpp" in zipfile.ZipFile(io.BytesIO(await answer.read())).namelist()
        async with http.get("/api/export/dawproject?candidates=c1") as answer:
            assert 'filename="antiphon-c1.dawproject"' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("als", 404, "dawproject, rpp, ardour"),
        ("rpp?candidates=c9", 404, "c9"),
        ("rpp?candidates=..%2Fc1", 400, "ids"),
        ("rpp?candidates=" + ",".join(["c1"] * 501), 429, "500"),
        ("rpp?hours=long", 400, "hours=12"),
        ("rpp?hours=-1", 400, "hours"),
        ("rpp?hours=nan", 400, "hours"),
    ],
)
async def test_a_mistake_is_told(made: ControlHandle, path: str, status: int, told: str) -> None:
    async with ClientSession(made.base_url) as http, http.get(f"/api/export/{path}") as answer:
        assert answer.status == status
        assert told in (await answer.json())["error"]["message"]


async def test_nothing_made_yet_is_told(control: ControlHandle) -> None:
    async with ClientSession(control.base_url) as http, http.get("/api/export/rpp") as answer:
        assert answer.status == 404
        assert "make a loop" in (await answer.json())["error"]["message"]
