"""Effect presets: TOML files under presets/effects, read and checked before any sound is touched.

A preset says what each stem runs through, which shared spaces it sends to, and what the mix gets. On sends and on the
mix only linear effects are allowed: applied to every stem alike, they leave the mix the sum of its stems (see `mix`).
"""

from __future__ import annotations

import difflib
import hashlib
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from antiphon.domain.score import STEMS
from antiphon.errors import NotFound, SettingsError
from antiphon.paths import presets_dir
from antiphon.rendering.schema import EFFECTS, Effect, Parameter, Value, note_beats

#: The chain of a stem that the preset does not name.
OTHER = "other"
_MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class EffectSpec:
    """One effect of a chain with all its parameters, hashable. `plugin_parameters` is for `vst3` only."""

    effect: str
    values: tuple[tuple[str, Value], ...]
    plugin_parameters: tuple[tuple[str, Value], ...] = ()

    def number(self, name: str) -> float:
        return float(dict(self.values)[name])

    def text(self, name: str) -> str:
        return str(dict(self.values)[name])


Chain = tuple[EffectSpec, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """A shared space: its effects, and how much of each stem goes in (dB; a stem that is not listed sends nothing)."""

    name: str
    effects: Chain
    levels_db: tuple[tuple[str, float], ...]

    def level_db(self, stem: str) -> float | None:
        levels = dict(self.levels_db)
        return levels.get(stem, levels.get(OTHER))


@dataclass(frozen=True, slots=True)
class Glue:
    """Bus compression by one gain curve for all stems. Threshold is relative to the loop's own RMS level."""

    threshold_db: float = 3.0
    ratio: float = 2.0
    attack_ms: float = 15.0
    release_ms: float = 150.0


@dataclass(frozen=True, slots=True)
class Preset:
    """A whole effect preset. `source` is the TOML as read, `digest` its SHA-256: both go into the sidecar."""

    name: str
    title: str
    about: str
    stems: tuple[tuple[str, Chain], ...]
    sends: tuple[Send, ...]
    mix: Chain
    glue: Glue | None
    #: How far peaks may be limited (one gain curve for all stems) to reach the loudness; 0 for not at all.
    limiter_db: float
    loudness_lufs: float
    ceiling_dbtp: float
    source: str
    path: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.source.encode()).hexdigest()

    def chain(self, stem: str) -> Chain:
        """The effects of a stem: its own chain, else the one of `[stems.other]`, else none."""
        chains = dict(self.stems)
        return chains.get(stem, chains.get(OTHER, ()))


class _Reader:
    """Checks one preset's data; every error names the file and the key."""

    def __init__(self, file: str) -> None:
        self.file = file

    def fail(self, key: str, text: str) -> NoReturn:
        raise SettingsError(f"{self.file}: {key}: {text}")

    def known(self, key: str, names: Iterable[str], allowed: Iterable[str]) -> None:
        """Every name must be one of `allowed`; the error names the nearest."""
        allowed = tuple(allowed)
        for name in names:
            if name not in allowed:
                self.fail(f"{key}{name}", f"unknown{nearest(name, allowed)} (known: {', '.join(allowed)})")

    def table(self, key: str, data: object) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail(key, "must be a table")
        return data

    def number(self, key: str, value: object, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.fail(key, f"{value!r} is not a number: write one from {low:g} to {high:g}")
        if not low <= value <= high:
            self.fail(key, f"{value:g} is out of range: write a number from {low:g} to {high:g}")
        return float(value)

    def text(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            self.fail(key, f"{value!r} must be text in quotes")
        return value

    def value(self, key: str, parameter: Parameter, value: object) -> Value:
        if parameter.kind == "number":
            return self.number(key, value, parameter.low, parameter.high)
        text = self.text(key, value)
        if parameter.kind == "note":
            try:
                note_beats(text)
            except ValueError as error:
                self.fail(key, str(error))
        return text

    def chain(self, key: str, data: object, linear_only: bool) -> Chain:
        if not isinstance(data, list):
            self.fail(key, 'must be a list of effects, as [{ effect = "gain", gain_db = -3 }]')
        return tuple(self.effect(f"{key}[{place}]", item, linear_only) for place, item in enumerate(data))

    def effect(self, key: str, data: object, linear_only: bool) -> EffectSpec:
        table = dict(self.table(key, data))
        name = self.text(f"{key}.effect", table.pop("effect", None))
        self.known(f"{key}.effect ", [name], EFFECTS)
        effect = EFFECTS[name]
        if linear_only and not effect.linear:
            self.fail(key, f"{name!r} can't stand here: it would break the rule that stems sum to the mix. "
                           "Put it on stems, or use mix.glue and mix.limiter_db")  # fmt: skip
        plugin = table.pop("parameters", {}) if name == "vst3" else {}
        self.known(f"{key}.", table, effect.parameters)
        return EffectSpec(name, self.values(key, effect, table), self.plugin_values(key, plugin))

    def values(self, key: str, effect: Effect, table: Mapping[str, object]) -> tuple[tuple[str, Value], ...]:
        found: list[tuple[str, Value]] = []
        for name, parameter in effect.parameters.items():
            given = table.get(name, parameter.default)
            if given is None:
                self.fail(f"{key}.{name}", "is missing and has no default")
            found.append((name, self.value(f"{key}.{name}", parameter, given)))
        return tuple(found)

    def plugin_values(self, key: str, data: object) -> tuple[tuple[str, Value], ...]:
        table = self.table(f"{key}.parameters", data)
        for name, value in table.items():
            if not isinstance(value, str | bool | int | float):
                self.fail(f"{key}.parameters.{name}", "must be a number, true or false, or text")
        return tuple(sorted(table.items()))

    def send(self, name: str, data: object) -> Send:
        key = f"sends.{name}"
        table = self.table(key, data)
        self.known(f"{key}.", table, ("effects", "levels_db"))
        levels = self.table(f"{key}.levels_db", table.get("levels_db", {}))
        self.known(f"{key}.levels_db.", levels, (*STEMS, OTHER))
        checked = tuple(
            (stem, self.number(f"{key}.levels_db.{stem}", level, -80, 12)) for stem, level in levels.items()
        )
        return Send(name, self.chain(f"{key}.effects", table.get("effects", []), linear_only=True), checked)

    def glue(self, data: object) -> Glue | None:
        if data is None:
            return None
        table = self.table("mix.glue", data)
        bounds = {"threshold_db": (-24, 24), "ratio": (1, 20), "attack_ms": (0.1, 500), "release_ms": (5, 2000)}
        self.known("mix.glue.", table, bounds)
        return Glue(**{name: self.number(f"mix.glue.{name}", value, *bounds[name]) for name, value in table.items()})

    def preset(self, name: str, source: str) -> Preset:
        try:
            data = tomllib.loads(source)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{self.file}: is not TOML: {error}") from error
        self.known("", data, ("title", "about", "mix", "sends", "stems"))
        mix = self.table("mix", data.get("mix", {}))
        self.known("mix.", mix, ("effects", "glue", "limiter_db", "loudness_lufs", "ceiling_dbtp"))
        stems = self.table("stems", data.get("stems", {}))
        self.known("stems.", stems, (*STEMS, OTHER))
        return Preset(
            name=name,
            title=self.text("title", data.get("title", name)),
            about=self.text("about", data.get("about", "")),
            stems=tuple((stem, self.stem(stem, table)) for stem, table in stems.items()),
            sends=tuple(self.send(bus, table) for bus, table in self.table("sends", data.get("sends", {})).items()),
            mix=self.chain("mix.effects", mix.get("effects", []), linear_only=True),
            glue=self.glue(mix.get("glue")),
            limiter_db=self.number("mix.limiter_db", mix.get("limiter_db", 0.0), 0, 12),
            loudness_lufs=self.number("mix.loudness_lufs", mix.get("loudness_lufs", -16.0), -40, -6),
            ceiling_dbtp=self.number("mix.ceiling_dbtp", mix.get("ceiling_dbtp", -1.0), -24, -1),
            source=source,
            path=self.file,
        )

    def stem(self, stem: str, data: object) -> Chain:
        table = self.table(f"stems.{stem}", data)
        self.known(f"stems.{stem}.", table, ("effects",))
        return self.chain(f"stems.{stem}.effects", table.get("effects", []), linear_only=False)


def read_effect(data: Mapping[str, object], where: str) -> EffectSpec:
    """One effect as a preset writes it, `{"effect": "gain", "gain_db": -3}`, checked and with its defaults. Raises
    SettingsError that names `where`."""
    return _Reader(where).effect("effect", data, linear_only=False)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` where a known name is near, else nothing."""
    found = difflib.get_close_matches(name, tuple(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def parse_preset(name: str, source: str, file: str = "preset") -> Preset:
    """Check a preset's TOML text. Raises SettingsError that names `file`, the key and the nearest known name."""
    return _Reader(file).preset(name, source)


def effect_presets(extra_folders: Iterable[Path] = ()) -> dict[str, Path]:
    """All presets by name; a user's own folder (`extra_folders`) goes before the ones that come with Antiphon."""
    found: dict[str, Path] = {}
    for folder in (*extra_folders, presets_dir() / "effects"):
        for path in sorted(Path(folder).glob("*.toml")):
            found.setdefault(path.stem, path)
    return found


def load_preset(name: str, extra_folders: Iterable[Path] = ()) -> Preset:
    """Read the effect preset `name`. Raises NotFound with the nearest name, or SettingsError where it is wrong."""
    presets = effect_presets(extra_folders)
    if name not in presets:
        raise NotFound(
            f"there is no preset {name[:40]!r}{nearest(name, presets)} (presets: {', '.join(sorted(presets))})"
        )
    path = presets[name]
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SettingsError(f"{path}: is larger than a preset can be ({_MAX_BYTES // 1024} KiB)")
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: can't be read as UTF-8 text: {error}") from error
    return parse_preset(name, source, str(path))
