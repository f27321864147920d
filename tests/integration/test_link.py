"""Ableton Link with a second peer, on a network of namespaces: nothing leaves for the machine's own."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.network import Machine, network, said_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.needs("ip"),
    pytest.mark.skipif(importlib.util.find_spec("aalink") is None, reason="aalink is not installed: antiphon[link]"),
]


@pytest.fixture
def lan() -> Iterator[dict[str, Machine]]:
    with network() as machines:
        yield machines


def test_the_session_leads_while_it_has_a_peer(lan: dict[str, Machine], tmp_path: Path) -> None:
    ours = lan["a"].python("-m", "tests.integration.link_listener")
    said_until(ours, "ready")
    pipe = tmp_path / "orders"
    os.mkfifo(pipe)
    peer = lan["b"].python("-m", "tests.integration.link_peer", "97.5", str(pipe))
    # Of two that meet, the one whose session is older keeps its tempo: ours, at 120.
    said_until(peer, "joined")
    with pipe.open("w", buffering=1) as orders:
        for order, answer in (
            ("tempo 97.5", ["tempo", "link", "97.5"]),
            ("tempo 124", ["tempo", "link", "124.0"]),
            ("play", ["transport", "link", "1"]),
            ("stop", ["transport", "link", "0"]),
            ("leave", ["tempo", "set", "120.0"]),
        ):
            orders.write(order + "\n")
            assert said_until(ours, answer[0]) == answer
    ours.send_signal(signal.SIGTERM)
    assert ours.wait(10) == 0
