"""A UDP relay between a client and the server that can fall silent: for the client, the server is lost, then back."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """Passes datagrams both ways. One from the client that holds `trigger` makes it swallow all for `silent_s`."""

    def __init__(self, server_port: int, trigger: bytes, silent_s: float) -> None:
        self._server = ("127.0.0.1", server_port)
        self._trigger, self._silent_s = trigger, silent_s
        self._silent_until_s = 0.0
        self._outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outside.bind(("127.0.0.1", 0))
        self._inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._client: tuple[str, int] | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.port: int = self._outside.getsockname()[1]

    def _run(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select([self._outside, self._inside], [], [], 0.1)
            for sock in ready:
                data, sender = sock.recvfrom(65536)
                if sock is self._outside:
                    self._client = sender
                    if self._trigger in data:
                        self._silent_until_s = time.monotonic() + self._silent_s
                if time.monotonic() < self._silent_until_s:
                    continue
                if sock is self._outside:
                    self._inside.sendto(data, self._server)
                elif self._client is not None:
                    self._outside.sendto(data, self._client)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._outside.close()
        self._inside.close()


@contextmanager
def relay(server_port: int, trigger: bytes = b"/antiphon/tempo", silent_s: float = 5.0) -> Iterator[Relay]:
    """A running relay; by default a `/antiphon/tempo` makes it silent for five seconds."""
    with Relay(server_port, trigger, silent_s) as running:
        yield running
