"""A reference UDP echo server on python-osc's own AsyncIOOSCUDPServer: the least that an OSC server in Python costs.

Prints its port, then answers every message at /echo with the same arguments until it is ended.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.osc_server import AsyncIOOSCUDPServer


async def serve() -> None:
    """Echo until cancelled."""
    dispatcher = Dispatcher()
    transport: Any = None

    def echo(client: tuple[str, int], _: str, *values: Any) -> None:
        builder = OscMessageBuilder("/echoed")
        for value in values:
            builder.add_arg(value)
        transport.sendto(builder.build().dgram, client)

    dispatcher.map("/echo", echo, needs_reply_address=True)
    server = AsyncIOOSCUDPServer(("127.0.0.1", 0), dispatcher, asyncio.get_running_loop())  # type: ignore[arg-type]
    transport, _ = await server.create_serve_endpoint()
    print(transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
