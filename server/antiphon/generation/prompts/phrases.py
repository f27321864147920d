"""From tokens to items: the longest known phrases, inflected, compound and misspelt words, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from antiphon.generation.prompts.figures import Figure
from antiphon.generation.prompts.text import KATAKANA, Token, tokenise
from antiphon.generation.prompts.vocabulary import LONGEST_PHRASE, Entry, Meaning, Vocabulary

#: Longer words are no words: they aren't taken apart.
_LONGEST_WORD = 40
_SHORTEST_COMPOUND, _SHORTEST_PART, _MOST_PARTS = 7, 3, 3
#: Kinds whose words travel: "Techno" says nothing of the language.
_INTERNATIONAL = ("style", "timbre", "instrument", "stem")
#: What German puts between the parts of a compound.
_JOINTS = ("", "s", "n", "en", "e", "es")


@dataclass(frozen=True, slots=True)
class Item:
    """A phrase of the prompt as typed, what it was taken for, and what that means. No meanings: unknown."""

    words: str
    known: str
    meanings: tuple[Meaning, ...]
    misspelt: bool = False
    figure: Figure | None = None

    @property
    def roles(self) -> tuple[str, ...]:
        """What the phrase does in the sentence, where it is a small word."""
        return tuple(value for kind, value in self.meanings if kind == "grammar")

    @property
    def says_something(self) -> bool:
        """Whether it has a meaning beyond its part in the sentence."""
        return self.figure is not None or any(kind not in ("grammar", "filler") for kind, _ in self.meanings)


@dataclass(slots=True)
class _Match:
    text: str
    entry: Entry | None
    misspelt: bool = False
    #: The language whose ending the word has.
    language: str = ""


class Phrases:
    """Cuts prompts into items by one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary

    def items(self, text: str, figures: Sequence[Figure]) -> list[Item]:
        """The items of a normalised text in order; `figures` don't overlap and are in order."""
        parts: list[_Match | Figure | Token] = []
        at = 0
        for figure in (*figures, None):
            end = len(text) if figure is None else figure.start
            parts += self._matches(text[at:end])
            if figure is not None:
                parts.append(figure)
                at = figure.end
        language = self._language(parts)
        return [self._item(part, language, text) for part in parts]

    def _matches(self, text: str) -> list[_Match | Figure | Token]:
        tokens = [piece for token in tokenise(text) for piece in self._pieces(token)]
        found: list[_Match | Figure | Token] = []
        at = 0
        while at < len(tokens):
            length, entry = self._longest(tokens, at)
            if entry is not None:
                last = tokens[at + length - 1]
                found.append(_Match(text[tokens[at].start : last.start + len(last.text)], entry))
            elif tokens[at].kind in ("comma", "break"):
                found.append(tokens[at])
            else:
                found += self._unlisted(tokens[at])
            at += length
        return found

    def _longest(self, tokens: list[Token], at: int) -> tuple[int, Entry | None]:
        """How many tokens the longest known phrase here has; punctuation inside it does not matter (`d&b`)."""
        forms: list[str] = []
        best: tuple[int, Entry | None] = (1, None)
        for length, token in enumerate(tokens[at : at + 2 * LONGEST_PHRASE], 1):
            if token.kind == "break" or (token.kind == "comma" and (token.text not in "&+/" or not forms)):
                break
            if token.kind == "comma":
                continue
            forms.append(token.form)
            if len(forms) > LONGEST_PHRASE:
                break
            entry = self._vocabulary.entries.get(tuple(forms))
            if entry is not None:
                best = length, entry
        return best

    def _unlisted(self, token: Token) -> list[_Match | Figure | Token]:
        """A word that the vocabulary doesn't list as it stands."""
        if token.kind != "word" or len(token.form) > _LONGEST_WORD:
            return [_Match(token.text, None)]
        inflected = self._inflected(token.form)
        if inflected is not None:
            return [_Match(token.text, inflected[0], language=inflected[1])]
        parts = self._compound(token.form, _MOST_PARTS) if len(token.form) >= _SHORTEST_COMPOUND else None
        if parts:
            # The parts are read like words: Dubtechno is "dub techno".
            found = self._matches(" ".join(parts))
            for part in found:
                if isinstance(part, _Match) and part.entry is not None:
                    part.text = part.entry.phrase
            return found
        near = self._vocabulary.spelling.nearest(token.form)
        if near is not None:
            return [_Match(token.text, self._vocabulary.entries[(near,)], misspelt=True)]
        return [_Match(token.text, None)]

    def _inflected(self, form: str) -> tuple[Entry, str] | None:
        """The word without an ending of its language, and the language: German `staubiger`, English `pads`."""
        for language, endings in self._vocabulary.endings.items():
            for ending in endings:
                stem = form.removesuffix(ending)
                if stem == form or len(stem) < _SHORTEST_PART:
                    continue
                for base in _bases(stem, language):
                    entry = self._vocabulary.entries.get((base,))
                    # Small words are not inflected: "ander" is no "and" with an ending.
                    if entry is not None and language in entry.meanings and _is_content(entry.meanings[language]):
                        return entry, language
        return None

    def _compound(self, form: str, most: int) -> list[str] | None:
        """The known words that a compound is made of: `Dubtechno`, `Sägezahnbass`."""
        if most == 1 or len(form) < 2 * _SHORTEST_PART:
            return None
        for cut in range(len(form) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            head = form[:cut]
            if not self._is_part(head):
                continue
            for joint in _JOINTS:
                rest = form[cut:].removeprefix(joint)
                if len(rest) < _SHORTEST_PART or (joint and rest == form[cut:]):
                    continue
                # The last part may say nothing: a Klavierstück is a piece for piano.
                known = self._is_part(rest) or (len(rest) > _SHORTEST_PART and (rest,) in self._vocabulary.entries)
                if known or (len(rest) > _SHORTEST_PART and self._inflected(rest)):
                    return [head, rest]
                deeper = self._compound(rest, most - 1)
                if deeper:
                    return [head, *deeper]
        return None

    def _is_part(self, form: str) -> bool:
        entry = self._vocabulary.entries.get((form,))
        return entry is not None and any(_is_content(found) for found in entry.meanings.values())

    def _pieces(self, token: Token) -> list[Token]:
        """A Japanese run as known parts, longest first, and what lies between them."""
        if token.kind != "japanese":
            return [token]
        known = self._vocabulary.pieces
        pieces: list[Token] = []
        at, form = 0, token.form
        while at < len(form):
            length = next((n for n in range(self._vocabulary.longest_piece, 0, -1) if form[at : at + n] in known), 0)
            katakana = KATAKANA.match(form, at)
            if katakana and length <= len(katakana[0]) and not self._covers(katakana[0]):
                # A foreign word that is known in part only is unknown: the ハウス in ハウスキーパー is no style.
                length = 0
            size = length or (len(katakana[0]) if katakana else 1)
            piece = Token("japanese", token.text[at : at + size], form[at : at + size], token.start + at)
            if not length and pieces and not katakana and pieces[-1].form not in known:
                last = pieces.pop()
                piece = Token("japanese", last.text + piece.text, last.form + piece.form, last.start)
            pieces.append(piece)
            at += size
        return pieces

    def _covers(self, run: str) -> bool:
        """Whether a run of katakana is made of known parts alone."""
        reached = {0}
        for at in range(len(run)):
            if at in reached:
                lengths = range(1, min(self._vocabulary.longest_piece, len(run) - at) + 1)
                reached |= {at + n for n in lengths if run[at : at + n] in self._vocabulary.pieces}
        return len(run) in reached

    def _language(self, parts: Sequence[_Match | Figure | Token]) -> str:
        """The language most of the words belong to, of those that know them alone."""
        votes = {"en": 0.1}
        for part in parts:
            if isinstance(part, _Match) and part.entry is not None and len(part.entry.meanings) == 1:
                language, meanings = next(iter(part.entry.meanings.items()))
                if any(kind in _INTERNATIONAL for kind, _ in meanings):
                    continue
                votes[language] = votes.get(language, 0) + 1
        return max(votes, key=lambda name: votes[name])

    def _item(self, part: _Match | Figure | Token, language: str, text: str) -> Item:
        if isinstance(part, Figure):
            words = text[part.start : part.end].strip()
            return Item(words, words, (), figure=part)
        if isinstance(part, Token):
            role = {":": "link", "&": "and", "+": "and", "/": "and"}.get(part.text, part.kind)
            return Item(part.text, part.text, (("grammar", role),))
        if part.entry is None:
            return Item(part.text, part.text, ())
        spoken = part.entry.meanings
        meanings = spoken.get(part.language) or spoken.get(language) or spoken.get("en") or next(iter(spoken.values()))
        return Item(part.text, part.entry.phrase, meanings, part.misspelt)


def _bases(stem: str, language: str) -> tuple[str, ...]:
    """What a word may have been before its ending: German `dunkl-er` is `dunkel`, English `dusti-er` is `dusty`."""
    if language == "de":
        lost_e = f"{stem[:-1]}e{stem[-1]}" if len(stem) > 2 and stem[-1] in "lrn" else ""
        return (stem, f"{stem}e", lost_e) if lost_e else (stem, f"{stem}e")
    doubled = stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else ""
    y = f"{stem[:-1]}y" if stem.endswith("i") else ""
    return tuple(base for base in (stem, f"{stem}e", y, doubled) if base)


def _is_content(meanings: Sequence[Meaning]) -> bool:
    return any(kind not in ("grammar", "filler") for kind, _ in meanings)
