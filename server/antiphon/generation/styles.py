"""Styles: what house, dub or jazz means here, read from presets/styles/*.toml and checked once."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from antiphon.domain.glides import GLIDES
from antiphon.domain.score import CORE_STEMS, DRUM_PITCHES, STEMS
from antiphon.domain.theory import MODES
from antiphon.domain.timbres import timbres_of
from antiphon.errors import OutOfRange, SettingsError
from antiphon.generation.tab import TAB_STEPS, TabLine, parse_tab
from antiphon.paths import presets_dir

#: Names and weights; one of them is drawn by seed.
Weights = tuple[tuple[str, float], ...]
#: Per instrument the lines it may play; one is drawn by seed.
Groove = tuple[tuple[str, tuple[TabLine, ...]], ...]

COLOURS = ("triad", "seventh", "ninth", "sus", "power")
#: How long a chord lasts, in bars.
HARMONIC_RHYTHMS = ("0.5", "1", "2")
BASS_BEHAVIOURS = ("sustained", "octave", "offbeat", "syncopated", "rolling", "walking", "dub", "gliding", "pulse")
CHORD_BEHAVIOURS = ("sustained", "stabs", "offbeat", "comping", "pulse", "arpeggio", "broken")
LEAD_BEHAVIOURS = ("melody", "riff", "arpeggio", "sparse", "solo")
PERCUSSION_BEHAVIOURS = ("shaker", "congas", "bells", "answer", "sparse")
TEXTURE_BEHAVIOURS = ("hold", "swell", "breathe")
#: Where stems stand unless a style says otherwise: how loud against the loop while they play (LU), how wide (0 to 1).
#: Six stems at these levels together are as loud as the loop. The lead has a singer's place, whom engineers set as loud
#: as all the rest (Pestana & Reiss, "Intelligent audio production strategies informed by best practices", AES 53,
#: 2014), less some, because a loop's lead leaves room for one; drums and bass carry; the rest of the order is ours.
LEVELS_LU = {"drums": -5.0, "percussion": -12.0, "bass": -6.5, "chords": -8.5, "lead": -6.5, "texture": -15.0}
WIDTHS = {"drums": 0.5, "percussion": 0.7, "bass": 0.0, "chords": 0.6, "lead": 0.35, "texture": 0.6}
FILLS = ("snare", "toms", "hats", "drop", "none")


@dataclass(frozen=True, slots=True)
class Style:
    """A style. `bpm` is its usual range, `swing` 0 (straight) to 1 (triplet) of every `swing_unit` (8 or 16).

    `adds` are the stems that it lives from besides the core four.
    """

    name: str
    title: str
    words: tuple[str, ...]
    bpm: tuple[float, float]
    preset: str
    adds: tuple[str, ...]
    swing: float
    swing_unit: int
    #: Largest deviation of a note from the grid, in beats.
    humanise_beats: float
    modes: Weights
    colours: Weights
    harmonic_rhythms: Weights
    timbres: Mapping[str, Weights]
    bass: Weights
    chords: Weights
    chord_register: int
    lead: Weights
    lead_register: int
    lead_density: float
    percussion: Weights
    #: How likely the percussion leaves some bars of every phrase to the others.
    percussion_rest: float
    texture: Weights
    fills: Weights
    crash: bool
    grooves: Mapping[str, Groove]
    #: By stem: the level while it plays, in LU against the loop, and the width, 0 to 1.
    levels_lu: Mapping[str, float]
    widths: Mapping[str, float]
    #: By timbre: how likely a note glides in from the one before, 0 to 1; the others never do.
    glides: Mapping[str, float]


class _Reader:
    """Takes keys out of one TOML table and complains about whatever is missing, wrong or left over."""

    def __init__(self, path: Path, table: dict[str, Any], section: str = "") -> None:
        self._path, self._table, self._section = path, dict(table), section
        self._known: list[str] = []

    def fail(self, key: str, problem: str) -> SettingsError:
        return SettingsError(f"{self._path}: {self._section}{key} {problem}")

    def take(self, key: str, kind: type | tuple[type, ...], says: str) -> Any:
        self._known.append(key)
        if key not in self._table:
            raise self.fail(key, f"is missing: give {says}")
        value = self._table.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.fail(key, f"is {value!r}, but must be {says}")
        return value

    def number(self, key: str, low: float, high: float) -> float:
        value = float(self.take(key, (int, float), f"a number from {low:g} to {high:g}"))
        if not low <= value <= high:
            raise self.fail(key, f"is {value:g}, but must lie from {low:g} to {high:g}")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list, "a list of words")
        if not values or not all(isinstance(value, str) and value.strip() for value in values):
            raise self.fail(key, "must be a list of words, at least one")
        return tuple(values)

    def weights(self, key: str, names: tuple[str, ...]) -> Weights:
        table = self.take(key, dict, "a table of names and weights")
        for name, weight in table.items():
            if name not in names:
                raise self.fail(f"{key}.{name}", f"is unknown{_nearest(name, names)}; known: {', '.join(names)}")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < 1e6:
                raise self.fail(f"{key}.{name}", f"is {weight!r}, but a weight is a number from 0 up")
        if sum(table.values()) <= 0:
            raise self.fail(key, "needs at least one name with a weight above 0")
        return tuple((name, float(weight)) for name, weight in table.items())

    def table(self, key: str) -> _Reader:
        return _Reader(self._path, self.take(key, dict, "a table"), f"{self._section}{key}.")

    def names(self) -> tuple[str, ...]:
        return tuple(self._table)

    def end(self, known: tuple[str, ...] = ()) -> None:
        for key in self._table:
            raise self.fail(key, f"is not a key of a style{_nearest(key, known or tuple(self._known))}")


def _nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _read_groove(reader: _Reader, bar_steps: int) -> Groove:
    lines: list[tuple[str, tuple[TabLine, ...]]] = []
    for instrument in reader.names():
        if instrument not in DRUM_PITCHES:
            nearest = _nearest(instrument, tuple(DRUM_PITCHES))
            raise reader.fail(instrument, f"is not a drum{nearest}; known: {', '.join(DRUM_PITCHES)}")
        texts = reader.take(instrument, (str, list), "a tab or a list of tabs")
        try:
            tabs = tuple(parse_tab(str(text), bar_steps) for text in ([texts] if isinstance(texts, str) else texts))
        except ValueError as error:
            raise reader.fail(instrument, str(error)) from None
        if not tabs:
            raise reader.fail(instrument, "is an empty list: give at least one tab")
        lines.append((instrument, tabs))
    if "kick" not in dict(lines):
        raise reader.fail("kick", "is missing: every groove needs a kick line")
    return tuple(lines)


def _read_range(reader: _Reader) -> tuple[float, float]:
    values = reader.take("bpm", list, "two numbers, as [118, 128]")
    numbers = [float(v) for v in values if isinstance(v, int | float) and 20 <= v <= 400]
    if len(values) == len(numbers) == 2 and numbers[0] < numbers[1]:
        return numbers[0], numbers[1]
    raise reader.fail("bpm", f"is {values!r}, but must be two rising numbers from 20 to 400, as [118, 128]")


def _read_adds(reader: _Reader) -> tuple[str, ...]:
    values, more = reader.take("adds", list, "a list of stems, as []"), set(STEMS) - set(CORE_STEMS)
    if not set(values) <= more:
        raise reader.fail("adds", f"is {values!r}, but may only hold {' and '.join(sorted(more))}")
    return tuple(stem for stem in STEMS if stem in values)


def _read_by_stem(root: _Reader, key: str, usual: Mapping[str, float], low: float, high: float) -> dict[str, float]:
    """A table with a number for some stems; the others have the usual one. The table may be missing."""
    if key not in root.names():
        return dict(usual)
    table = root.table(key)
    numbers = {stem: table.number(stem, low, high) for stem in STEMS if stem in table.names()}
    table.end(STEMS)
    return {**usual, **numbers}


def _read_glides(root: _Reader) -> dict[str, float]:
    """By timbre how likely its notes glide; the table may be missing."""
    if "glides" not in root.names():
        return {}
    table = root.table("glides")
    shares = {timbre: table.number(timbre, 0.0, 1.0) for timbre in GLIDES if timbre in table.names()}
    table.end(tuple(GLIDES))
    return shares


def load_style(path: Path) -> Style:
    """Read and check one style file. Raises SettingsError that names the file and the key."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None
    root = _Reader(path, data)
    tables = {key: root.table(key) for key in ("timbres", *STEMS)}
    timbres, drums, percussion, bass, chords, lead, texture = tables.values()
    unit = int(root.number("swing_unit", 8, 16))
    if unit not in (8, 16):
        raise root.fail("swing_unit", f"is {unit}, but must be 8 or 16")
    style = Style(
        name=path.stem,
        title=str(root.take("title", str, "the style's name as people write it")),
        words=root.words("words"),
        bpm=_read_range(root),
        preset=str(root.take("preset", str, "the name of an effects preset")),
        adds=_read_adds(root),
        swing=root.number("swing", 0.0, 1.0),
        swing_unit=unit,
        humanise_beats=root.number("humanise_beats", 0.0, 0.02),
        modes=root.weights("modes", tuple(MODES)),
        colours=root.weights("colours", COLOURS),
        harmonic_rhythms=root.weights("harmonic_rhythms", HARMONIC_RHYTHMS),
        timbres={stem: timbres.weights(stem, tuple(t.name for t in timbres_of(stem))) for stem in STEMS},
        bass=bass.weights("behaviours", BASS_BEHAVIOURS),
        chords=chords.weights("behaviours", CHORD_BEHAVIOURS),
        chord_register=int(chords.number("register", 55, 70)),
        lead=lead.weights("behaviours", LEAD_BEHAVIOURS),
        lead_register=int(lead.number("register", 64, 82)),
        lead_density=lead.number("density", 0.0, 1.0),
        percussion=percussion.weights("behaviours", PERCUSSION_BEHAVIOURS),
        percussion_rest=percussion.number("rest", 0.0, 1.0),
        texture=texture.weights("behaviours", TEXTURE_BEHAVIOURS),
        fills=drums.weights("fills", FILLS),
        crash=bool(drums.take("crash", bool, "true or false")),
        grooves={meter: _read_groove(drums.table(meter), steps) for meter, steps in TAB_STEPS.items()},
        levels_lu=_read_by_stem(root, "levels_lu", LEVELS_LU, -30.0, 0.0),
        widths=_read_by_stem(root, "widths", WIDTHS, 0.0, 1.0),
        glides=_read_glides(root),
    )
    for reader in (*tables.values(), root):
        reader.end()
    return style


@lru_cache(maxsize=4)
def load_styles(folder: Path) -> Mapping[str, Style]:
    """All styles of a folder by name. Raises SettingsError."""
    styles = {path.stem: load_style(path) for path in sorted(folder.glob("*.toml"))}
    if not styles:
        raise SettingsError(f"{folder}: holds no styles (*.toml): reinstall Antiphon")
    return styles


def style_names() -> tuple[str, ...]:
    """The names of all styles, sorted."""
    return tuple(load_styles(presets_dir() / "styles"))


def stems_of(style: str | None) -> tuple[str, ...]:
    """The stems that a loop has where nobody names any: the core four, and what a style that is asked for adds."""
    adds = get_style(style).adds if style else ()
    return tuple(stem for stem in STEMS if stem in (*CORE_STEMS, *adds))


def get_style(name: str) -> Style:
    """The style called `name` (its file's name). Raises OutOfRange that lists the known ones."""
    styles = load_styles(presets_dir() / "styles")
    if name not in styles:
        known = ", ".join(styles)
        raise OutOfRange(f"there is no style {name[:40]!r}{_nearest(name, tuple(styles))}; known: {known}")
    return styles[name]
