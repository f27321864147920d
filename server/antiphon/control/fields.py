"""What one argument of a command may be: type, range, unit and default, and the check that turns it into a value.

Everything that shows or checks an argument (OSC decoder, HTTP routes, OpenAPI, reference page, command line) reads it
from here, so they cannot disagree.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from antiphon.control.part_wish import parse_part, word_before
from antiphon.domain.composers import parse_composers
from antiphon.domain.engines import parse_engines
from antiphon.domain.reference import MOST_REFERENCES
from antiphon.domain.score import STEMS
from antiphon.domain.theory import parse_chords, parse_key, parse_meter
from antiphon.errors import LimitExceeded, OutOfRange, WrongType
from antiphon.settings import Limits

Kind = Literal[
    "int",
    "float",
    "text",
    "id",
    "choice",
    "name",
    "stems",
    "engines",
    "composers",
    "key",
    "chords",
    "meter",
    "songs",
    "parts",
]

#: The largest int32, hence the largest seed and the largest integer request id.
INT32_MAX = 2**31 - 1
ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that exist on this server: styles, presets and models a request may ask for. `models` grows while the
    server runs, by what is fine-tuned."""

    styles: tuple[str, ...] = ()
    presets: tuple[str, ...] = ()
    models: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the check of a value depends on besides the table: this server's limits and names."""

    limits: Limits = field(default_factory=Limits)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)


@dataclass(frozen=True, slots=True)
class Field:
    """One argument of a command.

    `minimum` and `maximum` are inclusive. `limit` names a field of `settings.Limits` that is the maximum on this
    server; `vocabulary` a field of `Vocabulary`. `default` is shown to people; the value itself is applied by the
    command's dataclass. `attribute` is the dataclass field, where it differs from the key that clients type.
    """

    name: str
    kind: Kind
    description: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str | int, ...] = ()
    default: str = ""
    required: bool = False
    limit: str = ""
    vocabulary: str = ""
    max_length: int = 200
    attribute: str = ""

    @property
    def target(self) -> str:
        """The name of the command dataclass's field."""
        return self.attribute or self.name

    @property
    def python_type(self) -> type[int] | type[float] | type[str]:
        """What a command line should read it as: int, float or str."""
        if self.kind == "choice" and self.choices and isinstance(self.choices[0], int):
            return int
        return {"int": int, "float": float}.get(self.kind, str)

    @property
    def repeats(self) -> bool:
        """Whether the key may be given several times over OSC, and as a list over JSON, for several values."""
        return self.kind in ("songs", "parts")

    @property
    def most(self) -> int:
        """How many values at most, where it repeats."""
        return MOST_REFERENCES if self.kind == "songs" else len(STEMS)

    @property
    def takes_number(self) -> bool:
        return self.python_type is not str

    def maximum_in(self, bounds: Bounds) -> float | None:
        """The largest value on this server: the limit of its settings where there is one."""
        return float(getattr(bounds.limits, self.limit)) if self.limit else self.maximum

    def range_text(self, bounds: Bounds) -> str:
        """The allowed range in words: `20 to 400 beats per minute`, `0 or more seconds`."""
        low, high = self.minimum, self.maximum_in(bounds)
        unit = f" {self.unit}" if self.unit else ""
        if high is None:
            return f"{low:g} or more{unit}" if low is not None else f"any number{unit}"
        return f"{_plain(low or 0)} to {_plain(high)}{unit}"

    def parse(self, raw: object, bounds: Bounds) -> Any:
        """The checked, typed value. Raises WrongType, OutOfRange or LimitExceeded, whose text says what is allowed."""
        return _PARSERS[self.kind](self, raw, bounds)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be; None where nothing is near."""
    names = list(known)
    by_lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(word.lower()[:80], list(by_lower), n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def shown(raw: object) -> str:
    """A client's value as an error may repeat it: short, printable, quoted where it is text."""
    text = repr(raw)
    return text if len(text) <= 60 else text[:57] + "…"


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def _number(f: Field, raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        hint = ": send it as an int or a float, not as text" if isinstance(raw, str) else ""
        raise WrongType(f"{f.name} takes a number, not {shown(raw)}{hint}")
    return raw


def _finite(f: Field, raw: object, bounds: Bounds) -> int | float:
    number = _number(f, raw)
    if isinstance(number, float) and not math.isfinite(number):
        raise OutOfRange(f"{f.name} is {number}: it must be {f.range_text(bounds)}")
    return number


def _in_range(f: Field, number: int | float, bounds: Bounds) -> None:
    high = f.maximum_in(bounds)
    if f.limit and high is not None and number > high:
        raise LimitExceeded(
            f"{f.name} is {shown(number)}: this server allows up to {_plain(high)} (setting limits.{f.limit})"
        )
    if (f.minimum is not None and number < f.minimum) or (high is not None and number > high):
        raise OutOfRange(f"{f.name} is {shown(number)}: it must be {f.range_text(bounds)}")


def _parse_int(f: Field, raw: object, bounds: Bounds) -> int:
    number = _finite(f, raw, bounds)
    if isinstance(number, float):
        if not number.is_integer():
            raise WrongType(f"{f.name} takes a whole number, not {number:g}")
        number = int(number)
    _in_range(f, number, bounds)
    return number


def _parse_float(f: Field, raw: object, bounds: Bounds) -> float:
    number = _finite(f, raw, bounds)
    _in_range(f, number, bounds)
    return float(number)


def _text(f: Field, raw: object) -> str:
    if not isinstance(raw, str):
        raise WrongType(f"{f.name} takes text, not {shown(raw)}")
    if len(raw) > f.max_length:
        raise OutOfRange(f"{f.name} has {len(raw)} characters: at most {f.max_length} are allowed")
    if not raw.isprintable():
        raise OutOfRange(f"{f.name} holds control characters: send plain text on one line")
    return raw.strip()


def _parse_text(f: Field, raw: object, bounds: Bounds) -> str:
    text = _text(f, raw)
    if f.required and not text:
        raise OutOfRange(f"{f.name} is empty: say what it shall be")
    return text


def _parse_id(f: Field, raw: object, bounds: Bounds) -> str:
    text = _text(f, raw)
    if not ID_PATTERN.fullmatch(text):
        raise OutOfRange(f"{f.name} is not an id of this server: send one exactly as it came")
    return text


def _parse_choice(f: Field, raw: object, bounds: Bounds) -> str | int:
    value: str | int = _parse_int(f, raw, bounds) if f.takes_number else _text(f, raw)
    if value not in f.choices:
        raise OutOfRange(f"{f.name} is {shown(raw)}: choose one of {', '.join(map(str, f.choices))}")
    return value


def _parse_name(f: Field, raw: object, bounds: Bounds) -> str:
    text = _text(f, raw)
    known: Sequence[str] = getattr(bounds.vocabulary, f.vocabulary)
    if text in known:
        return text
    near = nearest(text, known)
    hint = f"did you mean {near!r}? " if near else ""
    raise OutOfRange(f"there is no {f.name} {shown(text)}: {hint}({f.vocabulary}: {', '.join(known) or 'none'})")


def _words(f: Field, raw: object) -> str:
    """Text, or over JSON a list of words, as one text."""
    if isinstance(raw, (list, tuple)) and all(isinstance(word, str) for word in raw):
        raw = " ".join(raw)
    return _text(f, raw)


def _parse_stems(f: Field, raw: object, bounds: Bounds) -> tuple[str, ...]:
    words = [word for word in re.split(r"[\s,]+", _words(f, raw)) if word]
    if not words:
        raise OutOfRange(f"stems is empty: name some of {', '.join(STEMS)}")
    for word in words:
        if word not in STEMS:
            near = nearest(word, STEMS)
            hint = f"did you mean {near!r}? " if near else ""
            raise OutOfRange(f"there is no stem {shown(word)}: {hint}(stems: {', '.join(STEMS)})")
    return tuple(stem for stem in STEMS if stem in words)


def _parse_songs(f: Field, raw: object, bounds: Bounds) -> tuple[str, ...]:
    given = list(raw) if isinstance(raw, (list, tuple)) else [raw]
    songs = tuple(dict.fromkeys(_text(f, each) for each in given))
    if not all(songs):
        raise OutOfRange(f"{f.name} is empty: name a song's file, or upload:ID")
    if not 1 <= len(songs) <= MOST_REFERENCES:
        raise OutOfRange(f"{len(songs)} songs are too {'many' if songs else 'few'}: bring 1 to {MOST_REFERENCES}")
    return songs


def _parse_parts(f: Field, raw: object, bounds: Bounds) -> tuple[tuple[str, str], ...]:
    given = list(raw) if isinstance(raw, (list, tuple)) else [raw]
    if not 1 <= len(given) <= f.most:
        raise OutOfRange(f"{len(given)} parts are too {'many' if given else 'few'}: bring 1 to {f.most}")
    texts = dict.fromkeys(_text(f, each) for each in given)
    return tuple(parse_part(text, nearest(word_before(text), STEMS) if word_before(text) else None) for text in texts)


_PARSERS: dict[Kind, Callable[[Field, object, Bounds], Any]] = {
    "int": _parse_int,
    "float": _parse_float,
    "text": _parse_text,
    "id": _parse_id,
    "choice": _parse_choice,
    "name": _parse_name,
    "stems": _parse_stems,
    "engines": lambda f, raw, bounds: parse_engines(_words(f, raw)),
    "composers": lambda f, raw, bounds: parse_composers(_words(f, raw)),
    "key": lambda f, raw, bounds: parse_key(_text(f, raw)),
    "chords": lambda f, raw, bounds: parse_chords(_words(f, raw)),
    "meter": lambda f, raw, bounds: parse_meter(_text(f, raw)),
    "songs": _parse_songs,
    "parts": _parse_parts,
}
