"""Learning over a running server: listen to one port until a control was moved and rests."""

from __future__ import annotations

import asyncio

from antiphon.control.midi.controller_map import bare_port_name
from antiphon.control.midi.learn import REST_S, source_of
from antiphon.control.midi.sources import Source
from antiphon.control.midi.surface import MidiSurface
from antiphon.control.midi.wire import Received
from antiphon.errors import NotFound


async def learn_source(midi: MidiSurface, port: str, timeout_s: float) -> Source:
    """The control of a port (by the beginning of its name) that is moved next; it does nothing else meanwhile.

    Raises NotFound where there is no such port, or nothing was moved in time.
    """
    prefix = bare_port_name(port).lower()
    if not any(bare_port_name(name).lower().startswith(prefix) for name in midi.status()["inputs"]):
        raise NotFound(f"no MIDI port begins with {port[:60]!r}: GET /api/midi lists them")
    gesture: list[Received] = []
    moved = asyncio.Event()

    def watch(name: str, received: Received) -> bool:
        if not bare_port_name(name).lower().startswith(prefix) or received.channel == 0:
            return False
        gesture.append(received)
        moved.set()
        return True

    midi.watchers.append(watch)
    midi.listening.append(prefix)
    try:
        async with asyncio.timeout(timeout_s):
            await moved.wait()
            while moved.is_set():
                moved.clear()
                await asyncio.sleep(REST_S)
    except TimeoutError:
        if not gesture:
            raise NotFound(
                f"nothing was moved within {timeout_s:g} s: ask again, then move a control of {port[:60]}"
            ) from None
    finally:
        midi.watchers.remove(watch)
        midi.listening.remove(prefix)
    source = source_of(gesture)
    if source is None:
        raise NotFound("what came from the port was not a control's: ask again, then move one control")
    return source
