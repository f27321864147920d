"""The OSC namespace as OSCQuery describes it, made from the command table and the message table.

Every command is a method at its own address. Its TYPE is the shortest message that it takes, so that a control which
sends just that is understood; the longest is under OVERLOADS, with each key as a text of one choice before its value.
What messages tell of the state (`MessageSpec.state`) are values that can be read and listened to. Proposal:
https://github.com/Vidvox/OSCQueryProposal
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from antiphon.control.command_row import PREFIX, Command
from antiphon.control.commands import COMMANDS
from antiphon.control.fields import Bounds, Field
from antiphon.control.messages import MESSAGES, Message, Value
from antiphon.domain.candidate import Candidate
from antiphon.domain.score import STEMS
from antiphon.domain.theory import METERS

Attributes = dict[str, Any]

#: What a node may be asked for, one by one. Those that we never set are known too: asking for them is no mistake.
ATTRIBUTES = (
    "FULL_PATH", "CONTENTS", "DESCRIPTION", "TYPE", "ACCESS", "VALUE", "RANGE", "UNIT", "CRITICAL", "OVERLOADS",
    "TAGS", "EXTENDED_TYPE", "CLIPMODE", "HTML",
)  # fmt: skip
NO_ACCESS, READ, WRITE, READ_AND_WRITE = 0, 1, 2, 3
#: The proposal's names for the units of our fields.
_UNITS = {"beats per minute": "time.bpm", "seconds": "time.second"}
_TAG_OF_KIND = {"int": "i", "float": "f"}


@dataclass(frozen=True, slots=True)
class Argument:
    """One OSC argument: its type tag, and its RANGE and UNIT where it has them."""

    tag: str
    range: Attributes | None = None
    unit: str = ""


def namespace(bounds: Bounds, state: Iterable[Message], candidates: Iterable[Candidate], name: str) -> Attributes:
    """The whole tree as JSON-compatible data. `state` are messages of which the last of each address counts."""
    root: Attributes = {
        "FULL_PATH": "/", "ACCESS": NO_ACCESS, "DESCRIPTION": f"{name}: ask for loops, rate them", "CONTENTS": {},
    }  # fmt: skip
    known = list(candidates)
    for row in COMMANDS.values():
        for path in _paths(row, known):
            _put(root, path, method(row, bounds))
    for path, value in values(state).items():
        _put(root, path, value)
    for each in known:
        held = node_at(root, f"{PREFIX}/candidate/{each.candidate_id}")
        if held is not None:
            held["DESCRIPTION"] = f"{each.bars} bars of {each.meter} at {each.bpm:g} bpm in {each.key}"
    return root


def node_at(root: Attributes, path: str) -> Attributes | None:
    """The node at an address, None where there is none; a slash at the end does not matter."""
    node = root
    for part in path.strip("/").split("/"):
        if part:
            node = node.get("CONTENTS", {}).get(part)
            if node is None:
                return None
    return node


def method(row: Command, bounds: Bounds) -> Attributes:
    """A command's attributes. A method without arguments has the type `N`, as a button."""
    needed = [f for f in row.positional if f.required]
    own_id = [Argument("s")] if row.id_name else []
    shortest = own_id + [_argument(f, bounds) for f in needed]
    longest = own_id + [_argument(f, bounds) for f in row.positional]
    for f in row.keys:
        longest += [Argument("s", {"VALS": [f.name]}), _argument(f, bounds)]
    found = {"DESCRIPTION": row.description, "ACCESS": WRITE, **_signature(shortest)}
    if row.once:
        found["CRITICAL"] = True
    if len(longest) > len(shortest):
        found["OVERLOADS"] = [_signature(longest)]
    return found


def values(state: Iterable[Message]) -> dict[str, Attributes]:
    """The attributes that the state adds, by address: TYPE, VALUE and ACCESS of each of its values."""
    found: dict[str, Attributes] = {}
    for sent in state:
        for path, value in readings(sent):
            tag = "s" if isinstance(value, str) else "f" if isinstance(value, float) else "i"
            found[path] = {"TYPE": tag, "ACCESS": READ, "VALUE": [value], "DESCRIPTION": sent.spec.description}
    return found


def readings(sent: Message) -> Iterator[tuple[str, Value]]:
    """The addresses whose values a message tells, with these values: none where the message is not state."""
    for place, value in zip(sent.spec.state, sent.values, strict=False):
        if place != "-":
            yield f"{PREFIX}/{place.format(**sent.named())}", value


def readable_paths() -> Iterator[str]:
    """Every address whose value can be read and listened to."""
    for spec in MESSAGES.values():
        for place in spec.state:
            if place != "-":
                yield from dict.fromkeys(f"{PREFIX}/{place.format(stem=stem)}" for stem in STEMS)


READABLE = frozenset(readable_paths())


def _paths(row: Command, candidates: Iterable[Candidate]) -> list[str]:
    """The addresses that a row stands for: one, or one for each value of its path fields."""
    paths = [row.address]
    parts = [part for part in row.name.split("/") if part.isupper()]
    for part, f in zip(parts, row.path_fields, strict=True):
        held = f.choices or tuple(each.candidate_id for each in candidates)
        paths = [path.replace(f"/{part}/", f"/{value}/") for path in paths for value in held]
    return paths


def _put(root: Attributes, path: str, attributes: Attributes) -> None:
    """Add attributes to the node at a path; containers on the way are made. A command that has a value is both."""
    node, so_far = root, ""
    for part in path.strip("/").split("/"):
        so_far += "/" + part
        contents = node.setdefault("CONTENTS", {})
        node = contents.setdefault(part, {"FULL_PATH": so_far, "ACCESS": NO_ACCESS})
    both = {node["ACCESS"], attributes["ACCESS"]} == {READ, WRITE}
    kept = {"DESCRIPTION": node["DESCRIPTION"], "ACCESS": READ_AND_WRITE} if both else {}
    node.update(attributes | kept)


def _signature(arguments: list[Argument]) -> Attributes:
    found: Attributes = {"TYPE": "".join(each.tag for each in arguments) or "N"}
    if any(each.range for each in arguments):
        found["RANGE"] = [each.range for each in arguments]
    if len(arguments) == 1 and arguments[0].unit:
        found["UNIT"] = [arguments[0].unit]
    return found


def _argument(f: Field, bounds: Bounds) -> Argument:
    tag = "i" if f.kind == "choice" and f.takes_number else _TAG_OF_KIND.get(f.kind, "s")
    return Argument(tag, _range(f, bounds), _UNITS.get(f.unit, ""))


def _range(f: Field, bounds: Bounds) -> Attributes | None:
    if f.kind == "choice":
        return {"VALS": list(f.choices)}
    if f.kind == "name":
        return {"VALS": list(getattr(bounds.vocabulary, f.vocabulary))}
    if f.kind == "meter":
        return {"VALS": list(METERS)}
    if not f.takes_number:
        return None
    number = int if f.kind == "int" else float
    ends = {"MIN": f.minimum, "MAX": f.maximum_in(bounds)}
    return {name: number(end) for name, end in ends.items() if end is not None} or None
