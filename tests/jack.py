"""A JACK server of a test's own, on its dummy driver: real MIDI ports on a machine without any hardware."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from antiphon.control.midi.ports import release

RATE_HZ, PERIOD_FRAMES = 48000, 128
STARTS_S = 30.0
CLIENT_TIMEOUT_MS, ENDS_S = 10_000, 20.0


def plugged(name: str, period_frames: int, *options: str) -> subprocess.Popen[bytes]:
    """A JACK server on its dummy driver, once it answers.

    Synchronous: a cycle waits for every client, so that a busy machine makes cycles late, but leaves nothing out.
    """
    command = ["jackd", "--name", name, "--no-realtime", "--sync", *options, "-d", "dummy"]
    command += ["-r", str(RATE_HZ), "-p", str(period_frames)]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    environ = {**os.environ, "JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    until_s = time.monotonic() + STARTS_S
    while subprocess.run(["jack_lsp"], capture_output=True, check=False, env=environ, timeout=10).returncode:
        assert server.poll() is None, f"jackd ended with {server.returncode}"
        assert time.monotonic() < until_s, "jackd does not answer"
        time.sleep(0.05)
    return server


class JackServer:
    """`with JackServer("name"):` programs started meanwhile, and clients of this process, talk to this server."""

    def __init__(self, name: str, period_frames: int = PERIOD_FRAMES) -> None:
        self.name, self.period_frames = name, period_frames
        self._process: subprocess.Popen[bytes] | None = None
        self._before: str | None = None

    def __enter__(self) -> JackServer:
        self._before = os.environ.get("JACK_DEFAULT_SERVER")
        os.environ["JACK_DEFAULT_SERVER"] = self.name
        os.environ["JACK_NO_START_SERVER"] = "1"
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._before is None:
            del os.environ["JACK_DEFAULT_SERVER"]
        else:
            os.environ["JACK_DEFAULT_SERVER"] = self._before

    def start(self) -> None:
        # It waits for long before a client counts as dead.
        self._process = plugged(self.name, self.period_frames, "--timeout", str(CLIENT_TIMEOUT_MS))

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                # One that is killed stays on JACK's list.
                self._process.wait(ENDS_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


@contextmanager
def jack_server(suffix: str, period_frames: int = PERIOD_FRAMES) -> Iterator[JackServer]:
    with JackServer(f"antiphon-{suffix}-{os.getpid()}", period_frames) as server:
        yield server


class Controller:
    """A stand-in for a plugged-in controller: ports under its name, what it sends, and what it is told."""

    def __init__(self, name: str) -> None:
        import rtmidi

        self.name = name
        self.heard: list[bytes] = []
        self._out: Any = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
        self._in: Any = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
        self._in.ignore_types(sysex=False, timing=False, active_sense=False)
        self._in.set_callback(lambda event, _: self.heard.append(bytes(event[0])))
        self._out.open_virtual_port("MIDI 1")
        self._in.open_virtual_port("MIDI 1 lights")
        self._ports = (self._out, self._in)

    def send(self, *data: int) -> None:
        self._out.send_message(list(data))

    def cc(self, number: int, value: int, channel: int = 1) -> None:
        self.send(0xB0 | channel - 1, number, value)

    def note(self, number: int, velocity: int = 127, channel: int = 1) -> None:
        self.send(0x90 | channel - 1, number, velocity)

    def unplug(self) -> None:
        ports, self._ports = self._ports, ()
        for port in ports:
            release(port)
