"""JACK's list of the servers that a machine may have: eight, and one that was killed stays in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

REGISTRY = Path("/dev/shm/jack-shm-registry")


def forget_dead_servers() -> None:
    """Where no JACK server runs, whatever is on the list is dead, and eight of the dead would keep every other out.

    Once only, before the tests begin: later on, processes of theirs may hold the list open themselves.
    """
    if REGISTRY.exists() and not {"jackd", "jackdbus", "pipewire"} & set(_running()):
        REGISTRY.unlink(missing_ok=True)


def _running() -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            yield process.read_text().strip()
