"""Pure Data: netsend, oscformat and oscparse, as in any patch; stems into an array by soundfiler."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.heard import delivered, heard, refused
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.needs("pd")]
PATCH = Path(__file__).parent / "pd" / "conversation.pd"


def test_a_patch_asks_and_reads_the_stems(server: RunningServer, converse: Callable[..., str]) -> None:
    said = converse(
        ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-send", f"port {server.osc_port}", PATCH]
    )  # fmt: skip
    # oscparse gives an address as words: `list antiphon stem p1 …`.
    lines = re.findall(r"^heard: list antiphon (.+)$", said, flags=re.MULTILINE)
    messages = heard(["/" + word if place == 0 else word for place, word in enumerate(_words(line))] for line in lines)
    assert messages[0].address == "/welcome"
    loop = delivered(messages, "p1", bpm=120.5)
    frames = [int(count) for count in re.findall(r"^frames: (\d+)$", said, flags=re.MULTILINE)]
    assert frames == [stem.frames for stem in loop.stems]
    headers = re.findall(r"^header: (\d+) \d+ (\d+) (\d+) l$", said, flags=re.MULTILINE)
    assert [(rate, sample_bytes) for rate, _, sample_bytes in headers] == [("44100", "3")] * 4, said
    assert "key" in refused(messages, "p2", "unknown_key")


def _words(line: str) -> list[str]:
    """Pd prints the spaces, commas and semicolons inside a symbol with a backslash before them."""
    return [re.sub(r"\\(.)", r"\1", word) for word in re.split(r"(?<!\\) ", line)]
