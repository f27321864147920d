"""What every command shares: where it writes, how it says an error, which server it talks to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from antiphon.settings import Settings, load_settings

#: What was asked for goes to `out`, so that it can be piped; progress and errors go to `err`.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A TOML file of settings (docs/settings.md).", show_default=False)
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="The server's HTTP address.", show_default="from the settings: http://127.0.0.1:9011"),
]


def say_error(text: str) -> None:
    """One red line (or as many as the text has) on standard error."""
    err.print(text, style="bold red", markup=False)


def settings_from(config: Path | None, **overrides: Any) -> Settings:
    """Settings from file and environment, then the options given on the command line. Raises SettingsError."""
    return load_settings(config, os.environ, overrides)


def server_url(url: str | None, settings: Settings) -> str:
    """The address of the server that a client command talks to, without a slash at the end."""
    if url:
        return url.rstrip("/") if "://" in url else f"http://{url.rstrip('/')}"
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "") else settings.host
    return f"http://[{host}]:{settings.http_port}" if ":" in host else f"http://{host}:{settings.http_port}"
