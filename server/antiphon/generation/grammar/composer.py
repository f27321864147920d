"""From a request to a genome, and from a genome to its score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from antiphon.domain.genome import Genome
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import Note, Score, StemScore
from antiphon.generation.grammar.bass import compose_bass
from antiphon.generation.grammar.chords import compose_chords
from antiphon.generation.grammar.drums import compose_drums
from antiphon.generation.grammar.finish import finish
from antiphon.generation.grammar.genesis import draw_genome
from antiphon.generation.grammar.groove import GroovePlan
from antiphon.generation.grammar.lead import compose_lead
from antiphon.generation.grammar.percussion import compose_percussion
from antiphon.generation.grammar.plan import Plan, frame_of, make_plans, reseeded
from antiphon.generation.grammar.span import Event, one_at_a_time
from antiphon.generation.grammar.texture import compose_texture
from antiphon.generation.grammar.twist import blend

_PARTS: dict[str, Callable[[Plan], list[Event]]] = {
    "drums": compose_drums, "bass": compose_bass, "chords": compose_chords, "lead": compose_lead,
    "percussion": compose_percussion, "texture": compose_texture,
}  # fmt: skip
_ONE_VOICE = ("bass", "lead")


def compose(request: GenerateRequest, seed: int) -> Score:
    """Compose a loop: the same request and seed give the same score on every machine.

    What the request leaves open (key, chords, style, timbres) is taken from its prompt, then from the style, then from
    the seed. Every stem has a random stream of its own, so asking for fewer stems leaves the others as they are.
    Raises OutOfRange for a style that doesn't exist.
    """
    return express(draw_genome(request, seed))


def express(genome: Genome) -> Score:
    """The score that a genome stands for, the same on every machine. Raises OutOfRange for a style that's not there."""
    plan = make_plans(genome)
    return Score(
        bpm=genome.bpm,
        meter=genome.meter,
        bars=genome.bars,
        key=genome.key,
        chords=genome.chords,
        swing=frame_of(genome).swing,
        style=genome.style,
        seed=genome.seed,
        stems=tuple(
            StemScore(genes.stem, genes.timbre, _notes(plan(genes.stem)), genes.colours)
            for genes in genome.stems
            if genes.stem in genome.playing
        ),
    )


def stem_notes(genome: Genome, stem: str, groove: GroovePlan) -> tuple[Note, ...]:
    """The notes of one stem, composed to a groove that others have written."""
    return _notes(replace(make_plans(genome)(stem), groove=groove))


def _notes(plan: Plan) -> tuple[Note, ...]:
    return finish(plan, plan.genes.stem, _part(plan))


def _part(plan: Plan) -> list[Event]:
    """One part, told differently where a twist says so (the drums' twists are in their groove)."""
    stem = plan.genes.stem
    events = _PARTS[stem](plan)
    for twist in plan.genes.twists if stem != "drums" else ():
        events = blend(events, _PARTS[stem](reseeded(plan, twist.seed)), plan.frame, twist)
        if stem in _ONE_VOICE:
            events = one_at_a_time(events)
    return events
