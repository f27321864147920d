"""Songs and parts that people bring along: what is asked of them, and what is kept of them with every loop that
descends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: As many songs as one request may bring.
MOST_REFERENCES = 8
#: In front of an uploaded song's id, where a path could stand.
UPLOAD = "upload:"
#: What is brought: a song, whose sound is approached, or a part, whose notes stand.
SONG, PART = "song", "part"
#: The tempos that are looked for, in beats per minute; a song outside is taken at half or double time.
SLOWEST_BPM, FASTEST_BPM = 60.0, 200.0
#: How near to the songs a loop begins where the request does not say.
DEFAULT_STRENGTH = 0.5


@dataclass(frozen=True, slots=True)
class Wish:
    """The songs of a request. `songs` are paths, or `upload:ID`; `licence` is the client's statement of the right to
    use them; `strength` from 0 (nothing of the songs) to 1; `open` names what the songs decide, because the request
    does not: of `bpm` and `key`."""

    songs: tuple[str, ...]
    licence: str
    strength: float = DEFAULT_STRENGTH
    open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A song that a loop descends from, or a part that was brought under a licence (`kind`). `bpm` and `key` are what
    was found in it, None where there was no telling; `start_s` is where the bars that were taken begin. `sha256` is
    that of the file."""

    name: str
    sha256: str
    licence: str
    bpm: float | None = None
    key: str | None = None
    start_s: float = 0.0
    kind: str = SONG


def wish_to_json(wish: Wish) -> dict[str, Any]:
    return {"songs": list(wish.songs), "licence": wish.licence, "strength": wish.strength, "open": list(wish.open)}


def wish_from_json(data: Mapping[str, Any]) -> Wish:
    return Wish(tuple(data["songs"]), data["licence"], float(data["strength"]), tuple(data.get("open", ())))


def reference_to_json(reference: Reference) -> dict[str, Any]:
    data = {name: getattr(reference, name) for name in ("name", "sha256", "licence", "bpm", "key", "start_s")}
    return data if reference.kind == SONG else data | {"kind": reference.kind}


def reference_from_json(data: Mapping[str, Any]) -> Reference:
    return Reference(
        data["name"], data["sha256"], data["licence"], data.get("bpm"), data.get("key"),
        float(data.get("start_s", 0.0)), data.get("kind", SONG),
    )  # fmt: skip


def united(*several: tuple[Reference, ...]) -> tuple[Reference, ...]:
    """All songs that several parents descend from, each once for each licence it was brought under."""
    found: dict[tuple[str, str], Reference] = {}
    for references in several:
        for reference in references:
            found.setdefault((reference.sha256, reference.licence), reference)
    return tuple(found.values())


def licence_line(references: tuple[Reference, ...]) -> str:
    """The songs and their licences in one line, for the tags of files; empty where there are none."""
    words = {SONG: "after", PART: "notes of"}
    return "; ".join(f"{words[each.kind]} {each.name}: {each.licence}" for each in references)
