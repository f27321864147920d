"""Reads and writes controller maps as TOML; every mistake names the file, the control and what to write instead."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from antiphon.control.commands import COMMANDS
from antiphon.control.midi.actions import DEEDS, STATES, Action
from antiphon.control.midi.controller_map import Control, ControllerMap, Light, map_paths
from antiphon.control.midi.sources import KINDS, LARGEST_NUMBER, MODES, RELATIVE, Source
from antiphon.domain.score import STEMS
from antiphon.errors import SettingsError

#: One step of an endless encoder, unless the map says otherwise: a full turn of 24 steps or so goes from 0 to 0.75.
DEFAULT_STEP = 1 / 32
MOST_CONTROLS = 1024
_LIGHT_KINDS = ("cc", "note", "pitch", "sysex")
_SWITCH_SOURCES = ("note", "program")


class _Table:
    """Takes keys out of one TOML table, and complains of what is missing, wrong or left over."""

    def __init__(self, where: str, table: object) -> None:
        if not isinstance(table, dict):
            raise SettingsError(f"{where}: must be a table")
        self.where, self._table = where, dict(table)
        self._known: list[str] = []

    def fail(self, key: str, problem: str) -> SettingsError:
        return SettingsError(f"{self.where}: {key} {problem}")

    def has(self, key: str) -> bool:
        return key in self._table

    def take(self, key: str, kind: type | tuple[type, ...], says: str, default: Any = None) -> Any:
        self._known.append(key)
        if key not in self._table:
            if default is None:
                raise self.fail(key, f"is missing: give {says}")
            return default
        value = self._table.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.fail(key, f"is {str(value)[:60]!r}, but must be {says}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        value = float(self.take(key, (int, float), f"a number from {low:g} to {high:g}", default))
        if not low <= value <= high:
            raise self.fail(key, f"is {value:g}, but must lie from {low:g} to {high:g}")
        return value

    def whole(self, key: str, low: int, high: int, default: int | None = None) -> int:
        value: int = self.take(key, int, f"a whole number from {low} to {high}", default)
        if not low <= value <= high:
            raise self.fail(key, f"is {value}, but must lie from {low} to {high}")
        return value

    def word(self, key: str, words: Iterable[str], default: str | None = None) -> str:
        known = tuple(words)
        value: str = self.take(key, str, f"one of {', '.join(known)}", default)
        if value not in known:
            raise self.fail(key, f"is {value[:40]!r}{_nearest(value, known)}; known: {', '.join(known)}")
        return value

    def texts(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        values = self.take(key, list, "a list of texts", None if default is None else list(default))
        if not all(isinstance(value, str) and value.strip() for value in values):
            raise self.fail(key, "must be a list of texts")
        return tuple(values)

    def end(self) -> None:
        for key in self._table:
            raise self.fail(key, f"is not known here{_nearest(key, self._known)}; known: {', '.join(self._known)}")


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def load_map(path: Path) -> ControllerMap:
    """Read one map. Raises SettingsError."""
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    return parse_map(path.stem, data, str(path))


def load_maps(folders: Sequence[Path]) -> tuple[dict[str, ControllerMap], list[str]]:
    """Every map of these folders by name, and what is wrong with those that can't be used."""
    maps, faults = {}, []
    for name, path in map_paths(folders).items():
        try:
            maps[name] = load_map(path)
        except SettingsError as error:
            faults.append(error.message)
    return maps, faults


def parse_map(name: str, data: Mapping[str, Any], where: str) -> ControllerMap:
    """A map from TOML or JSON data. Raises SettingsError that says where the mistake is."""
    table = _Table(where, data)
    channel = table.whole("channel", 1, 16, 1)
    title = table.take("title", str, "the controller's name as its maker writes it")
    ports = table.texts("ports", ())
    not_ports = table.texts("not_ports", ())
    tried = table.take("tried", bool, "true or false", False)
    setup = table.take("setup", str, "what to set up on the device, as text", " ").strip()
    sources = table.texts("sources", ())
    greeting = tuple(_sysex_bytes(table, "greeting", text) for text in table.texts("greeting", ()))
    entries = table.take("controls", list, "a list of tables [[controls]]")
    table.end()
    if not entries or len(entries) > MOST_CONTROLS:
        raise SettingsError(f"{where}: controls has {len(entries)} entries, but must have 1 to {MOST_CONTROLS}")
    controls = tuple(
        _control(_Table(f"{where}: control {number}", entry), channel) for number, entry in enumerate(entries, 1)
    )
    _no_source_twice(controls, where)
    return ControllerMap(name, title, ports, not_ports, tried, setup, sources, greeting, controls)


def _no_source_twice(controls: Sequence[Control], where: str) -> None:
    seen: dict[tuple[str, int, int], str] = {}
    for control in controls:
        place = (control.source.kind, control.source.channel, control.source.number)
        if place in seen:
            raise SettingsError(f"{where}: {control.name!r} and {seen[place]!r} both are {control.source.text}")
        seen[place] = control.name


def _control(table: _Table, channel: int) -> Control:
    name = table.take("name", str, "what is printed on the device, or where the control is")
    table.where += f" ({name[:40]})"
    source = _source(table, table.whole("channel", 1, 16, channel))
    action = _action(table, source)
    step = table.number("step", 0.0001, 1.0, DEFAULT_STEP)
    pickup = table.take("pickup", bool, "true or false", source.mode == "absolute")
    light = None
    given = table.take("light", dict, "a table: { note = 8 } and its like", {})
    if given:
        light = _light(_Table(f"{table.where}: light", given), channel, action)
    table.end()
    return Control(name, source, action, step, pickup, light)


def _source(table: _Table, channel: int) -> Source:
    given = [kind for kind in KINDS if table.has(kind)]
    if len(given) != 1:
        raise table.fail("control", f"must have one of {', '.join(KINDS)}, but has {', '.join(given) or 'none'}")
    kind = given[0]
    number = table.whole(kind, 0, LARGEST_NUMBER[kind])
    mode = table.word("mode", MODES, "button" if kind in _SWITCH_SOURCES else "absolute")
    if mode in RELATIVE and kind != "cc":
        raise table.fail("mode", f"is {mode}, but only a 7-bit cc can be relative")
    return Source(kind, channel, number, mode)


def _action(table: _Table, source: Source) -> Action:
    do = table.word("do", DEEDS)
    deed = DEEDS[do]
    stem = table.word("stem", STEMS) if do in ("mute", "level", "restem") else ""
    value = table.number("value", 0, 1) if table.has("value") and do == "rate" else None
    keys = table.take("keys", dict, "a table of the request's keys", {})
    row = COMMANDS.get(deed.command)
    if row is not None:
        for key in keys:
            names = [f.name for f in row.keys]
            if key not in names:
                raise table.fail(f"keys.{key}", f"is no key of {deed.command}{_nearest(key, names)}")
    pressed = source.mode == "button"
    if pressed and (deed.takes == "value" or (deed.takes == "either" and value is None)):
        hint = "give the value (0 to 1) that it rates with" if do == "rate" else "map it to a knob or a fader"
        raise table.fail("do", f"is {do!r}, and a button sends no value: {hint}")
    if not pressed and (deed.takes == "press" or value is not None):
        raise table.fail("do", f"is {do!r}, which takes a press: add mode = 'button', or map it to a button")
    if do != "set":
        return Action(do, stem, value, MappingProxyType(keys))
    numbers = {f.name: f for f in COMMANDS["generate"].keys if f.kind in ("int", "float")}
    key = table.word("key", numbers)
    low, high = table.number("minimum", -1e9, 1e9, numbers[key].minimum or 0.0), table.number("maximum", -1e9, 1e9, 1.0)
    if not low < high:
        raise table.fail("maximum", f"is {high:g}, but must be above minimum ({low:g})")
    return Action(do, key=key, minimum=low, maximum=high)


def _light(table: _Table, channel: int, action: Action) -> Light:
    given = [kind for kind in _LIGHT_KINDS if table.has(kind)]
    if len(given) != 1:
        raise table.fail("light", f"must have one of {', '.join(_LIGHT_KINDS)}, but has {', '.join(given) or 'none'}")
    kind, number = given[0], 0
    sysex: tuple[int | None, ...] = ()
    if kind == "sysex":
        sysex = _template(table, table.take("sysex", str, "bytes in hex, {value} where the value goes"))
    else:
        number = table.whole(kind, 0, LARGEST_NUMBER[kind])
    largest = 16383 if kind == "pitch" else 127
    on = table.whole("on", 0, largest, largest)
    light = Light(
        kind,
        table.word("shows", STATES, action.deed.shows),
        table.whole("channel", 1, 16, channel),
        number,
        table.whole("off", 0, largest, 0),
        on,
        table.whole("low", 0, largest, 0),
        table.whole("high", 0, largest, largest),
        table.whole("blink", 0, largest, on),
        sysex,
    )
    if light.shows in ("mute", "heard", "level") and not action.stem:
        raise table.fail("shows", f"is {light.shows!r}, and the control has no stem")
    table.end()
    return light


def _template(table: _Table, text: str) -> tuple[int | None, ...]:
    parts = tuple(None if part == "{value}" else _byte(table, part) for part in text.split())
    if len(parts) < 3 or parts[0] != 0xF0 or parts[-1] != 0xF7 or parts.count(None) != 1:
        raise table.fail("sysex", "must begin with F0, end with F7, and hold {value} once")
    return parts


def _sysex_bytes(table: _Table, key: str, text: str) -> bytes:
    parts = [_byte(table, part, key) for part in text.split()]
    if len(parts) < 2 or parts[0] != 0xF0 or parts[-1] != 0xF7:
        raise table.fail(key, f"holds {text[:40]!r}: a message begins with F0 and ends with F7")
    return bytes(parts)


def _byte(table: _Table, text: str, key: str = "sysex") -> int:
    try:
        value = int(text, 16)
    except ValueError:
        raise table.fail(key, f"holds {text[:20]!r}: write bytes in hex, as 7F") from None
    if not (0 <= value <= 0x7F or value in (0xF0, 0xF7)):
        raise table.fail(key, f"holds {text[:20]!r}: data bytes go from 00 to 7F")
    return value


def write_map(path: Path, data: Mapping[str, Any]) -> ControllerMap:
    """Check a map and write it whole or not at all; returns it as read. Raises SettingsError."""
    made = parse_map(path.stem, data, path.name)
    text = tomli_w.dumps(dict(data))
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}") from error
    return made
