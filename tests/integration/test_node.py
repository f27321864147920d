"""Node: the npm package `osc` over UDP, and over TCP in all three framings."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.heard import Heard, delivered, heard, refused
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("node")]
SCRIPTS = Path(__file__).parent / "node"
#: `npm install --prefix FOLDER osc` and NODE_PATH=FOLDER/node_modules; .ci/run does so.
NODE_PATH = os.environ.get("NODE_PATH", "")


@pytest.fixture
def node(converse: Callable[..., str]) -> Callable[..., list[Heard]]:
    """Run a script of ours; the messages it heard."""
    there = subprocess.run(["node", "-e", 'require("osc")'], env=os.environ, capture_output=True, check=False)
    if there.returncode:
        text = "node's package osc is not installed: npm install --prefix FOLDER osc, NODE_PATH=FOLDER/node_modules"
        if os.environ.get("CI") == "true":
            pytest.fail(text, pytrace=False)
        pytest.skip(text)

    def run(script: str, *arguments: object) -> list[Heard]:
        said = converse(["node", SCRIPTS / script, *map(str, arguments)], NODE_PATH=NODE_PATH)
        return heard(json.loads(line) for line in said.splitlines())

    return run


def test_over_udp(server: RunningServer, node: Callable[..., list[Heard]]) -> None:
    messages = node("udp.js", server.osc_port)
    assert messages[0].address == "/welcome"
    delivered(messages, "n1", bpm=128, beats=3)
    assert "Hmm" in refused(messages, "n2", "out_of_range")


@pytest.mark.parametrize("framing", ["slip", "slip-end", "length"])
def test_over_tcp(server: RunningServer, node: Callable[..., list[Heard]], framing: str) -> None:
    messages = node("tcp.js", server.osc_port, framing, f"tcp-{framing}")
    delivered(messages, f"tcp-{framing}", bpm=150, stems=("drums", "bass"))
