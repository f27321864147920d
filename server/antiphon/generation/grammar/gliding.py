"""Which notes of a one-voice part glide in from the one before: a 303's slides, an 808's falls, a lead's portamento.

Glides belong to places in the bar, as the slide switches of a step sequencer do, so that a riff slides where it slid
before. They are drawn by a stream of their own: the notes are those that the part has without them, but for a bass that
stays on its note where it shall slide, which then slides to the octave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from antiphon.domain.genome import StemGenes
from antiphon.domain.glides import GLIDES
from antiphon.domain.score import ONE_VOICE, Note
from antiphon.generation.grammar import bass
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event

#: A note is not held on through a longer rest than this to let the next one glide in.
LONGEST_REST_STEPS = 4.0
#: How much likelier or less likely a note glides on the bar's strong places: a downbeat is rather struck.
_ON_STRONG = 0.5
#: Behaviours of a bass that stays on one note: its slides go to the octave.
_ON_ONE_NOTE = ("rolling", "gliding", "pulse", "offbeat", "sustained")


def glide_share(genes: StemGenes) -> float:
    """How likely a note of a part glides, 0 to 1: as its gene says, and never where its timbre can't."""
    return genes.glide or 0.0 if genes.stem in ONE_VOICE and genes.timbre in GLIDES else 0.0


def with_glides(plan: Plan, events: Sequence[Event]) -> list[Event]:
    """A part's events in order, some of them gliding in from the one before."""
    share = glide_share(plan.genes)
    if not share:
        return list(events)
    frame, draw = plan.frame, plan.draw(plan.genes.stem, "glides")
    slides = [draw.chance(share * (_ON_STRONG if frame.weight(s) >= 3 else 1.0)) for s in range(frame.bar_steps)]
    found: list[Event] = []
    for event in events:
        if found and slides[int(event.start) % frame.bar_steps]:
            event = _gliding(plan, found[-1], event)
        found.append(event)
    return found


def _gliding(plan: Plan, before: Event, event: Event) -> Event:
    """The event gliding in from the one before, if it can: from near enough, and from another pitch."""
    if event.start - (before.start + before.length) > LONGEST_REST_STEPS:
        return event
    if event.pitch != before.pitch:
        return replace(event, glide=True)
    changes = plan.span_at(event.start).start == event.start
    if plan.genes.stem != "bass" or plan.genes.behaviour not in _ON_ONE_NOTE or changes:
        return event
    octave = event.pitch + 12 if event.pitch + 12 <= bass.HIGH else event.pitch - 12
    return replace(event, pitch=octave, glide=True) if octave >= bass.LOW else event


def joined(notes: Sequence[Note]) -> tuple[Note, ...]:
    """The notes of one voice, in order, with those held on that the next one glides in from; and the loop's first note
    struck, and each that comes from its own pitch, for there is nowhere to glide from."""
    found: list[Note] = []
    for note in notes:
        before = found[-1] if found else None
        if note.glide and (before is None or before.pitch == note.pitch):
            note = replace(note, glide=False)
        if note.glide and before is not None:
            found[-1] = replace(before, duration_beats=note.onset_beats - before.onset_beats)
        found.append(note)
    return tuple(found)
