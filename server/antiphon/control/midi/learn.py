"""Learning a map: what kind of control a gesture came from, and the questions that make a whole map of gestures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from antiphon.control.midi.actions import DEEDS
from antiphon.control.midi.sources import Source
from antiphon.control.midi.wire import Received
from antiphon.domain.score import STEMS
from antiphon.errors import InvalidRequest

#: A gesture is over when nothing has come for this long.
REST_S = 0.6
_HANDS = ("cc", "note", "program", "pitch")
#: Encoders send small steps: where a relative control's values lie, to the right and to the left.
_RELATIVE_VALUES = (
    ("twos_complement", range(1, 17), range(112, 128)),
    ("sign_magnitude", range(1, 17), range(65, 81)),
    ("binary_offset", range(65, 81), range(48, 64)),
)
#: Of an encoder's messages at least so many repeat the one before; a knob's hardly ever do.
_REPEATS = 0.2


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to be mapped."""

    do: str
    stem: str = ""

    @property
    def text(self) -> str:
        what = {"value": "move a knob or fader", "press": "press a button or pad", "either": "move a knob or fader"}
        meaning = DEEDS[self.do].description.replace("a `stem`", f"the {self.stem}").partition(";")[0]
        return f"{self.do} {self.stem}".strip() + f" ({meaning}): {what[DEEDS[self.do].takes]}"


QUESTIONS = (
    *(Question(do) for do in ("rate", "previous", "next", "generate", "vary", "cross", "evolve", "keep")),
    *(Question("level", stem) for stem in STEMS),
    *(Question("mute", stem) for stem in STEMS),
    *(Question(do) for do in ("cancel", "rollback")),
)


def source_of(received: Sequence[Received]) -> Source | None:
    """What kind of control a gesture came from: turn encoders right, then left. None where no hand did anything."""
    moved = [each for each in received if each.kind in _HANDS]
    channels = Counter(each.channel for each in moved)
    for channel, _ in channels.most_common():
        own = [each for each in moved if each.channel == channel]
        found = _nrpn(own, channel) or _wide(own, channel)
        if found is not None:
            return found
    if not moved:
        return None
    (kind, channel, number), _ = Counter((each.kind, each.channel, each.number) for each in moved).most_common(1)[0]
    values = [each.value for each in moved if (each.kind, each.channel, each.number) == (kind, channel, number)]
    return Source(kind, channel, number, _mode(kind, values))


def _nrpn(moved: Sequence[Received], channel: int) -> Source | None:
    last = {each.number: each.value for each in moved if each.kind == "cc"}
    if {98, 99} <= set(last) and set(last) & {6, 96, 97}:
        return Source("nrpn", channel, last[99] << 7 | last[98])
    return None


def _wide(moved: Sequence[Received], channel: int) -> Source | None:
    counts = Counter(each.number for each in moved if each.kind == "cc")
    for number, count in counts.most_common():
        if number < 32 and count >= 2 and counts[number + 32] >= 2:
            return Source("cc14", channel, number)
    return None


def _mode(kind: str, values: Sequence[int]) -> str:
    if kind in ("note", "program"):
        return "button"
    if kind == "pitch":
        return "absolute"
    if set(values) <= {0, 127}:
        return "button"
    repeats = sum(one == next_ for one, next_ in pairwise(values))
    if len(values) >= 4 and repeats >= _REPEATS * (len(values) - 1):
        for mode, right, left in _RELATIVE_VALUES:
            if all(value in right or value in left for value in values):
                return mode
    return "absolute"


def control_for(question: Question, source: Source) -> dict[str, Any]:
    """The control's entry in a map. Raises InvalidRequest where such a control can't do it."""
    deed = DEEDS[question.do]
    mode = source.mode
    if deed.takes == "press" and mode != "button":
        if source.kind != "cc":
            raise InvalidRequest(f"{question.do} takes a press: use a button or a pad for it")
        mode = "button"
    if deed.takes == "value" and mode == "button":
        raise InvalidRequest(f"{question.do} takes a value: use a knob or a fader for it")
    entry: dict[str, Any] = {"name": source.text, source.kind: source.number, "channel": source.channel, "mode": mode}
    entry["do"] = question.do
    if question.stem:
        entry["stem"] = question.stem
    if question.do == "rate" and mode == "button":
        entry["value"] = 1.0
    return entry


def map_name(port: str) -> str:
    """A file's name for the map of a port."""
    return re.sub(r"[^a-z0-9]+", "_", port.partition(":")[0].lower()).strip("_")[:40] or "controller"
