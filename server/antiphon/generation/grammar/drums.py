"""The drums stem: the groove's hits as percussion notes."""

from __future__ import annotations

from antiphon.domain.score import DRUM_PITCHES
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event

#: How long a stroke is held, in felt steps; samplers mostly ignore it, editors show it.
LENGTH_STEPS = {"open_hat": 2.0, "crash": 8.0, "ride": 2.0}


def compose_drums(plan: Plan) -> list[Event]:
    """Hits with the small unevenness of a hand: repeated strokes of one drum differ a little in level."""
    draw = plan.draw("drums")
    events: list[Event] = []
    for hit in plan.groove.hits:
        uneven = draw.uniform(-0.04, 0.04) if hit.level < 0.9 else draw.uniform(-0.02, 0.0)
        lift = 0.05 if plan.frame.weight(int(hit.step)) >= 3 and hit.drum in ("closed_hat", "ride", "shaker") else 0.0
        length = LENGTH_STEPS.get(hit.drum, 1.0)
        events.append(Event(hit.step, length, DRUM_PITCHES[hit.drum], hit.level + uneven + lift))
    return events
