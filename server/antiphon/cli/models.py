"""`antiphon models`: which models there are, what each can do, and whether its weights are here."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from antiphon.cli.shell import ConfigOption, out, settings_from
from antiphon.generation.text_to_music.families import Abilities
from antiphon.generation.text_to_music.survey import Surveyed, survey
from antiphon.paths import presets_dir


def add_to(app: typer.Typer) -> None:
    app.command("models")(run)


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    config: ConfigOption = None,
) -> None:
    """Say which models are built in or in the settings, what each can do, and whether its weights are here."""
    settings = settings_from(config)
    found = survey(settings.models, presets_dir() / "models" / "builtin")
    if as_json:
        out.print_json(json.dumps([each.as_json() for each in found]))
        return
    out.print(_table(found, settings.model))
    for each in found:
        if each.fault:
            out.print(f"[red]✗[/] [bold]{each.name}[/] {escape(each.fault)}")
    if not settings.models:
        out.print("\nMore models: add them to the settings as \\[\\[models]], as docs/models.md shows.", style="dim")


def _table(found: list[Surveyed], active: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "name", "kind", "stems", "tempo", "key", "sound", "weights", "licence"):
        table.add_column(heading, overflow="fold")
    for each in found:
        mark = "[red]✗[/]" if each.fault else "[green]✓[/]"
        name = f"[bold]{each.name}[/]" + (" (default)" if each.name == active else "")
        table.add_row(
            mark, name, escape(each.kind), *_abilities(each.abilities), _size(each), escape(each.licence or "–")
        )
    return table


def _abilities(able: Abilities | None) -> tuple[str, str, str, str]:
    if able is None:
        return "–", "–", "–", "–"
    sound = f"{'stereo' if able.channels == 2 else 'mono'}, {able.rate_hz / 1000:g} kHz, {able.longest_s:g} s"
    return able.stems, able.tempo, able.key, sound


def _size(each: Surveyed) -> str:
    if not each.size_bytes:
        return "–"
    size = f"{each.size_bytes / 1e9:.1f} GB" if each.size_bytes >= 1e9 else f"{each.size_bytes / 1e6:.0f} MB"
    return f"{size}, {each.parameters / 1e9:.1f} B" if each.parameters >= 1e8 else size
