"""How fast this machine answers: measured as a client would, against a server that is started for it."""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from antiphon.cli.connection import Connection, ServerRefused, ServerUnreachable, connect
from antiphon.control.decode import new_request_id
from antiphon.errors import StartupError

#: A first start may have to read weights from a cold disk.
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 10.0
BPM = 93.0


@dataclass(frozen=True, slots=True)
class Round:
    """One request, timed from sending it. `music_s`: seconds of finished four-stem music that came back."""

    count: int
    ack_s: float
    first_stem_s: float
    done_s: float
    music_s: float

    @property
    def times_real_time(self) -> float:
        return self.music_s / self.done_s


@dataclass(frozen=True, slots=True)
class Summary:
    """Medians over the rounds with the same count of loops."""

    count: int
    rounds: int
    ack_s: float
    first_stem_s: float
    done_s: float
    times_real_time: float


def summarise(rounds: list[Round]) -> list[Summary]:
    """One summary per count of loops, smallest first."""
    summaries = []
    for count in sorted({each.count for each in rounds}):
        same = [each for each in rounds if each.count == count]
        names = ("ack_s", "first_stem_s", "done_s", "times_real_time")
        medians = {name: statistics.median(getattr(each, name) for each in same) for name in names}
        summaries.append(Summary(count, len(same), **medians))
    return summaries


@asynccontextmanager
async def private_server(data_dir: Path) -> AsyncIterator[str]:
    """A server of its own on free ports; yields its HTTP address. Raises StartupError."""
    command = [sys.executable, "-m", "antiphon", "serve", "--osc-port", "0", "--http-port", "0"]
    log = data_dir / "bench-server.log"
    with log.open("wb") as errors:
        server = await asyncio.create_subprocess_exec(
            *command, "--data-dir", str(data_dir / "data"), stdout=asyncio.subprocess.PIPE, stderr=errors
        )
        try:
            assert server.stdout is not None
            yield await _ready(server.stdout, log)
        finally:
            await _stop(server)


async def _ready(lines: asyncio.StreamReader, log: Path) -> str:
    """The HTTP address from the server's `ready` line."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_TIMEOUT_S):
            async for line in lines:
                found = re.match(r"ready .*http=(\S+)", line.decode(errors="replace"))
                if found:
                    return found[1] if "://" in found[1] else f"http://{found[1]}"
    raise StartupError(f"the server did not start: {_last_line(log)}; try `antiphon doctor`")


def _last_line(log: Path) -> str:
    said = log.read_text(errors="replace").strip().splitlines()
    return said[-1] if said else "it said nothing"


async def _stop(server: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        server.terminate()
    try:
        await asyncio.wait_for(server.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        server.kill()
        await server.wait()


async def time_round(server: Connection, count: int, bars: int) -> Round:
    """Ask for `count` loops and time the answers. Raises ServerRefused where the request fails."""
    request_id = new_request_id()
    first_stem_s, music_s = 0.0, 0.0
    async with server.events() as events:
        started = time.perf_counter()
        await server.call("generate", request_id=request_id, bpm=BPM, bars=bars, count=count)
        ack_s = time.perf_counter() - started
        async for told in events:
            if told.values.get("request_id") != request_id:
                continue
            now_s = time.perf_counter() - started
            if told.address == "/stem":
                first_stem_s = first_stem_s or now_s
            elif told.address == "/mix":
                music_s += told.values["frames"] / told.values["sample_rate"]
            elif told.address == "/done":
                return Round(count, ack_s, first_stem_s, now_s, music_s)
            elif told.address in ("/error", "/cancelled"):
                values = told.values
                raise ServerRefused(str(values.get("code", "cancelled")), str(values.get("message", "cancelled")))
    raise ServerUnreachable("the server ended its event stream in the middle of a measurement")


async def measure(
    address: str, token: str, counts: list[int], rounds: int, bars: int, on_round: Callable[[Round | None], None]
) -> list[Round]:
    """Time `rounds` requests for every count of loops, after one that warms the model and is told as None."""
    timed = []
    async with connect(address, token) as server:
        await time_round(server, 1, bars)
        on_round(None)
        for count in counts:
            for _ in range(rounds):
                timed.append(await time_round(server, count, bars))
                on_round(timed[-1])
    return timed
