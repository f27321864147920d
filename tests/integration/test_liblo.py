"""liblo's command-line programs: oscsend asks from a port that it forgets at once, oscdump is told what follows."""

from __future__ import annotations

import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.conftest import CONVERSATION_S
from tests.integration.heard import Heard, delivered, heard, of_request, refused
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("oscsend", "oscdump")]


class Dump:
    """oscdump on a port, and what it has printed so far."""

    def __init__(self, port: int) -> None:
        self.port = port
        # -L: a line at a time, not a block at a time.
        self.process = subprocess.Popen(["oscdump", "-L", str(port)], stdout=subprocess.PIPE, text=True)
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)

    @property
    def heard(self) -> list[Heard]:
        """Each line is: time tag, address, type tags, arguments, with strings in quotes."""
        rows = [shlex.split(line) for line in self._lines]
        return heard([row[1], *row[3:]] for row in rows if len(row) > 2)

    def wait_for(self, met: Callable[[Heard], bool]) -> Heard:
        until_s = time.monotonic() + CONVERSATION_S
        while time.monotonic() < until_s:
            for message in self.heard:
                if met(message):
                    return message
            time.sleep(0.05)
        raise AssertionError(f"oscdump did not hear it; it heard {self.heard}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def subscribed(server: RunningServer) -> Iterator[Dump]:
    """An oscdump that the server sends everything to, until it is unsubscribed again."""
    dump = Dump(_free_port())
    try:
        # Until oscdump has opened its port, the server's answer finds nobody.
        for _ in range(100):
            oscsend(server, "/subscribe", "i", dump.port)
            time.sleep(0.2)
            if dump.heard:
                break
        assert Heard("/subscribed", (str(dump.port), "0.000000")) in dump.heard
        yield dump
        oscsend(server, "/unsubscribe", "i", dump.port)
        dump.wait_for(lambda message: message == Heard("/subscribed", (str(dump.port), "-1.000000")))
    finally:
        dump.close()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def oscsend(server: RunningServer, address: str, *types_and_values: object) -> None:
    command = ["oscsend", "localhost", str(server.osc_port), f"/antiphon{address}", *map(str, types_and_values)]
    subprocess.run(command, check=True, timeout=10)


def test_a_request_in_a_shell_brings_stems(server: RunningServer) -> None:
    with subscribed(server) as dump:
        oscsend(server, "/hello", "s", "l0")
        oscsend(
            server, "/generate", "ssfsisssisi", "l1", "bpm", 93.5, "bars", 1, "key", "D dorian", "steps", 2, "seed", 7
        )
        dump.wait_for(lambda message: message.address in ("/done", "/error") and message.values[0] == "l1")
        delivered(dump.heard, "l1", bpm=93.5)
        assert any(message.address == "/welcome" for message in dump.heard)
        assert any(message.address == "/job" for message in dump.heard)


def test_a_prompt_is_answered_with_what_was_understood(server: RunningServer) -> None:
    with subscribed(server) as dump:
        oscsend(server, "/generate", "ssssisi", "l4", "prompt", "slow dub, no drums", "steps", 2, "bars", 1)
        told = dump.wait_for(lambda message: message.address == "/understood" and message.values[0] == "l4")
        # oscdump shows the quotes of the JSON as they are, and so the shell's rules take them away.
        assert told.values[1].startswith("{style:dub,stems:[bass,chords,lead]")
        dump.wait_for(lambda message: message.address in ("/done", "/error") and message.values[0] == "l4")
        stems = [message.values[2] for message in of_request(dump.heard, "l4") if message.address == "/stem"]
        assert stems == ["bass", "chords", "lead"]


def test_a_request_is_cancelled_from_another_port(server: RunningServer) -> None:
    with subscribed(server) as dump:
        oscsend(server, "/generate", "ssisisi", "l3", "bars", 8, "count", 8, "steps", 50)
        dump.wait_for(lambda message: message.address == "/progress" and message.values[0] == "l3")
        oscsend(server, "/cancel", "s", "l3")
        dump.wait_for(lambda message: message == Heard("/cancelled", ("l3",)))
        assert not [message for message in of_request(dump.heard, "l3") if message.address in ("/done", "/error")]


def test_a_mistake_is_told_where_the_client_listens(server: RunningServer) -> None:
    with subscribed(server) as dump:
        oscsend(server, "/generate", "sss", "l2", "kee", "Am")
        dump.wait_for(lambda message: message.values[:1] == ("l2",))
        assert "key" in refused(dump.heard, "l2", "unknown_key")
        oscsend(server, "/genrate")
        dump.wait_for(lambda message: message.address == "/error" and message.values[1] == "unknown_address")
