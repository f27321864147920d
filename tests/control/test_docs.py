"""docs/protocol.md says what the table says, and its example is one that works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from antiphon.control.commands import COMMANDS
from antiphon.control.messages import MESSAGES


def test_the_reference_page_is_current(repository: Path) -> None:
    script = repository / "scripts" / "make_docs.py"
    check = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_the_reference_page_is_whole(repository: Path) -> None:
    page = (repository / "docs" / "protocol.md").read_text("utf-8")
    for row in COMMANDS.values():
        assert f"### `{row.address}`" in page
        assert all(f"| `{f.name}` |" in page for f in row.fields)
    for address in MESSAGES:
        assert f"| `{address}` |" in page


def test_the_fuzzer_finds_nothing(repository: Path) -> None:
    script = repository / "scripts" / "fuzz_osc.py"
    run = subprocess.run([sys.executable, str(script), "5000", "1"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "nothing escaped" in run.stdout
