"""One row of the command table: what a command is called, what it takes, and what answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from antiphon.control.command_values import AnyCommand
from antiphon.control.fields import ID_PATTERN, Field

PREFIX = "/antiphon"
#: What stands for a path field in examples.
PATH_EXAMPLES = {"ID": "c8f2", "NAME": "drums"}


@dataclass(frozen=True, slots=True)
class Command:
    """One row of the table.

    `id_name` is the first argument (the client's own id), empty where the command has none. `answers` are the
    messages that may answer at once, `later` those that follow. `once`: a repeat with the same id repeats the answers
    and not the work. `example` is the argument list as oscsend takes it: (type tag, value) pairs.
    """

    name: str
    make: Callable[..., AnyCommand]
    description: str
    id_name: str = ""
    positional: tuple[Field, ...] = ()
    keys: tuple[Field, ...] = ()
    path_fields: tuple[Field, ...] = ()
    answers: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    once: bool = False
    osc_only: bool = False
    example: tuple[tuple[str, str | int | float], ...] = ()

    @property
    def address(self) -> str:
        """The OSC address; a path field stands in it as its name in capitals (`/antiphon/candidate/ID/rate`)."""
        return f"{PREFIX}/{self.name}"

    @property
    def http_path(self) -> str:
        fields = iter(self.path_fields)
        parts = (f"{{{next(fields).name}}}" if part.isupper() else part for part in self.name.split("/"))
        return "/api/" + "/".join(parts)

    @property
    def example_address(self) -> str:
        """The address with values in it that could be: `/antiphon/candidate/c8f2/rate`."""
        return "/".join(PATH_EXAMPLES.get(part, part) for part in self.address.split("/"))

    def path_values(self, address: str) -> dict[str, str] | None:
        """What the path fields hold in an address without prefix; None where it is not this command's."""
        own, given = self.name.split("/"), address.split("/")
        if len(own) != len(given):
            return None
        held = []
        for part, word in zip(own, given, strict=True):
            if part.isupper() and ID_PATTERN.fullmatch(word):
                held.append(word)
            elif part.isupper() or part != word:
                return None
        return {f.name: word for f, word in zip(self.path_fields, held, strict=True)}

    @property
    def fields(self) -> tuple[Field, ...]:
        """All arguments but the id: those in the address, the positional ones, then the keys."""
        return self.path_fields + self.positional + self.keys
