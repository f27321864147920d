"""Figures of a prompt: a tempo as a number, a meter as a fraction, a count of bars."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from antiphon.domain.theory import parse_meter
from antiphon.errors import OutOfRange
from antiphon.generation.prompts.tempo import FASTEST_BPM, SLOWEST_BPM

#: A tempo said to be about a number may lie this far from it.
ABOUT_BPM = 3.0
#: A number after "at" is a tempo only where people would tap it.
_TAPPED_BPM = (40.0, 250.0)
_DIGITS = {char: value for value, char in enumerate("一二三四五六七八九十", 1)}
_NUMBER = r"(?<![\d.,/])(\d{1,3}(?:[.,]\d{1,2})?)(?![\d/])"
#: Where a Latin word begins and ends; Japanese neighbours don't make a word longer.
BEGIN, END = r"(?<![A-Za-zÀ-ɏ0-9])", r"(?![A-Za-zÀ-ɏ0-9])"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure at [start, end) of the text. `value`: (low, high) for `bpm`, a Key for `key`, a mode's name for `mode`,
    a meter's name for `meter`, a count for `bars`; None where there is no such thing here, as a meter of 9/7."""

    kind: str
    value: object
    start: int
    end: int


def either(words: Iterable[str]) -> str:
    """A pattern for any of the words, longest first; for none of them one that never matches."""
    patterns = (re.escape(word).replace(r"\ ", r"\s+") for word in sorted(words, key=lambda word: (-len(word), word)))
    return f"(?:{'|'.join(patterns) or '(?!)'})"


class FigurePatterns:
    """The patterns for the units and numbers of a vocabulary."""

    def __init__(self, units: Mapping[str, Iterable[str]], numbers: Mapping[str, int]) -> None:
        unit = {name: either(words) for name, words in units.items()}
        self._numbers = numbers
        about, rough = f"(?P<about>{unit['about']}\\s*)?", r"(?P<rough>\s*(?:くらい|ぐらい|前後|ish))?"
        bpm = f"\\s*-?{unit['bpm']}{END}"
        bars = f"\\s*-?\\s*{unit['bars']}"
        self._bpm = [
            re.compile(pattern, re.IGNORECASE)
            for pattern in (
                f"{_NUMBER}(?:\\s*bpm)?\\s*{unit['range']}\\s*{_NUMBER}{bpm}",
                f"{about}{_NUMBER}{rough}{bpm}{rough.replace('rough', 'rough2')}",
                f"(?:{BEGIN}|(?=テ)){unit['tempo']}\\s*[:=]?\\s*(?:of|is|von|は|を)?\\s*{about}{_NUMBER}{rough}",
                f"{BEGIN}{unit['at']}\\s+{about}{_NUMBER}(?!{bars}|\\s*(?:%|hz|khz|ms|s|th|sec|db){END}|\\s*:)",
            )
        ]
        count = f"{BEGIN}(?P<count>\\d{{1,4}}|{either(word for word in numbers if word.isascii() or 'ü' in word)})"
        japanese = f"(?P<japanese>\\d{{1,4}}|{either(word for word in numbers if not word.isascii())})小節"
        self._bars = re.compile(f"{count}{bars}{END}|{japanese}", re.IGNORECASE)
        self._meter = re.compile(r"(?<![\d/.,])(\d{1,2})\s*/\s*(\d{1,2})(?![\d/])")
        self._japanese_meter = re.compile(
            r"(\d{1,2}|[三四五六七十二]{1,2})分の(\d{1,2}|[三四五六七十二]{1,2})(?:拍子)?"
        )

    def found(self, text: str) -> Iterator[Figure]:
        """Every figure, the surest first; they may overlap."""
        for match in self._meter.finditer(text):
            yield _meter(match, match[1], match[2])
        for match in self._japanese_meter.finditer(text):
            yield _meter(match, str(_count(match[2])), str(_count(match[1])))
        for match in self._bars.finditer(text):
            said = match["count"] or match["japanese"]
            yield Figure("bars", self._numbers.get(said.lower()) or int(said), match.start(), match.end())
        for index, pattern in enumerate(self._bpm):
            for match in pattern.finditer(text):
                figure = _bpm(match, tapped=index == 3)
                if figure is not None:
                    yield figure


def _count(text: str) -> int:
    """Digits, or a Japanese number to 19."""
    if text.isdigit() and text.isascii():
        return int(text)
    return sum(_DIGITS.get(char, 0) for char in text)


def _meter(match: re.Match[str], upper: str, lower: str) -> Figure:
    try:
        name: str | None = parse_meter(f"{upper}/{lower}").name
    except OutOfRange:
        name = None
    return Figure("meter", name, match.start(), match.end())


def _bpm(match: re.Match[str], tapped: bool) -> Figure | None:
    """A tempo or a range of tempos; None where a number after "at" is no tempo."""
    groups = match.groupdict()
    ends = [float(each.replace(",", ".")) for each in match.groups() if each and re.fullmatch(r"\d[\d.,]*", each)]
    low, high = min(ends), max(ends)
    if tapped and not _TAPPED_BPM[0] <= low <= _TAPPED_BPM[1]:
        return None
    if any(groups.get(name) for name in ("about", "rough", "rough2")):
        low, high = low - ABOUT_BPM, high + ABOUT_BPM
    inside = low >= SLOWEST_BPM and high <= FASTEST_BPM
    return Figure("bpm", (low, high) if inside else None, match.start(), match.end())
