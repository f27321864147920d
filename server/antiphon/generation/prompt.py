"""What a prompt says, as far as we understand it: words for styles, timbres, energy and mood. Nothing is guessed."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from antiphon.domain.timbres import TIMBRES
from antiphon.generation.styles import get_style, style_names

_ENERGY_WORDS = {
    0.15: ("calm", "quiet", "gentle", "sleepy", "minimal", "sparse", "empty", "still", "slow"),
    0.3: ("soft", "mellow", "relaxed", "chill", "laid back", "easy", "subtle"),
    0.7: ("lively", "groovy", "driving", "upbeat", "busy", "dancefloor", "bouncy"),
    0.9: ("energetic", "hard", "intense", "aggressive", "wild", "fast", "epic", "huge", "banging", "peak time", "heavy"),
}
_MODE_WORDS = {
    "major": ("major", "happy", "bright", "joyful", "sunny", "cheerful", "uplifting", "hopeful", "warmhearted"),
    "minor": ("minor", "sad", "melancholic", "melancholy", "moody", "emotional", "lonely", "nostalgic", "gloomy"),
    "dorian": ("dorian", "soulful", "smoky", "cool", "bittersweet"),
    "phrygian": ("phrygian", "dark", "ominous", "sinister", "tense", "menacing", "spanish", "evil", "scary"),
    "mixolydian": ("mixolydian", "bluesy", "funky", "rootsy", "celtic"),
}
_STEM_WORDS = {
    "drums": ("drum", "drums", "kit", "beat", "percussion", "groove"),
    "bass": ("bass", "bassline", "low end"),
    "chords": ("chord", "chords", "keys", "harmony", "harmonies"),
    "lead": ("lead", "melody", "hook", "topline", "solo", "riff"),
}
_FUNCTION_WORDS = frozenset(
    ["a", "an", "and", "the", "of", "in", "on", "at", "to", "for", "with", "without", "from", "by", "or", "but", "as", "is", "it", "its", "this", "that", "some", "any", "very", "really", "quite", "more", "less", "bit", "little", "make", "made", "give", "me", "my", "i", "want", "please", "something", "like", "sounding", "sounds", "style", "vibe", "vibes", "feel", "feeling", "music", "track", "loop", "song", "n", "s", "t"]
)
_LONGEST_PHRASE = 4

Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Understanding:
    """What a prompt asks for. None: it says nothing about that. `ignored` are words that mean nothing to us."""

    style: str | None = None
    timbres: dict[str, str] = field(default_factory=dict)
    energy: float | None = None
    mode: str | None = None
    understood: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def _tokens(text: str) -> Tokens:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return tuple(re.findall(r"[^\W_]+", "".join(char for char in plain if not unicodedata.combining(char))))


def _lexicon() -> dict[Tokens, list[tuple[str, str]]]:
    """Every phrase we know, as tokens, with what it means: pairs of kind and value."""
    entries: dict[Tokens, list[tuple[str, str]]] = {}

    def learn(phrase: str, kind: str, value: str) -> None:
        meanings = entries.setdefault(_tokens(phrase), [])
        if (kind, value) not in meanings:
            meanings.append((kind, value))

    for name in style_names():
        for phrase in (name, get_style(name).title, *get_style(name).words):
            learn(phrase, "style", name)
    for timbre in TIMBRES:
        for phrase in (timbre.name, *timbre.words):
            learn(phrase, f"timbre {timbre.stem}", timbre.name)
    for energy, phrases in _ENERGY_WORDS.items():
        for phrase in phrases:
            learn(phrase, "energy", str(energy))
    for mode, phrases in _MODE_WORDS.items():
        for phrase in phrases:
            learn(phrase, "mode", mode)
    for stem, phrases in _STEM_WORDS.items():
        for phrase in phrases:
            learn(phrase, "stem", stem)
    return entries


def _phrases(tokens: Tokens, lexicon: dict[Tokens, list[tuple[str, str]]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Cut the tokens into the longest known phrases; an unknown word is a phrase without meaning."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    at = 0
    while at < len(tokens):
        for length in range(min(_LONGEST_PHRASE, len(tokens) - at), 0, -1):
            phrase = tokens[at : at + length]
            if phrase in lexicon or length == 1:
                found.append((" ".join(phrase), lexicon.get(phrase, [])))
                at += length
                break
    return found


def _stem_of(meanings: list[tuple[str, str]]) -> str | None:
    return next((value for kind, value in meanings if kind == "stem"), None)


def understand(prompt: str) -> Understanding:
    """Read a prompt. Case and punctuation don't matter; a word before a stem's name ("warm bass") is about that stem.

    Of several styles the last one named counts, since in "jazzy hip hop" the last is what it is.
    """
    if not prompt.strip():
        return Understanding()
    phrases = _phrases(_tokens(prompt), _lexicon())
    chosen: dict[str, str] = {}
    understood: list[str] = []
    ignored: list[str] = []
    for index, (phrase, meanings) in enumerate(phrases):
        if not meanings:
            if phrase not in _FUNCTION_WORDS:
                ignored.append(phrase)
            continue
        understood.append(phrase)
        stem = _stem_of(phrases[index + 1][1]) if index + 1 < len(phrases) else None
        about_stem = [pair for pair in meanings if pair[0] == f"timbre {stem}"]
        for kind, value in about_stem or meanings:
            # The last style counts; of timbres, moods and energies the first.
            if kind == "style":
                chosen[kind] = value
            elif kind != "stem":
                chosen.setdefault(kind, value)
    timbres = {kind.removeprefix("timbre "): value for kind, value in chosen.items() if kind.startswith("timbre ")}
    return Understanding(
        style=chosen.get("style"), timbres=timbres, mode=chosen.get("mode"),
        energy=float(chosen["energy"]) if "energy" in chosen else None,
        understood=tuple(dict.fromkeys(understood)), ignored=tuple(dict.fromkeys(ignored)),
    )  # fmt: skip
