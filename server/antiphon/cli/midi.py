"""`antiphon midi`: what is plugged in, what it sends, and teaching Antiphon a controller."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.table import Table

from antiphon.cli.shell import ConfigOption, err, out, settings_from
from antiphon.control.midi.controller_map import bare_port_name, map_for
from antiphon.control.midi.learn import QUESTIONS, REST_S, Question, control_for, map_name, source_of
from antiphon.control.midi.map_file import load_maps, write_map
from antiphon.control.midi.ports import MidiUnavailable, PortSystem, RtMidiSystem
from antiphon.control.midi.sources import Source
from antiphon.control.midi.wire import Decoder, Received
from antiphon.errors import InvalidRequest, NotFound
from antiphon.paths import presets_dir
from antiphon.settings import Settings

Hear = Callable[[float], Received | None]
PortOption = Annotated[
    str | None, typer.Option("--port", help="How the port's name begins.", show_default="the only one")
]
midi = typer.Typer(help="MIDI controllers: list, monitor, learn.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(midi, name="midi")


def _folders(settings: Settings) -> tuple[Any, Any]:
    return presets_dir() / "controllers", settings.data_dir / "controllers"


@midi.command("list")
def list_ports(config: ConfigOption = None) -> None:
    """Show the MIDI ports of this machine, and which map each one has."""
    settings = settings_from(config)
    maps, faults = load_maps(_folders(settings))
    system = RtMidiSystem(settings.midi.api)
    inputs, outputs = system.scan()
    system.close()
    table = Table("port", "map", "lights", box=None, pad_edge=False)
    for name in inputs:
        known = map_for(name, maps)
        lights = any(map_for(each, maps) is known for each in outputs) if known else False
        table.add_row(name, known.title if known else "none: antiphon midi learn", "yes" if lights else "no")
    if inputs:
        out.print(table)
    else:
        out.print(f"no controller is connected ({system.name})")
    for fault in faults:
        err.print(fault, style="yellow", markup=False)


@midi.command("monitor")
def monitor(
    port: PortOption = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this time.", show_default="at Ctrl+C")] = None,
    config: ConfigOption = None,
) -> None:
    """Show what a controller sends, and what it would do."""
    settings = settings_from(config)
    maps, _ = load_maps(_folders(settings))
    until_s = time.monotonic() + seconds if seconds is not None else float("inf")
    with _listening(RtMidiSystem(settings.midi.api), port) as (name, hear):
        known = map_for(name, maps)
        controls = {each.source: each for each in known.controls} if known else {}
        plain = {(each.kind, each.channel, each.number): each for each in controls}
        err.print(f"listening to {name} ({known.title if known else 'no map'}); Ctrl+C ends", markup=False)
        while time.monotonic() < until_s:
            received = hear(min(0.2, max(0.0, until_s - time.monotonic())))
            if received is None or received.channel == 0:
                continue
            source = plain.get((received.kind, received.channel, received.number))
            does = f"  → {controls[source].action.do} {controls[source].action.stem}" if source else ""
            shown = Source(received.kind, received.channel, received.number).text
            out.print(f"{shown}: {received.value}{does}".rstrip(), markup=False)


@midi.command("learn")
def learn(
    port: PortOption = None,
    name: Annotated[str | None, typer.Option(help="The map's name.", show_default="from the port's")] = None,
    wait_s: Annotated[float, typer.Option("--wait", help="Seconds to wait for each control.")] = 8.0,
    config: ConfigOption = None,
) -> None:
    """Make a map: move the control that shall do what is asked for; wait to leave one out, Ctrl+C to end and save."""
    settings = settings_from(config)
    controls: list[dict[str, Any]] = []
    with _listening(RtMidiSystem(settings.midi.api), port) as (port_name, hear):
        out.print(f"learning {port_name}. Turn endless encoders right, then left.", markup=False)
        try:
            for question in QUESTIONS:
                _ask(question, hear, wait_s, controls)
        except KeyboardInterrupt:
            out.print("ended")
    if not controls:
        raise NotFound("nothing was moved, so there is no map: run it again, and move a control for each question")
    title = bare_port_name(port_name).partition(":")[0].strip() or "controller"
    path = settings.data_dir / "controllers" / f"{name or map_name(port_name)}.toml"
    made = write_map(path, {"title": title, "ports": [title], "controls": controls})
    out.print(f"{len(made.controls)} controls in {path}: a running server takes it at its next start", markup=False)


def _ask(question: Question, hear: Hear, wait_s: float, controls: list[dict[str, Any]]) -> None:
    out.print(question.text, markup=False)
    source = source_of(_gesture(hear, wait_s))
    if source is None:
        out.print("  left out")
        return
    try:
        entry = control_for(question, source)
    except InvalidRequest as error:
        out.print(f"  {error.message}", markup=False)
        return
    taken = [each for each in controls if each["name"] == entry["name"]]
    if taken:
        out.print(f"  {source.text} does {taken[0]['do']} already: left out", markup=False)
        return
    controls.append(entry)
    out.print(f"  {source.text}, {entry['mode'].replace('_', ' ')}", markup=False)


def _gesture(hear: Hear, wait_s: float) -> list[Received]:
    """Everything from the first movement until the control rests; empty where nothing was moved in time."""
    heard: list[Received] = []
    pause_s = wait_s
    while (received := hear(pause_s)) is not None:
        if received.channel:
            heard.append(received)
            pause_s = REST_S
    return heard


@contextmanager
def _listening(system: PortSystem, prefix: str | None) -> Iterator[tuple[str, Hear]]:
    """A port opened: its name, and a function that waits so many seconds for a message. Raises MidiUnavailable."""
    inputs, _ = system.scan()
    wanted = [name for name in inputs if bare_port_name(name).lower().startswith((prefix or "").lower())]
    if len(wanted) != 1:
        names = ", ".join(inputs) or "none"
        problem = "there is no such port" if not wanted else "there are several ports: name one with --port"
        raise MidiUnavailable(f"{problem} (ports: {names})")
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    decoder, decoded = Decoder(), list[Received]()

    def hear(timeout_s: float) -> Received | None:
        until_s = time.monotonic() + timeout_s
        while not decoded:
            try:
                decoded.extend(decoder.feed(heard.get(timeout=max(0.0, until_s - time.monotonic()))))
            except queue.Empty:
                return None
        return decoded.pop(0)

    opened = system.open_input(wanted[0], heard.put)
    try:
        yield wanted[0], hear
    finally:
        opened.close()
        system.close()
