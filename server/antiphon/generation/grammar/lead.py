"""The lead: a motif, its answer, its variation, and rests to breathe."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.harmony import local_scale
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event, one_at_a_time

LOW, HIGH = 60, 88


@dataclass(frozen=True, slots=True)
class Manner:
    """How a behaviour moves. `motif_bars` in felt bars; `legato` the share of the way to the next note that is held."""

    motif_bars: int
    density: float
    offbeat: float
    legato: float
    leap: float
    #: How likely the second half of a phrase is left empty.
    rest: float
    longest_steps: float


_MANNERS = {
    "melody": Manner(1, 1.0, 0.5, 0.9, 0.25, 0.3, 10.0),
    "riff": Manner(1, 1.1, 0.9, 0.6, 0.35, 0.15, 4.0),
    "sparse": Manner(2, 0.7, 0.3, 0.95, 0.4, 0.35, 16.0),
    "solo": Manner(1, 1.5, 1.0, 0.85, 0.2, 0.3, 6.0),
}


@dataclass(frozen=True, slots=True)
class Gesture:
    """A motif: where notes fall within it, and the line's way in scale steps from one note to the next."""

    steps: tuple[int, ...]
    moves: tuple[int, ...]


def _centre(plan: Plan) -> int:
    """The pitch around which the line moves."""
    centre = plan.style.lead_register + round((plan.loudness - 0.5) * 6)
    # A line that was moved stays where its range has room on both sides.
    return max(65, min(81, centre + plan.genes.register)) if plan.genes.register else centre


def _rhythm(plan: Plan, manner: Manner, length: int, draw: Draw) -> tuple[int, ...]:
    """Steps of a motif, denser with density and energy; a motif has at least two notes in every bar."""
    frame = plan.frame
    wish = plan.style.lead_density * manner.density * (0.6 + 0.8 * plan.energy)
    likely = {4: 1.5, 3: 1.1, 2: 1.1, 1: 0.9 * (0.5 + manner.offbeat), 0: 0.35 * manner.offbeat}
    if frame.blurred or plan.frame.swing_unit_steps == 2:
        likely[0] = 0.0
    if manner.motif_bars == 2:
        likely = {4: 1.6, 3: 1.2, 2: 0.7, 1: 0.25, 0: 0.0}
    # The motif's end stays free: a breath before what follows.
    last = length - (4 if length > 8 else 2)
    steps = [s for s in range(last + 1) if draw.chance(min(0.9, wish * likely[frame.weight(s)]))]
    fewest = 2 if length <= frame.bar_steps else 4
    places = [s for s in range(last + 1) if frame.weight(s) >= 1]
    while len(steps) < min(fewest, len(places)):
        steps = sorted({*steps, draw.pick(places)})
    return tuple(steps)


def _moves(manner: Manner, count: int, draw: Draw) -> tuple[int, ...]:
    """Scale steps between notes: mostly by one, now and then a leap, which is then answered the other way."""
    moves: list[int] = []
    direction = 1 if draw.chance(0.55) else -1
    for _ in range(count):
        if moves and abs(moves[-1]) > 1:
            direction = -1 if moves[-1] > 0 else 1
            moves.append(direction)
            continue
        if draw.chance(0.3):
            direction = -direction
        if draw.chance(manner.leap):
            moves.append(direction * draw.pick((2, 2, 3, 4)))
        else:
            moves.append(draw.weighted(((direction, 5.0), (0, 1.5))))
    return tuple(moves)


def _ladder(plan: Plan, step: float) -> list[int]:
    """The scale that fits at a step, in the lead's range."""
    scale = local_scale(plan.key, plan.span_at(step).chord)
    return [pitch for pitch in range(LOW, HIGH + 1) if pitch % 12 in scale]


def _nearest_tone(plan: Plan, step: float, pitch: int, came_from: int | None = None) -> int:
    """The chord note nearest to a pitch, in the lead's range; a line on its way rather moves than stays."""
    tones = plan.span_at(step).chord.pitch_classes
    stays = came_from if came_from != pitch else None
    return min(
        (p for p in range(LOW, HIGH + 1) if p % 12 in tones), key=lambda p: (abs(p - pitch) + 3 * (p == stays), p)
    )


def _walk(ladder: list[int], pitch: int, move: int) -> int:
    """Go `move` scale steps from a pitch, turning back at the range's edge."""
    index = min(range(len(ladder)), key=lambda i: abs(ladder[i] - pitch))
    if not 0 <= index + move < len(ladder):
        move = -move
    return ladder[max(0, min(index + move, len(ladder) - 1))]


def _sung(plan: Plan, manner: Manner, gesture: Gesture, at: int, length: int, centre: int) -> list[Event]:
    """A gesture over the harmony that sounds at step `at`: chord notes on the strong places, steps between."""
    events: list[Event] = []
    pitch = _nearest_tone(plan, at + gesture.steps[0], centre)
    ends = [*gesture.steps[1:], length]
    for index, (step, end) in enumerate(zip(gesture.steps, ends, strict=True)):
        here = at + step
        if here >= plan.frame.total_steps:
            break
        before = pitch
        pitch = _walk(_ladder(plan, here), pitch, gesture.moves[index] if index else 0)
        # The line is drawn back to its register before it gets away from it.
        if abs(pitch - centre) > 9:
            pitch += -12 if pitch > centre else 12
        held = (end - step) * manner.legato
        if plan.frame.weight(here) >= 2 or held >= 3 or index == len(gesture.steps) - 1:
            pitch = _nearest_tone(plan, here, pitch, before if index else None)
        level = 0.72 + 0.06 * plan.frame.weight(here) / 2 + (0.06 if index == 0 else 0.0)
        events.append(Event(here, max(0.5, min(held, manner.longest_steps)), pitch, level))
    return events


def _varied(gesture: Gesture, manner: Manner, draw: Draw) -> Gesture:
    """The same beginning with another ending."""
    keep = max(1, len(gesture.moves) // 2)
    return Gesture(gesture.steps, gesture.moves[:keep] + _moves(manner, len(gesture.moves) - keep, draw))


def _answer(plan: Plan, gesture: Gesture, manner: Manner, length: int, draw: Draw) -> Gesture:
    """What replies to a motif: its contour upside down, or its first half and a rest."""
    if draw.chance(0.4):
        steps = tuple(s for s in gesture.steps if s <= length // 2) or gesture.steps[:1]
        return Gesture(steps, gesture.moves[: len(steps)])
    if draw.chance(0.5):
        return Gesture(gesture.steps, tuple(-move for move in gesture.moves))
    steps = _rhythm(plan, manner, length, draw)
    return Gesture(steps, _moves(manner, len(steps), draw))


def _phrases(plan: Plan, manner: Manner, draw: Draw) -> list[Event]:
    """Motif, answer, motif varied, cadence: four slots, told again with small changes until the loop is full."""
    length = min(manner.motif_bars * plan.frame.bar_steps, plan.frame.total_steps)
    centre = _centre(plan)
    steps = _rhythm(plan, manner, length, draw)
    motif = Gesture(steps, _moves(manner, len(steps), draw))
    answer = _answer(plan, motif, manner, length, draw)
    cadence = _varied(answer, manner, draw)
    # Rests are part of the tune: drawn once, so that they come back.
    silent = {slot for slot in (1, 3) if draw.chance(manner.rest)}
    slots = -(-plan.frame.total_steps // length)
    if slots < 4:
        silent.clear()
    events: list[Event] = []
    for slot in range(slots):
        if slot % 4 in silent:
            continue
        gesture = (motif, answer, _varied(motif, manner, draw) if slot % 8 == 6 else motif, cadence)[slot % 4]
        events += _sung(plan, manner, gesture, slot * length, length, centre + (2 if slot % 8 >= 6 else 0))
    return events


def _arpeggio(plan: Plan, draw: Draw) -> list[Event]:
    """Chord notes over an octave and a half, in a figure with holes that comes back every bar."""
    frame = plan.frame
    pace = 2 if frame.blurred or plan.energy < 0.45 else 1
    period = frame.bar_steps
    holes = {s for s in range(0, period, pace) if frame.weight(s) < 2 and draw.chance(0.45 - 0.3 * plan.energy)}
    shape = draw.pick(((0, 1, 2, 3), (0, 2, 1, 3), (0, 1, 2, 3, 2, 1), (3, 2, 1, 0), (0, 2, 3, 2), (0, 3, 1, 3, 2, 3)))
    centre = _centre(plan)
    events: list[Event] = []
    for number, step in enumerate(range(0, frame.total_steps, pace)):
        if step % period in holes:
            continue
        tones = plan.span_at(step).chord.pitch_classes
        ladder = [p for p in range(max(LOW, centre - 7), min(HIGH, centre + 13) + 1) if p % 12 in tones]
        level = 0.78 if frame.weight(step) >= 2 else 0.64
        events.append(Event(step, pace * 0.9, ladder[min(shape[number % len(shape)], len(ladder) - 1)], level))
    return events


def compose_lead(plan: Plan) -> list[Event]:
    """The lead over the whole loop: one voice, one idea."""
    draw = plan.draw("lead")
    drawn = draw.weighted(plan.style.lead)
    behaviour = plan.genes.behaviour or drawn
    events = _arpeggio(plan, draw) if behaviour == "arpeggio" else _phrases(plan, _MANNERS[behaviour], draw)
    return one_at_a_time(events)
