"""`antiphon export`: loops of a running server as a project that a DAW opens."""

from __future__ import annotations

import asyncio
import tempfile
import time
import zipfile
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from antiphon.cli.connection import connect
from antiphon.cli.shell import ConfigOption, UrlOption, err, out, server_url, settings_from
from antiphon.errors import BackendFailed, StorageFailed


class ProjectFormat(StrEnum):
    """What a project is written as; the server offers the same names."""

    dawproject = "dawproject"
    rpp = "rpp"
    ardour = "ardour"


#: How the project's file ends, in the formats that are a folder with the audio beside it.
_FOLDERS = {ProjectFormat.rpp: ".rpp", ProjectFormat.ardour: ".ardour"}


def add_to(app: typer.Typer) -> None:
    app.command("export")(run)


def run(
    candidates: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of loops, in the order in which they shall stand.", show_default=False),
    ] = None,
    form: Annotated[
        ProjectFormat,
        typer.Option(
            "--format", help="dawproject: Bitwig, Studio One, Cubase; rpp: REAPER; ardour: Ardour 7 and later."
        ),
    ] = ProjectFormat.dawproject,
    hours: Annotated[float, typer.Option(help="Without ids: everything made in the last hours.")] = 12.0,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path(),
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Write loops as a DAW project: stems on tracks, one loop after the other, tempo and meter as they were made."""
    settings = settings_from(config)
    ids = candidates or []
    query = {"candidates": ",".join(ids)} if ids else {"hours": f"{hours:g}"}
    title = f"antiphon-{ids[0]}" if len(ids) == 1 else time.strftime("antiphon-%Y-%m-%d")
    try:
        out_folder.mkdir(parents=True, exist_ok=True)
        # Beside its target, so that the finished project is put there by renaming, whole or not at all.
        with tempfile.TemporaryDirectory(dir=out_folder, prefix=".antiphon-") as folder:
            packed = Path(folder) / "project.zip"
            path = f"/api/export/{form.value}?{urlencode(query)}"
            asyncio.run(_fetch(server_url(url, settings), settings.token, path, packed))
            if form in _FOLDERS:
                made = _unpack(packed, title, out_folder, _FOLDERS[form])
            else:
                made = _place(packed, title, out_folder)
    except OSError as fault:
        raise StorageFailed(f"{out_folder} can't be written to: {fault.strerror or fault}") from fault
    out.print(str(made), markup=False)


async def _fetch(address: str, token: str, path: str, target: Path) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    async with connect(address, token) as server:
        with Progress(*columns, console=err, transient=True) as progress:
            task = progress.add_task("packing", total=None)
            await server.download(
                path, target, lambda done, total: progress.update(task, completed=done, total=total or None)
            )


def _place(packed: Path, title: str, folder: Path) -> Path:
    target = _free(folder, title, ".dawproject")
    packed.replace(target)
    return target


def _unpack(packed: Path, title: str, folder: Path, ending: str) -> Path:
    """The project's folder, out of its archive. Raises BackendFailed where that is not what we pack."""
    try:
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(packed.parent)
        (project,) = (each for each in packed.parent.glob(f"*/*{ending}"))
    except (zipfile.BadZipFile, ValueError) as fault:
        raise BackendFailed(
            "the server's answer is not the project that was asked for: is it of another version?"
        ) from fault
    target = _free(folder, title, "")
    project.parent.rename(target)
    return target / project.name


def _free(folder: Path, title: str, ending: str) -> Path:
    """A name that nothing has yet: somebody may have worked on the project exported before."""
    names = (f"{title}{ending}" if number == 1 else f"{title}-{number}{ending}" for number in count(1))
    return next(folder / name for name in names if not (folder / name).exists())
