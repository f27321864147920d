"""The OSC namespace as OSCQuery describes it, made from the command table and the message table.

Every command is a method at its own address. Its TYPE is the shortest message that it takes, so that a control which
sends just that is understood; the longest is under OVERLOADS, with each key as a text of one choice before its value.
Every argument of a message that is state (`MessageSpec.state`) is a value that can be read and listened to. Proposal:
https://github.com/Vidvox/OSCQueryProposal
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from antiphon.control.commands import COMMANDS, PREFIX, Command
from antiphon.control.fields import Bounds, Field
from antiphon.control.messages import MESSAGES, Message, MessageSpec, Value
from antiphon.domain.candidate import Candidate
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
            settable = path.removeprefix(PREFIX + "/") in COMMANDS
            tag = "s" if isinstance(value, str) else "f" if isinstance(value, float) else "i"
            found[path] = {"TYPE": tag, "ACCESS": READ_AND_WRITE if settable else READ, "VALUE": [value]}
            if not settable:
                found[path]["DESCRIPTION"] = sent.spec.description
    return found


def readings(sent: Message) -> Iterator[tuple[str, Value]]:
    """The addresses whose values a message tells, with these values: none where the message is not state."""
    if not sent.spec.state:
        return
    yield from zip(reading_paths(sent.spec), sent.values, strict=True)


def reading_paths(spec: MessageSpec) -> list[str]:
    """Where a state message's values are read: at its own address if it has one, else below it, under their names."""
    address = PREFIX + spec.address
    if len(spec.arguments) == 1:
        return [address]
    return [f"{address}/{name}" for name, _ in spec.arguments]


#: Every address whose value can be read and listened to.
READABLE = frozenset(path for spec in MESSAGES.values() if spec.state for path in reading_paths(spec))


def _paths(row: Command, candidates: Iterable[Candidate]) -> list[str]:
    """The addresses that a row stands for: one, or one for each candidate."""
    if not row.path_fields:
        return [row.address]
    return [row.address.replace("/ID/", f"/{each.candidate_id}/") for each in candidates]


def _put(root: Attributes, path: str, attributes: Mapping[str, Any]) -> None:
    """Add attributes to the node at a path; containers on the way are made."""
    node, so_far = root, ""
    for part in path.strip("/").split("/"):
        so_far += "/" + part
        contents = node.setdefault("CONTENTS", {})
        node = contents.setdefault(part, {"FULL_PATH": so_far, "ACCESS": NO_ACCESS})
    node.update(attributes)


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
