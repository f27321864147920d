"""Being found: where to announce, under which name, and over loopback multicast that a browser finds and loses it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import ClientSession
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from antiphon import interfaces
from antiphon.control.discovery import OSC_TYPE, QUERY_TYPE, instance_name
from antiphon.control.server import ControlHandle, start_control
from antiphon.doctor import examine
from antiphon.interfaces import Reach, multicast_fault, reach
from antiphon.settings import Settings
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio

LAN = {"127.0.0.1": "lo", "172.17.0.1": "docker0", "192.168.1.5": "eth0"}
LOOPBACK_CARRIES_MULTICAST = not multicast_fault("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "discovery", "addresses", "reason", "fault"),
    [
        ("127.0.0.1", "auto", (), "this machine only", False),
        ("localhost", "auto", (), "this machine only", False),
        ("::1", "auto", (), "this machine only", False),
        ("0.0.0.0", "off", (), "switched off", False),
        ("0.0.0.0", "auto", ("192.168.1.5", "172.17.0.1"), "", False),
        ("::", "auto", ("192.168.1.5", "172.17.0.1"), "", False),
        ("192.168.1.5", "auto", ("192.168.1.5",), "", False),
        ("0.0.0.0", "eth0", ("192.168.1.5",), "", False),
        ("0.0.0.0", " docker0 , 127.0.0.1", ("127.0.0.1", "172.17.0.1"), "", False),
        ("127.0.0.1", "127.0.0.1", ("127.0.0.1",), "", False),
        ("127.0.0.1", "eth0", (), "does not listen on eth0", True),
        ("0.0.0.0", "eth9", (), "does not listen on eth9", True),
        ("2001:db8::1", "auto", (), "no IPv4 address", False),
    ],
)
def test_where_it_is_announced(
    monkeypatch: pytest.MonkeyPatch, host: str, discovery: str, addresses: tuple[str, ...], reason: str, fault: bool
) -> None:
    monkeypatch.setattr(interfaces, "own_addresses", lambda: dict(LAN))
    monkeypatch.setattr(interfaces, "default_address", lambda: "192.168.1.5")
    monkeypatch.setattr(interfaces, "multicast_fault", lambda address: "")
    found = reach(replace(Settings(), host=host, discovery=discovery))
    assert (set(found.addresses), found.fault) == (set(addresses), fault)
    assert "192.168.1.5" not in found.addresses or found.addresses[0] == "192.168.1.5"
    assert reason in found.reason


def test_a_machine_without_multicast_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "own_addresses", lambda: dict(LAN))
    monkeypatch.setattr(interfaces, "multicast_fault", lambda address: "No such device")
    settings = replace(Settings(), host="0.0.0.0")
    assert reach(settings) == Reach(
        (), "no multicast on this network (172.17.0.1: No such device; 192.168.1.5: No such device)", True
    )
    (finding,) = (each for each in examine(settings) if each.topic == "Discovery")
    assert (finding.state, "type its address" in finding.advice) == ("note", True)


def test_an_address_that_is_not_here_carries_no_multicast() -> None:
    assert multicast_fault("192.0.2.77")


@pytest.mark.parametrize(
    ("server_name", "number", "name"),
    [
        ("Antiphon", 1, "Antiphon"),
        ("Antiphon", 3, "Antiphon-3"),
        ("Studio B, left", 1, "Studio B, left"),
        ("Ü" * 60, 100, "Ü" * 28 + "-100"),
        ("a\nb\x00", 1, "a b"),
        ("\t", 1, "Antiphon"),
    ],
)
def test_names_are_such_as_dns_takes(server_name: str, number: int, name: str) -> None:
    assert instance_name(server_name, number) == name
    assert len(name.encode()) <= 63


async def test_on_loopback_alone_nothing_is_announced(control: ControlHandle) -> None:
    await asyncio.wait_for(_until(lambda: "only" in str(control.discovery.status()["reason"])), 5)
    async with ClientSession(control.base_url) as http, http.get("/api/status") as answer:
        status = (await answer.json())["discovery"]
    assert (status["state"], status["name"], status["addresses"]) == ("off", "", [])


@asynccontextmanager
async def browser() -> AsyncIterator[dict[str, AsyncServiceInfo]]:
    """What can be seen on loopback now, by full name."""
    seen: dict[str, AsyncServiceInfo] = {}
    tasks: set[asyncio.Task[None]] = set()

    async def resolve(kind: str, name: str) -> None:
        info = AsyncServiceInfo(kind, name)
        if await info.async_request(zeroconf.zeroconf, 3000):
            seen[name] = info

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            seen.pop(name, None)
        else:
            tasks.add(asyncio.get_running_loop().create_task(resolve(service_type, name)))

    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    watching = AsyncServiceBrowser(zeroconf.zeroconf, [OSC_TYPE, QUERY_TYPE], handlers=[changed])
    try:
        yield seen
    finally:
        await watching.async_cancel()
        await asyncio.gather(*tasks)
        await zeroconf.async_close()


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.02)


@pytest.mark.skipif(not LOOPBACK_CARRIES_MULTICAST, reason="this machine's loopback carries no multicast")
async def test_two_servers_are_found_apart_and_say_goodbye(studio: MemoryStudio, settings: Settings) -> None:
    # A name of this test's own: other tests, and other servers, may be announced on this loopback at the same time.
    settings = replace(settings, discovery="127.0.0.1", server_name=f"Test {settings.data_dir.name[-20:]}")
    async with browser() as seen:
        first = await start_control(studio, settings, VOCABULARY)
        second = await start_control(studio, settings, VOCABULARY)
        names = {settings.server_name, settings.server_name + "-2"}
        wanted = {f"{name}.{kind}" for name in names for kind in (OSC_TYPE, QUERY_TYPE)}
        try:
            await asyncio.wait_for(_until(lambda: wanted <= set(seen)), 20)
            assert {handle.discovery.status()["name"] for handle in (first, second)} == names
            for handle in (first, second):
                status = handle.discovery.status()
                assert (status["state"], status["addresses"], status["reason"]) == ("announced", ["127.0.0.1"], "")
                osc, query = seen[f"{status['name']}.{OSC_TYPE}"], seen[f"{status['name']}.{QUERY_TYPE}"]
                assert (osc.port, query.port) == (handle.osc_port, handle.http_port)
                assert osc.properties[b"txtvers"] == b"1"
                assert query.addresses == [socket.inet_aton("127.0.0.1")]
                url = f"http://127.0.0.1:{query.port}/?HOST_INFO"
                async with ClientSession() as http, http.get(url) as answer:
                    info = await answer.json()
                assert (info["NAME"], info["OSC_PORT"]) == (status["name"], osc.port)
        finally:
            await second.close()
            await first.close()
        await asyncio.wait_for(_until(lambda: not wanted & set(seen)), 10)
