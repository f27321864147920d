"""`antiphon train`: have a running server fine-tune its model on what was rated, with a progress bar."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer

from antiphon.cli.connection import connect
from antiphon.cli.generate import bar, follow
from antiphon.cli.shell import ConfigOption, UrlOption, out, server_url, settings_from
from antiphon.control.decode import new_request_id


def add_to(app: typer.Typer) -> None:
    app.command("train")(run)


def run(
    steps: Annotated[
        int | None, typer.Option(min=1, max=100000, help="Steps of learning, at most.", show_default=False)
    ] = None,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Fine-tune the model on all that was rated, and say what became of the new version. Ctrl+C cancels it."""
    settings = settings_from(config)
    keys = {} if steps is None else {"steps": steps}
    version, state = asyncio.run(_train(keys, server_url(url, settings), settings.token))
    words = {
        "trial": "on trial: some of what people hear blind is made with it, and it is used where it is found better",
        "rejected": "kept as a record and not used, because the gate's measures turned it down (see its report.json)",
    }
    out.print(f"[bold]{version}[/]  {words.get(state, state)}")


async def _train(keys: dict[str, Any], address: str, token: str) -> tuple[str, str]:
    """Ask, follow the work; returns the version and its state."""
    async with connect(address, token) as server:
        request_id = new_request_id()
        with bar() as progress:
            try:
                (version,) = await follow(server, request_id, "train", keys, progress)
            except asyncio.CancelledError:
                await server.call("cancel", request_id=request_id)
                raise
        listed = await server.get("model/list")
        return version, next((each["state"] for each in listed["models"] if each["version"] == version), "")
