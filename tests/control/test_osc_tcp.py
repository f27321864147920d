"""OSC over TCP: three framings, and clients that are slow, idle, hostile or gone."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.control import osc_tcp
from antiphon.control.osc_framing import BrokenFraming, Framing, LengthFraming, SlipFraming, detect
from antiphon.control.server import ControlHandle
from tests.control.clients import PATIENCE_S, TcpClient, UdpClient, osc
from tests.control.memory_studio import MemoryStudio

FRAMINGS: dict[str, Callable[[], Framing]] = {
    "slip, END on both sides": lambda: SlipFraming(leading_end=True),
    "slip, END at the end": lambda: SlipFraming(leading_end=False),
    "length": LengthFraming,
}


@pytest.mark.parametrize("name", FRAMINGS)
async def test_generate_over_tcp(control: ControlHandle, name: str) -> None:
    client = await TcpClient.connect(control.osc_port, FRAMINGS[name])
    client.send("/hello", "h1", "tcp client")
    assert (await client.next())[0] == "/welcome"
    client.send("/generate", "r1", "bpm", 93)
    got = await client.until("/done")
    assert [a for a, _ in got] == ["/ack", "/progress", *["/stem"] * 4, "/mix", "/done"]
    await client.close()


@pytest.mark.parametrize("name", FRAMINGS)
@given(packets=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=5), cut=st.integers(1, 9))
def test_packets_survive_framing_in_any_pieces(name: str, packets: list[bytes], cut: int) -> None:
    sender, receiver = FRAMINGS[name](), FRAMINGS[name]()
    stream = b"".join(sender.wrap(packet) for packet in packets)
    got = [each for i in range(0, len(stream), cut) for each in receiver.feed(stream[i : i + cut])]
    assert got == packets


def test_detection() -> None:
    assert isinstance(detect(b"\0\0\0\x10"), LengthFraming)
    for first, leading in ((b"\xc0/", True), (b"/antiphon", False), (b"#bundle", False)):
        found = detect(first)
        assert isinstance(found, SlipFraming)
        assert found.wrap(b"x").startswith(b"\xc0") is leading
    for first in (b"GET / HTTP/1.1", b"\x16\x03\x01", b"\xff"):
        with pytest.raises(BrokenFraming):
            detect(first)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">i", 2**24 - 1) + b"x",
        b"\0\0\0\0",
        b"\xc0" + b"x" * 40_000,
        b"\x99random bytes",
    ],
)
async def test_broken_streams_are_told_and_closed(control: ControlHandle, data: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", control.osc_port)
    writer.write(data)
    async with asyncio.timeout(PATIENCE_S):
        said = await reader.read()
    assert b"/antiphon/error" in said
    assert b"malformed" in said
    writer.close()
    await writer.wait_closed()
    with UdpClient(control.osc_port) as client:
        assert (await client.ask("/status", "s"))[0] == "/status"


async def test_a_broken_packet_does_not_end_the_connection(control: ControlHandle) -> None:
    client = await TcpClient.connect(control.osc_port, FRAMINGS["length"])
    client.writer.write(struct.pack(">i", 8) + b"/a\0\0,x\0\0")
    assert (await client.next())[1][1] == "malformed"
    client.writer.write(struct.pack(">i", 6) + b"\xdb\xdb\xdb\xdb\xdb\xdb")
    assert (await client.next())[1][1] == "malformed"
    client.send("/status", "s")
    assert (await client.next())[0] == "/status"
    await client.close()


async def test_status_is_whole_over_tcp(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.extra_status = {"long": "x" * 5000}
    client = await TcpClient.connect(control.osc_port, LengthFraming)
    client.send("/status", "s")
    assert json.loads(str((await client.next())[1][1]))["long"] == "x" * 5000
    await client.close()


async def test_a_subscriber_by_its_connection_and_its_end(control: ControlHandle) -> None:
    watcher = await TcpClient.connect(control.osc_port, FRAMINGS["slip, END at the end"])
    watcher.send("/subscribe", 0)
    assert (await watcher.next())[0] == "/subscribed"
    with UdpClient(control.osc_port) as client:
        client.send("/generate", "r1")
        await client.until("/done")
        assert {a for a, _ in await watcher.until("/mix")} >= {"/job", "/stem", "/mix"}
        await watcher.close()
        async with asyncio.timeout(PATIENCE_S):
            while len(control._osc.subscriptions):
                await asyncio.sleep(0.01)
        client.send("/generate", "r2")
        await client.until("/done")


async def test_a_client_that_does_not_read_is_cut_off(
    control: ControlHandle, studio: MemoryStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osc_tcp, "MAX_UNREAD_BYTES", 100_000)
    studio.extra_status = {"long": "x" * 15_000}
    client = await TcpClient.connect(control.osc_port, LengthFraming)
    packet = LengthFraming().wrap(osc("/status", "s"))
    with UdpClient(control.osc_port) as other:
        # It asks and asks, and never reads: the kernel's buffers fill, then ours, and that is all.
        for round_ in range(400):
            if not control._osc.tcp._connections:
                break
            client.writer.write(packet * 20)
            assert (await other.ask("/status", round_))[1][0] == round_
        assert not control._osc.tcp._connections
    await client.close()


async def test_a_silent_connection_is_closed(control: ControlHandle) -> None:
    control._osc.tcp.first_packet_s = 0.1
    reader, writer = await asyncio.open_connection("127.0.0.1", control.osc_port)
    writer.write(b"\xc0/half a pack")
    async with asyncio.timeout(PATIENCE_S):
        assert b"no OSC packet came" in await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_too_many_connections_are_refused(control: ControlHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osc_tcp, "MAX_CONNECTIONS", 2)
    clients = [await TcpClient.connect(control.osc_port, LengthFraming) for _ in range(3)]
    clients[0].send("/status", "s")
    assert (await clients[0].next())[0] == "/status"
    async with asyncio.timeout(PATIENCE_S):
        assert b"too many connections" in await clients[2].reader.read()
    for client in clients:
        await client.close()


async def test_many_commands_at_once_are_all_answered_in_order(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.delay_s = 0.001
    with UdpClient(control.osc_port) as maker:
        maker.send("/generate", "r1")
        await maker.until("/done")
    client = await TcpClient.connect(control.osc_port, FRAMINGS["slip, END on both sides"])
    for number in range(500):
        client.send("/rate", number, "c1", 0.5)
    answers = [await client.next() for _ in range(500)]
    assert sorted(int(str(args[0])) for _, args in answers) == list(range(500))
    assert len(studio.ratings) == 500
    await client.close()


async def test_a_named_client_is_the_same_over_udp_and_tcp(control: ControlHandle, studio: MemoryStudio) -> None:
    studio.manual = True
    client = await TcpClient.connect(control.osc_port, LengthFraming)
    client.send("/hello", "h", "live")
    await client.next()
    client.send("/generate", "r1")
    await client.next()
    with UdpClient(control.osc_port) as udp:
        await udp.ask("/hello", "h", "live")
        assert await udp.ask("/cancel", "r1") == ("/cancelled", ("r1",))
    await client.close()
