"""The groove: which drum is struck on which step of which bar. The bass listens to its kick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.styles import Style
from antiphon.generation.tab import TAB_STEPS, Stroke, TabLine

#: Meters without tabs of their own are put together from pieces of those that have: (meter, first step, last step).
_PIECES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "5/4": (("3/4", 0, 12), ("4/4", 8, 16)),
    "7/8": (("4/4", 0, 8), ("6/8", 0, 6)),
    "12/8": (("6/8", 0, 12), ("6/8", 0, 12)),
}
#: Faster than this, a bar of three keeps to its quarters, and one of six eighths to its two dotted quarters: the
#: eighths between would turn the one into the other.
_FAST_THREE_BPM = 140.0
#: Steps between which a fill may begin, before the phrase's end.
_FILL_STEPS = (4, 8)


@dataclass(frozen=True, slots=True)
class Hit:
    """A drum struck at a step of the loop. `level` 0 to 1."""

    step: float
    drum: str
    level: float


@dataclass(frozen=True, slots=True)
class GroovePlan:
    """The hits of the whole loop in order, and where fills begin (steps)."""

    hits: tuple[Hit, ...]
    fills: tuple[int, ...]

    def steps_of(self, *drums: str) -> tuple[float, ...]:
        """The steps on which any of the drums is struck firmly."""
        return tuple(sorted({hit.step for hit in self.hits if hit.drum in drums and hit.level >= 0.5}))


def _choose_lines(style: Style, draw: Draw) -> dict[str, dict[str, tuple[TabLine, ...]]]:
    """Per meter and drum the line that this loop plays; and for the phrase's other half, maybe another."""
    chosen: dict[str, dict[str, tuple[TabLine, ...]]] = {}
    for meter in TAB_STEPS:
        lines: dict[str, tuple[TabLine, ...]] = {}
        for drum, tabs in style.grooves[meter]:
            main, other = draw.pick(tabs), draw.pick(tabs)
            varies = drum in ("kick", "snare") and draw.chance(0.3)
            lines[drum] = (main, other if varies else main)
        chosen[meter] = lines
    return chosen


def _bar_strokes(lines: Mapping[str, tuple[TabLine, ...]], drum: str, bar: int) -> tuple[Stroke, ...]:
    if drum not in lines:
        return ()
    # Bars 1 and 3 of four keep the main line, the last of the phrase may answer.
    line = lines[drum][1 if bar % 4 == 3 else 0]
    return line.bars[bar % len(line.bars)]


def bar_of(frame: Frame, lines: Mapping[str, Mapping[str, tuple[TabLine, ...]]], drum: str, bar: int) -> list[Stroke]:
    """One felt bar of one drum, from its own tab or put together from pieces."""
    name = frame.meter.name
    pieces = _PIECES.get(name, ((name, 0, frame.bar_steps),))
    strokes: list[Stroke] = []
    offset = 0
    for meter, first, last in pieces:
        inside = [stroke for stroke in _bar_strokes(lines[meter], drum, bar) if first <= stroke.step < last]
        strokes += [replace(stroke, step=stroke.step - first + offset) for stroke in inside]
        offset += last - first
    return strokes


def played(stroke: Stroke, frame: Frame, drum: str, energy: float, draw: Draw) -> bool:
    """Whether a stroke of a tab sounds at this energy and pace."""
    happens = not stroke.chance or draw.chance(0.3 + 0.4 * energy)
    if not happens or stroke.energy > energy + 1e-9:
        return False
    soft = stroke.level < 0.8 or drum in ("closed_hat", "shaker", "ride", "cabasa", "tambourine")
    if soft and frame.bpm > _FAST_THREE_BPM and frame.meter.name in ("3/4", "6/8") and frame.weight(stroke.step) < 2:
        return False
    return not (frame.blurred and soft and stroke.step % 2)


def _fill(style: Style, frame: Frame, start: int, end: int, energy: float, draw: Draw) -> list[Hit] | None:
    """The hits that lead out of a phrase, or None where the drummer just plays on."""
    kind = draw.weighted(style.fills)
    if kind == "none":
        return None
    pace = 2 if frame.blurred or energy < 0.35 else 1
    if kind == "drop":
        return [Hit(end - 2, "snare", 0.7)] if draw.chance(0.5) else []
    drums = {"snare": ("snare",), "hats": ("closed_hat", "closed_hat", "open_hat"),
             "toms": ("high_tom", "mid_tom", "low_tom")}[kind]  # fmt: skip
    hits: list[Hit] = []
    for step in range(start, end, pace):
        progress = (step - start) / (end - start)
        if step == start or frame.weight(step) >= 2 or draw.chance(0.45 + 0.5 * progress):
            drum = drums[min(int(progress * len(drums)), len(drums) - 1)]
            accent = 0.12 if frame.weight(step) >= 1 else 0.0
            hits.append(Hit(step, drum, 0.5 + 0.3 * progress + accent))
    return hits


def _with_fills(hits: list[Hit], style: Style, frame: Frame, energy: float, draw: Draw) -> GroovePlan:
    """Replace the end of every phrase (four bars; of short loops none) by a fill. The kick keeps the pulse."""
    phrase = 4 * frame.bar_steps
    fills: list[int] = []
    for end in range(phrase, frame.total_steps + 1, phrase):
        length = _FILL_STEPS[1] if end == frame.total_steps and draw.chance(0.3 + 0.4 * energy) else _FILL_STEPS[0]
        start = end - (6 if frame.compound else length)
        fill = _fill(style, frame, start, end, energy, draw)
        if fill is None:
            continue
        kept = [h for h in hits if not start <= h.step < end or (h.drum == "kick" and frame.weight(int(h.step)) >= 2)]
        taken = {(h.step, h.drum) for h in kept}
        hits = kept + [h for h in fill if (h.step, h.drum) not in taken]
        fills.append(start)
    return GroovePlan(tuple(sorted(hits, key=lambda h: (h.step, h.drum))), tuple(fills))


def plan_groove(frame: Frame, style: Style, energy: float, draw: Draw) -> GroovePlan:
    """The groove of a loop: lines drawn from the style's tabs, thinned by energy, with fills at the phrase ends."""
    lines = _choose_lines(style, draw)
    drums = list(dict.fromkeys(drum for meter in lines.values() for drum in meter))
    hits: list[Hit] = []
    for bar in range(frame.felt_bars):
        for drum in drums:
            strokes = bar_of(frame, lines, drum, bar)
            for stroke in strokes:
                step = bar * frame.bar_steps + stroke.step
                if step < frame.total_steps and played(stroke, frame, drum, energy, draw):
                    hits.append(Hit(step, drum, stroke.level))
    if style.crash and energy >= 0.55 and frame.felt_bars >= 4:
        hits.append(Hit(0, "crash", 0.75))
    return _with_fills(_choked(hits), style, frame, energy, draw)


def _choked(hits: Sequence[Hit]) -> list[Hit]:
    """Where an open hat sounds, the closed one can't: they are one instrument."""
    opened = {hit.step for hit in hits if hit.drum == "open_hat"}
    return [hit for hit in hits if hit.drum not in ("closed_hat", "pedal_hat") or hit.step not in opened]
