"""OSC clients for tests: plain sockets, with python-osc only to build and read messages."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from pythonosc.osc_message_builder import build_msg

from antiphon.control.osc_codec import decode
from antiphon.control.osc_framing import Framing

Reply = tuple[str, tuple[object, ...]]
#: How long an answer may take where other tests run beside: only what fails waits for it.
PATIENCE_S = 30.0


def osc(address: str, *arguments: Any) -> bytes:
    """A packet with one message; Python floats go as float32, ints as int32."""
    full = address if address.startswith("/antiphon") else "/antiphon" + address
    return build_msg(full, list(arguments)).dgram


def read(packet: bytes) -> Reply:
    (call,) = decode(packet)
    return call.address.removeprefix("/antiphon"), call.arguments


class UdpClient:
    """A UDP client on its own port; collects what comes back."""

    def __init__(self, server_port: int, host: str = "127.0.0.1") -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((host, 0))
        self._sock.setblocking(False)
        self._server = (host, server_port)
        self.port: int = self._sock.getsockname()[1]
        self.raw_sizes: list[int] = []

    def __enter__(self) -> UdpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def send(self, address: str, *arguments: Any) -> None:
        self.send_raw(osc(address, *arguments))

    def send_raw(self, packet: bytes) -> None:
        self._sock.sendto(packet, self._server)

    async def next(self, timeout_s: float = PATIENCE_S) -> Reply:
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._sock, 65536), timeout_s)
        self.raw_sizes.append(len(data))
        return read(data)

    async def until(self, address: str, timeout_s: float = PATIENCE_S) -> list[Reply]:
        """All replies up to the first with this address, which is the last of them."""
        got = []
        async with asyncio.timeout(timeout_s):
            while True:
                got.append(await self.next())
                if got[-1][0] == address:
                    return got

    async def ask(self, address: str, *arguments: Any) -> Reply:
        self.send(address, *arguments)
        return await self.next()

    async def silence(self, for_s: float = 0.15) -> bool:
        """Whether nothing comes for a while."""
        try:
            await self.next(for_s)
        except TimeoutError:
            return True
        return False


class TcpClient:
    """A TCP client that speaks one framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: Framing) -> None:
        self.reader, self.writer, self._framing = reader, writer, framing
        self._packets: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, framing: Callable[[], Framing]) -> TcpClient:
        return cls(*await asyncio.open_connection("127.0.0.1", port), framing())

    def send(self, address: str, *arguments: Any) -> None:
        self.writer.write(self._framing.wrap(osc(address, *arguments)))

    async def next(self, timeout_s: float = PATIENCE_S) -> Reply:
        async with asyncio.timeout(timeout_s):
            while not self._packets:
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionError("the server closed the connection")
                self._packets += self._framing.feed(data)
        return read(self._packets.pop(0))

    async def until(self, address: str) -> list[Reply]:
        got = [await self.next()]
        while got[-1][0] != address:
            got.append(await self.next())
        return got

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)
