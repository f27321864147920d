"""Children over HTTP: asked for like loops, and shown with their parents."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from antiphon.control.server import ControlHandle


@pytest.fixture
async def http(control: ControlHandle) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{control.http_port}") as session:
        yield session


async def test_a_child_says_how_it_was_made_and_of_whom(http: ClientSession) -> None:
    async with http.post("/api/generate", json={"count": 2}) as answer:
        assert answer.status == 202
    async with http.get("/api/candidates") as answer:
        second, first = (each["candidate_id"] for each in (await answer.json())["candidates"])
    body = {"request_id": "x", "candidate_a": first, "candidate_b": second, "stems": ["bass"]}
    async with http.post("/api/cross", json=body) as answer:
        assert (answer.status, (await answer.json())["request_id"]) == (202, "x")
    async with http.get("/api/candidates?limit=1") as answer:
        (child,) = (await answer.json())["candidates"]
    assert (child["operator"], child["parents"]) == ("cross", [first, second])
    assert "genome" not in child
    async with http.get(f"/api/candidates/{first}") as answer:
        parent = await answer.json()
    assert (parent["operator"], parent["parents"]) == ("generate", [])


async def test_what_is_wrong_with_a_child_is_told_as_json(http: ClientSession) -> None:
    async with http.post("/api/vary", json={"candidate_id": "nobody"}) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (404, "not_found")
    async with http.post("/api/restem", json={"candidate_id": "c1"}) as answer:
        assert (answer.status, (await answer.json())["error"]["message"][:15]) == (400, "stem is missing")
