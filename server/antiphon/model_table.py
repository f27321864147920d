"""The tables `[[models]]` of the settings: every mistake is found when the server starts, and explained."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from antiphon.domain.model_entry import DTYPES, ModelEntry
from antiphon.errors import SettingsError

_KEYS = tuple(field.name for field in dataclasses.fields(ModelEntry))
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,39}", re.ASCII)
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
#: Names that mean something already.
_TAKEN = ("builtin", "auto")
_NUMBERS = {"steps": (0, 10_000), "guidance": (0, 100)}
_LONGEST_TEXT = 1000


def parse_models(tables: object, config: Path) -> tuple[ModelEntry, ...]:
    """The models of the settings file `config`. Paths in it start from its folder. Raises SettingsError."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError(f"{config}: models must be tables of their own: write [[models]] above each")
    entries: list[ModelEntry] = []
    for table in tables:
        where = f"{config}: [[models]] {table.get('name', f'number {len(entries) + 1}')!r}"
        entry = _entry(table, where, config)
        if entry.name in _TAKEN or any(entry.name == earlier.name for earlier in entries):
            raise SettingsError(f"{where}: the name is taken: give each model one of its own")
        entries.append(entry)
    return tuple(entries)


def _entry(table: Mapping[str, Any], where: str, config: Path) -> ModelEntry:
    for key in table:
        if key not in _KEYS:
            near = difflib.get_close_matches(str(key), _KEYS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(_KEYS)}"
            raise SettingsError(f"{where} has no key {key!r}: {hint}")
    values: dict[str, Any] = {key: _value(key, value, f"{where}: {key}") for key, value in table.items()}
    entry = ModelEntry(**({"name": ""} | values))
    if not _NAME.fullmatch(entry.name):
        raise SettingsError(f"{where} needs a name of up to 40 letters, digits, dots, dashes and underscores")
    if bool(entry.path) == bool(entry.hub):
        raise SettingsError(f"{where} needs one of path (a folder) and hub (an id like owner/model), and not both")
    if entry.hub and not _HUB_ID.fullmatch(entry.hub):
        raise SettingsError(f"{where}: hub is {entry.hub!r}: write it as owner/model; a folder goes into path")
    if entry.dtype not in DTYPES:
        raise SettingsError(f"{where}: dtype is {entry.dtype!r}: it must be one of {', '.join(DTYPES)}")
    if entry.path:
        return dataclasses.replace(entry, path=str(config.resolve().parent / Path(entry.path).expanduser()))
    return entry


def _value(key: str, value: object, where: str) -> object:
    if key not in _NUMBERS:
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
            raise SettingsError(f"{where} must be text of up to {_LONGEST_TEXT} characters, not {value!r}"[:300])
        return value.strip()
    least, greatest = _NUMBERS[key]
    wanted = "a whole number" if key == "steps" else "a number"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingsError(f"{where} must be {wanted}, not {value!r}")
    if key == "steps" and value != int(value):
        raise SettingsError(f"{where} must be {wanted}, not {value!r}")
    if not least <= value <= greatest:
        raise SettingsError(f"{where} is {value}: it must be from {least} to {greatest}")
    return int(value) if key == "steps" else float(value)
