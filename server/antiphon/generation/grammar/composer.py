"""From a request to a score."""

from __future__ import annotations

from collections.abc import Callable

from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS, ChordSpan, Score, StemScore
from antiphon.generation.grammar.bass import compose_bass
from antiphon.generation.grammar.chords import compose_chords
from antiphon.generation.grammar.drums import compose_drums
from antiphon.generation.grammar.finish import finish
from antiphon.generation.grammar.lead import compose_lead
from antiphon.generation.grammar.plan import Plan, make_plan
from antiphon.generation.grammar.settle import settle
from antiphon.generation.grammar.span import Event

_PARTS: dict[str, Callable[[Plan], list[Event]]] = {
    "drums": compose_drums, "bass": compose_bass, "chords": compose_chords, "lead": compose_lead,
}  # fmt: skip


def compose(request: GenerateRequest, seed: int) -> Score:
    """Compose a loop: the same request and seed give the same score on every machine.

    What the request leaves open (key, chords, style, timbres) is taken from its prompt, then from the style, then from
    the seed. Every stem has a random stream of its own, so asking for fewer stems leaves the others as they are.
    Raises OutOfRange for a style that doesn't exist.
    """
    request = settle(request, seed)
    plan = make_plan(request, seed)
    frame = plan.frame
    step = frame.step_beats
    return Score(
        bpm=request.bpm,
        meter=request.meter,
        bars=request.bars,
        key=plan.key,
        chords=tuple(ChordSpan(s.start * step, (s.end - s.start) * step, s.chord) for s in plan.spans),
        swing=frame.swing,
        style=plan.style.name,
        seed=seed,
        stems=tuple(
            StemScore(stem, plan.timbres[stem], finish(plan, stem, _PARTS[stem](plan)))
            for stem in STEMS
            if stem in request.stems
        ),
    )
