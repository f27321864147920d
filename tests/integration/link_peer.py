"""A peer in an Ableton Link session that does what it reads from a pipe: `tempo 97.5`, `play`, `stop`, `leave`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aalink


async def main() -> None:
    link = aalink.Link(float(sys.argv[1]), asyncio.get_running_loop())
    link.start_stop_sync_enabled = True
    link.enabled = True
    while not link.num_peers:
        await asyncio.sleep(0.05)
    print("joined", flush=True)
    orders = await asyncio.to_thread(Path(sys.argv[2]).open)
    while line := await asyncio.to_thread(orders.readline):
        word, _, value = line.strip().partition(" ")
        if word == "tempo":
            link.tempo = float(value)
        elif word in ("play", "stop"):
            link.playing = word == "play"
        elif word == "leave":
            break
    orders.close()
    link.enabled = False


if __name__ == "__main__":
    asyncio.run(main())
