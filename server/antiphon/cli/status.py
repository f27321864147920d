"""`antiphon status`: what a running server is doing."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer
from rich.table import Table

from antiphon.cli.connection import connect
from antiphon.cli.shell import ConfigOption, UrlOption, out, server_url, settings_from


def add_to(app: typer.Typer) -> None:
    app.command("status")(run)


def run(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what a running server is doing."""
    settings = settings_from(config)
    status = asyncio.run(_status(server_url(url, settings), settings.token))
    if as_json:
        out.print_json(json.dumps(status))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in _rows(status):
        table.add_row(name.replace("_", " "), value)
    out.print(table)


async def _status(address: str, token: str) -> dict[str, Any]:
    async with connect(address, token) as server:
        answer = await server.get("status")
        assert isinstance(answer, dict)
        return answer


def _rows(status: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested values as one list of lines."""
    rows: list[tuple[str, str]] = []
    for name, value in status.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{name} ")
        elif isinstance(value, list):
            rows.append((prefix + name, ", ".join(map(str, value)) or "none"))
        else:
            rows.append((prefix + name, f"{value:.3g}" if isinstance(value, float) else str(value)))
    return rows
