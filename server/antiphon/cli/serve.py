"""`antiphon serve`: the server itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from antiphon.cli.shell import ConfigOption, settings_from


def add_to(app: typer.Typer) -> None:
    app.command("serve")(run)


def run(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    osc_port: Annotated[int | None, typer.Option(help="OSC, UDP and TCP.", show_default="9010")] = None,
    http_port: Annotated[int | None, typer.Option(help="HTTP.", show_default="9011")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder for audio and ledger.", show_default=False)] = None,
    token: Annotated[str | None, typer.Option(help="Secret that other machines must send.", show_default=False)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, mps.", show_default="auto")] = None,
    play: Annotated[
        bool | None,
        typer.Option(
            "--play/--no-play", help="Play the current loop through this machine's audio output.", show_default="off"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve OSC and HTTP until Ctrl+C; prints one line `ready osc=… http=… model=…` once requests are taken."""
    from antiphon.app import serve

    settings = settings_from(
        config, host=host, osc_port=osc_port, http_port=http_port, data_dir=data_dir, token=token, device=device,
        **{"play.enabled": play},
    )  # fmt: skip
    asyncio.run(serve(settings))
