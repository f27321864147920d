"""The bass: root on every chord, locked to the kick, with octaves, fifths and steps from the scale between."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.harmony import local_scale
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event, Span, one_at_a_time

LOW, HIGH = 28, 50
#: The register that roots are laid in, so that their octaves still fit below HIGH.
_ROOT_LOW = 29

#: A behaviour: the events of one span. It may leave the span's first step out: the root is put there anyhow.
_Behaviour = Callable[[Plan, Span, Draw], list[Event]]


def _root_pitch(plan: Plan, pitch_class: int) -> int:
    """The bass note of a pitch class, F1 up, or higher where the part's register says so."""
    low = _ROOT_LOW + plan.genes.register
    return low + (pitch_class - low) % 12


def _fold(pitch: int) -> int:
    while pitch > HIGH:
        pitch -= 12
    while pitch < LOW:
        pitch += 12
    return pitch


def _fifth(plan: Plan, span: Span) -> int:
    """The fifth above the root where the chord has one, else the root's octave."""
    fifth = next((step for step in (7, 6, 8) if (span.chord.root + step) % 12 in span.chord.pitch_classes), 12)
    root = _root_pitch(plan, span.chord.bass)
    up = (span.chord.root + fifth - span.chord.bass) % 12 or 12
    return _fold(root + up)


def _octave(plan: Plan, span: Span) -> int:
    return _fold(_root_pitch(plan, span.chord.bass) + 12)


def _approach(plan: Plan, span: Span) -> int:
    """A scale note one step from the next chord's root: from below rather than from above."""
    target = _root_pitch(plan, plan.next_span(span).chord.bass)
    scale = local_scale(plan.key, span.chord)
    for distance in (-1, -2, 2, 1):
        if (target + distance) % 12 in scale and LOW <= target + distance <= HIGH:
            return target + distance
    return target


def _root(plan: Plan, span: Span) -> int:
    return _root_pitch(plan, span.chord.bass)


def _sustained(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """Long roots, struck anew at every felt bar; with more energy a step into the next chord."""
    frame = plan.frame
    starts = [s for s in range(span.start, span.end) if s == span.start or s % frame.bar_steps == 0]
    events = [Event(s, e - s, _root(plan, span), 0.8) for s, e in zip(starts, [*starts[1:], span.end], strict=True)]
    if plan.energy > 0.4 and span.end - span.start >= 12 and draw.chance(0.5):
        events.append(Event(span.end - 2, 2, _approach(plan, span), 0.66))
    return events


def _octaves(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """Eighths between root and octave, as disco does."""
    events: list[Event] = []
    for step in range(span.start, span.end, 2):
        high = plan.frame.weight(step) == 1 and not (plan.frame.compound and step % 6 == 2)
        events.append(Event(step, 1.7, _octave(plan, span) if high else _root(plan, span), 0.85 if not high else 0.72))
    if draw.chance(0.4) and len(events) > 3:
        events[-1] = Event(events[-1].start, 1.7, _approach(plan, span), 0.75)
    return events


def _offbeat(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """Between the kicks: the eighth after every pulse, and sometimes the sixteenth before the next."""
    events = [Event(span.start, 1.0, _root(plan, span), 0.75)]
    pulses = plan.frame.pulses_from(span.start, span.end)
    for index, pulse in enumerate(pulses):
        off = pulse + (4 if plan.frame.compound else 2)
        if off >= span.end:
            continue
        events.append(Event(off, 1.8, _root(plan, span), 0.9))
        if index % 2 and plan.energy > 0.3 and draw.chance(0.4):
            events.append(Event(off + 1, 0.9, draw.pick((_octave(plan, span), _fifth(plan, span))), 0.66))
    return events


def _riff(plan: Plan, name: str, draw_steps: Callable[[Draw], list[int]]) -> list[int]:
    """A rhythm that stays the same all through the loop: steps within a felt bar."""
    return draw_steps(plan.draw("bass", name))


def _syncopated(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """With the kick, and on a few sixteenths of its own that come back every bar."""
    frame = plan.frame

    def own_steps(own: Draw) -> list[int]:
        wish = 0.12 + 0.3 * plan.energy
        grid = range(2, frame.bar_steps, 2 if frame.blurred else 1)
        return [s for s in grid if own.chance(wish * (0.5 if s % 2 == 0 else 0.7))]

    own = set(_riff(plan, "syncopated", own_steps))
    kicks = {int(step) for step in plan.groove.steps_of("kick")}
    steps = [s for s in range(span.start, span.end) if s in kicks or s % frame.bar_steps in own]
    events: list[Event] = []
    for index, step in enumerate(steps):
        following = steps[index + 1] if index + 1 < len(steps) else span.end
        on_kick = step in kicks
        stays = on_kick or draw.chance(0.35)
        octave = _octave(plan, span)
        pitch = _root(plan, span) if stays else draw.pick((octave, _fifth(plan, span), octave))
        if following == span.end and not on_kick and span.end - step <= 3:
            pitch = _approach(plan, span)
        events.append(Event(step, max(0.7, min(4.0, (following - step) * 0.85)), pitch, 0.88 if on_kick else 0.68))
    return events


def _rolling(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """Sixteenths in the gaps that the kick leaves, on one note: what makes techno run."""
    pace = 2 if plan.frame.blurred else 1
    kicks = {int(step) for step in plan.groove.steps_of("kick")}
    highs = {s for s in (3, 6, 7, 11, 14) if plan.draw("bass", "highs").chance(0.5)} if plan.energy > 0.5 else set()
    events = [Event(span.start, 0.8, _root(plan, span), 0.7)]
    for step in range(span.start, span.end, pace):
        if step not in kicks:
            pitch = _octave(plan, span) if step % 16 in highs and draw.chance(0.4) else _root(plan, span)
            events.append(Event(step, 0.8, pitch, 0.82 if step % 4 == 2 else 0.64))
    return events


def _pulsing(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """Even eighths on the root."""
    steps = range(span.start, span.end, 2)
    events = [Event(s, 1.6, _root(plan, span), 0.86 if plan.frame.weight(s) >= 2 else 0.7) for s in steps]
    if draw.chance(0.3) and len(events) > 4:
        events[-1] = Event(events[-1].start, 1.6, _approach(plan, span), 0.75)
    return events


def _walking(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """One note a pulse: root, chord notes and scale steps, and a step into the next root."""
    pulses = plan.frame.pulses_from(span.start, span.end) or [span.start]
    if plan.frame.compound:
        pulses = sorted({*pulses, *(p + 4 for p in pulses if p + 4 < span.end)})
    scale = local_scale(plan.key, span.chord)
    tones = set(span.chord.pitch_classes)
    pitch = _root(plan, span)
    events: list[Event] = []
    direction = 1 if pitch < 38 or draw.chance(0.5) else -1
    for index, pulse in enumerate(pulses):
        if index and index == len(pulses) - 1:
            pitch = _approach(plan, span)
        elif index:
            pool = [p for p in range(LOW, HIGH + 1) if 0 < (p - pitch) * direction <= 5 and p % 12 in scale]
            strong = [p for p in pool if p % 12 in tones]
            if not pool:
                direction = -direction
                pool = [p for p in range(LOW, HIGH + 1) if 0 < (p - pitch) * direction <= 5 and p % 12 in scale]
                strong = [p for p in pool if p % 12 in tones]
            pitch = draw.pick(strong) if strong and (index % 2 == 0 or draw.chance(0.4)) else draw.pick(pool or [pitch])
        following = pulses[index + 1] if index + 1 < len(pulses) else span.end
        events.append(Event(pulse, (following - pulse) * 0.92, pitch, 0.84 if index % 2 == 0 else 0.76))
        if plan.energy > 0.55 and following - pulse >= 4 and draw.chance(0.12):
            events.append(Event(following - 2, 1.2, pitch, 0.5))
    return events


def _dub(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """A heavy figure with holes: the same in every bar, between root, fifth and octave."""
    bar = plan.frame.bar_steps
    own = plan.draw("bass", "dub")
    grid = [s for s in range(2, bar - 1, 2) if plan.frame.weight(s) >= 1]
    figure = {s: own.weighted((("root", 3.0), ("fifth", 2.0), ("octave", 1.0))) for s in grid if own.chance(0.38)}
    if own.chance(0.35):
        figure.pop(8, None)
    pitches = {"root": _root(plan, span), "fifth": _fifth(plan, span), "octave": _octave(plan, span)}
    steps = [s for s in range(span.start + 1, span.end) if s % bar in figure and draw.chance(0.9)]
    heavy = Event(span.start, 2.6, _root(plan, span), 0.95)
    return [heavy, *(Event(step, 1.7, pitches[figure[step % bar]], 0.8) for step in steps)]


def _gliding(plan: Plan, span: Span, draw: Draw) -> list[Event]:
    """Long low notes that fall with the kick, as an 808 does."""
    kicks = [int(s) for s in plan.groove.steps_of("kick") if span.start <= s < span.end]
    steps = sorted({span.start, *kicks})
    events: list[Event] = []
    for index, step in enumerate(steps):
        following = steps[index + 1] if index + 1 < len(steps) else span.end
        pitch = _root(plan, span)
        if index and following - step <= 4 and draw.chance(0.3):
            pitch = draw.pick((_octave(plan, span), _fifth(plan, span), _approach(plan, span)))
        events.append(Event(step, max(0.9, min(10.0, (following - step) * 0.95)), pitch, 0.92))
    return events


_BEHAVIOURS: dict[str, _Behaviour] = {
    "sustained": _sustained, "octave": _octaves, "offbeat": _offbeat, "syncopated": _syncopated, "rolling": _rolling,
    "walking": _walking, "dub": _dub, "gliding": _gliding, "pulse": _pulsing,
}  # fmt: skip


def compose_bass(plan: Plan) -> list[Event]:
    """The bass line over the whole loop: the root (or the slash bass) sounds at every chord change."""
    draw = plan.draw("bass")
    drawn = draw.weighted(plan.style.bass)
    behaviour = _BEHAVIOURS[plan.genes.behaviour or drawn]
    events: list[Event] = []
    for span in plan.spans:
        part = behaviour(plan, span, draw)
        first = [event for event in part if event.start == span.start]
        length = first[-1].length if first else 1.5
        rest = [event for event in part if event.start != span.start]
        events += [Event(span.start, length, _root(plan, span), 0.92), *rest]
    return one_at_a_time(events)
