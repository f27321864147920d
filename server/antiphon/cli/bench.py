"""`antiphon bench`: how fast this machine answers."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from antiphon.cli.measure import Round, Summary, measure, private_server, summarise
from antiphon.cli.shell import ConfigOption, UrlOption, err, out, server_url, settings_from


def add_to(app: typer.Typer) -> None:
    app.command("bench")(run)


def run(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Requests per count of loops.")] = 5,
    bars: Annotated[int, typer.Option(min=1, max=16, help="Length of each loop.")] = 4,
    counts: Annotated[str, typer.Option(help="How many loops to ask for at once.")] = "1 8",
    as_json: Annotated[bool, typer.Option("--json", help="Print every round as JSON.")] = False,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Measure the time to the first stem and the speed, on a server started for it (or the one at --url)."""
    loops = [_count(word) for word in counts.replace(",", " ").split()]
    total = rounds * len(loops) + 1
    with _bar() as progress:
        task = progress.add_task("warming up", total=total)

        def on_round(each: Round | None) -> None:
            text = "measuring" if each is None else f"{each.count} at once: {each.times_real_time:.1f} × real time"
            progress.update(task, advance=1, description=text)

        settings = settings_from(config)
        address = server_url(url, settings) if url else None
        timed = asyncio.run(_measure(address, settings.token, loops, rounds, bars, on_round))
    if as_json:
        out.print_json(json.dumps([dataclasses.asdict(each) for each in timed]))
    else:
        out.print(_table(summarise(timed), bars))


def _count(word: str) -> int:
    """One count of --counts."""
    if not word.isdecimal() or not 1 <= int(word) <= 64:
        raise typer.BadParameter(f"{word} is not a count of loops: write for example --counts '1 8'")
    return int(word)


async def _measure(
    address: str | None, token: str, loops: list[int], rounds: int, bars: int, on_round: Callable[[Round | None], None]
) -> list[Round]:
    if address is not None:
        return await measure(address, token, loops, rounds, bars, on_round)
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        async with private_server(Path(folder)) as own:
            return await measure(own, "", loops, rounds, bars, on_round)


def _table(summaries: list[Summary], bars: int) -> Table:
    table = Table(title=f"{bars} bars at 93 bpm, four stems and their mix; medians")
    for heading in ("loops at once", "rounds", "to /ack", "to first stem", "to /done", "× real time"):
        table.add_column(heading, justify="right")
    for each in summaries:
        table.add_row(
            str(each.count), str(each.rounds), f"{each.ack_s * 1000:.0f} ms", f"{each.first_stem_s:.2f} s",
            f"{each.done_s:.2f} s", f"{each.times_real_time:.1f}",
        )  # fmt: skip
    return table


def _bar() -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=err, transient=True)
