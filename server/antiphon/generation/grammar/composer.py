"""From a request to a genome, and from a genome to its score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from antiphon.domain.genome import Genome, StemGenes
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ONE_VOICE, Note, Score, StemScore
from antiphon.generation.grammar.bass import compose_bass
from antiphon.generation.grammar.chords import compose_chords
from antiphon.generation.grammar.drums import compose_drums
from antiphon.generation.grammar.finish import finish, in_order, strokes_to_notes
from antiphon.generation.grammar.genesis import draw_genome
from antiphon.generation.grammar.given import retold_steps, standing_notes
from antiphon.generation.grammar.gliding import with_glides
from antiphon.generation.grammar.groove import GroovePlan
from antiphon.generation.grammar.lead import compose_lead
from antiphon.generation.grammar.percussion import compose_percussion
from antiphon.generation.grammar.plan import Plan, frame_of, make_plans, reseeded
from antiphon.generation.grammar.span import Event, one_at_a_time
from antiphon.generation.grammar.texture import compose_texture
from antiphon.generation.grammar.twist import blend
from antiphon.generation.grammar.written import is_modelled, open_steps, standing

_PARTS: dict[str, Callable[[Plan], list[Event]]] = {
    "drums": compose_drums, "bass": compose_bass, "chords": compose_chords, "lead": compose_lead,
    "percussion": compose_percussion, "texture": compose_texture,
}  # fmt: skip


def compose(request: GenerateRequest, seed: int) -> Score:
    """Compose a loop: the same request and seed give the same score on every machine.

    What the request leaves open (key, chords, style, timbres) is taken from its prompt, then from the style, then from
    the seed. Every stem has a random stream of its own, so asking for fewer stems leaves the others as they are.
    Raises OutOfRange for a style that doesn't exist.
    """
    return express(draw_genome(request, seed))


def express(genome: Genome) -> Score:
    """The score that a genome stands for, the same on every machine: what a model has written as it is written, all
    else as the grammar composes it. Raises OutOfRange for a style that's not there."""
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
            StemScore(genes.stem, genes.timbre, _stem_notes(genome, genes, plan(genes.stem)), genes.colours)
            for genes in genome.stems
            if genes.stem in genome.playing
        ),
    )


def stem_notes(genome: Genome, stem: str, groove: GroovePlan) -> tuple[Note, ...]:
    """The notes of one stem, composed to a groove that others have written."""
    return _notes(replace(make_plans(genome)(stem), groove=groove))


def _stem_notes(genome: Genome, genes: StemGenes, plan: Plan) -> tuple[Note, ...]:
    """What stands written of a part, and the grammar's notes in the steps where nothing does. What was brought and
    stands as a whole is not touched at all."""
    if genes.given is not None:
        return _with_given(genes, plan)
    opened = open_steps(genome, genes, plan.frame) if is_modelled(genes) else frozenset(range(plan.frame.total_steps))
    strokes = standing(genes, opened) if is_modelled(genes) else []
    if not strokes and len(opened) == plan.frame.total_steps:
        return _notes(plan)
    written = strokes_to_notes(strokes, plan.frame, genes.stem)
    if not opened:
        return written
    events = [event for event in _part(plan) if int(event.start) % plan.frame.total_steps in opened]
    beats = float(genome.meter.beats_per_bar * genome.bars)
    return in_order((*written, *finish(plan, genes.stem, events)), beats, genes.stem)


def _with_given(genes: StemGenes, plan: Plan) -> tuple[Note, ...]:
    """The notes that were brought, and the grammar's in the steps that are told anew."""
    notes, retold = standing_notes(genes, plan.frame), retold_steps(genes, plan.frame)
    if not retold:
        return notes
    # Struck, for what stands before may be a chord, or ring on: nobody can glide from there.
    events = [replace(event, glide=False) for event in _part(plan)]
    told = finish(plan, genes.stem, [e for e in events if int(e.start) % plan.frame.total_steps in retold])
    return tuple(sorted((*notes, *told), key=lambda note: (note.onset_beats, note.pitch)))


def _notes(plan: Plan) -> tuple[Note, ...]:
    return finish(plan, plan.genes.stem, _part(plan))


def _part(plan: Plan) -> list[Event]:
    """One part, told differently where a twist says so (the drums' twists are in their groove)."""
    stem = plan.genes.stem
    events = _PARTS[stem](plan)
    for twist in plan.genes.twists if stem != "drums" else ():
        events = blend(events, _PARTS[stem](reseeded(plan, twist.seed)), plan.frame, twist)
        if stem in ONE_VOICE:
            events = one_at_a_time(events)
    return with_glides(plan, events)
