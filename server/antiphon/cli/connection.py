"""A client of the server over HTTP, as the command line uses it: commands, events, files."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from antiphon.errors import AntiphonError, BackendFailed, StorageFailed

CONNECT_TIMEOUT_S = 5.0
BLOCK_BYTES = 1 << 16


class ServerUnreachable(AntiphonError):
    """Nobody answers at the server's address."""

    code = "unreachable"


class ServerRefused(AntiphonError):
    """The server answered with an error; `code` is the server's own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Told:
    """One message of the event stream: its address (`/stem`) and its named values."""

    address: str
    values: dict[str, Any]


class Connection:
    """One client of one server. Raises ServerUnreachable and ServerRefused."""

    def __init__(self, session: aiohttp.ClientSession, url: str, client: str) -> None:
        self._session = session
        self.url = url
        self.client = client

    async def call(self, name: str, **values: Any) -> Any:
        """Send a command of the table; its answer as data."""
        return await self._json("POST", f"{self.url}/api/{name}", json=values)

    async def get(self, path: str) -> Any:
        """Read something under /api."""
        return await self._json("GET", f"{self.url}/api/{path}")

    async def _json(self, method: str, url: str, **options: Any) -> Any:
        with _named_faults(self.url):
            async with self._session.request(method, url, **options) as answer:
                data = await _data(answer)
        return data

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[Told]]:
        """The event stream; messages count from the moment this is entered."""
        with _named_faults(self.url):
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S)
            async with self._session.get(f"{self.url}/api/events", timeout=timeout) as answer:
                if answer.status >= 400:
                    await _data(answer)
                yield _told(answer)

    async def upload(self, song: Path) -> str:
        """Bring a song to the server; what to say as `reference` then."""
        try:
            with song.open("rb") as file:
                form = aiohttp.FormData()
                form.add_field("file", file, filename=song.name)
                answer = await self._json("POST", f"{self.url}/api/references", data=form)
        except OSError as fault:
            raise StorageFailed(f"{song} can't be read: {fault.strerror or fault}") from fault
        return str(answer["reference"])

    async def download(self, url: str, target: Path, on_bytes: Callable[[int, int], None]) -> None:
        """Fetch a file, whole or not at all; `on_bytes` hears (bytes so far, bytes in all)."""
        part = target.with_name(target.name + ".part")
        try:
            with _named_faults(self.url):
                async with self._session.get(self._here(url)) as answer:
                    if answer.status >= 400:
                        await _data(answer)
                    done, total = 0, answer.content_length or 0
                    with part.open("wb") as file:
                        async for block in answer.content.iter_chunked(BLOCK_BYTES):
                            file.write(block)
                            done += len(block)
                            on_bytes(done, total)
            part.replace(target)
        except OSError as fault:
            raise StorageFailed(f"{target} can't be written: {fault.strerror or fault}") from fault
        finally:
            part.unlink(missing_ok=True)

    def _here(self, url: str) -> str:
        """The URL as seen from here: the server may call itself 127.0.0.1 where we reached it by another name."""
        parts = urlsplit(url)
        return self.url + parts.path + (f"?{parts.query}" if parts.query else "")


@asynccontextmanager
async def connect(url: str, token: str) -> AsyncIterator[Connection]:
    """A connection under a client name of its own."""
    client = "cli-" + secrets.token_hex(6)
    headers = {"X-Antiphon-Client": client}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=60.0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield Connection(session, url, client)


class _named_faults:  # noqa: N801  reads as a statement
    """Turns what the network raises into an error that says what to do."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        if isinstance(fault, aiohttp.InvalidURL):
            raise ServerUnreachable(f"{self._url} is not an address: write it as http://127.0.0.1:9011") from fault
        if isinstance(fault, aiohttp.ClientConnectorError | asyncio.TimeoutError):
            raise ServerUnreachable(
                f"no Antiphon answers at {self._url}: start one with `antiphon serve`, or name its address with --url"
            ) from fault
        if isinstance(fault, aiohttp.ClientError):
            raise ServerUnreachable(
                f"the connection to {self._url} broke ({fault}): is the server still up?"
            ) from fault


async def _data(answer: aiohttp.ClientResponse) -> Any:
    try:
        data = json.loads(await answer.read() or b"null")
    except ValueError:
        raise BackendFailed(f"{answer.url} answers, but not as Antiphon does: check --url") from None
    if answer.status >= 400:
        fault = data.get("error", {}) if isinstance(data, dict) else {}
        raise ServerRefused(str(fault.get("code", answer.status)), str(fault.get("message", answer.reason)))
    return data


async def _told(answer: aiohttp.ClientResponse) -> AsyncIterator[Told]:
    """Server-sent events (WHATWG HTML, section 9.2) as messages; comments keep the line alive and say nothing."""
    name, data = "", ""
    async for raw in answer.content:
        line = raw.decode().rstrip("\r\n")
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data += value
        elif not line and data:
            yield Told(f"/{name}", json.loads(data))
            name, data = "", ""
