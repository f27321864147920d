"""`antiphon generate`, `vary`, `cross`, `restem` and `evolve`: ask a running server for loops.

Their arguments and options are those of the command table.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from antiphon.cli.connection import Connection, ServerRefused, ServerUnreachable, Told, connect
from antiphon.cli.play import play_stem
from antiphon.cli.shell import ConfigOption, UrlOption, err, out, server_url, settings_from
from antiphon.control.command_row import Command
from antiphon.control.commands import COMMANDS
from antiphon.control.decode import new_request_id
from antiphon.control.fields import Bounds, Field
from antiphon.control.part_wish import parse_part
from antiphon.domain.score import STEMS
from antiphon.errors import Cancelled, OutOfRange, StorageFailed

MAKING = ("generate", "vary", "cross", "restem", "evolve")
ENDS = ("/done", "/error", "/cancelled")
_FITS = {"repeated": "repeated on the loop", "cut": "cut at the loop's end"}


def add_to(app: typer.Typer) -> None:
    for name in MAKING:
        app.command(name)(_from_table(COMMANDS[name]))


def _from_table(row: Command) -> Any:
    """`run` with one argument more for every fixed one of the command's row and one option for every key, so that the
    two can't disagree."""

    def command(**given: Any) -> None:
        values = {f.name: given.pop(_parameter(f)) for f in row.positional + row.keys}
        run(row.name, {name: value for name, value in values.items() if value is not None}, **given)

    own = [p for p in inspect.signature(run).parameters.values() if p.name not in ("name", "keys")]
    kind = inspect.Parameter.KEYWORD_ONLY
    table = [inspect.Parameter(_parameter(f), kind, annotation=_argument(f)) for f in row.positional]
    table += [inspect.Parameter(_parameter(f), kind, default=None, annotation=_option(f)) for f in row.keys]
    hints = inspect.get_annotations(run, eval_str=True)
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in own]
    command.__signature__ = inspect.Signature([*table, *own])  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in [*table, *own]}
    command.__doc__ = run.__doc__ if row.name == "generate" else row.description
    return command


def _parameter(f: Field) -> str:
    """The option's Python name: `format` and such would hide built-ins inside Typer's call, so all carry a prefix."""
    return f"key_{f.name}"


def _argument(f: Field) -> Any:
    """The Typer annotation of one fixed argument."""
    return Annotated[f.python_type, typer.Argument(metavar=f.name.upper(), help=_help(f), show_default=False)]


def _option(f: Field) -> Any:
    """The Typer annotation of one key: type, words, range and default from the table."""
    kind: Any = list[str] if f.repeats else f.python_type
    return Annotated[kind | None, typer.Option(f"--{f.name}", help=_help(f), show_default=f.default or False)]


def _help(f: Field) -> str:
    words = f.description
    if f.choices:
        words += f" ({', '.join(map(str, f.choices))})"
    elif f.takes_number and (f.minimum is not None or f.maximum is not None):
        words += f" ({f.range_text(Bounds())})"
    return words[:1].upper() + words[1:]


def run(
    name: str,
    keys: dict[str, Any],
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Copy all files of the result to this folder.", show_default=False)
    ] = None,
    play: Annotated[bool, typer.Option("--play", help="Play the mix when it is done.")] = False,
    url: UrlOption = None,
    config: ConfigOption = None,
) -> None:
    """Make loops on a running server and say where their files are."""
    settings = settings_from(config)
    address = server_url(url, settings)
    candidates = asyncio.run(_make(name, keys, address, settings.token, out_folder))
    if play:
        for candidate_id in candidates:
            play_stem(address, settings.token, candidate_id, "mix", loop=False)


async def _make(name: str, keys: dict[str, Any], address: str, token: str, folder: Path | None) -> list[str]:
    """Ask, follow the work, fetch the files; returns the candidates' ids."""
    _make_folder(folder)
    async with connect(address, token) as server:
        request_id = new_request_id()
        with bar() as progress:
            if keys.get("reference"):
                keys = keys | {"reference": [await _brought(server, song, progress) for song in keys["reference"]]}
            if keys.get("part"):
                keys = keys | {"part": [await _brought_part(server, part, progress) for part in keys["part"]]}
            try:
                candidates = await follow(server, request_id, name, keys, progress)
            except asyncio.CancelledError:
                await server.call("cancel", request_id=request_id)
                raise
            for candidate_id in candidates:
                await _deliver(server, await server.get(f"candidates/{candidate_id}"), folder, progress)
        return candidates


async def _brought(server: Connection, song: str, progress: Progress) -> str:
    """What to call a song to the server: a file that lies here is uploaded first, for the server may be elsewhere."""
    path = await asyncio.to_thread(_here, song)
    if path is None:
        return song
    task = progress.add_task(f"uploading {path.name}", total=None)
    reference = await server.upload(path)
    progress.remove_task(task)
    return reference


async def _brought_part(server: Connection, part: str, progress: Progress) -> str:
    """The same for a part, which is a file behind a stem's name: `drums=beat.mid`."""
    stem, file = parse_part(part, None)
    word, equals, _ = file.partition("=")
    if equals and not stem and _here(file) is None:
        raise OutOfRange(f"there is no stem {word[:40]!r}: write one of {', '.join(STEMS)}, as drums=beat.mid")
    named = await _brought(server, file, progress)
    return f"{stem}:{named}" if stem else named


def _here(song: str) -> Path | None:
    path = Path(song).expanduser()
    return path if path.is_file() else None


async def follow(server: Connection, request_id: str, name: str, keys: dict[str, Any], progress: Progress) -> list[str]:
    """Send the request and show its progress until it ends. Raises ServerRefused or Cancelled."""
    task = progress.add_task("asking", total=1.0)
    async with server.events() as events:
        await server.call(name, request_id=request_id, **keys)
        progress.update(task, description="waiting for the model")
        async for told in events:
            if told.values.get("request_id") != request_id:
                continue
            if told.address == "/understood":
                for line in plain_words(told.values["reading"]):
                    out.print(line, markup=False, soft_wrap=True)
            elif told.address == "/given":
                for line in given_words(told.values["given"]):
                    out.print(line, markup=False, soft_wrap=True)
            elif told.address == "/heard":
                for line in heard_words(told.values["heard"]):
                    out.print(line, markup=False, soft_wrap=True)
            elif told.address == "/progress":
                progress.update(task, completed=told.values["fraction"], description=told.values["stage"])
            elif told.address in ENDS:
                progress.remove_task(task)
                return _ended(told)
    raise ServerUnreachable("the server ended its event stream: `antiphon status` says whether it is still up")


def plain_words(reading: dict[str, Any]) -> list[str]:
    """How a prompt was read, for people: what each word means, what gave way, what was not understood."""
    lines = []
    for each in reading.get("understood", []):
        taken = f" (taken for {each['known']})" if each.get("misspelt") else ""
        lines.append(f"  {each['words']}{taken}: {', '.join(each['means'])}")
    if "tempo_bpm" in reading:
        low, high = reading["tempo_bpm"]
        lines.append(
            f"  so the tempo is {low:g} bpm" if low == high else f"  so the tempo lies from {low:g} to {high:g} bpm"
        )
    lines += [f"  {each}" for each in reading.get("resolved", [])]
    if reading.get("ignored"):
        lines.append(f"  not understood: {', '.join(reading['ignored'])}")
    return ["understood", *lines] if lines else []


def heard_words(heard: dict[str, Any]) -> list[str]:
    """What was found in the songs, for people."""
    lines = []
    for song in heard["songs"]:
        tempo = f"{song['bpm']:g} bpm" if song["bpm"] is not None else "no steady beat"
        lines.append(f"  {song['name']}: {tempo}, {song['key'] or 'no clear key'}")
    used = {"bpm": "tempo", "key": "key"}
    taken = " and ".join(f"{used[name]} {value}" for name, value in heard["used"].items())
    return ["heard", *lines, f"  the loop has their {taken}" if taken else "  the loop keeps its own tempo and key"]


def given_words(given: dict[str, Any]) -> list[str]:
    """What was read of MIDI files, for people."""
    lines = ["given"]
    for part in given["parts"]:
        own = [f"{part['notes']} notes", f"{part['beats']:g} beats"]
        own += [f"{part['bpm']:g} bpm"] if part["bpm"] is not None else []
        own += [part["meter"]] if part["meter"] is not None else []
        own += [_FITS[part["fit"]]] if part["fit"] in _FITS else []
        lines.append(f"  {part['stem']}: {part['name']}, {', '.join(own)}")
    used = {"bpm": "tempo", "meter": "meter", "bars": "bars", "key": "key", "chords": "chords"}
    taken = ", ".join(f"{word} {given['used'][name]}" for name, word in used.items() if name in given["used"])
    lines += [f"  the loop has their {taken}"] if taken else []
    return [*lines, *(f"  left out: {each}" for each in given["ignored"])]


def _ended(told: Told) -> list[str]:
    if told.address == "/error":
        raise ServerRefused(str(told.values["code"]), str(told.values["message"]))
    if told.address == "/cancelled":
        raise Cancelled("the request was cancelled from elsewhere")
    return [str(candidate_id) for candidate_id in told.values["candidate_ids"]]


async def _deliver(server: Connection, candidate: dict[str, Any], folder: Path | None, progress: Progress) -> None:
    """Say what a candidate is and where its files lie, here after copying them."""
    title = f"{candidate['bars']} bars of {candidate['meter']} at {candidate['bpm']:g} bpm in {candidate['key']}"
    of = f", {candidate['operator']} of {' and '.join(candidate['parents'])}" if candidate["parents"] else ""
    out.print(f"[bold]{candidate['candidate_id']}[/]  {title}, seed {candidate['seed']}{of}")
    for file in (*candidate["stems"], candidate["mix"]):
        where = file["path"]
        if folder is not None:
            where = await _copy(server, candidate, where, folder, progress)
            if file["midi_path"]:
                await _copy(server, candidate, file["midi_path"], folder, progress)
        length_s = file["frames"] / file["sample_rate"]
        out.print(f"  {file['stem']:<7} {length_s:6.2f} s  {where}", markup=False)
    if folder is not None:
        await _copy(server, candidate, candidate["sidecar_path"], folder, progress)


async def _copy(server: Connection, candidate: dict[str, Any], path: str, folder: Path, progress: Progress) -> Path:
    """Fetch one file of a candidate by its name: the server's path may be another machine's."""
    name = re.split(r"[\\/]", path)[-1]
    url = f"/files/{candidate['candidate_id']}/{quote(name)}"
    target = folder / name
    task = progress.add_task(f"fetching {target.name}", total=None)
    await server.download(url, target, lambda done, total: progress.update(task, completed=done, total=total or None))
    progress.remove_task(task)
    return target


def _make_folder(folder: Path | None) -> None:
    """Before the work, so that it is not done in vain."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StorageFailed(f"the folder {folder} can't be made: {fault.strerror or fault}") from fault


def bar() -> Progress:
    percent = TextColumn("{task.percentage:>3.0f}%")
    bar = (TextColumn("{task.description}"), BarColumn(), percent, TimeElapsedColumn())
    return Progress(*bar, console=err, transient=True)
