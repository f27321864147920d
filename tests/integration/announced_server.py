"""The control surfaces above a studio in memory, in a process of their own, so that it can run in a network namespace.

    python -m tests.integration.announced_server HOST NAME TOKEN

Prints `ready OSC_PORT HTTP_PORT`, then a line `named NAME` whenever it is found by a name. SIGTERM ends it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from antiphon.control.server import start_control
from antiphon.settings import Settings
from tests.control.conftest import VOCABULARY
from tests.control.memory_studio import MemoryStudio


async def main(host: str, name: str, token: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(
            Settings(), host=host, server_name=name, token=token, osc_port=0, http_port=0, data_dir=Path(folder)
        )
        handle = await start_control(MemoryStudio(Path(folder) / "audio"), settings, VOCABULARY)
        print("ready", handle.osc_port, handle.http_port, flush=True)
        told = ""
        while not ended.is_set():
            now = str(handle.discovery.status()["name"])
            if now and now != told:
                print("named", now, flush=True)
            told = now
            await asyncio.sleep(0.05)
        await handle.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
