"""A real Chromium that nobody sees, driven over the Chrome DevTools Protocol, for tests of our pages."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse

from tests.clients import CLIENTS

#: No window, no network of its own; without --no-sandbox it won't start as root, as CI runs it.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
    "--no-proxy-server", "--remote-debugging-port=0",
)  # fmt: skip
#: Where to touch, once that would reach the element.
_MIDDLE = """(() => {
  const found = document.querySelector(%s);
  if (!found || found.disabled) return null;
  found.scrollIntoView({ block: "center" });
  const box = found.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
  return box.width && found.contains(document.elementFromPoint(x, y)) ? [x, y] : null;
})()"""


class Page:
    """One page, open. What a visitor does is done by a real pointer, because sound needs a touch first."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    async def call(self, method: str, **values: Any) -> dict[str, Any]:
        """A command of the protocol and its result; events between are left unread."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": values})
        while True:
            told = json.loads(await self._socket.receive_str())
            if told.get("id") == number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result

    async def value(self, expression: str) -> Any:
        """What the page's own script finds `expression` to be; promises are waited for."""
        told = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, expression: str, within_s: float = 30.0) -> Any:
        """Wait until it is true; what it then is. Fails with what the page shows."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while not (found := await self.value(expression)):
            assert loop.time() < end_s, f"{expression} is {found!r}: {await self.value('document.body.innerText')}"
            await asyncio.sleep(0.05)
        return found

    async def touch(self, selector: str) -> None:
        """A click in the middle of what `selector` finds; it has to be visible, enabled and on top."""
        x, y = await self.until(_MIDDLE % json.dumps(selector))
        at = {"x": x, "y": y}
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)


@asynccontextmanager
async def browsing(address: str, profile: Path) -> AsyncIterator[Page]:
    """A page at `address` in a browser of its own, whose profile is the new folder `profile`."""
    program = CLIENTS["chromium"].path
    assert program is not None
    with (profile.parent / "browser.log").open("wb") as log:
        browser = await asyncio.create_subprocess_exec(
            program, *FLAGS, f"--user-data-dir={profile}", "about:blank", stdin=asyncio.subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        async with asyncio.timeout(60.0), ClientSession() as http:
            found = await _debugged(http, profile)
        async with ClientSession() as http, http.ws_connect(found, max_msg_size=0) as socket:
            page = Page(socket)
            await page.call("Page.enable")
            await page.call("Page.navigate", url=address)
            await page.until(f"document.readyState === 'complete' && location.href.startsWith('{address}')")
            yield page
    finally:
        # The group, because a browser is a dozen processes.
        os.killpg(browser.pid, signal.SIGKILL)
        await browser.wait()


async def _debugged(http: ClientSession, profile: Path) -> str:
    """Where the browser's page listens for commands, once it does."""
    port = profile / "DevToolsActivePort"
    while not (port.exists() and port.read_text().count("\n")):
        await asyncio.sleep(0.05)
    listed = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json/list"
    while True:
        async with http.get(listed) as answer:
            for target in await answer.json():
                if target["type"] == "page":
                    return str(target["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)
