"""Starting and stopping: shared port numbers, ports in use, what is loaded, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from antiphon.control.server import start_control
from antiphon.errors import StartupError
from antiphon.settings import Settings
from tests.control.clients import UdpClient
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio

HEAVY = ("torch", "pedalboard", "soundfile", "scipy", "numpy", "librosa", "diffusers")


@pytest.mark.parametrize("setting", ["osc_port over UDP", "osc_port over TCP", "http_port"])
async def test_a_port_in_use_is_named_and_nothing_stays_open(
    studio: MemoryStudio, settings: Settings, setting: str
) -> None:
    kind = socket.SOCK_DGRAM if setting.endswith("UDP") else socket.SOCK_STREAM
    name = setting.partition(" ")[0]
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StartupError) as caught:
            await start_control(studio, replace(settings, **{name: port}), VOCABULARY)
    text = caught.value.message
    assert str(port) in text
    assert f"--{name.replace('_', '-')}" in text
    assert "in use" in text
    # The other sockets were closed again (an open one would fail this test by its ResourceWarning).
    handle = await start_control(studio, replace(settings, **{name: port}), VOCABULARY)
    await handle.close()


@pytest.mark.parametrize("host", ["192.0.2.77", "not a host"])
async def test_a_host_that_is_not_ours(studio: MemoryStudio, settings: Settings, host: str) -> None:
    with pytest.raises(StartupError, match="host"):
        await start_control(studio, replace(settings, host=host, token="x" * 20), VOCABULARY)


async def test_udp_and_tcp_share_a_number_and_a_restart_is_at_once(studio: MemoryStudio, settings: Settings) -> None:
    handle = await start_control(studio, settings, VOCABULARY)
    fixed = replace(settings, osc_port=handle.osc_port, http_port=handle.http_port)
    for _ in range(3):
        reader, writer = await asyncio.open_connection("127.0.0.1", handle.osc_port)
        with UdpClient(handle.osc_port) as client:
            assert (await client.ask("/hello", 1))[0] == "/welcome"
        await handle.close()
        assert b"stopping" in await reader.read()
        writer.close()
        await writer.wait_closed()
        handle = await start_control(studio, fixed, VOCABULARY)
    await handle.close()


async def test_ipv6(studio: MemoryStudio, settings: Settings) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        handle = await start_control(studio, replace(settings, host="::1"), VOCABULARY)
    except StartupError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    try:
        assert handle.base_url == f"http://[::1]:{handle.http_port}"
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.bind(("::1", 0))
            client.sendto(b"/antiphon/status\0\0\0\0,i\0\0\0\0\0\7", ("::1", handle.osc_port))
            async with asyncio.timeout(15):
                assert b"/antiphon/status" in await loop.sock_recv(client, 4096)
    finally:
        await handle.close()


async def test_closing_with_work_and_streams_under_way(studio: MemoryStudio, settings: Settings) -> None:
    studio.delay_s = 30.0
    handle = await start_control(studio, settings, VOCABULARY)
    _, writer = await asyncio.open_connection("127.0.0.1", handle.http_port)
    writer.write(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with UdpClient(handle.osc_port) as client:
        await client.ask("/subscribe", 0)
        client.send("/generate", "r1")
        await asyncio.sleep(0.1)
        async with asyncio.timeout(15):
            await handle.close()
        assert (await client.until("/subscribed"))[-1][1] == (client.port, -1.0)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_control_loads_nothing_heavy() -> None:
    code = (
        "import json, sys, antiphon.control.server, antiphon.control.docs_page; "
        f"print(json.dumps(sorted(set(sys.modules) & set({HEAVY!r}))))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == []
