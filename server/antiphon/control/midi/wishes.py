"""The settings `midi.devices` and `midi.clock` as values: which port shall have which map, and whose clock counts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from antiphon.control.midi.controller_map import ControllerMap, bare_port_name, map_for
from antiphon.errors import SettingsError

AUTO, OFF = "auto", "off"


@dataclass(frozen=True, slots=True)
class Wishes:
    """`automatic`: ports that a map knows are taken. `named`: (beginning of a port's name, map or off), in order."""

    automatic: bool = True
    named: tuple[tuple[str, str], ...] = ()

    def map_of(self, port: str, maps: Mapping[str, ControllerMap]) -> ControllerMap | None:
        """The map for a port; None where it is to be left alone."""
        bare = bare_port_name(port).lower()
        for prefix, name in self.named:
            if bare.startswith(prefix.lower()):
                return maps.get(name)
        return map_for(port, maps) if self.automatic else None


def parse_wishes(text: str, maps: Iterable[str]) -> Wishes:
    """`auto, BeatStep: generic, LPD8: off`. Raises SettingsError."""
    automatic, named, known = False, [], (*maps, OFF)
    for entry in (part.strip() for part in text.split(",")):
        port, colon, name = (part.strip() for part in entry.rpartition(":"))
        if not colon and name == AUTO:
            automatic = True
        elif colon and port and name in known:
            named.append((port, name))
        elif colon and port:
            near = difflib.get_close_matches(name, known, 1, 0.5)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise SettingsError(
                f"the setting midi.devices asks for a map {name!r}, which is not there: {hint}("
                f"maps: {', '.join(known)})"
            )
        else:
            raise SettingsError(
                f"the setting midi.devices holds {entry!r}: write auto, or the beginning of a port's name, a colon and "
                "a map, as in `auto, BeatStep: generic`"
            )
    return Wishes(automatic, tuple(named))
