"""A real server in a process of its own, and an OSC client that keeps time."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

Value = str | int | float
_RECEIVE_BYTES = 8 << 20
_POLL_S = 0.01


def packet(address: str, *values: Value) -> bytes:
    """One OSC message."""
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return bytes(builder.build().dgram)


@dataclass(frozen=True, slots=True)
class Heard:
    """One OSC message and when it came (time.perf_counter)."""

    at_s: float
    address: str
    values: tuple[Any, ...]


class Client:
    """Sends OSC over one UDP socket, and notes when every answer came, on a thread of its own."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self._socket.connect((host, port))
        self._socket.settimeout(0.1)
        self._open = True
        self.heard: deque[Heard] = deque()
        self._ear = threading.Thread(target=self._listen, daemon=True)
        self._ear.start()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._ear.join()
        self._socket.close()

    def send(self, datagram: bytes) -> float:
        """Send, and return when. Nothing is raised where nobody listens yet."""
        at_s = time.perf_counter()
        with suppress(ConnectionRefusedError):
            self._socket.send(datagram)
        return at_s

    def ask(self, datagram: bytes, answers: Sequence[str], timeout_s: float = 10.0) -> Heard:
        """Send, and wait for the next message at one of these addresses. Raises TimeoutError."""
        self.heard.clear()
        self.send(datagram)
        return self.wait(lambda message: message.address in answers, timeout_s)

    def wait(self, wanted: Callable[[Heard], bool], timeout_s: float) -> Heard:
        """The first message not looked at yet that is wanted. Raises TimeoutError."""
        until_s = time.perf_counter() + timeout_s
        while time.perf_counter() < until_s:
            while self.heard:
                message = self.heard.popleft()
                if wanted(message):
                    return message
            time.sleep(0.001)
        raise TimeoutError(f"no answer within {timeout_s:g} s")

    def _listen(self) -> None:
        while self._open:
            try:
                datagram = self._socket.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            at_s = time.perf_counter()
            message = OscMessage(datagram)
            self.heard.append(Heard(at_s, message.address, tuple(message.params)))


def free_port() -> int:
    """A port that is free for UDP and TCP right now."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", 0))
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                continue
            return int(tcp.getsockname()[1])


@dataclass(slots=True)
class Server:
    """`antiphon serve` on free ports, with a data folder that is taken away at the end. Use as a context."""

    settings: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
    osc_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    _folder: Any = None
    _process: Any = None
    _began_s: float = 0.0
    _ready: threading.Event = field(default_factory=threading.Event)
    _ready_at_s: float = 0.0
    ready_line: str = ""

    def __enter__(self) -> Server:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        config = folder / "settings.toml"
        lines = [f"{name} = {json.dumps(value)}" for name, value in self.settings.items()]
        lines += ["[limits]", *(f"{name} = {json.dumps(value)}" for name, value in self.limits.items())]
        config.write_text("\n".join(lines) + "\n")
        command = [
            sys.executable, "-m", "antiphon", "serve", "--osc-port", str(self.osc_port),
            "--http-port", str(self.http_port), "--data-dir", str(folder / "data"), "--config", str(config),
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANTIPHON_")}
        self._began_s = time.perf_counter()
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=(folder / "stderr").open("w"), text=True
        )
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(20.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._folder.cleanup()

    @property
    def data_dir(self) -> Path:
        """The server's data folder, as long as it runs."""
        return Path(self._folder.name) / "data"

    def client(self) -> Client:
        return Client(self.osc_port)

    def welcome_s(self, timeout_s: float = 60.0) -> float:
        """Seconds from the start of the process to the first `/welcome`, asked for every 10 ms. Raises RuntimeError."""
        with self.client() as client:
            until_s = time.perf_counter() + timeout_s
            while time.perf_counter() < until_s:
                client.send(packet("/antiphon/hello", "cold"))
                time.sleep(_POLL_S)
                for message in tuple(client.heard):
                    if message.address == "/antiphon/welcome":
                        return message.at_s - self._began_s
                self._check()
        raise RuntimeError(f"no /welcome within {timeout_s:g} s: {self.complaints()}")

    def ready_s(self, timeout_s: float = 300.0) -> float:
        """Seconds from the start of the process to its `ready` line. Raises RuntimeError."""
        until_s = time.perf_counter() + timeout_s
        while not self._ready.wait(0.1):
            self._check()
            if time.perf_counter() > until_s:
                raise RuntimeError(f"not ready within {timeout_s:g} s: {self.complaints()}")
        return self._ready_at_s - self._began_s

    def complaints(self) -> str:
        """What the server wrote to stderr, its end."""
        return (Path(self._folder.name) / "stderr").read_text()[-1500:]

    def _check(self) -> None:
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended with code {self._process.returncode}: {self.complaints()}")

    def _read(self) -> None:
        for line in self._process.stdout:
            if line.startswith("ready "):
                self._ready_at_s, self.ready_line = time.perf_counter(), line.strip()
                self._ready.set()


@dataclass(slots=True)
class Load:
    """What came of a steady stream of requests."""

    rate_hz: float
    sent: int = 0
    latencies_s: list[float] = field(default_factory=list)
    #: Answers that were errors, and the first one's text.
    errors: int = 0
    error: str = ""
    #: How late the sender itself was at worst: beyond a few ms the offered rate was not steady.
    late_s: float = 0.0

    @property
    def lost(self) -> int:
        return self.sent - len(self.latencies_s) - self.errors


def offer(
    client: Client, ask: Callable[[int], tuple[str, bytes]], rate_hz: float, seconds: float, answers: Sequence[str],
    error_address: str = "/antiphon/error", patience_s: float = 5.0,
) -> Load:  # fmt: skip
    """Send requests at a steady rate without waiting for answers, then match answers to requests by their id.

    ask: number → (request id, datagram), made before the clock starts. Latency counts from the send call's start. The
    sending of one request never waits for the answer of another, so a slow answer hides no other (no coordinated
    omission).
    """
    count = max(1, round(rate_hz * seconds))
    asked = [ask(number) for number in range(count)]
    load, sent_s = Load(rate_hz, count), {}
    client.heard.clear()
    began_s = time.perf_counter() + 0.05
    for number, (request_id, datagram) in enumerate(asked):
        due_s = began_s + number / rate_hz
        wait_s = due_s - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        sent_s[request_id] = client.send(datagram)
        load.late_s = max(load.late_s, sent_s[request_id] - due_s)
    until_s = time.perf_counter() + patience_s
    while sent_s and time.perf_counter() < until_s:
        while client.heard:
            _match(load, sent_s, client.heard.popleft(), answers, error_address)
        time.sleep(0.01)
    return load


def _match(load: Load, sent_s: dict[str, float], message: Heard, answers: Sequence[str], error_address: str) -> None:
    if message.address not in (*answers, error_address) or not message.values:
        return
    began_s = sent_s.pop(str(message.values[0]), None)
    if began_s is None:
        return
    if message.address == error_address:
        load.errors += 1
        load.error = load.error or " ".join(map(str, message.values[1:]))
    else:
        load.latencies_s.append(message.at_s - began_s)
