"""Parts that somebody brought, as the grammar meets them: their notes as they are, the groove that others listen to,
and the swing that they are played with."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from antiphon.domain.drums import DRUM_OF
from antiphon.domain.genome import Genome, StemGenes
from antiphon.domain.score import Note
from antiphon.generation.grammar.frame import Frame, make_frame
from antiphon.generation.grammar.groove import GroovePlan, Hit
from antiphon.generation.grammar.written import twist_steps
from antiphon.generation.styles import Style

#: Where in a pair of steps the second one may lie: from a little early to a dotted one.
_SECOND = (0.42, 0.76)
#: Fewer second steps than this tell nothing of swing, and less than so much of it is a hand's unevenness.
_LEAST_SECONDS, _LEAST_SWING = 3, 0.1


def retold_steps(genes: StemGenes, frame: Frame) -> frozenset[int]:
    """The steps of a given part in which children have other notes: those of its twists."""
    return frozenset().union(*(steps for _, steps in twist_steps(genes, frame)))


def step_of(note: Note, frame: Frame) -> int:
    """The felt step that a note lies on, or nearest to."""
    exact = int(note.onset_beats / frame.step_beats)
    near = min(range(exact - 1, exact + 3), key=lambda step: abs(frame.beats(step) - note.onset_beats))
    return near % frame.total_steps


def standing_notes(genes: StemGenes, frame: Frame) -> tuple[Note, ...]:
    """What stands of a given part: all of it where nothing is told anew."""
    if genes.given is None:
        return ()
    notes = genes.given.laid(float(frame.meter.beats_per_bar * frame.bars))
    retold = retold_steps(genes, frame)
    return tuple(note for note in notes if step_of(note, frame) not in retold) if retold else notes


def given_groove(genes: StemGenes, frame: Frame) -> GroovePlan:
    """What stands of given drums as the grammar knows drums. How hard a stroke is counts beside the hardest of its
    drum: a quietly played kick is a kick."""
    notes = [(DRUM_OF[note.pitch], note) for note in standing_notes(genes, frame) if note.pitch in DRUM_OF]
    hardest: dict[str, int] = {}
    for drum, note in notes:
        hardest[drum] = max(hardest.get(drum, 1), note.velocity)
    best: dict[tuple[int, str], float] = {}
    for drum, note in notes:
        place = step_of(note, frame), drum
        best[place] = max(best.get(place, 0.0), note.velocity / hardest[drum])
    return GroovePlan(tuple(Hit(step, drum, level) for (step, drum), level in sorted(best.items())), ())


def swing_of(notes: Iterable[Note], genome: Genome, style: Style) -> float | None:
    """The swing gene (0 to 1) with which the composed stems swing as given notes do; None where these don't tell, or
    where the loop's grid can't swing."""
    frame = make_frame(genome.bpm, genome.meter, genome.bars, style, 1.0)
    pair = 2.0 * frame.swing_unit_steps * frame.step_beats
    shares = [note.onset_beats % pair / pair for note in notes]
    seconds = [share for share in shares if _SECOND[0] <= share <= _SECOND[1]]
    if not frame.swing or len(seconds) < _LEAST_SECONDS:
        return None
    felt = (median(seconds) - 0.5) * 6.0
    return round(min(1.0, felt / frame.swing), 3) if felt >= _LEAST_SWING else 0.0
