"""Who gets in: Host, Origin and Sec-Fetch against rebinding and cross-site pages, and the token."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import ClientSession

from antiphon.control.server import ControlHandle, start_control
from antiphon.errors import StartupError
from antiphon.settings import Settings
from tests.control.clients import UdpClient
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio

Headers = dict[str, str]
CROSS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
FRAME = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}

#: method, path, headers ({port} is ours), whether it may pass.
MATRIX: list[tuple[str, str, Headers, bool]] = [
    ("GET", "/api/status", {}, True),
    ("GET", "/api/status", {"Host": "localhost"}, True),
    ("GET", "/api/status", {"Host": "localhost:{port}"}, True),
    ("GET", "/api/status", {"Host": "LOCALHOST:{port}"}, True),
    ("GET", "/api/status", {"Host": "[::1]:{port}"}, True),
    ("GET", "/api/status", {"Host": "127.0.0.1:8080"}, True),  # a tunnel from another port
    ("GET", "/api/status", {"Host": "evil.example"}, False),
    ("GET", "/api/status", {"Host": "evil.example:{port}"}, False),
    ("GET", "/api/status", {"Host": "localhost.evil.example:{port}"}, False),
    ("GET", "/api/status", {"Host": "127.0.0.1.nip.io:{port}"}, False),
    ("GET", "/api/status", {"Host": "127.0.0.1@evil.example"}, False),
    ("GET", "/api/status", {"Host": "evil.example#localhost"}, False),
    ("GET", "/api/status", {"Host": "localhost:{port}, evil.example"}, False),
    ("GET", "/api/status", {"Host": "192.168.1.5:{port}"}, False),
    ("GET", "/api/status", {"Host": "0.0.0.0:{port}"}, False),
    ("GET", "/api/status", {"Host": ""}, False),
    ("GET", "/api/status", {"Host": "localhost:99999"}, False),
    ("GET", "/api/status", {"Host": "[::1"}, False),
    ("GET", "/", {"Host": "evil.example"}, False),
    ("GET", "/nothing", {"Host": "evil.example"}, False),
    ("POST", "/api/tempo", {"Origin": "http://127.0.0.1:{port}"}, True),
    ("POST", "/api/tempo", {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, True),
    ("POST", "/api/tempo", {"Sec-Fetch-Site": "none"}, True),
    ("POST", "/api/tempo", {"Origin": "http://evil.example"}, False),
    ("POST", "/api/tempo", {"Origin": "null"}, False),
    ("POST", "/api/tempo", {"Origin": "http://127.0.0.1:1"}, False),  # another server of this machine
    ("POST", "/api/tempo", {"Origin": "http://localhost:{port}"}, False),  # another name is another origin
    ("POST", "/api/tempo", {"Origin": "file://"}, False),
    ("POST", "/api/tempo", {"Origin": "http://127.0.0.1:{port}.evil.example"}, False),
    ("POST", "/api/tempo", {"Host": "evil.example", "Origin": "http://evil.example"}, False),  # rebound
    ("POST", "/api/tempo", CROSS, False),
    ("POST", "/api/tempo", {**CROSS, "Sec-Fetch-Site": "same-site"}, False),
    ("POST", "/api/tempo", LINK, False),
    ("GET", "/files/c1/mix", {**CROSS, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "audio"}, False),
    ("GET", "/api/events", CROSS, False),
    ("GET", "/api/ws", {"Origin": "http://evil.example"}, False),
    ("GET", "/api/status", LINK, False),
    ("GET", "/", LINK, True),
    ("GET", "/docs", LINK, True),
    ("GET", "/", FRAME, False),
]


@pytest.mark.parametrize(("method", "path", "headers", "passes"), MATRIX)
async def test_host_origin_and_fetch_metadata(
    control: ControlHandle, studio: MemoryStudio, method: str, path: str, headers: Headers, passes: bool
) -> None:
    sent = {name: value.replace("{port}", str(control.http_port)) for name, value in headers.items()}
    async with ClientSession(f"http://127.0.0.1:{control.http_port}") as http:
        body = {"bpm": 90} if method == "POST" else None
        async with http.request(method, path, json=body, headers=sent) as answer:
            if passes:
                assert answer.status < 300
            else:
                assert (answer.status, (await answer.json())["error"]["code"]) == (403, "forbidden")
    assert studio.tempo_bpm == (90 if passes and method == "POST" else 120)


async def test_a_token_keeps_strangers_out(studio: MemoryStudio, settings: Settings) -> None:
    handle = await start_control(studio, replace(settings, token="open sesame"), VOCABULARY)
    base = f"http://127.0.0.1:{handle.http_port}"
    try:
        async with ClientSession(base) as http:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic open sesame"}):
                async with http.get("/api/status", headers=headers) as answer:
                    assert (answer.status, (await answer.json())["error"]["code"]) == (401, "unauthorized")
            async with http.get("/api/status", headers={"Authorization": "Bearer open sesame"}) as answer:
                assert answer.status == 200
            async with http.get("/", headers={"Accept": "text/html"}) as answer:
                assert (answer.status, "password" in await answer.text()) == (401, True)
            async with http.post("/sign-in", data={"token": "wrong"}) as answer:
                assert answer.status == 401
            evil = {"Origin": "http://evil.example"}
            async with http.post("/sign-in", data={"token": "open sesame"}, headers=evil) as answer:
                assert answer.status == 403
            async with http.get("/api/events", headers={"Cookie": "antiphon_session=open sesame"}) as answer:
                assert answer.status == 401
    finally:
        await handle.close()


async def test_signing_in_sets_a_strict_cookie(studio: MemoryStudio, settings: Settings) -> None:
    handle = await start_control(studio, replace(settings, token="open sesame"), VOCABULARY)
    try:
        async with ClientSession(f"http://127.0.0.1:{handle.http_port}") as http:
            form = {"token": "open sesame"}
            async with http.post("/sign-in", data=form, allow_redirects=False) as answer:
                assert (answer.status, answer.headers["Location"]) == (303, "/")
                cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
            assert "sesame" not in cookie
            value = cookie.partition(";")[0]
            async with http.get("/api/status", headers={"Cookie": value}) as answer:
                assert answer.status == 200
            async with http.get("/", headers={"Cookie": value, "Accept": "text/html"}) as answer:
                assert "Generate" in await answer.text()
    finally:
        await handle.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
async def test_the_network_is_not_served_without_a_token(studio: MemoryStudio, settings: Settings, host: str) -> None:
    with pytest.raises(StartupError, match="token"):
        await start_control(studio, replace(settings, host=host), VOCABULARY)


async def test_osc_from_the_network_needs_the_token_too(studio: MemoryStudio, settings: Settings) -> None:
    handle = await start_control(studio, replace(settings, token="open sesame", host="0.0.0.0"), VOCABULARY)
    own_address = handle.base_url.removeprefix("http://").rpartition(":")[0]
    try:
        with UdpClient(handle.osc_port) as near:
            assert (await near.ask("/status", "s"))[0] == "/status"
        if own_address.startswith("127."):
            pytest.skip("this machine has no address but loopback")
        with UdpClient(handle.osc_port, own_address) as far, UdpClient(handle.osc_port, own_address) as other:
            assert (await far.ask("/status", "s"))[1][:2] == ("s", "unauthorized")
            assert (await far.ask("/hello", "h", "live", "token", "wrong"))[1][:2] == ("h", "unauthorized")
            assert (await far.ask("/hello", "h", "token", "open sesame"))[0] == "/welcome"
            assert (await far.ask("/status", "s"))[0] == "/status"
            assert (await other.ask("/status", "s"))[0] == "/status", "admission is per machine"
            assert (await far.ask("/subscribe", 9000, "127.0.0.1"))[1][1] == "invalid"
        async with ClientSession(f"http://{own_address}:{handle.http_port}") as http:
            async with http.get("/api/status", headers={"Authorization": "Bearer open sesame"}) as answer:
                assert answer.status == 200
            headers = {"Authorization": "Bearer open sesame", "Host": "evil.example"}
            async with http.get("/api/status", headers=headers) as answer:
                assert answer.status == 403
    finally:
        await handle.close()
