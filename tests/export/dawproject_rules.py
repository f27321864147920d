"""The rules of DAWproject 1.0 for the elements that we write, set down from its published schema (Project.xsd).

Not the schema itself: a table of which children an element takes, in which order, and which attributes of which type.
`check` names every breach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

Check = Callable[[str], bool]
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


def number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def integer(text: str) -> bool:
    return re.fullmatch(r"-?\d+", text) is not None


def boolean(text: str) -> bool:
    return text in ("true", "false", "0", "1")


def anything(text: str) -> bool:
    return True


def one_of(*words: str) -> Check:
    return lambda text: text in words


def some_of(*words: str) -> Check:
    return lambda text: set(text.split()) <= set(words)


def name_token(text: str) -> bool:
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class Rule:
    """`children` in the order that a sequence demands; `any_order`: a choice, any number of each."""

    children: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    required: dict[str, Check] | None = None
    optional: dict[str, Check] | None = None
    any_order: bool = False


NAMED = {"name": anything, "color": anything, "comment": anything}
REFERRED = NAMED | {"id": name_token}
TIME_UNIT = one_of("beats", "seconds")
UNIT = one_of("linear", "normalized", "percent", "decibel", "hertz", "semitones", "seconds", "beats", "bpm")
PARAMETER = REFERRED | {"parameterID": integer}
REAL = Rule(required={"unit": UNIT}, optional=PARAMETER | {"max": number, "min": number, "value": number})
METER = Rule(required={"numerator": integer, "denominator": integer}, optional=PARAMETER)
TIMELINE = REFERRED | {"timeUnit": TIME_UNIT, "track": name_token}
TIMELINES = ("Lanes", "Notes", "Clips", "ClipSlot", "Warps", "Audio", "Points")
POINTS = Rule(("Target", "RealPoint", "TimeSignaturePoint"), ("Target",), optional=TIMELINE | {"unit": UNIT})

RULES: dict[str, Rule] = {
    "Project": Rule(
        ("Application", "Transport", "Structure", "Arrangement", "Scenes"), ("Application",), {"version": anything}
    ),
    "Application": Rule(required={"name": anything, "version": anything}),
    "Transport": Rule(("Tempo", "TimeSignature")),
    "Tempo": REAL,
    "TimeSignature": METER,
    "Structure": Rule(("Track", "Channel"), any_order=True),
    "Track": Rule(
        ("Channel", "Track"),
        optional=REFERRED
        | {"contentType": some_of("audio", "automation", "notes", "video", "markers", "tracks"), "loaded": boolean},
    ),
    "Channel": Rule(
        ("Devices", "Mute", "Pan", "Sends", "Volume"),
        optional=REFERRED
        | {
            "audioChannels": integer,
            "destination": name_token,
            "role": one_of("regular", "master", "effect", "submix", "vca"),
            "solo": boolean,
        },
    ),
    "Mute": Rule(optional=PARAMETER | {"value": boolean}),
    "Pan": REAL,
    "Volume": REAL,
    "Arrangement": Rule(("Lanes", "Markers", "TempoAutomation", "TimeSignatureAutomation"), optional=REFERRED),
    "Lanes": Rule(TIMELINES, optional=TIMELINE, any_order=True),
    "Clips": Rule(("Clip",), optional=TIMELINE),
    "Clip": Rule(
        TIMELINES,
        required={"time": number},
        optional=NAMED
        | {
            "duration": number, "contentTimeUnit": TIME_UNIT, "playStart": number, "playStop": number,
            "loopStart": number, "loopEnd": number, "fadeTimeUnit": TIME_UNIT, "fadeInTime": number,
            "fadeOutTime": number, "enable": boolean, "reference": name_token,
        },
        any_order=True,
    ),
    "ClipSlot": Rule(("Clip",), optional=TIMELINE | {"hasStop": boolean}),
    "Warps": Rule((*TIMELINES, "Warp"), ("Warp",), {"contentTimeUnit": TIME_UNIT}, TIMELINE),
    "Warp": Rule(required={"time": number, "contentTime": number}),
    "Audio": Rule(
        ("File",), ("File",), {"duration": number, "channels": integer, "sampleRate": integer},
        TIMELINE | {"algorithm": anything},
    ),
    "File": Rule(required={"path": anything}, optional={"external": boolean}),
    "Markers": Rule(("Marker",), ("Marker",), optional=TIMELINE),
    "Marker": Rule(required={"time": number}, optional=NAMED),
    "TempoAutomation": POINTS,
    "TimeSignatureAutomation": POINTS,
    "Target": Rule(optional={"parameter": name_token, "expression": anything, "channel": integer, "key": integer}),
    "RealPoint": Rule(
        required={"time": number, "value": number}, optional={"interpolation": one_of("hold", "linear")}
    ),
    "TimeSignaturePoint": Rule(required={"time": number, "numerator": integer, "denominator": integer}),
    "Scenes": Rule(("Scene",)),
    "Scene": Rule(TIMELINES, optional=REFERRED, any_order=True),
}  # fmt: skip
REFERENCES = ("track", "destination", "parameter", "reference")


def check(root: Element) -> list[str]:
    """Every breach of the rules in a document, in words; an empty list where there is none."""
    return [*_breaches(root), *_dangling(root)]


def _breaches(element: Element) -> Iterator[str]:
    rule = RULES.get(element.tag)
    if rule is None:
        yield f"there is no element {element.tag}"
        return
    required, optional = rule.required or {}, rule.optional or {}
    yield from (f"{element.tag} lacks {name}" for name in required if name not in element.attrib)
    for name, value in element.attrib.items():
        allowed = required.get(name) or optional.get(name)
        if allowed is None:
            yield f"{element.tag} takes no {name}"
        elif not allowed(value):
            yield f"{element.tag} {name}={value!r}"
    tags = [child.tag for child in element]
    yield from (f"{element.tag} takes no {tag}" for tag in tags if tag not in rule.children)
    yield from (f"{element.tag} needs a {tag}" for tag in rule.needed if tag not in tags)
    places = [rule.children.index(tag) for tag in tags if tag in rule.children]
    if not rule.any_order and places != sorted(places):
        yield f"{element.tag} has its children in the order {tags}"
    for child in element:
        yield from _breaches(child)


def _dangling(root: Element) -> Iterator[str]:
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    yield from (f"the id {each} is there twice" for each in sorted({each for each in ids if ids.count(each) > 1}))
    for element in root.iter():
        for name in REFERENCES:
            if name in element.attrib and element.attrib[name] not in ids:
                yield f"{element.tag} {name}={element.attrib[name]} names nothing"
