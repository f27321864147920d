"""A controller's map: which of its controls does what, and how its lights show it. Read from TOML and checked once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon.control.midi.actions import Action
from antiphon.control.midi.sources import Source


@dataclass(frozen=True, slots=True)
class Light:
    """How a light is set. `kind`: cc, note, pitch or sysex; `sysex` holds the bytes, None where the value goes.

    States that are on or off send `on` or `off`; values send `low` to `high`, and `off` where there is none. `blink`
    is sent while work is under way.
    """

    kind: str
    shows: str
    channel: int = 1
    number: int = 0
    off: int = 0
    on: int = 127
    low: int = 0
    high: int = 127
    blink: int = 127
    sysex: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """One knob, fader, button or pad. `step` is how far one step of an endless encoder goes (0 to 1); `pickup`:
    the control has to meet the value that stands before it counts."""

    name: str
    source: Source
    action: Action
    step: float
    pickup: bool
    light: Light | None


@dataclass(frozen=True, slots=True)
class ControllerMap:
    """`ports`: how the names of its ports begin; `not_ports`: words in names of ports that are not meant.
    `tried`: whether somebody has tried this map with the real device. `greeting`: sent when it is connected."""

    name: str
    title: str
    ports: tuple[str, ...]
    not_ports: tuple[str, ...]
    tried: bool
    setup: str
    sources: tuple[str, ...]
    greeting: tuple[bytes, ...]
    controls: tuple[Control, ...]

    def knows(self, port: str) -> bool:
        """Whether a port is one of this controller's, by the beginning of its name."""
        bare = bare_port_name(port).lower()
        if any(word.lower() in bare for word in self.not_ports):
            return False
        return any(bare.startswith(prefix.lower()) for prefix in self.ports)


def bare_port_name(port: str) -> str:
    """A port's name without what systems put before it: `a2j:` (JACK's bridge), `2- ` (Windows' count)."""
    return re.sub(r"^(?:a2j(?:_bridge)?:|\d+- ?)", "", port.strip())


def map_for(port: str, maps: Mapping[str, ControllerMap]) -> ControllerMap | None:
    """The map whose longest port prefix fits; None where none does."""
    fitting = [each for each in maps.values() if each.knows(port)]
    bare = bare_port_name(port).lower()
    return max(fitting, key=lambda each: _longest_prefix(each.ports, bare), default=None)


def _longest_prefix(prefixes: Iterable[str], bare: str) -> int:
    return max((len(prefix) for prefix in prefixes if bare.startswith(prefix.lower())), default=0)


def map_paths(folders: Sequence[Path]) -> dict[str, Path]:
    """The maps' files by name; a later folder's file takes the place of an earlier one's of the same name."""
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.toml"))}
