"""The abstraction `antiphon` in Pure Data: it asks, rates, steps, tells of mistakes, notices a server that is lost."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.integration.heard import Heard, delivered, heard
from tests.integration.relay import relay
from tests.integration.server import RunningServer

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400), pytest.mark.needs("pd")]
PATCH = Path(__file__).parent / "pd" / "plugin.pd"
PLUGIN = REPOSITORY / "plugins" / "puredata"


def printed(said: str, name: str) -> list[Heard]:
    """What a [print NAME] showed, one message a line; Pd puts a backslash before spaces and commas inside a symbol."""
    lines = re.findall(rf"^{name}: (.+)$", said, flags=re.MULTILINE)
    words = ([re.sub(r"\\(.)", r"\1", word) for word in re.split(r"(?<!\\) ", line)] for line in lines)
    return heard([f"/{first}", *rest] for first, *rest in words)


def test_a_conversation(quick_server: RunningServer, converse: Callable[..., str]) -> None:
    with relay(quick_server.osc_port, silent_s=9.0) as between:
        said = converse(
            ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-path", PLUGIN,
             "-send", f"port {between.port}", PATCH],
        )  # fmt: skip
    assert "couldn't create" not in said
    messages = printed(said, "out")
    (done,) = (message for message in messages if message.address == "/done")
    loop = delivered(messages, done.values[0], bpm=120.5)
    assert [message.values[1:] for message in messages if message.address == "/rated"] == [(loop.candidate_id, "0.75")]
    # `next` steps through whatever the server has, other hosts' loops too.
    (current,) = (message.values[0] for message in messages if message.address == "/current")
    with urllib.request.urlopen(f"{quick_server.http_url}/api/candidates/{current}") as answer:
        assert json.load(answer)["candidate_id"] == current
    # The second outlet has every error, Pd's own window too; the third says 1, and after six seconds of silence 0.
    errors = [message.values[1:] for message in printed(said, "err")]
    assert [code for code, *_ in errors] == ["unknown_key", "invalid", "unreachable"] or [
        code for code, *_ in errors
    ] == ["invalid", "unknown_key", "unreachable"], errors
    assert any("key" in text for _, text, *_ in errors)
    assert "antiphon serve" in " ".join(errors[-1])
    assert [message.values for message in printed(said, "antiphon")] == [
        message.values for message in printed(said, "err")
    ]
    assert re.findall(r"^connected: (\d)$", said, flags=re.MULTILINE) == ["1", "0", "1"]


def test_the_help_patch_opens(converse: Callable[..., str], tmp_path: Path) -> None:
    patch = tmp_path / "open.pd"
    patch.write_text(
        "#N canvas 0 0 200 200 12;\n#X obj 0 0 antiphon-help;\n#X obj 0 40 loadbang;\n#X obj 0 60 delay 500;\n"
        "#X msg 0 80 \\; pd quit;\n#X connect 1 0 2 0;\n#X connect 2 0 3 0;\n"
    )
    said = converse(["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", "-path", PLUGIN, patch])
    assert "couldn't create" not in said
    assert "error" not in said.lower(), said
