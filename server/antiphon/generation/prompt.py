"""What a prompt says, as far as we understand it: words for styles, timbres, energy and mood. Nothing is guessed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from antiphon.domain.timbres import TIMBRES
from antiphon.generation.styles import get_style, style_names

Tokens = tuple[str, ...]
#: A kind (style, timbre of a stem, energy, mode, stem) and a value.
Meaning = tuple[str, str]
Phrase = tuple[str, list[Meaning]]


def _tokens(text: str) -> Tokens:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return tuple(re.findall(r"[^\W_]+", "".join(char for char in plain if not unicodedata.combining(char))))


_ENERGY_WORDS: Mapping[float | str, tuple[str, ...]] = {
    0.15: ("calm", "quiet", "gentle", "sleepy", "minimal", "sparse", "empty", "still", "slow"),
    0.3: ("soft", "mellow", "relaxed", "chill", "laid back", "easy", "subtle"),
    0.7: ("lively", "groovy", "driving", "upbeat", "busy", "dancefloor", "bouncy"),
    0.9: ("energetic", "hard", "intense", "aggressive", "wild", "fast", "epic", "huge", "banging", "heavy"),
}
_MODE_WORDS: Mapping[float | str, tuple[str, ...]] = {
    "major": ("major", "happy", "bright", "joyful", "sunny", "cheerful", "uplifting", "hopeful", "warmhearted"),
    "minor": ("minor", "sad", "melancholic", "melancholy", "moody", "emotional", "lonely", "nostalgic", "gloomy"),
    "dorian": ("dorian", "soulful", "smoky", "cool", "bittersweet"),
    "phrygian": ("phrygian", "dark", "ominous", "sinister", "tense", "menacing", "spanish", "evil", "scary"),
    "mixolydian": ("mixolydian", "bluesy", "funky", "rootsy", "celtic"),
}
_STEM_WORDS: Mapping[float | str, tuple[str, ...]] = {
    "drums": ("drum", "drums", "kit", "beat", "percussion", "groove"),
    "bass": ("bass", "bassline", "low end"),
    "chords": ("chord", "chords", "keys", "harmony", "harmonies"),
    "lead": ("lead", "melody", "hook", "topline", "solo", "riff"),
}
_FUNCTION_WORDS = frozenset(_tokens("""
    a an and the of in on at to for with without from by or but as is it its this that some any very really quite more
    less bit little make made give me my i want please something like sounding sounds style vibe vibes feel feeling
    music track loop song n s t
"""))  # fmt: skip
_LONGEST_PHRASE = 4


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a prompt asks for. None: it says nothing about that. `ignored` are words that mean nothing to us."""

    style: str | None = None
    timbres: dict[str, str] = field(default_factory=dict)
    energy: float | None = None
    mode: str | None = None
    understood: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def _vocabulary() -> Iterator[tuple[str, str, str]]:
    """Every phrase we know, with the kind of its meaning and the value."""
    for name in style_names():
        yield from ((phrase, "style", name) for phrase in (name, get_style(name).title, *get_style(name).words))
    for timbre in TIMBRES:
        yield from ((phrase, f"timbre {timbre.stem}", timbre.name) for phrase in (timbre.name, *timbre.words))
    tables = {"energy": _ENERGY_WORDS, "mode": _MODE_WORDS, "stem": _STEM_WORDS}
    for kind, table in tables.items():
        for value, phrases in table.items():
            yield from ((phrase, kind, str(value)) for phrase in phrases)


def _lexicon() -> dict[Tokens, list[Meaning]]:
    """The vocabulary by tokens; a phrase may mean several things (house: a style and a kit)."""
    entries: dict[Tokens, list[Meaning]] = {}
    for phrase, kind, value in _vocabulary():
        meanings = entries.setdefault(_tokens(phrase), [])
        if (kind, value) not in meanings:
            meanings.append((kind, value))
    return entries


def _phrases(tokens: Tokens, lexicon: dict[Tokens, list[Meaning]]) -> list[Phrase]:
    """Cut the tokens into the longest known phrases; an unknown word is a phrase without meaning."""
    found: list[Phrase] = []
    at = 0
    while at < len(tokens):
        for length in range(min(_LONGEST_PHRASE, len(tokens) - at), 0, -1):
            phrase = tokens[at : at + length]
            if phrase in lexicon or length == 1:
                found.append((" ".join(phrase), lexicon.get(phrase, [])))
                at += length
                break
    return found


def _stem_of(meanings: list[Meaning]) -> str | None:
    return next((value for kind, value in meanings if kind == "stem"), None)


def _timbres(phrases: list[Phrase], style: str | None) -> dict[str, str]:
    """A timbre per stem: words just before a stem's name count most, then words that mean one stem, then the rest."""
    chosen: dict[str, tuple[int, str]] = {}
    for index, (_, meanings) in enumerate(phrases):
        named = _stem_of(phrases[index + 1][1]) if index + 1 < len(phrases) else None
        found = [(kind.removeprefix("timbre "), value) for kind, value in meanings if kind.startswith("timbre ")]
        about_named = [pair for pair in found if pair[0] == named]
        if not about_named and (("style", style) in meanings or (named and len(found) > 1)):
            # The style itself knows its timbres, several of them; and "warm drums" says nothing about the bass.
            continue
        certainty = 2 if about_named else 1 if len(found) == 1 else 0
        for stem, timbre in about_named or found:
            if stem not in chosen or certainty > chosen[stem][0]:
                chosen[stem] = certainty, timbre
    return {stem: timbre for stem, (_, timbre) in chosen.items()}


def understand(prompt: str) -> Understanding:
    """Read a prompt. Case and punctuation don't matter; a word before a stem's name ("warm bass") is about that stem.

    Of several styles the last one named counts, since in "jazzy hip hop" the last is what it is; of several moods or
    energies the first.
    """
    if not prompt.strip():
        return Understanding()
    phrases = _phrases(_tokens(prompt), _lexicon())
    meanings = [meaning for _, found in phrases for meaning in found]
    styles = [value for kind, value in meanings if kind == "style"]
    modes = [value for kind, value in meanings if kind == "mode"]
    energies = [float(value) for kind, value in meanings if kind == "energy"]
    style = styles[-1] if styles else None
    ignored = (phrase for phrase, found in phrases if not found and phrase not in _FUNCTION_WORDS)
    return Understanding(
        style=style,
        timbres=_timbres(phrases, style),
        energy=energies[0] if energies else None,
        mode=modes[0] if modes else None,
        understood=tuple(dict.fromkeys(phrase for phrase, found in phrases if found)),
        ignored=tuple(dict.fromkeys(ignored)),
    )
