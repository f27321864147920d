"""From typed text to tokens: one spelling for all ways to write a word, and where in the text it stands.

Latin words are cut at everything that is not a letter or digit, and between letters and digits. Japanese is written
without spaces: its runs stay whole here, and the vocabulary cuts them (`phrases`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["word", "number", "japanese", "comma", "break"]

#: Hiragana, katakana (without the middle dot), kanji.
JAPANESE = "\u3040-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u9fff\u3005"
KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]+")
_TOKEN = re.compile(
    rf"(?P<japanese>[{JAPANESE}]+)|(?P<number>\d+)|(?P<word>(?:(?![{JAPANESE}])[^\W\d_])+)|(?P<comma>[,、&+:/])"
    r"|(?P<break>[.;!?。])"
)
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the prompt: `text` as typed, `form` as the vocabulary spells it."""

    kind: TokenKind
    text: str
    form: str
    start: int


def normalise(text: str) -> str:
    """NFKC: full-width letters, half-width katakana, ligatures and composed letters in their one usual form."""
    return unicodedata.normalize("NFKC", text)


def fold(text: str) -> str:
    """One form for all spellings: no case, no accents; umlauts as German writes them without (ae, oe, ue, ss)."""
    if text.isascii():
        return text.lower()
    plain = text.casefold().translate(_GERMAN)
    if re.search(f"[{JAPANESE}]", plain):
        return plain
    return "".join(char for char in unicodedata.normalize("NFD", plain) if not unicodedata.combining(char))


def tokenise(text: str) -> list[Token]:
    """The tokens of a text that is normalised, in order."""
    tokens: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        tokens.append(Token(kind, match[0], fold(match[0]), match.start()))
    return tokens


def forms(text: str) -> tuple[str, ...]:
    """A phrase of the vocabulary as the forms of its tokens."""
    return tuple(token.form for token in tokenise(normalise(text)) if token.kind not in ("comma", "break"))
