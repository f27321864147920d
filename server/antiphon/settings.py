"""All settings: frozen, validated once, from TOML, environment and command line, in rising order of precedence."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.domain.model_entry import ModelEntry
from antiphon.domain.request import FILE_FORMATS, SAMPLE_RATES
from antiphon.errors import SettingsError
from antiphon.model_table import parse_models
from antiphon.paths import default_data_dir

ENVIRONMENT_PREFIX = "ANTIPHON_"
#: Variables with our prefix that are not settings: where the settings, the presets and a sound font are.
OTHER_VARIABLES = ("ANTIPHON_CONFIG", "ANTIPHON_PRESETS", "ANTIPHON_SOUNDFONT")


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a request is refused at once with code `limit`."""

    bars: int = 16
    count: int = 16
    steps: int = 100
    queue: int = 64
    duration_s: float = 120.0
    references: int = 100
    reference_mb: int = 200
    reference_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Midi:
    """Controllers and MIDI clock; see docs/midi.md. `devices` and `clock` are read by `control.midi.wishes`."""

    enabled: bool = True
    api: str = "auto"
    devices: str = "auto"
    virtual_ports: bool = True
    clock: str = "auto"


@dataclass(frozen=True, slots=True)
class Link:
    """Ableton Link: tempo and start/stop shared over the local network."""

    enabled: bool = False


@dataclass(frozen=True, slots=True)
class Playing:
    """Playing the current loop through this machine's audio output."""

    enabled: bool = False
    device: str = "auto"
    channel: int = 1
    latency_ms: float = 0.0
    gain_db: float = 0.0
    change: str = "bar"
    follow: bool = True


@dataclass(frozen=True, slots=True)
class Learning:
    """What is made of ratings; see docs/learning.md. Shares are 0 to 1."""

    enabled: bool = True
    context: str = "studio"
    fair: bool = False
    hears: bool = True
    baseline_share: float = 0.25
    repeat_share: float = 0.05
    skip_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Ahead:
    """Preparing the next generation before anybody asks for it; see docs/learning.md."""

    enabled: bool = True
    lag_share: float = 0.1
    minutes_per_hour: float = 20.0
    disk_mb: int = 500


@dataclass(frozen=True, slots=True)
class Training:
    """Fine-tuning on ratings; see docs/training.md. `auto`: it starts by itself when ratings tell enough."""

    auto: bool = True
    information: float = 6.0
    least_ratings: int = 24
    steps: int = 300
    minutes: float = 12.0
    objective: str = "colour"
    top_share: float = 0.25
    pull: float = 1.0
    rank: int = 8
    replay_songs: int = 12
    probes: int = 6


@dataclass(frozen=True, slots=True)
class Settings:
    """See docs/settings.md, which is checked against this class by a test."""

    host: str = "127.0.0.1"
    osc_port: int = 9010
    http_port: int = 9011
    data_dir: Path = field(default_factory=default_data_dir)
    server_name: str = "Antiphon"
    discovery: str = "auto"
    model: str = "builtin"
    device: str = "auto"
    bpm: float = 120.0
    sample_rate: int = 44100
    preset: str = "auto"
    engine: str = "auto"
    composer: str = "grammar"
    file_format: str = "wav"
    reference_folders: str = ""
    token: str = ""
    lease_s: float = 10.0
    max_attempts: int = 3
    quality_retries: int = 6
    threads: int = 0
    batch_loops: int = 1
    limits: Limits = field(default_factory=Limits)
    midi: Midi = field(default_factory=Midi)
    link: Link = field(default_factory=Link)
    play: Playing = field(default_factory=Playing)
    learning: Learning = field(default_factory=Learning)
    ahead: Ahead = field(default_factory=Ahead)
    training: Training = field(default_factory=Training)
    #: The tables `[[models]]`: only a file can have these.
    models: tuple[ModelEntry, ...] = ()


#: The least and the greatest value of each number.
RANGES: dict[str, tuple[float, float]] = {
    "osc_port": (0, 65535), "http_port": (0, 65535), "bpm": (20, 400), "lease_s": (1, 600), "max_attempts": (1, 1000),
    "quality_retries": (0, 20), "threads": (0, 1024), "batch_loops": (1, 64),
    "limits.bars": (1, 1024), "limits.count": (1, 1024), "limits.steps": (1, 10000), "limits.queue": (1, 100000),
    "learning.baseline_share": (0, 0.9), "learning.repeat_share": (0, 0.5), "learning.skip_share": (0, 1),
    "limits.duration_s": (1, 3600), "limits.references": (0, 10000), "limits.reference_mb": (1, 4096),
    "limits.reference_s": (1, 3600), "play.channel": (1, 256), "play.latency_ms": (0, 2000), "play.gain_db": (-60, 12),
    "ahead.lag_share": (0, 1), "ahead.minutes_per_hour": (0, 60), "ahead.disk_mb": (0, 100000),
    "training.information": (0, 1e5), "training.least_ratings": (1, 1e5), "training.steps": (1, 100000),
    "training.minutes": (0.1, 1440), "training.top_share": (0.01, 1), "training.pull": (0, 1000),
    "training.rank": (1, 128), "training.replay_songs": (1, 1000), "training.probes": (1, 100),
}  # fmt: skip

CHOICES: dict[str, tuple[object, ...]] = {
    "sample_rate": SAMPLE_RATES, "file_format": FILE_FORMATS, "midi.api": ("auto", "alsa", "jack", "coremidi", "winmm"),
    "play.change": ("bar", "beat", "loop", "now"), "training.objective": ("colour", "weighted", "pairs"),
}  # fmt: skip

#: The tables of the settings: `[limits]` and its like.
SECTIONS: dict[str, type] = {
    "limits": Limits, "midi": Midi, "link": Link, "play": Playing, "learning": Learning, "training": Training,
    "ahead": Ahead,
}  # fmt: skip
_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}

_NEVER_EMPTY = (
    "host", "model", "device", "preset", "engine", "composer", "server_name", "discovery", "midi.devices", "midi.clock",
    "play.device", "learning.context",
)  # fmt: skip
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path (text)"}


def setting_types() -> dict[str, type]:
    """Every setting that has one value, by its dotted name (`limits.bars`), with its type."""
    flat = {name: kind for name, kind in get_type_hints(Settings).items() if name not in (*SECTIONS, "models")}
    for section, table in SECTIONS.items():
        flat |= {f"{section}.{name}": kind for name, kind in get_type_hints(table).items()}
    return flat


def load_settings(
    config: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> Settings:
    """Settings from a TOML file, then `ANTIPHON_…` variables, then `overrides`; the later goes before the earlier.

    Without `config`, the variable ANTIPHON_CONFIG may name the file. `overrides` has dotted names (`limits.bars`);
    None there means: not given. Raises SettingsError that says where the mistake is and what to write.
    """
    environ = {} if environ is None else environ
    if config is None and environ.get("ANTIPHON_CONFIG"):
        config = Path(environ["ANTIPHON_CONFIG"])
    values: dict[str, Any] = {}
    models: tuple[ModelEntry, ...] = ()
    if config is not None:
        table = _read_toml(config)
        models = parse_models(table.pop("models", []), config)
        for name, value in _flatten(table):
            values[name] = _checked(name, value, f"{config}: {name}")
    for variable, text in environ.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in OTHER_VARIABLES:
            name = _setting_of(variable)
            values[name] = _checked(name, _from_text(name, text), f"environment variable {variable}")
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name] = _checked(name, value, f"option --{name.rpartition('.')[2].replace('_', '-')}")
    return dataclasses.replace(_build(values), models=models)


def _build(values: Mapping[str, Any]) -> Settings:
    flat = {name: value for name, value in values.items() if "." not in name}
    tables: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for name, value in values.items():
        section, dot, key = name.partition(".")
        if dot:
            tables[section][key] = value
    return Settings(**flat, **{section: SECTIONS[section](**given) for section, given in tables.items()})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"the settings file {path} cannot be read ({error.strerror}): check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error


def _flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _setting_of(variable: str) -> str:
    wanted = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
    names = {name.replace(".", "_"): name for name in setting_types()}
    if wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
        hint = f"did you mean {ENVIRONMENT_PREFIX}{near[0].upper()}?" if near else "docs/settings.md lists them all"
        raise SettingsError(f"environment variable {variable} names no setting: {hint}")
    return names[wanted]


def _from_text(name: str, text: str) -> object:
    """A number where the setting is one and the text can be one; else the text, for `_checked` to complain of."""
    if setting_types()[name] is bool:
        return _SWITCH.get(text.strip().lower(), text)
    for kind in (int, float):
        if setting_types()[name] in (int, float):
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def _checked(name: str, value: object, where: str) -> object:
    """The value in its setting's type. Raises SettingsError."""
    types = setting_types()
    if name not in types:
        near = difflib.get_close_matches(name, types, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(sorted(types))}"
        raise SettingsError(f"{where} names no setting: {hint}")
    kind = types[name]
    typed = _typed(kind, value)
    if typed is None:
        raise SettingsError(f"{where} must be {_WORDS[kind]}, not {value!r}")
    if name in RANGES:
        least, greatest = RANGES[name]
        if not least <= typed <= greatest:
            raise SettingsError(f"{where} is {value}: it must be from {least:g} to {greatest:g}")
    if name in CHOICES and typed not in CHOICES[name]:
        raise SettingsError(f"{where} is {value!r}: it must be one of {', '.join(map(str, CHOICES[name]))}")
    if name == "learning.context" and typed == ALL_CONTEXTS:
        raise SettingsError(f"{where} is {typed!r}, which stands for all contexts: give it a name of its own")
    if name in _NEVER_EMPTY and not typed:
        raise SettingsError(f"{where} is empty: leave it out to have the default")
    return typed


def _typed(kind: type, value: object) -> Any:
    """The value as `kind` where nothing is lost, else None."""
    if isinstance(value, bool) or kind is bool:
        return value if isinstance(value, bool) and kind is bool else None
    if kind is float and isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    return value if isinstance(value, kind) else None
