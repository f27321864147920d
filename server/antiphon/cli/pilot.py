"""`antiphon pilot`: the experiment that says whether ratings bring anything, with people or with simulated raters."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress

from antiphon.cli.connection import Connection, connect
from antiphon.cli.ending import Ending
from antiphon.cli.generate import bar, follow
from antiphon.cli.shell import ConfigOption, UrlOption, err, out, server_url, settings_from
from antiphon.control.decode import new_request_id
from antiphon.errors import AntiphonError, Conflict, SettingsError, StorageFailed
from antiphon.pilot.records import FIRST, SIMULATED
from antiphon.settings import Settings

if TYPE_CHECKING:
    from antiphon.pilot.experiment import Experiment
    from antiphon.pilot.records import Pilot
    from antiphon.pilot.showing import Panel


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    simulated: bool
    seed: int
    generations: int
    per_generation: int
    ratings_per_loop: int
    raters: int
    keys: dict[str, Any]
    kiosk_host: str
    kiosk_port: int
    folder: Path


def add_to(app: typer.Typer) -> None:
    app.command("pilot")(run)


def run(
    simulated: Annotated[bool, typer.Option("--simulated", help="Ask simulated raters instead of people.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Another seed: other loops, other raters.")] = 1,
    generations: Annotated[int, typer.Option(min=1, max=50, help="Generations after the first, unselected one.")] = 2,
    per_generation: Annotated[int, typer.Option(min=4, max=500, help="Loops in each generation.")] = 24,
    ratings_per_loop: Annotated[int, typer.Option(min=1, max=100, help="By how many raters each is rated.")] = 1,
    raters: Annotated[
        int, typer.Option(min=0, max=1000, help="How many simulated raters; 0: as needed, 12 ratings each.")
    ] = 0,
    bars: Annotated[int, typer.Option(min=1, max=16, help="Length of the loops.")] = 2,
    bpm: Annotated[float, typer.Option(min=20, max=400, help="Their tempo.")] = 110.0,
    style: Annotated[str | None, typer.Option(help="Their style.", show_default="any, by seed")] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="The report's folder.", show_default="by date and time, here")
    ] = None,
    kiosk_host: Annotated[str, typer.Option(help="The kiosk's address; 127.0.0.1: this machine only.")] = "0.0.0.0",
    kiosk_port: Annotated[int, typer.Option(min=0, max=65535, help="The kiosk's port.")] = 8377,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Find out whether ratings bring anything: at a kiosk with people, or with simulated raters; writes a report."""
    settings = settings_from(config)
    _check_learning(settings)
    if 0 < raters < ratings_per_loop:
        raise typer.BadParameter(f"each loop is to be rated by {ratings_per_loop}: {ratings_per_loop} raters or more")
    context = f"pilot-{datetime.now():%Y%m%d-%H%M%S}" + ("-simulated" if simulated else "")
    folder = _fresh_folder(out_folder or Path(context))
    if simulated:
        out.print(f"[yellow]{SIMULATED}[/]")
    keys = {"bars": bars, "bpm": bpm} | ({"style": style} if style else {})
    wish = Wish(
        simulated, seed, generations, per_generation, ratings_per_loop, raters, keys, kiosk_host, kiosk_port, folder
    )
    with Ending("the report is being written: Ctrl+C once more leaves it out, the raw data are there") as ending:
        pilot, fault = asyncio.run(_pilot(server_url(url, settings), settings.token, context, wish, ending))
        if pilot.rated:
            _say(pilot, folder)
    if fault is not None:
        raise fault


def _say(pilot: Pilot, folder: Path) -> None:
    """Write the report, and say in short what is in it."""
    # Here and not above: they bring numpy and drawing with them, and the command line starts without.
    from antiphon.pilot.figures import figures_of, ratings_by_arm
    from antiphon.pilot.report import write_report

    try:
        report = write_report(pilot, folder)
    except OSError as fault:
        raise StorageFailed(f"the report can't be written to {folder}: {fault.strerror or fault}") from fault
    counts = ratings_by_arm(pilot)
    for each in figures_of(pilot).generations:
        found = {FIRST: each.everything} if each.generation == 0 else {"baseline": each.baseline, "new": each.new}
        means = ", ".join(
            f"{arm} {level.mean:.2f} ({counts[each.generation, arm]} ratings)" for arm, level in found.items() if level
        )
        if means:
            out.print(f"generation {each.generation}: {means}")
    if pilot.simulated:
        out.print(f"[yellow]{SIMULATED}[/]")
    out.print(f"report: {report}", markup=False)


async def _pilot(
    address: str, token: str, context: str, wish: Wish, ending: Ending
) -> tuple[Pilot, AntiphonError | None]:
    """Do it; what was noted, also where it was broken off by Ctrl+C or by an error (which is told then)."""
    from antiphon.pilot.experiment import Experiment, Plan
    from antiphon.pilot.house import HttpHouse
    from antiphon.pilot.raw import RawData

    raw = RawData(wish.folder, wish.simulated)
    async with connect(address, token) as server:
        await _check_server(server)
        with bar() as progress:

            async def ask(name: str, keys: dict[str, Any]) -> list[str]:
                return await _ask(server, name, keys, progress)

            plan = Plan(context, wish.seed, wish.generations, wish.per_generation)
            house = HttpHouse(server, ask, context, wish.keys, wish.seed)
            async with _panel(wish, progress) as panel:
                experiment = Experiment(house, panel, plan, lambda words: err.print(words, markup=False), raw)
                fault = await _until_broken_off(experiment, ending)
            with contextlib.suppress(AntiphonError):
                await experiment.learn_arms()
        return experiment.pilot(), fault


async def _until_broken_off(experiment: Experiment, ending: Ending) -> AntiphonError | None:
    try:
        if await ending.until_ended(experiment.run()):
            err.print("broken off: the report is of what there is")
    except AntiphonError as fault:
        return fault
    return None


async def _ask(server: Connection, name: str, keys: dict[str, Any], progress: Progress) -> list[str]:
    request_id = new_request_id()
    try:
        return await follow(server, request_id, name, keys, progress)
    except asyncio.CancelledError:
        with contextlib.suppress(AntiphonError):
            await server.call("cancel", request_id=request_id)
        raise


@asynccontextmanager
async def _panel(wish: Wish, progress: Progress) -> AsyncIterator[Panel]:
    """Who rates: simulated raters, or people at a kiosk that is open meanwhile."""
    if wish.simulated:
        from antiphon.pilot.simulated import SimulatedPanel, Wanted

        yield SimulatedPanel(wish.seed, Wanted(wish.ratings_per_loop, wish.raters))
        return
    from antiphon.pilot.kiosk import serving
    from antiphon.pilot.people import PeoplePanel

    task = progress.add_task("ratings", total=None)

    def heard(done: int, wanted: int) -> None:
        progress.update(task, description=f"{done} of {wanted} ratings", completed=done, total=wanted)

    people = PeoplePanel(wish.ratings_per_loop, heard)
    async with serving(people, wish.kiosk_host, wish.kiosk_port) as address:
        # What stands for every address is none that a browser elsewhere could open.
        here = address.replace("0.0.0.0", "127.0.0.1")
        there = f", elsewhere {address.replace('0.0.0.0', socket.gethostname())}" if here != address else ""
        err.print(f"the kiosk: {here}{there} (open it where people can listen; Ctrl+C ends the pilot with a report)")
        yield people


async def _check_server(server: Connection) -> None:
    """Before anything is made: somebody answers, and learns."""
    status = await server.get("status")
    learning = status.get("learning", {}) if isinstance(status, dict) else {}
    if "learning.enabled" in str(learning.get("notice", "")):
        raise Conflict(f"this server does not learn ({learning['notice']}): a pilot would show nothing")


def _check_learning(settings: Settings) -> None:
    if not settings.learning.enabled:
        raise SettingsError("learning.enabled is false, so ratings would bring nothing: set it to true for a pilot")
    if settings.learning.baseline_share == 0:
        raise SettingsError(
            "learning.baseline_share is 0, so there is nothing to compare with: set it to 0.25 for a pilot"
        )


def _fresh_folder(folder: Path) -> Path:
    """Made before the work, so that it is not done in vain; nothing that lies there is written over."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        used = any(folder.iterdir())
    except OSError as fault:
        raise StorageFailed(f"the folder {folder} can't be made: {fault.strerror or fault}") from fault
    if used:
        raise Conflict(f"the folder {folder} is not empty: name a new one with --out")
    return folder
