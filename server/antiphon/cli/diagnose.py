"""`antiphon doctor`: what this machine can do, and what to do about what is missing."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.markup import escape

from antiphon.cli.shell import ConfigOption, err, out, settings_from
from antiphon.doctor import Finding, examine

MARKS = {"good": "[green]✓[/]", "note": "[yellow]·[/]", "bad": "[red]✗[/]"}


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(run)


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say in plain words what this machine can do. Exit code 1 where something essential is missing."""
    findings = []
    with err.status("looking at this machine …"):
        for finding in examine(settings_from(config)):
            findings.append(finding)
            if not as_json:
                _show(finding)
    bad = sum(finding.state == "bad" for finding in findings)
    if as_json:
        out.print_json(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        out.print("\nReady to serve." if not bad else f"\n{bad} to mend before Antiphon can work.", style="bold")
    raise typer.Exit(1 if bad else 0)


def _show(finding: Finding) -> None:
    out.print(f"{MARKS[finding.state]} [bold]{finding.topic:<12}[/] {escape(finding.text)}")
    if finding.advice:
        out.print(f"  {'':<12} → {finding.advice}", style="dim", markup=False)
