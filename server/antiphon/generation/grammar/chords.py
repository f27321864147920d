"""The chords stem: how the voicings are played."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event, Span
from antiphon.generation.grammar.voicing import Voicing, lead_voices

#: A behaviour: the events of one span.
_Behaviour = Callable[[Plan, Span, Voicing, Draw], list[Event]]


def _struck(step: float, length: float, voicing: Voicing, level: float) -> list[Event]:
    """All voices at once, the top one a little stronger."""
    return [Event(step, length, pitch, level + (0.05 if pitch == voicing[-1] else 0.0)) for pitch in voicing]


def _sustained(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """Held from change to change; very long chords are struck again every second felt bar."""
    longest = 2 * plan.frame.bar_steps
    events: list[Event] = []
    for start in range(span.start, span.end, longest):
        events += _struck(start, min(span.end - start, longest), voicing, 0.68)
    return events


def _figure(plan: Plan, name: str, wish: float, lively: Callable[[int], float]) -> list[int]:
    """A rhythm of one felt bar (two for some loops), the same all through: the steps on which chords are struck."""
    own = plan.draw("chords", name)
    frame = plan.frame
    bars = 2 if own.chance(0.5) else 1
    pace = 2 if frame.blurred else 1
    steps = [s for s in range(0, bars * frame.bar_steps, pace) if own.chance(min(0.95, wish * lively(s)))]
    return steps or [0]


def _rhythmic(plan: Plan, span: Span, voicing: Voicing, figure: list[int], length: tuple[float, float]) -> list[Event]:
    """Strike a figure within a span; `length` is the shortest and the longest a chord is held, in steps."""
    period = plan.frame.bar_steps * (2 if figure[-1] >= plan.frame.bar_steps else 1)
    steps = [s for s in range(span.start, span.end) if s % period in figure]
    if not steps:
        steps = [span.start]
    events: list[Event] = []
    for step, following in zip(steps, [*steps[1:], span.end], strict=True):
        held = min(length[1], max(length[0], (following - step) * 0.8), following - step)
        strong = plan.frame.weight(step) >= 2
        events += _struck(step, held, voicing, 0.78 if strong else 0.68)
    return events


def _stabs(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """Short chords off the pulse."""
    figure = _figure(plan, "stabs", 0.2 + 0.25 * plan.energy, lambda s: 1.0 if plan.frame.weight(s) <= 1 else 0.45)
    return _rhythmic(plan, span, voicing, figure, (0.9, 1.6))


def _offbeat(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """The skank: on every off-beat, doubled now and then."""
    double = plan.draw("chords", "skank").chance(0.35) and not plan.frame.blurred
    events: list[Event] = []
    for pulse in plan.frame.pulses_from(span.start, span.end):
        for off in (2, 4) if plan.frame.compound else (2,):
            if pulse + off < span.end:
                events += _struck(pulse + off, 0.9, voicing, 0.78 if off == 2 else 0.66)
        if double and pulse + 3 < span.end and plan.frame.weight(pulse) >= 2 and not plan.frame.compound:
            events += _struck(pulse + 3, 0.6, voicing, 0.52)
    return events or _struck(span.start, 1.0, voicing, 0.7)


def _comping(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """Syncopated strokes of differing length, with room between; the change itself is mostly struck."""

    def lively(step: int) -> float:
        sixteenth = 0.7 if plan.frame.swing_unit_steps == 1 else 0.0
        return {4: 2.2, 3: 0.9, 2: 0.6, 1: 1.0, 0: sixteenth}[plan.frame.weight(step)]

    figure = _figure(plan, "comping", 0.16 + 0.16 * plan.energy, lively)
    return _rhythmic(plan, span, voicing, figure, (1.0, 6.0))


def _pulsing(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """Even strokes, on eighths when there is energy."""
    pace = 2 if plan.energy >= 0.45 and not plan.frame.blurred else (6 if plan.frame.compound else 4)
    events: list[Event] = []
    for step in range(span.start, span.end, pace):
        strong = plan.frame.weight(step) >= 2
        events += _struck(step, pace * 0.75, voicing, 0.74 if strong else 0.58)
    return events


def _arpeggio(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """One voice after the other, up or up and down."""
    own = plan.draw("chords", "arpeggio")
    ring = list(voicing) + ([voicing[0] + 12] if voicing[0] + 12 <= 76 and len(voicing) < 4 else [])
    order = own.pick((ring, ring + ring[-2:0:-1], ring[::-1]))
    pace = 2 if plan.frame.blurred or plan.energy < 0.6 else own.pick((1, 2))
    return [
        Event(step, pace * 1.5, order[number % len(order)], 0.72 if plan.frame.weight(step) >= 2 else 0.6)
        for number, step in enumerate(range(span.start, span.end, pace))
    ]


def _broken(plan: Plan, span: Span, voicing: Voicing, draw: Draw) -> list[Event]:
    """The low note on the change, the others after it on pulses or eighths: the ballad's and the waltz's left hand."""
    pace = 2 if plan.energy >= 0.4 or plan.frame.compound else 4
    events: list[Event] = []
    for start in range(span.start, span.end, plan.frame.bar_steps):
        end = min(span.end, start + plan.frame.bar_steps)
        events.append(Event(start, (end - start) * 0.95, voicing[0], 0.74))
        for number, step in enumerate(range(start + pace, end, pace)):
            if plan.frame.weight(step) >= 2 or draw.chance(0.8):
                pitch = voicing[1:][(number if number % 4 < 3 else 1) % (len(voicing) - 1)]
                events.append(Event(step, pace * 1.6, pitch, 0.62))
    return events


_BEHAVIOURS: dict[str, _Behaviour] = {
    "sustained": _sustained, "stabs": _stabs, "offbeat": _offbeat, "comping": _comping, "pulse": _pulsing,
    "arpeggio": _arpeggio, "broken": _broken,
}  # fmt: skip


def compose_chords(plan: Plan) -> list[Event]:
    """The chords over the whole loop, in one behaviour, with voices led from chord to chord."""
    draw = plan.draw("chords")
    drawn = draw.weighted(plan.style.chords)
    behaviour = _BEHAVIOURS[plan.genes.behaviour or drawn]
    register = plan.style.chord_register + round((plan.loudness - 0.5) * 4) + plan.genes.register
    found = lead_voices([span.chord for span in plan.spans], register)
    events: list[Event] = []
    for span, voicing in zip(plan.spans, found, strict=True):
        events += behaviour(plan, span, voicing, draw)
    return events
