"""Keys in a prompt, as English, German and Japanese musicians write them: `F# minor`, `fis-Moll`, `嬰ヘ短調`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from antiphon.domain.theory import Key
from antiphon.generation.prompts.figures import BEGIN, END, Figure, either
from antiphon.generation.prompts.text import fold

_LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11, "h": 11}
_JAPANESE_LETTERS = dict(zip("ハニホヘトイロ", (0, 2, 4, 5, 7, 9, 11), strict=True))
_SIGNS = {"#": 1, "♯": 1, "sharp": 1, "is": 1, "嬰": 1, "b": -1, "♭": -1, "flat": -1, "es": -1, "s": -1, "変": -1}
#: Modes that name notes as Germans do: h is a B, b is a B flat.
_GERMAN_MODES = ("dur", "moll", "dorisch", "phrygisch", "mixolydisch")
#: Nouns after which "a minor" was an article and a mode.
_NOUNS = r"(?:key|mode|mood|scale|tonality|feel|chord|progression|groove|vibe|tune|track|loop|song|sound|thing|theme)"


class KeyPatterns:
    """The patterns for the mode words (`modes`: word to mode) and units of a vocabulary."""

    def __init__(self, units: Mapping[str, Iterable[str]], modes: Mapping[str, str]) -> None:
        self._modes = {fold(word): mode for word, mode in modes.items()}
        german = [word for word in modes if fold(word).startswith(_GERMAN_MODES)]
        before = f"(?P<before>(?:{either(units['key'])}|{either(units['in'])})\\s*:?\\s*(?:は)?\\s*)"
        self._german = re.compile(
            f"{BEGIN}(?P<note>[a-h])(?P<sign>is|es|(?<=[ae])s)?[\\s-]*(?P<mode>{either(german)}){END}", re.IGNORECASE
        )
        self._japanese = re.compile(r"(?P<sign>[嬰変])?(?P<note>[ハニホヘトイロ])(?P<mode>長調|短調)")
        self._full = re.compile(
            f"{before}?{BEGIN}(?P<note>[a-g])\\s*-?(?P<sign>[#♯♭]|b|sharp|flat)?[\\s-]*(?:の)?"
            f"(?P<mode>{either(modes)})(?![A-Za-z])(?P<noun>(?:\\s+\\w+)?\\s+{_NOUNS}s?{END})?",
            re.IGNORECASE,
        )
        self._short = re.compile(f"{BEGIN}(?P<note>[A-G])(?P<sign>[#♯b♭])?(?P<mode>m|min|maj)(?![A-Za-z0-9])")
        # With a word before it one letter is enough, in capitals: "in F#", "key of C".
        self._bare = re.compile(
            f"{BEGIN}(?i:{before})(?P<note>[A-G])(?P<sign>[#♯b♭]|(?:\\s*(?:sharp|flat)))?(?![\\w'’])"
        )
        self._labelled = re.compile(
            f"{either(units['key'])}\\s*[:=は]?\\s*(?P<note>[A-G])(?P<sign>[#♯b♭])?(?![\\w'’#])"
        )

    def found(self, text: str) -> Iterator[Figure]:
        """Every key, the surest first; they may overlap. A mode of None: major, unless the words know better."""
        for match in self._japanese.finditer(text):
            tonic = _JAPANESE_LETTERS[match["note"]] + _SIGNS.get(match["sign"] or "", 0)
            yield _figure(match, tonic, "major" if match["mode"] == "長調" else "minor")
        for match in self._german.finditer(text):
            yield _figure(match, _german_tonic(match), self._modes[fold(match["mode"])])
        for match in self._full.finditer(text):
            if not _is_article(match, text):
                yield _figure(match, _tonic(match), self._modes[fold(match["mode"])])
        for match in self._short.finditer(text):
            yield _figure(match, _tonic(match), "major" if match["mode"] == "maj" else "minor")
        if not text.isupper():
            for pattern in (self._bare, self._labelled):
                for match in pattern.finditer(text):
                    yield Figure("tonic", _tonic(match), match.start(), match.end())


def _figure(match: re.Match[str], tonic: int, mode: str) -> Figure:
    return Figure("key", Key(tonic % 12, mode), match.start(), match.end("mode"))


def _tonic(match: re.Match[str]) -> int:
    return (_LETTERS[match["note"].lower()] + _SIGNS.get((match["sign"] or "").strip().lower(), 0)) % 12


def _german_tonic(match: re.Match[str]) -> int:
    note, sign = match["note"].lower(), (match["sign"] or "").lower()
    return 10 if note == "b" and not sign else (_LETTERS[note] + _SIGNS.get(sign, 0)) % 12


def _is_article(match: re.Match[str], text: str) -> bool:
    """Whether the `a` of "a minor key", "a dorian groove" or "with a minor feel" is no note."""
    if match["note"] != "a" or match["sign"]:
        return False
    if match["noun"]:
        return True
    rest = text[match.end() :].lstrip()
    return not match["before"] and bool(rest) and rest[0].isalpha()
