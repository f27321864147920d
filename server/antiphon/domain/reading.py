"""What the words of a prompt were read as: the values they stand for, and which words gave them.

A reading travels with its request: to the client (`/understood`), into the ledger, to the worker, into the sidecar. So
a loop can be made again as it was, even after the vocabulary has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from antiphon.domain.theory import Chord, Key, Meter, parse_key, parse_meter

#: What a sound word may say of a stem, or (`WHOLE`) of the whole loop.
SOUND_WORDS = (
    "warm", "cold", "bright", "dark", "glassy", "dusty", "lofi", "clean", "distorted", "gritty", "metallic", "woody",
    "airy", "deep", "punchy", "crisp", "muffled", "wide", "huge", "small", "thin", "fat", "hollow", "lush", "dry",
    "wet", "soft", "hard", "short", "long", "gliding",
)  # fmt: skip
WHOLE = "all"


@dataclass(frozen=True, slots=True)
class Given:
    """What a request's own keys say; None where the key was left out. A key that is given beats every word."""

    style: str | None = None
    bpm: float | None = None
    key: Key | None = None
    meter: Meter | None = None
    bars: int | None = None
    chords: tuple[Chord, ...] | None = None
    stems: tuple[str, ...] | None = None
    energy: float | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """Words as typed, the entry of the vocabulary they were taken for, and what they mean."""

    words: str
    known: str
    means: tuple[str, ...]
    misspelt: bool = False


@dataclass(frozen=True, slots=True)
class PromptReading:
    """What a prompt asks for, less what the request's keys decide. None or empty: the words say nothing about it.

    `tempo_bpm` is a range from which the seed draws; both ends are equal where a number was named. `behaviours` are how
    stems shall be played. `avoided` are the names of styles, timbres and sound words that are not wanted. `sounds`
    holds sound words per stem and under `WHOLE`.
    `energy` and `density` go from 0 to 1, `swing` from 0 (straight) to 1 (triplet). `resolved` says which word gave
    way to what.
    """

    style: str | None = None
    timbres: Mapping[str, str] = field(default_factory=dict)
    behaviours: Mapping[str, str] = field(default_factory=dict)
    energy: float | None = None
    density: float | None = None
    swing: float | None = None
    tempo_bpm: tuple[float, float] | None = None
    key: Key | None = None
    mode: str | None = None
    meter: Meter | None = None
    bars: int | None = None
    stems: tuple[str, ...] | None = None
    sounds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    avoided: tuple[str, ...] = ()
    understood: tuple[Understood, ...] = ()
    ignored: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()


_PLAIN = ("style", "energy", "density", "swing", "mode", "bars")
_LISTS = ("stems", "avoided", "ignored", "resolved", "tempo_bpm")


def reading_to_json(reading: PromptReading) -> dict[str, Any]:
    """A reading as JSON-compatible data; what the words say nothing about is left out."""
    data: dict[str, Any] = {name: getattr(reading, name) for name in _PLAIN}
    data |= {name: list(getattr(reading, name) or ()) for name in _LISTS}
    data["key"] = reading.key and reading.key.name
    data["meter"] = reading.meter and reading.meter.name
    data["timbres"] = dict(reading.timbres)
    data["behaviours"] = dict(reading.behaviours)
    data["sounds"] = {stem: list(words) for stem, words in reading.sounds.items()}
    data["understood"] = [_understood_to_json(each) for each in reading.understood]
    return {name: value for name, value in data.items() if value not in (None, [], {})}


def _understood_to_json(each: Understood) -> dict[str, Any]:
    data: dict[str, Any] = {"words": each.words, "means": list(each.means)}
    if each.known != each.words:
        data["known"] = each.known
    return data | ({"misspelt": True} if each.misspelt else {})


def reading_from_json(data: Mapping[str, Any]) -> PromptReading:
    """The inverse of `reading_to_json`. Raises OutOfRange for music that does not parse."""
    known: dict[str, Any] = {name: data.get(name) for name in _PLAIN}
    known |= {name: tuple(data.get(name, ())) for name in _LISTS}
    for name in ("stems", "tempo_bpm"):
        known[name] = known[name] or None
    known["key"] = parse_key(data["key"]) if "key" in data else None
    known["meter"] = parse_meter(data["meter"]) if "meter" in data else None
    known["timbres"] = dict(data.get("timbres", {}))
    known["behaviours"] = dict(data.get("behaviours", {}))
    known["sounds"] = {stem: tuple(words) for stem, words in data.get("sounds", {}).items()}
    known["understood"] = tuple(
        Understood(each["words"], each.get("known", each["words"]), tuple(each["means"]), each.get("misspelt", False))
        for each in data.get("understood", ())
    )
    return PromptReading(**known)
