"""The plan that a part is composed from: what all parts share (grid, harmony, groove), and the part's own genes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from antiphon.domain.genome import Genome, StemGenes
from antiphon.domain.score import DRUM_PITCHES
from antiphon.domain.theory import Key
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame, make_frame
from antiphon.generation.grammar.given import given_groove, retold_steps
from antiphon.generation.grammar.groove import GroovePlan, Hit, plan_groove
from antiphon.generation.grammar.span import Span
from antiphon.generation.grammar.twist import twisted_steps
from antiphon.generation.grammar.written import is_modelled, open_steps, part_energy, standing
from antiphon.generation.styles import Style, get_style


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that one part is composed from. `style` and `energy` (how many notes) are the part's own; `loudness`
    (0 to 1, how hard is played) is the loop's."""

    genes: StemGenes
    style: Style
    key: Key
    energy: float
    loudness: float
    frame: Frame
    spans: tuple[Span, ...]
    groove: GroovePlan

    def span_at(self, step: float) -> Span:
        """The chord that sounds at a step (steps count round the loop)."""
        inside = step % self.frame.total_steps
        return next(span for span in self.spans if span.start <= inside < span.end)

    def next_span(self, span: Span) -> Span:
        """The chord after a span; after the last comes the first."""
        return self.spans[(self.spans.index(span) + 1) % len(self.spans)]

    def draw(self, *names: str) -> Draw:
        """The random stream of a part."""
        return Draw(self.genes.seed, *names)


_DRUM_NAMES = {pitch: name for name, pitch in DRUM_PITCHES.items()}


def _groove(genome: Genome, genes: StemGenes, frame: Frame) -> GroovePlan:
    """The groove of the drums with these genes: as it was brought; as it is written, where a model has done so; in the
    steps that neither has, as the grammar has it."""
    if genes.given is not None:
        return _retold(given_groove(genes, frame), retold_steps(genes, frame), genome, genes, frame)
    if not is_modelled(genes):
        return _grammar_groove(genome, genes, frame)
    opened = open_steps(genome, genes, frame)
    written = standing(genes, opened)
    hits = [
        Hit(stroke.step, _DRUM_NAMES[stroke.pitch], stroke.velocity / 127.0)
        for stroke in written if stroke.pitch in _DRUM_NAMES
    ]  # fmt: skip
    return _retold(GroovePlan(tuple(hits), ()), opened, genome, genes, frame)


def _retold(
    standing_: GroovePlan, opened: frozenset[int], genome: Genome, genes: StemGenes, frame: Frame
) -> GroovePlan:
    """What stands of a groove, and in the steps that are open the grammar's."""
    other = _grammar_groove(genome, genes, frame) if opened else GroovePlan((), ())
    hits = [*standing_.hits, *(hit for hit in other.hits if int(hit.step) % frame.total_steps in opened)]
    fills = tuple(step for step in other.fills if step in opened)
    return GroovePlan(tuple(sorted(hits, key=lambda hit: (hit.step, hit.drum))), fills)


def _grammar_groove(genome: Genome, genes: StemGenes, frame: Frame) -> GroovePlan:
    """The groove of the drums with these genes, told differently where a twist says so."""
    style, energy = get_style(genes.style), part_energy(genome, genes)
    groove = plan_groove(frame, style, energy, Draw(genes.seed, "groove"))
    for twist in genes.twists:
        other = plan_groove(frame, style, energy, Draw(twist.seed, "groove"))
        steps = twisted_steps(frame, twist)
        hits = [hit for hit in groove.hits if not steps(hit.step)] + [hit for hit in other.hits if steps(hit.step)]
        fills = [step for step in groove.fills if not steps(step)] + [step for step in other.fills if steps(step)]
        groove = GroovePlan(tuple(sorted(hits, key=lambda hit: (hit.step, hit.drum))), tuple(sorted(fills)))
    return groove


def frame_of(genome: Genome) -> Frame:
    """The felt grid of the genome's loop."""
    return make_frame(genome.bpm, genome.meter, genome.bars, get_style(genome.style), genome.swing)


def _spans(genome: Genome, frame: Frame) -> tuple[Span, ...]:
    """The chords on the felt grid."""
    step = frame.step_beats
    starts = [round(span.onset_beats / step) for span in genome.chords]
    ends = [*starts[1:], frame.total_steps]
    return tuple(Span(start, end, span.chord) for start, end, span in zip(starts, ends, genome.chords, strict=True))


def make_plans(genome: Genome) -> Callable[[str], Plan]:
    """What each part is composed from, by the stem's name. Raises OutOfRange for a style that doesn't exist."""
    frame = frame_of(genome)
    spans, own = _spans(genome, frame), _groove(genome, genome.genes("drums"), frame)
    known = {
        listener: _groove(genome, drums, frame)
        for listener, drums in (("bass", genome.kick), ("percussion", genome.answered))
        if drums is not None
    }

    def plan(stem: str) -> Plan:
        genes = genome.genes(stem)
        return Plan(
            genes=genes, style=get_style(genes.style), key=genome.key, energy=part_energy(genome, genes),
            loudness=genome.energy, frame=frame, spans=spans, groove=known.get(stem, own),
        )  # fmt: skip

    return plan


def reseeded(plan: Plan, seed: int) -> Plan:
    """The same part drawn with another seed."""
    return replace(plan, genes=replace(plan.genes, seed=seed))
