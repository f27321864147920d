#!/usr/bin/env python3
"""Write antiphon.tosc, the TouchOSC layout, with py2tosc (pip install py2tosc); its ids are the same every time.

python3 plugins/touchosc/make_layout.py [FILE]
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import py2tosc
from py2tosc import Control, Conversion, OscMessage, Partial, PartialType, Trigger, TriggerCondition

HERE = Path(__file__).parent
WIDTH, HEIGHT, GAP = 1024, 768, 12
NAMESPACE = uuid.UUID("6d2e7f1c-5f4b-4c0e-9d0a-0a7f1f0e9010")
STEMS = {
    "drums": "#e5734d", "percussion": "#e5b14d", "bass": "#4d8fe5", "chords": "#5fb56a", "lead": "#c77fd9",
    "texture": "#8fa3ad",
}  # fmt: skip
GREY, BLUE, GREEN = "#8a8a8a", "#4d8fe5", "#5fb56a"


def osc(address: str, trigger: TriggerCondition = TriggerCondition.ANY, with_value: bool = True) -> OscMessage:
    """A message to a fixed address: with the control's value as a float, or without any argument."""
    value = [Partial(PartialType.VALUE, Conversion.FLOAT, "x", 0, 1)] if with_value else []
    return OscMessage(
        receive=with_value, triggers=[Trigger("x", trigger)], arguments=value,
        path=[Partial(PartialType.CONSTANT, Conversion.STRING, address)],
    )  # fmt: skip


def fader(name: str, frame: tuple[int, int, int, int], colour: str, address: str = "") -> Control:
    control = py2tosc.fader(name=name, frame=frame, color=colour)
    start = control.value("x")
    if address:
        control.messages.append(osc(address))
    elif start is not None:
        start.default = 0.5
    return control


def button(
    name: str, frame: tuple[int, int, int, int], colour: str, address: str = "", toggle: bool = False
) -> Control:
    """A button that sends to an address, or notifies the layout's script by its name."""
    control = py2tosc.button(name=name, frame=frame, color=colour)
    if toggle:
        control.button_type = py2tosc.ButtonType.TOGGLE_PRESS
        control.messages.append(osc(address))
    elif address:
        control.messages.append(osc(address, TriggerCondition.RISE, with_value=False))
    else:
        control.script = (
            "function onValueChanged(key)\n"
            f"  if key == 'x' and self.values.x == 1 then root:notify('{name}') end\nend\n"
        )  # fmt: skip
    return control


def label(name: str, frame: tuple[int, int, int, int], text: str, size: int = 18) -> Control:
    control = py2tosc.label(name=name, frame=frame, color=GREY)
    control.text_size = size
    shown = control.value("text")
    if shown is not None:
        shown.default = text
    return control


def titled(control: Control, title: str) -> tuple[Control, Control]:
    """A control, and over it a label that says what it is and lets touches through."""
    frame = control.frame
    over = label(f"title-{control.name}", (int(frame.x), int(frame.y + frame.h / 2 - 16), int(frame.w), 32), title)
    over.background = False
    over.interactive = False
    return control, over


def layout() -> py2tosc.Document:
    """The whole document: rating, stepping, asking on the left; stems on the right; what the server says below."""
    document = py2tosc.Document.new((0, 0, WIDTH, HEIGHT))
    root = document.root
    root.name = "antiphon"
    root.script = (HERE / "layout.lua").read_text(encoding="utf-8")
    x, y, w, h = GAP, GAP, 240, 90
    for name, title, colour, address in (
        ("previous", "previous", BLUE, "/antiphon/audition/previous"),
        ("next", "next", BLUE, "/antiphon/audition/next"),
        ("generate", "generate", GREEN, ""),
        ("vary", "vary", GREEN, ""),
        ("evolve", "evolve", GREEN, ""),
    ):
        root.add(*titled(button(name, (x, y, w, h), colour, address), title))
        y += h + GAP
    root.add(*titled(fader("rating", (264, GAP, 120, 500), "#f1c40f", "/antiphon/current/rate"), "rating"))
    root.add(*titled(fader("energy", (396, GAP, 90, 500), GREY), "energy"))
    root.add(*titled(fader("bars", (498, GAP, 90, 500), GREY), "bars"))
    for place, (stem, colour) in enumerate(STEMS.items()):
        left = 612 + place * 68
        root.add(*titled(fader(f"level-{stem}", (left, GAP, 60, 400), colour, f"/antiphon/stem/{stem}/level"), stem))
        mute = button(f"mute-{stem}", (left, 424, 60, 88), colour, f"/antiphon/stem/{stem}/mute", toggle=True)
        root.add(*titled(mute, "mute"))
    root.add(label("candidate", (GAP, 530, 360, 60), "-", 28), label("place", (384, 530, 280, 60), "", 28))
    root.add(label("tempo", (676, 530, 336, 60), "", 28), label("status", (GAP, 604, 1000, 150), "", 22))
    for number, control in enumerate(document.walk()):
        control.id = str(uuid.uuid5(NAMESPACE, f"{number} {control.name}"))
    return document


if __name__ == "__main__":
    layout().save(sys.argv[1] if len(sys.argv) > 1 else HERE / "antiphon.tosc", validate=True)
