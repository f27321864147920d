"""The percussion: figures that lie between the drums' strokes, answers to their backbeat, and rests.

It listens to the groove that it was composed to. Where the kick falls no drum with a body sounds, where the snare falls
it is quieter, and where the drummer fills it makes room; where the drummer plays on, it may fill instead.
"""

from __future__ import annotations

from dataclasses import replace

from antiphon.domain.score import PERCUSSION_PITCHES
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.figures import FIGURES, Figure
from antiphon.generation.grammar.groove import Hit, bar_of, played
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event

#: Drums with a body, which the kick would have to share its room with.
BODIES = ("high_bongo", "low_bongo", "muted_conga", "conga", "low_conga", "timbale")
#: What goes on under a fill.
_LIGHT = ("shaker", "cabasa", "tambourine")
#: What joins in when there is energy.
_COMPANIONS = {"congas": "shaker", "bells": "congas", "answer": "shaker", "shaker": "answer"}
_COMPANION_ENERGY = 0.55
#: Bars of a phrase of four that may be left to the others.
_RESTS = ((0,), (0, 1), (2,), (0, 2))
#: Drums whose strokes fill no gap.
_QUIET = ("closed_hat", "pedal_hat", "shaker", "ride")
_ANSWERS = (
    ("high_bongo", "low_bongo"), ("conga", "low_conga"), ("timbale", "conga", "low_conga"), ("woodblock", "claves"),
    ("muted_conga", "conga", "conga"),
)  # fmt: skip


def _figure_hits(plan: Plan, figure: Figure, draw: Draw) -> list[Hit]:
    frame = plan.frame
    drums = dict.fromkeys(drum for lines in figure.values() for drum in lines)
    hits: list[Hit] = []
    for bar in range(frame.felt_bars):
        for drum in drums:
            for stroke in bar_of(frame, figure, drum, bar):
                step = bar * frame.bar_steps + stroke.step
                ghost = stroke.level < 0.5 and plan.energy < 0.3 and frame.weight(stroke.step) == 0
                if step < frame.total_steps and not ghost and played(stroke, frame, drum, plan.energy, draw):
                    hits.append(Hit(step, drum, stroke.level))
    return hits


def _answer_hits(plan: Plan, draw: Draw) -> list[Hit]:
    """Two or three strokes after a backbeat, in the gaps of the drums, in every second bar; the same all through."""
    frame = plan.frame
    period = 2 * frame.bar_steps if frame.felt_bars >= 2 else frame.bar_steps
    firm = {int(hit.step) % period for hit in plan.groove.hits if hit.drum not in _QUIET and hit.level >= 0.5}
    backbeats = sorted({int(step) % period for step in plan.groove.steps_of("snare", "clap", "rim")})
    pace = 2 if frame.blurred else 1
    first = period - frame.bar_steps
    free = [s for s in range(first, period, pace) if s not in firm]
    after = [s for s in free if any(1 <= (s - beat) % period <= 4 for beat in backbeats)] or free
    drums, wish = draw.pick(_ANSWERS), 2 + draw.index(2) + (plan.energy > 0.6)
    pool = sorted(after or [first + 2], key=lambda s: (-(frame.weight(s) <= 1) - 0.5 * draw.uniform(), s))
    steps = sorted(pool[:wish])
    pattern = [(s, drums[min(n, len(drums) - 1)], 0.86 if n == 0 else 0.7) for n, s in enumerate(steps)]
    # An echo of its first stroke in the bar that is the drums' own.
    if period > frame.bar_steps and pattern and draw.chance(0.2 + 0.5 * plan.energy):
        echo = pattern[0][0] - frame.bar_steps
        if echo not in firm:
            pattern.append((echo, pattern[0][1], 0.5))
    return [
        Hit(start + step, drum, level)
        for start in range(0, frame.total_steps, period)
        for step, drum, level in pattern
        if start + step < frame.total_steps
    ]


def _hits(plan: Plan, behaviour: str, draw: Draw) -> list[Hit]:
    if behaviour == "answer":
        return _answer_hits(plan, draw)
    return _figure_hits(plan, draw.pick(FIGURES[behaviour]), draw)


def _polite(plan: Plan, hits: list[Hit]) -> list[Hit]:
    """With the kick left alone, the backbeat in front, and the drummer's fills free."""
    kicks, backbeats = set(plan.groove.steps_of("kick")), set(plan.groove.steps_of("snare", "clap", "rim"))
    phrase = 4 * plan.frame.bar_steps
    filled = [(start, -(-start // phrase) * phrase) for start in plan.groove.fills]
    kept: list[Hit] = []
    for hit in hits:
        if hit.drum in BODIES and hit.step in kicks:
            continue
        if hit.drum not in _LIGHT and any(start <= hit.step < end for start, end in filled):
            continue
        softer = 0.75 if hit.step in backbeats or hit.step in kicks else 1.0
        kept.append(replace(hit, level=hit.level * softer))
    return kept


def _fills(plan: Plan, draw: Draw) -> list[Hit]:
    """Runs from high to low at phrase ends where the drummer plays on."""
    frame, phrase = plan.frame, 4 * plan.frame.bar_steps
    kicks = set(plan.groove.steps_of("kick"))
    hits: list[Hit] = []
    for end in range(phrase, frame.total_steps + 1, phrase):
        start = end - (6 if frame.compound else draw.pick((4, 8)))
        drums = draw.pick((("high_bongo", "low_bongo"), ("timbale", "conga", "low_conga"), ("conga", "low_conga")))
        wanted = draw.chance(0.15 + 0.45 * plan.energy)
        if not wanted or any(start - frame.bar_steps <= other < end for other in plan.groove.fills):
            continue
        for step in range(start, end, 2 if frame.blurred or plan.energy < 0.4 else 1):
            progress = (step - start) / (end - start)
            if step not in kicks and (frame.weight(step) >= 1 or draw.chance(0.4 + 0.5 * progress)):
                hits.append(Hit(step, drums[min(int(progress * len(drums)), len(drums) - 1)], 0.55 + 0.3 * progress))
    return hits


def _rested(plan: Plan, hits: list[Hit], draw: Draw) -> list[Hit]:
    """Without the bars that are left to the others, where the style wants that."""
    rests, silent = draw.chance(plan.style.percussion_rest), draw.pick(_RESTS)
    if not rests or plan.frame.felt_bars < 2:
        return hits
    return [hit for hit in hits if int(hit.step) // plan.frame.bar_steps % 4 not in silent] or hits


def _one_each(hits: list[Hit]) -> list[Hit]:
    """Of two strokes of one drum at one step, the stronger."""
    best: dict[tuple[float, str], Hit] = {}
    for hit in hits:
        key = hit.step, hit.drum
        if key not in best or hit.level > best[key].level:
            best[key] = hit
    return sorted(best.values(), key=lambda hit: (hit.step, hit.drum))


def compose_percussion(plan: Plan) -> list[Event]:
    """The percussion over the whole loop, with the small unevenness of a hand; never empty."""
    draw = plan.draw("percussion")
    drawn = draw.weighted(plan.style.percussion)
    behaviour = plan.genes.behaviour or drawn
    own = _hits(plan, behaviour, plan.draw("percussion", behaviour))
    if behaviour in _COMPANIONS and plan.energy >= _COMPANION_ENERGY and draw.chance(0.5):
        own += [
            replace(hit, level=0.8 * hit.level)
            for hit in _hits(plan, _COMPANIONS[behaviour], plan.draw("percussion", "companion"))
        ]
    hits = _rested(plan, _polite(plan, own), plan.draw("percussion", "rest"))
    if behaviour in ("congas", "answer"):
        hits += _fills(plan, plan.draw("percussion", "fill"))
    # A figure that lies on the kick alone would leave nothing: then one stroke off the beat.
    hits = _one_each(hits) or [Hit(min(2, plan.frame.total_steps - 1), "shaker", 0.7)]
    uneven = plan.draw("percussion", "level")
    return [
        Event(hit.step, 1.0, PERCUSSION_PITCHES[hit.drum], _audible(hit.level) + uneven.uniform(-0.04, 0.03))
        for hit in hits
    ]


def _audible(level: float) -> float:
    """Hands play ghost notes to be heard beside the drums, so they are not as soft as a drummer's."""
    return min(1.0, 0.2 + 0.82 * level)
