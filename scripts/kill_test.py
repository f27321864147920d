"""Kills workers and whole servers in the middle of work, and counts what got lost or was done twice.

    python scripts/kill_test.py --kills 20

A real server, real OSC requests over UDP, SIGKILL. Half of the kills hit the worker, half the server, which is then
started again on the same data folder. Every request that was acknowledged must end in `/done` with its candidates,
once, however often it is sent again. The last line is JSON; the exit status is 0 only if nothing was lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

REPOSITORY = Path(__file__).resolve().parents[1]
ANSWER_S, WORK_S = 5.0, 180.0


class Server:
    """`antiphon serve` as a process of its own."""

    def __init__(self, config: Path, environ: dict[str, str] | None = None) -> None:
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "antiphon", "serve", "--config", str(config)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (environ or {}), cwd=REPOSITORY,
        )  # fmt: skip

    def ready_line(self) -> str:
        """Wait until requests are served; the line that says so. Raises RuntimeError with what was said instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError(f"the server did not start: {line} {self.process.communicate()[1]}")
        return line.strip()

    def worker(self) -> psutil.Process | None:
        """Its worker process, if there is one just now."""
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                if "antiphon.jobs.worker" in child.cmdline():
                    return child
        return None

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


@dataclass(slots=True)
class Client:
    """An OSC client over UDP that keeps what it was told: per request id the done candidates, errors, progress."""

    port: int
    socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    heard: list[tuple[Any, ...]] = field(default_factory=list)
    done: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)

    def send(self, address: str, *args: object) -> None:
        builder = OscMessageBuilder("/antiphon" + address)
        for arg in args:
            builder.add_arg(arg)  # type: ignore[arg-type]
        # A server that was just killed refuses packets; they are sent again.
        with contextlib.suppress(OSError):
            self.socket.sendto(builder.build().dgram, ("127.0.0.1", self.port))

    def hear(self, timeout_s: float) -> tuple[Any, ...] | None:
        """The next message as (address without /antiphon, arguments …); None after the timeout."""
        self.socket.settimeout(timeout_s)
        try:
            message = OscMessage(self.socket.recv(65536))
        except (TimeoutError, ConnectionError):
            return None
        heard = (message.address.removeprefix("/antiphon"), *message.params)
        if heard[0] == "/done":
            self.done.setdefault(str(heard[1]), set()).add(tuple(str(each) for each in heard[2:]))
        self.heard.append(heard)
        return heard

    def ask(self, met: Callable[[tuple[Any, ...]], bool], *message: object) -> tuple[Any, ...]:
        """Send until an answer meets the condition, as clients over UDP do. Raises TimeoutError."""
        until_s = time.monotonic() + WORK_S
        while time.monotonic() < until_s:
            self.send(*message)  # type: ignore[arg-type]
            again_s = time.monotonic() + 0.5
            while (left_s := again_s - time.monotonic()) > 0:
                heard = self.hear(left_s)
                if heard is not None and met(heard):
                    return heard
        raise TimeoutError(f"no answer to {message}")

    def greet(self) -> None:
        """A name of its own, so that the server knows it again after a restart."""
        self.ask(lambda heard: heard[0] == "/welcome", "/hello", "hello", "kill-test")

    def generate(self, request_id: str, *keys: object) -> str:
        """Returns the job's id once the request is acknowledged."""
        answer = self.ask(
            lambda heard: heard[0] in ("/ack", "/error") and heard[1] == request_id, "/generate", request_id, *keys
        )
        if answer[0] == "/error":
            raise RuntimeError(f"{request_id} was refused: {answer[2:]}")
        return str(answer[2])


def free_port() -> int:
    """A port number that is free for UDP and TCP just now."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return int(tcp.getsockname()[1])


@dataclass(slots=True)
class Tally:
    """What was done to the server, and what became of the requests."""

    worker_kills: int = 0
    server_kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    done_twice: int = 0
    answered_differently: int = 0
    half_written: int = 0
    ledger: str = ""
    slowest_replacement_s: float = 0.0

    @property
    def sound(self) -> bool:
        wrong = self.lost + self.done_twice + self.answered_differently + self.half_written
        return wrong == 0 and self.ledger == "ok"


class Trial:
    """One run: keeps work in hand, kills, and takes stock."""

    def __init__(self, folder: Path, model: str, seed: int, loops: int) -> None:
        self.folder, self.loops = folder, loops
        self.draw = random.Random(seed)
        self.port = free_port()
        self.config = folder / "kill-test.toml"
        self.config.write_text(
            f"osc_port = {self.port}\nhttp_port = 0\nmodel = {json.dumps(model)}\n"
            f"data_dir = {json.dumps(str(folder / 'data'))}\nmax_attempts = 1000\n"
        )
        self.client = Client(self.port)
        self.keys: dict[str, tuple[object, ...]] = {}
        self.tally = Tally()
        self.server = self.start()

    def start(self) -> Server:
        server = Server(self.config)
        server.ready_line()
        self.client.greet()
        return server

    def ask(self) -> None:
        """Have at least two requests in hand."""
        while len(self.keys) - len(self.client.done) < 2:
            request_id = f"r{len(self.keys)}"
            keys = ("bpm", self.draw.choice([93, 124, 160]), "bars", 1, "count", self.loops, "preset", "clean")
            self.client.generate(request_id, *keys)
            self.keys[request_id] = keys
            self.tally.acknowledged += 1

    def kill(self, whole_server: bool) -> None:
        """Let some requests be done, wait until the next is under way, then kill somewhere in the middle of it."""
        enough = len(self.client.done) + self.draw.randint(0, 2)
        until_s = time.monotonic() + WORK_S
        while time.monotonic() < until_s:
            self.ask()
            heard = self.client.hear(0.5)
            under_way = heard is not None and heard[0] == "/progress" and heard[3] == "sounding"
            if under_way and len(self.client.done) >= enough:
                break
        else:
            raise TimeoutError("no work came under way")
        time.sleep(self.draw.uniform(0, 0.3))
        began_s = time.monotonic()
        if whole_server:
            self.server.kill()
            self.server = self.start()
            self.tally.server_kills += 1
        else:
            worker = self.server.worker()
            if worker is None:
                return
            worker.kill()
            while (fresh := self.server.worker()) is None or fresh.pid == worker.pid:
                time.sleep(0.02)
            self.tally.worker_kills += 1
        self.tally.slowest_replacement_s = max(self.tally.slowest_replacement_s, time.monotonic() - began_s)

    def take_stock(self) -> None:
        """Ask for every outcome once more, stop the server, and look into its ledger and its library."""
        for request_id, keys in self.keys.items():
            try:
                self.client.ask(
                    lambda heard, wanted=request_id: heard[0] == "/done" and heard[1] == wanted,  # type: ignore[misc]
                    "/generate", request_id, *keys,
                )  # fmt: skip
            except TimeoutError:
                self.tally.lost += 1
        self.tally.answered_differently = sum(len(answers) > 1 for answers in self.client.done.values())
        self.server.stop()
        with contextlib.closing(sqlite3.connect(self.folder / "data" / "antiphon.db")) as ledger:
            self.tally.ledger = ledger.execute("PRAGMA integrity_check").fetchone()[0]
            jobs = ledger.execute("SELECT count(*) FROM job").fetchone()[0]
            candidates = {row[0] for row in ledger.execute("SELECT candidate_id FROM candidate")}
        self.tally.done_twice = max(0, jobs - len(self.keys)) + max(0, len(candidates) - jobs * self.loops)
        library = self.folder / "data" / "library"
        strange = [path for path in library.glob("*/*") if path.name not in candidates]
        self.tally.half_written = len(strange) + len(list(library.glob("*/*/.*.part")))


@contextmanager
def trial(model: str, seed: int, loops: int) -> Iterator[Trial]:
    with tempfile.TemporaryDirectory(prefix="antiphon-kill-") as folder:
        run = Trial(Path(folder), model, seed, loops)
        try:
            yield run
        finally:
            run.server.kill()
            run.client.socket.close()


def kill_test(kills: int, model: str, seed: int, loops: int = 1, say: Callable[[str], None] = print) -> Tally:
    """Kill `kills` times, worker and server in turns; returns what became of everything."""
    with trial(model, seed, loops) as run:
        for number in range(kills):
            run.kill(whole_server=number % 2 == 1)
            say(f"kill {number + 1} of {kills}: {'server' if number % 2 else 'worker'}; "
                f"{run.tally.acknowledged} acknowledged, {len(run.client.done)} done")  # fmt: skip
        run.take_stock()
        return run.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="half of them hit the worker, half the server")
    parser.add_argument("--model", default="builtin", help="as the setting `model`")
    parser.add_argument("--seed", type=int, default=1, help="of tempos and moments")
    parser.add_argument("--loops", type=int, default=1, help="loops per request")
    options = parser.parse_args()
    tally = kill_test(options.kills, options.model, options.seed, options.loops, lambda text: print(text, flush=True))
    print("\n| figure | value |\n|---|---|")
    figures = {name: getattr(tally, name) for name in Tally.__slots__}
    for name, value in figures.items():
        print(f"| {name.replace('_', ' ')} | {round(value, 2) if isinstance(value, float) else value} |")
    print(json.dumps(figures))
    return 0 if tally.sound else 1


if __name__ == "__main__":
    sys.exit(main())
