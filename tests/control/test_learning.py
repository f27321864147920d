"""Contexts, gestures, blind candidates and the reports on ratings, as clients of OSC and HTTP see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession

from antiphon.control.server import ControlHandle
from antiphon.domain.event import GenerationRated
from tests.control.clients import UdpClient
from tests.control.memory_studio import MemoryStudio


@pytest.fixture
async def http(control: ControlHandle) -> AsyncIterator[ClientSession]:
    async with ClientSession(f"http://127.0.0.1:{control.http_port}", headers={"X-Antiphon-Client": "web"}) as session:
        yield session


async def get(http: ClientSession, path: str) -> tuple[int, Any]:
    async with http.get(path) as answer:
        return answer.status, await answer.json()


async def test_contexts_go_with_whatever_is_said_and_asked(control: ControlHandle, studio: MemoryStudio) -> None:
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r", "count", 2, "context", "lobby")
        await client.until("/done")
        assert {job.request.context for job in studio.jobs.values()} == {"lobby"}
        await client.ask("/rate", "v1", "c1", 0.5, "context", "studio A")
        await client.ask("/rate", "v2", "c1", 0.5)
        await client.ask("/prefer", "p", "c1", "c2", "context", "lobby")
        client.send("/evolve", "e1", "context", "all")
        await client.until("/done")
        client.send("/evolve", "e2")
        await client.until("/done")
        assert [each.context for each in studio.bred] == ["all", "studio"]
        await client.ask("/audition/next", "context", "lobby")
        client.send("/current/rate", 0.25)
        assert (await client.next(2.0))[0] == "/rated"
        assert studio.said == [("studio A", "sent"), ("", "sent"), ("lobby", "preferred"), ("", "knob")]
        assert [context for _, context in studio.shown] == ["lobby"]
        code = (await client.ask("/rate", "v3", "c1", 0.5, "context", "x" * 65))[1][1]
        assert code == "out_of_range"
        assert (await client.ask("/audition/next", "contxt", "lobby"))[1][1] == "unknown_key"


async def test_a_generation_that_is_liked_otherwise_is_told_to_subscribers(
    control: ControlHandle, studio: MemoryStudio
) -> None:
    with UdpClient(control.osc_port) as client:
        await client.ask("/subscribe", client.port)
        studio._emit(GenerationRated(2, 0.625, 7, "lobby"))
        assert (await client.until("/generation"))[-1] == ("/generation", (2, 0.625, 7, "lobby"))


async def test_what_evolve_made_is_blind(http: ClientSession, control: ControlHandle, studio: MemoryStudio) -> None:
    async with http.post("/api/generate", json={"count": 2}):
        pass
    parent, other = studio.made.values()
    studio.made["c2"] = replace(other, operator="evolve", parents=(parent.candidate_id,))
    studio.made["c3"] = replace(other, candidate_id="c3", operator="vary", parents=(parent.candidate_id,))
    _, blind = await get(http, "/api/candidates/c2")
    assert [blind[name] for name in ("operator", "parents", "model_version")] == ["evolve", [], ""]
    assert (await get(http, "/api/candidates/c3"))[1]["parents"] == [parent.candidate_id]
    assert "probability" not in str(await get(http, "/api/candidates"))


async def test_reports_are_read_over_http(http: ClientSession) -> None:
    assert (await get(http, "/api/ratings"))[1]["asked"] == [50, None]
    assert (await get(http, "/api/ratings?limit=7&candidate=c1"))[1]["asked"] == [7, "c1"]
    assert (await get(http, "/api/beliefs?limit=3"))[1]["asked"] == 3
    assert (await get(http, "/api/beliefs/c1"))[1]["candidate_id"] == "c1"
    assert (await get(http, "/api/taste?context=lobby%20A"))[1]["context"] == "lobby A"
    assert (await get(http, "/api/taste"))[1]["context"] == ""
    assert await get(http, "/api/generations") == (200, {"generations": [], "arms": []})
    assert (await get(http, "/api/exposures?limit=5000"))[1]["asked"] == 5000


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/ratings?limit=0", 400, "out_of_range"),
        ("/api/ratings?limit=many", 400, "wrong_type"),
        ("/api/ratings?limit=99999999999999999999", 400, "wrong_type"),
        ("/api/ratings?limt=3", 400, "unknown_key"),
        ("/api/beliefs?candidate=c1", 400, "unknown_key"),
        ("/api/taste?limit=3", 400, "unknown_key"),
        (f"/api/taste?context={'x' * 65}", 400, "out_of_range"),
        ("/api/ratings?candidate=..%2F..", 404, "not_found"),
        ("/api/beliefs/nothing", 404, "not_found"),
        ("/api/beliefs/%00", 404, "not_found"),
    ],
)
async def test_reports_asked_for_wrongly_say_so(http: ClientSession, path: str, status: int, code: str) -> None:
    found, body = await get(http, path)
    assert (found, body["error"]["code"]) == (status, code)


async def test_reports_are_not_commands(http: ClientSession) -> None:
    async with asyncio.timeout(5), http.post("/api/ratings", json={}) as answer:
        assert answer.status == 405
