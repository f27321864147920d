"""From a client's raw arguments to a typed command: names looked up, values checked against the table."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from antiphon.control.command_row import PREFIX, Command
from antiphon.control.command_values import AnyCommand, RequestId
from antiphon.control.commands import COMMANDS, PATH_ROWS
from antiphon.control.fields import INT32_MAX, Bounds, Field, nearest, shown
from antiphon.errors import InvalidRequest, OutOfRange, UnknownAddress, UnknownKey, WrongType

#: Stands in an error for a request id that is not there or cannot be read.
NO_ID = "-"
_ID_MAX_LENGTH = 64


def find_command(address: str) -> tuple[Command, dict[str, str]]:
    """The row for an OSC address, and what its path fields hold. Raises UnknownAddress naming the nearest one."""
    name = address.removeprefix(PREFIX + "/")
    if name != address:
        row = COMMANDS.get(name)
        if row and not row.path_fields:
            return row, {}
        for row in PATH_ROWS:
            path = row.path_values(name)
            if path is not None:
                return row, path
    raise NoSuchAddress(address, tuple(COMMANDS))


class NoSuchAddress(UnknownAddress):
    """An address or route that does not exist. The nearest one is sought only when the text is read: seeking takes
    longer than anything else here, and under a flood of nonsense most errors are never sent."""

    def __init__(self, address: str, known: Sequence[str]) -> None:
        super().__init__(address)
        self._address = address
        self._known = known

    def __str__(self) -> str:
        # Without what all have in common: it would only make everything look alike, slowly.
        near = nearest(self._address.removeprefix(PREFIX).removeprefix("/"), self._known)
        prefix = PREFIX + "/" if self._address.startswith("/") else ""
        hint = f"did you mean {prefix}{near}?" if near else f"addresses begin with {PREFIX}/, as in {PREFIX}/generate"
        return f"there is no address {shown(self._address)}: {hint}"


def parse_request_id(name: str, raw: object) -> RequestId:
    """A client's own id: text of 1 to 64 printable characters, or an int32. Whole floats count as ints (Pd has no other
    numbers). Raises WrongType or OutOfRange."""
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise WrongType(f"{name} takes text or a whole number, not {shown(raw)}")
    if isinstance(raw, int):
        if not -INT32_MAX - 1 <= raw <= INT32_MAX:
            raise OutOfRange(f"{name} is {raw}: numbers must fit 32 bits; send longer ids as text")
    elif not raw.isprintable() or not 0 < len(raw) <= _ID_MAX_LENGTH:
        raise OutOfRange(f"{name} must be 1 to {_ID_MAX_LENGTH} printable characters")
    return raw


def readable_request_id(command: Command | None, args: Sequence[object]) -> RequestId:
    """The request id for an error reply: the first argument where it can be one, else `-`."""
    if args and (command is None or command.id_name):
        try:
            return parse_request_id("request_id", args[0])
        except InvalidRequest:
            return str(args[0])[:_ID_MAX_LENGTH] if isinstance(args[0], int) else NO_ID
    return NO_ID


def decode_osc(command: Command, path: Mapping[str, str], args: Sequence[object], bounds: Bounds) -> AnyCommand:
    """Typed command from OSC arguments: id, positional ones, then `key value` pairs. Raises from `errors`."""
    rest = list(args)
    values: dict[str, object] = dict(path)
    if command.id_name:
        if not rest:
            raise InvalidRequest(f"{command.address} needs {command.id_name} as its first argument")
        values[command.id_name] = rest.pop(0)
    for f in command.positional:
        if rest and (f.required or _fits(f, rest[0])):
            values[f.name] = rest.pop(0)
    if rest and not command.keys:
        raise InvalidRequest(f"{command.address} takes no further argument, but got {shown(rest[0])}")
    for position in range(0, len(rest), 2):
        key = rest[position]
        if not isinstance(key, str):
            raise WrongType(f"a key was expected, not {shown(key)}: after the fixed arguments come key value pairs")
        _known_key(command, key)
        if position + 1 == len(rest):
            raise InvalidRequest(f"{key} has no value: arguments come as key value pairs")
        if any(f.repeats and f.name == key for f in command.keys):
            several = values.setdefault(key, [])
            assert isinstance(several, list)
            several.append(rest[position + 1])
        elif key in values:
            raise InvalidRequest(f"{key} is given twice: give it once")
        else:
            values[key] = rest[position + 1]
    return decode_values(command, values, bounds)


def decode_values(command: Command, values: Mapping[str, object], bounds: Bounds) -> AnyCommand:
    """Typed command from named raw values (a JSON body); an id that is left out is made. Raises from `errors`."""
    made: dict[str, object] = {}
    if command.id_name:
        # A cancel without an id would cancel nothing: its id is the one of the request that shall end.
        if command.id_name not in values and command.name == "cancel":
            raise InvalidRequest("cancel needs request_id: the id of the request that shall end")
        raw_id = values.get(command.id_name, None)
        made[command.id_name] = new_request_id() if raw_id is None else parse_request_id(command.id_name, raw_id)
    for key in values:
        if key != command.id_name:
            _known_key(command, key)
    for f in command.fields:
        if f.name in values:
            made[f.target] = f.parse(values[f.name], bounds)
        elif f.required:
            raise InvalidRequest(f"{f.name} is missing: {f.description}")
    return command.make(**made)


def new_request_id() -> str:
    """A short, URL-safe id that means nothing."""
    return secrets.token_urlsafe(6)


def _fits(f: Field, raw: object) -> bool:
    """Whether an optional positional argument is meant: `/subscribe 9020 60` leaves out the host between the two."""
    return isinstance(raw, (int, float)) if f.takes_number else isinstance(raw, str) and not _is_key(f, raw)


def _is_key(f: Field, raw: str) -> bool:
    return f.name == "client_name" and raw == "token"


def _known_key(command: Command, key: str) -> None:
    names = [f.name for f in command.fields]
    if key in names:
        return
    near = nearest(key, names)
    hint = f"did you mean {near!r}? " if near else ""
    raise UnknownKey(f"{command.name} has no key {shown(key)}: {hint}(keys: {', '.join(names) or 'none'})")
