"""The vocabulary: presets/vocabulary/*.toml, one file per language, checked as it is read.

A file has tables named after what words can mean (`style`, `stem`, `tempo` …); each maps a meaning to the words for it.
The names, titles and words of the styles, and the words of the timbres, belong to the English vocabulary too.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from antiphon.domain.reading import SOUND_WORDS
from antiphon.domain.score import STEMS
from antiphon.domain.theory import MODES, parse_meter
from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.errors import AntiphonError, SettingsError
from antiphon.generation.prompts.spelling import Spelling
from antiphon.generation.prompts.tempo import TEMPO_LEVELS
from antiphon.generation.prompts.text import forms
from antiphon.generation.styles import (
    BASS_BEHAVIOURS,
    CHORD_BEHAVIOURS,
    LEAD_BEHAVIOURS,
    PERCUSSION_BEHAVIOURS,
    TEXTURE_BEHAVIOURS,
    get_style,
    style_names,
)
from antiphon.paths import presets_dir

#: A kind of meaning and its value: `("style", "dub")`.
Meaning = tuple[str, str]
Forms = tuple[str, ...]

#: What the small words of a language do (docs/prompts.md says it at length).
ROLES = (
    "no", "without", "not", "too", "very", "slightly", "only", "and", "or", "but", "with", "link", "hardly",
    "after_no", "after_not", "after_not_too", "after_only",
)  # fmt: skip
UNITS = ("bpm", "tempo", "bars", "about", "range", "at", "in", "key")
LEVELS = ("energy", "density", "swing")
LONGEST_PHRASE = 5
_TABLES = (
    "style", "instrument", "timbre", "manner", "stem", "lacks", "energy", "density", "swing", "tempo", "mode", "mood",
    "meter", "sound", "grammar", "filler", "number", "unit", "inflection",
)  # fmt: skip


#: What the table `manner` may say: a stem, and how it is played.
MANNERS = tuple(
    f"{stem} {behaviour}"
    for stem, behaviours in (
        ("percussion", PERCUSSION_BEHAVIOURS), ("bass", BASS_BEHAVIOURS), ("chords", CHORD_BEHAVIOURS),
        ("lead", LEAD_BEHAVIOURS), ("texture", TEXTURE_BEHAVIOURS),
    )
    for behaviour in behaviours
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A phrase as the file spells it, and what it means in each language that knows it."""

    phrase: str
    meanings: Mapping[str, tuple[Meaning, ...]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every phrase by its forms. `endings` are what a language may put behind a word; `pieces` are the Japanese
    parts, longest first where they begin alike; `numbers` and `units` serve the patterns (`figures`)."""

    entries: Mapping[Forms, Entry]
    endings: Mapping[str, tuple[str, ...]]
    pieces: frozenset[str]
    longest_piece: int
    numbers: Mapping[str, int]
    units: Mapping[str, tuple[str, ...]]
    modes: Mapping[str, str]
    spelling: Spelling


class _Words:
    """Collects the phrases of all languages."""

    def __init__(self) -> None:
        self.found: dict[Forms, tuple[str, dict[str, list[Meaning]]]] = {}
        self.endings: dict[str, tuple[str, ...]] = {}
        self.numbers: dict[str, int] = {}
        self.units: dict[str, tuple[str, ...]] = {}
        self.modes: dict[str, str] = {}

    def add(self, language: str, kind: str, value: str, phrases: Iterable[str]) -> None:
        for phrase in phrases:
            spelt = forms(phrase)
            if spelt:
                meanings = self.found.setdefault(spelt, (phrase, {}))[1].setdefault(language, [])
                if (kind, value) not in meanings:
                    meanings.append((kind, value))


class _File:
    """One language's file; complains with the file's name and the key."""

    def __init__(self, path: Path) -> None:
        self.path, self.language = path, path.stem
        try:
            self.data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: is not TOML: {error}") from None
        except OSError as error:
            raise SettingsError(f"{path}: cannot be read: {error.strerror}") from None

    def fail(self, where: str, problem: str) -> SettingsError:
        return SettingsError(f"{self.path}: {where} {problem}")

    def rows(self, table: str) -> list[tuple[str, list[str]]]:
        """The rows of a table: a meaning and its words, each of them a text that is not empty."""
        rows = self.data.get(table, {})
        if not isinstance(rows, dict):
            raise self.fail(table, "must be a table of meanings and lists of words")
        for value, words in rows.items():
            if not isinstance(words, list) or not all(isinstance(word, str) and word.strip() for word in words):
                raise self.fail(f"{table}.{value}", "must be a list of words, as ['slow', 'laid back']")
            if table not in ("inflection", "unit"):
                self._check_lengths(f"{table}.{value}", words)
        return list(rows.items())

    def _check_lengths(self, where: str, words: list[str]) -> None:
        for word in words:
            length = len(forms(word))
            if not 1 <= length <= LONGEST_PHRASE:
                raise self.fail(where, f"holds {word!r}: a phrase has 1 to {LONGEST_PHRASE} words")

    def known(self, table: str, value: str, names: Iterable[str]) -> None:
        names = tuple(names)
        if value not in names:
            near = difflib.get_close_matches(value, names, 1, 0.5)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise self.fail(f"{table}.{value}", f"is unknown{hint}; known: {', '.join(names)}")


def _names(table: str) -> tuple[str, ...] | None:
    """The meanings that a table may list; None where they are numbers."""
    return {
        "style": style_names(), "instrument": tuple(TIMBRE_INDEX), "timbre": tuple(TIMBRE_INDEX), "stem": STEMS,
        "manner": MANNERS,
        "lacks": STEMS, "tempo": tuple(TEMPO_LEVELS), "mode": tuple(MODES), "mood": tuple(MODES), "sound": SOUND_WORDS,
        "grammar": ROLES, "filler": ("words", "common"), "unit": UNITS, "inflection": ("endings",),
    }.get(table)  # fmt: skip


def _check_value(file: _File, table: str, value: str) -> None:
    names = _names(table)
    if names is not None:
        file.known(table, value, names)
        return
    try:
        if table == "meter":
            parse_meter(value)
        elif table == "number":
            int(value)
        elif not 0.0 <= float(value) <= 1.0:
            raise ValueError(value)
    except (ValueError, AntiphonError):
        wanted = {"meter": "a meter, as 3/4", "number": "a whole number"}.get(table, "a number from 0 to 1")
        raise file.fail(f"{table}.{value}", f"must be {wanted}") from None


def _read(file: _File, words: _Words) -> None:
    for table in file.data:
        if table not in _TABLES:
            near = difflib.get_close_matches(table, _TABLES, 1, 0.5)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise file.fail(table, f"is no table of a vocabulary{hint}; known: {', '.join(_TABLES)}")
    for table in _TABLES:
        for value, phrases in file.rows(table):
            _check_value(file, table, value)
            if table == "inflection":
                words.endings[file.language] = tuple(phrases)
            elif table == "number":
                words.numbers |= {phrase.lower(): int(value) for phrase in phrases}
            elif table == "unit":
                words.units[value] = (*words.units.get(value, ()), *phrases)
            else:
                words.add(file.language, table, value, phrases)
            if table == "mode":
                words.modes |= {phrase.lower(): value for phrase in phrases}


def _read_presets(words: _Words) -> None:
    """The words that styles and timbres bring along."""
    for name in style_names():
        style = get_style(name)
        words.add("en", "style", name, (name, style.title, *style.words))
    for timbre in TIMBRES:
        words.add("en", "timbre", timbre.name, (timbre.name, *timbre.words))


@lru_cache(maxsize=2)
def load_vocabulary(folder: Path | None = None) -> Vocabulary:
    """Read all languages of a folder (without one: presets/vocabulary). Raises SettingsError naming file and key."""
    folder = folder or presets_dir() / "vocabulary"
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise SettingsError(f"{folder}: holds no vocabulary (*.toml): reinstall Antiphon")
    words = _Words()
    _read_presets(words)
    for path in paths:
        _read(_File(path), words)
    return _assembled(words)


def _assembled(words: _Words) -> Vocabulary:
    japanese = {spelt: found for spelt, found in words.found.items() if any(_is_japanese(form) for form in spelt)}
    for spelt, (phrase, meanings) in list(japanese.items()):
        # Adjectives in -i: 暗い is also 暗く, 暗くて, 暗め, 暗すぎ.
        if spelt[-1].endswith("い") and not any(kind in ("grammar", "filler") for kind, _ in meanings.get("ja", ())):
            for ending in ("く", "くて", "め", "さ", "すぎ"):
                words.found.setdefault((*spelt[:-1], spelt[-1][:-1] + ending), (phrase, meanings))
    entries = {
        spelt: Entry(phrase, {language: tuple(found) for language, found in meanings.items()})
        for spelt, (phrase, meanings) in words.found.items()
    }
    pieces = frozenset(form for spelt in entries for form in spelt if _is_japanese(form))
    return Vocabulary(
        entries=entries,
        endings=words.endings,
        pieces=pieces,
        longest_piece=max(map(len, pieces), default=0),
        numbers=words.numbers,
        units=words.units,
        modes=words.modes,
        spelling=Spelling(spelt[0] for spelt in entries if len(spelt) == 1),
    )


def _is_japanese(form: str) -> bool:
    return any("\u3040" <= char <= "\u9fff" for char in form)
