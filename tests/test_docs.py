"""What the documents say is so: links lead somewhere, commands and options exist, OSC examples are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from antiphon.cli import app
from antiphon.control.commands import COMMANDS
from antiphon.control.decode import decode_osc, find_command
from antiphon.control.fields import Bounds
from antiphon.control.messages import MESSAGES
from antiphon.control.oscquery_tree import READABLE

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "plugins", "presets")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:home|root|Users|work|tmp)/\w")
OSC_TYPES = {"s": str, "i": int, "f": float}


def commands_in(page: Path, program: str) -> list[list[str]]:
    """Every shell command in a page's code that calls `program`, as words without it (and without what leads to it)."""
    code = re.findall(r"```console\n(.*?)```|(?<!`)`([^`\n]+)`(?!`)", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line.removeprefix("$ ").strip() for block, inline in code for line in (block or inline).splitlines()]
    found = []
    for line in lines:
        words = shlex.split(line, comments=True) if line.count("'") % 2 == 0 and line.count('"') % 2 == 0 else []
        if words and Path(words[0]).name == program:
            found.append(words[1:])
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_path_of_one_machine(page: Path) -> None:
    assert not MACHINE_PATH.findall(page.read_text(encoding="utf-8"))


def test_commands_and_options_exist() -> None:
    root = typer.main.get_command(app)
    shown = [(page.name, words) for page in PAGES for words in commands_in(page, "antiphon")]
    assert len(shown) >= 5
    for page, words in shown:
        if not words:
            continue
        command = getattr(root, "commands", {}).get(words[0])
        assert command is not None, f"{page}: there is no command antiphon {words[0]}"
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        wrong = [word for word in words if word.startswith("--") and word not in options]
        assert not wrong, f"{page}: antiphon {words[0]} has no {wrong}"


def test_osc_examples_are_understood() -> None:
    shown = [(page.name, words) for page in PAGES for words in commands_in(page, "oscsend") if words]
    assert len(shown) >= 2
    for page, (_, _, address, *rest) in shown:
        tags, values = (rest[0], rest[1:]) if rest else ("", [])
        assert len(tags) == len(values), f"{page}: {address} has {len(tags)} type tags for {len(values)} values"
        arguments = [OSC_TYPES[tag](value) for tag, value in zip(tags, values, strict=True)]
        command, path = find_command(address)
        decode_osc(command, path, arguments, Bounds())


def test_addresses_named_in_the_documents_exist() -> None:
    known = {command.address for command in COMMANDS.values()}
    later = {f"/antiphon{address}" for address in MESSAGES}
    containers = {path.rpartition("/")[0] for path in READABLE}
    for page in PAGES:
        for address in re.findall(r"`(/antiphon/[a-zA-Z_/]+)", page.read_text(encoding="utf-8")):
            assert address in known | later | READABLE | containers, f"{page.name} names {address}"


def test_scripts_named_in_the_documents_exist() -> None:
    for page in PAGES:
        for script in re.findall(r"\b(scripts/[\w/]+\.py|tests/[\w/]+\.py)\b", page.read_text(encoding="utf-8")):
            assert (ROOT / script).exists(), f"{page.name} names {script}"


def test_every_kind_of_user_has_a_page_reached_from_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("for-*.md"):
        assert f"docs/{page.name}" in readme
