"""Antiphon's side of a Link session, above a studio in memory; prints every change of tempo and transport."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from pathlib import Path

from antiphon.control.link import LinkFollower
from antiphon.domain.event import StudioEvent, TempoChanged, TransportChanged
from tests.control.memory_studio import MemoryStudio


async def main() -> None:
    studio = MemoryStudio(Path(tempfile.gettempdir()))

    def tell(event: StudioEvent) -> None:
        if isinstance(event, TempoChanged):
            print("tempo", studio.tempo.source, event.bpm, flush=True)
        elif isinstance(event, TransportChanged):
            print("transport", event.source, int(event.playing), flush=True)

    studio.listen(tell)
    link = LinkFollower(studio)
    print("ready", flush=True)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await link.close()


if __name__ == "__main__":
    asyncio.run(main())
