"""The how-to for Companion says what the server takes: every address with a value, every body of a request."""

from __future__ import annotations

import json
import re

from antiphon.control.commands import COMMANDS
from antiphon.control.decode import decode_osc, decode_values, find_command, new_request_id
from antiphon.control.fields import Bounds
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "plugins" / "companion" / "README.md").read_text()


def test_every_body_is_one_that_the_command_takes() -> None:
    shown = re.findall(r"\*POST\* `/api/([a-z/]+)`,? (?:body|with) `(\{.*?\})`", PAGE)
    assert [name for name, _ in shown] == ["generate", "evolve", "vary"]
    for name, body in shown:
        row = COMMANDS[name]
        values = json.loads(body.replace("…", "c8f2"))
        decode_values(row, {row.id_name: new_request_id(), **values}, Bounds())


def test_every_address_takes_a_value_of_its_type() -> None:
    """`send integer` and `send float` with the values that the page gives; without arguments where it says so."""
    pattern = r"\*send (integer|float|message without arguments)\*[:,] (.*?)(?:, value (\d+(?:\.\d+)?)|\||$)"
    shown = re.findall(pattern, PAGE, re.MULTILINE)
    assert len(shown) >= 6
    for kind, addresses, value in shown:
        arguments = [] if kind.startswith("message") else [int(value) if kind == "integer" else float(value)]
        found = re.findall(r"`(/antiphon/[a-z/]+)`", addresses)
        assert found, addresses
        for address in found:
            command, path = find_command(address)
            decode_osc(command, path, arguments, Bounds())
