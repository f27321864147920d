"""The tables of docs/midi.md: every controller's map, and what actions and lights there are, from maps and code."""

from __future__ import annotations

from collections.abc import Iterator

from antiphon.control.midi.actions import DEEDS, STATES
from antiphon.control.midi.controller_map import Control, ControllerMap
from antiphon.control.midi.map_file import load_map
from antiphon.paths import presets_dir
from marks import between_marks


def with_controllers(page: str) -> str:
    """The page with its tables between the two marks made anew."""
    return between_marks(page, "controllers", "\n".join(_tables()))


def _tables() -> Iterator[str]:
    yield "### What a control can do\n\n| `do` | needs | sends | meaning |\n|---|---|---|---|"
    for name, deed in DEEDS.items():
        needs = {"either": "a knob, or a button with a `value`", "press": "a button or pad", "value": "a knob or fader"}
        yield f"| `{name}` | {needs[deed.takes]} | `{deed.command}` | {deed.description} |"
    yield "\n### What a light can show\n\n| `shows` | meaning |\n|---|---|"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in STATES.items())
    yield ""
    paths = sorted((presets_dir() / "controllers").glob("*.toml"), key=lambda path: (path.stem == "generic", path.stem))
    for path in paths:
        yield from _controller(load_map(path))


def _controller(controller: ControllerMap) -> Iterator[str]:
    tried = "Tried with the real device." if controller.tried else "**Not yet tried with the real device.**"
    if not controller.ports:
        tried = "For devices and programs that have no map of their own, and for the virtual port."
    yield f"### {controller.title}\n\n{tried} Map: `presets/controllers/{controller.name}.toml`. {controller.setup}\n"
    yield "| control | sends | does | light |\n|---|---|---|---|"
    for control in controller.controls:
        yield f"| {control.name} | {control.source.text}{_mode(control)} | {_does(control)} | {_light(control)} |"
    yield f"\nSources: {'; '.join(controller.sources)}.\n"


def _mode(control: Control) -> str:
    mode = control.source.mode
    return "" if mode in ("absolute", "button") else f", {mode.replace('_', ' ')}"


def _does(control: Control) -> str:
    action = control.action
    details = [action.stem, "" if action.value is None else f"{action.value:g}", action.key]
    return " ".join([f"`{action.do}`", *(each for each in details if each)])


def _light(control: Control) -> str:
    return "" if control.light is None else f"{control.light.kind}: {control.light.shows.replace('_', ' ')}"
