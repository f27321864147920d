"""`antiphon models`: which models there are and could be, what each can do, and whether its weights are here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from antiphon.cli.shell import ConfigOption, out, settings_from
from antiphon.generation.text_to_music.abilities import MATRIX
from antiphon.generation.text_to_music.survey import Surveyed, addable, survey
from antiphon.paths import presets_dir

#: Characters that the matrix gives to its first column, and to each model; two lie between columns.
_LABEL_WIDTH, _MODEL_WIDTH, _BETWEEN = 24, 17, 2


def add_to(app: typer.Typer) -> None:
    app.command("models")(run)


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say which models there are, which could be added, what each can do, and whether its weights are here."""
    settings = settings_from(config)
    found = survey(settings.models, presets_dir() / "models" / "builtin")
    others = addable(found)
    if as_json:
        out.print_json(json.dumps([each.as_json() for each in (*found, *others)]))
        return
    out.print(_table(found, settings.model))
    for each in found:
        if each.fault:
            out.print(f"[red]✗[/] [bold]{each.name}[/] {escape(each.fault)}")
    for table in (*matrices([*found, *others], out.width), _needs(others)):
        out.print()
        out.print(table)
    out.print("\nTo add one, name it in the settings as \\[\\[models]]: docs/models.md shows how.", style="dim")


def _table(found: Sequence[Surveyed], active: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "name", "kind", "weights", "licence"):
        table.add_column(heading, overflow="fold")
    for each in found:
        mark = "[red]✗[/]" if each.fault else "[green]✓[/]"
        name = f"[bold]{each.name}[/]" + (" (default)" if each.name == active else "")
        table.add_row(mark, name, escape(each.kind), _size(each), escape(each.licence or "–"))
    return table


def matrices(models: Sequence[Surveyed], width: int) -> list[Table]:
    """What each model can do, a column each, as many side by side as a terminal `width` columns wide takes; models of
    which that can't be told are left out."""
    able = [each for each in models if each.abilities is not None]
    at_once = max(1, (width - _LABEL_WIDTH) // (_MODEL_WIDTH + _BETWEEN))
    return [_matrix(able[first : first + at_once]) for first in range(0, len(able), at_once)]


def _matrix(models: Sequence[Surveyed]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", width=_LABEL_WIDTH, overflow="fold")
    for each in models:
        style = "" if each.listed else "dim"
        table.add_column(escape(each.name), width=_MODEL_WIDTH, overflow="fold", style=style)
    here = ("can be added" if not each.listed else "no" if each.fault else "yes" for each in models)
    table.add_row("here", *here)
    for name, told in MATRIX:
        table.add_row(name, *(told(each.abilities) for each in models if each.abilities is not None))
    return table


def _needs(others: Sequence[Surveyed]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("can be added", "needs", "licence"):
        table.add_column(heading, overflow="fold", style="dim")
    for each in others:
        table.add_row(each.name, escape(each.needs), escape(each.licence))
    return table


def _size(each: Surveyed) -> str:
    if not each.size_bytes:
        return "–"
    size = f"{each.size_bytes / 1e9:.1f} GB" if each.size_bytes >= 1e9 else f"{each.size_bytes / 1e6:.0f} MB"
    return f"{size}, {each.parameters / 1e9:.1f} B" if each.parameters >= 1e8 else size
