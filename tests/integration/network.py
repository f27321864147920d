"""A network of three machines on a switch, made of namespaces: what is multicast here stays here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

MACHINES = ("a", "b", "c")


def ip(*words: str) -> None:
    """Run `ip`. Raises CalledProcessError."""
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@dataclass
class Machine:
    """One of them: its namespace, the end of its cable at the switch, and its address."""

    namespace: str
    switch: str
    cable: str
    address: str
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        """Start a program on this machine."""
        path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path, **environ},
        )  # fmt: skip
        self.running.append(process)
        return process

    def python(self, *arguments: str) -> subprocess.Popen[str]:
        return self.start(sys.executable, *arguments)

    def move(self, address: str) -> None:
        """Take another address, or none: as where a lease ends, or the machine is carried elsewhere."""
        ip("-n", self.namespace, "addr", "flush", "dev", "eth0")
        self.address = address
        if address:
            ip("-n", self.namespace, "addr", "add", f"{address}/24", "dev", "eth0")

    def plug(self, state: str) -> None:
        """`up` or `down`: plug the cable into the switch, or pull it out."""
        ip("-n", self.switch, "link", "set", self.cable, state)


@contextmanager
def network() -> Iterator[dict[str, Machine]]:
    """The machines by name. Skips where namespaces can't be made."""
    tag = f"antiphon{os.getpid()}"
    switch = f"{tag}s"
    with ExitStack() as undo:
        try:
            ip("netns", "add", switch)
        except subprocess.CalledProcessError as fault:
            pytest.skip(f"network namespaces need root: {fault.stderr.strip()}")
        undo.callback(ip, "netns", "del", switch)
        ip("-n", switch, "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        ip("-n", switch, "link", "set", "br0", "up")
        machines = {}
        for number, name in enumerate(MACHINES, 1):
            machine = Machine(f"{tag}{name}", switch, f"cable{name}", f"10.77.0.{number}")
            ip("netns", "add", machine.namespace)
            undo.callback(ip, "netns", "del", machine.namespace)
            _connect(machine)
            machines[name] = machine
            undo.callback(_end, machine.running)
        yield machines


def _connect(machine: Machine) -> None:
    own = ("-n", machine.namespace)
    ip(*own, "link", "add", "eth0", "type", "veth", "peer", "name", machine.cable, "netns", machine.switch)
    ip("-n", machine.switch, "link", "set", machine.cable, "master", "br0", "up")
    ip(*own, "addr", "add", f"{machine.address}/24", "dev", "eth0")
    ip(*own, "link", "set", "lo", "up")
    ip(*own, "link", "set", "eth0", "up")
    ip(*own, "route", "add", "default", "dev", "eth0")


def _end(running: list[subprocess.Popen[str]]) -> None:
    for process in running:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def said_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """The words of the first line that begins with `word`. Fails with what was said instead."""
    assert process.stdout is not None
    heard = []
    for line in process.stdout:
        heard.append(line)
        if line.split()[:1] == [word]:
            return line.split()
    pytest.fail(f"it ended without saying {word!r}:\n{''.join(heard)}", pytrace=False)


SCRIPTS = Path(__file__).parent
