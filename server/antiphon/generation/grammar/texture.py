"""The texture: long sounds that lie under everything, follow the harmony where they have a pitch, and come and go."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.theory import Chord
from antiphon.domain.timbres import source_of
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.plan import Plan
from antiphon.generation.grammar.span import Event

LOW, HIGH = 38, 68
_CENTRE = 48
#: Sounds that are there at once and stay as they are: they need no new breath, so a stretch is one note.
_STEADY = ("texture_vinyl",)
#: Where the next sound begins, the one before it goes on for this share of itself: a texture rises over a third.
_OVERLAP = 1.0 / 3.0
#: A texture lies under everything else: noise fills the whole spectrum and is heard sooner than a tone.
_LEVELS = {"tone": 1.0, "noise": 0.8}


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Steps from `start` to `end` in which the texture sounds. `whole`: it is the loop, and has no end."""

    start: int
    end: int
    level: float
    whole: bool = False


def _hold(plan: Plan) -> list[_Stretch]:
    return [_Stretch(0, plan.frame.total_steps, 0.66, whole=True)]


def _swell(plan: Plan) -> list[_Stretch]:
    """Rising over the second half of every phrase, as one does into what comes next."""
    phrase, total = 4 * plan.frame.bar_steps, plan.frame.total_steps
    if total <= phrase // 2:
        return [_Stretch(total // 2, total, 0.82)]
    starts = range(0, total, phrase)
    return [_Stretch((start + min(start + phrase, total)) // 2, min(start + phrase, total), 0.82) for start in starts]


def _breathe(plan: Plan) -> list[_Stretch]:
    """In and out: there for a bar, away for the next."""
    bar, total = plan.frame.bar_steps, plan.frame.total_steps
    bar = bar if total >= 2 * bar else max(1, total // 2)
    return [_Stretch(start, min(start + bar, total), 0.74) for start in range(0, total, 2 * bar)]


_STRETCHES = {"hold": _hold, "swell": _swell, "breathe": _breathe}


def _centre(plan: Plan) -> int:
    return _CENTRE + plan.genes.register


def _tone(chord: Chord, near: int, avoid: int | None = None) -> int:
    """The pitch of a chord that moves least from `near`, root and fifth rather than the others."""
    fifth = (chord.root + 7) % 12

    def strain(pitch: int) -> tuple[float, int]:
        colour = 0.0 if pitch % 12 in (chord.root, chord.bass) else 1.0 if pitch % 12 == fifth else 4.0
        return abs(pitch - near) + colour, pitch

    tones = {*chord.pitch_classes, chord.bass}
    return min((p for p in range(LOW, HIGH + 1) if p % 12 in tones and p != avoid), key=strain)


def _pieces(plan: Plan, stretch: _Stretch, near: int) -> list[tuple[int, int, int]]:
    """(start, end, pitch) of one voice through a stretch: a new pitch where the harmony asks for one."""
    longest = 2 * plan.frame.bar_steps
    found: list[tuple[int, int, int]] = []
    for span in plan.spans:
        start, end = max(span.start, stretch.start), min(span.end, stretch.end)
        if start >= end:
            continue
        pitch = _tone(span.chord, found[-1][2] if found else near)
        if found and found[-1][2] == pitch and end - found[-1][0] <= longest:
            found[-1] = (found[-1][0], end, pitch)
        else:
            # The same pitch for too long would be one breath for all: it passes to the next tone of its chord.
            again = found[-1][2] if found and found[-1][2] == pitch else None
            found.append((start, end, _tone(span.chord, pitch + 5, again) if again else pitch))
    return [piece for one in found for piece in _halved(plan, one, longest)]


def _halved(plan: Plan, piece: tuple[int, int, int], longest: int) -> list[tuple[int, int, int]]:
    """A piece that is longer than a breath, told in parts that change between two tones of its chord."""
    start, end, pitch = piece
    if end - start <= longest:
        return [piece]
    other = _tone(plan.span_at(start).chord, pitch + 6, pitch)
    starts = range(start, end, longest)
    return [(s, min(s + longest, end), pitch if n % 2 == 0 else other) for n, s in enumerate(starts)]


def _noise_pieces(plan: Plan, stretch: _Stretch) -> list[tuple[int, int, int]]:
    """A sound without a pitch: the number only says which noise it is."""
    chord = plan.spans[0].chord
    pitch = _tone(chord, _centre(plan))
    others = _tone(chord, pitch + 4, pitch), _tone(chord, pitch - 5, pitch)
    if plan.genes.timbre in _STEADY:
        return [(stretch.start, stretch.end, pitch)]
    length = 2 * plan.frame.bar_steps
    starts = list(range(stretch.start, stretch.end, length))
    if stretch.whole and len(starts) == 1 and stretch.end - stretch.start >= 4:
        starts = [stretch.start, (stretch.start + stretch.end) // 2]
    ends = [*starts[1:], stretch.end]
    # On a circle the last of an odd number meets the first: it takes a third noise.
    odd = stretch.whole and len(starts) % 2 == 1
    return [
        (s, e, others[1] if odd and n == len(starts) - 1 else (pitch, others[0])[n % 2])
        for n, (s, e) in enumerate(zip(starts, ends, strict=True))
    ]


def _events(pieces: list[tuple[int, int, int]], stretch: _Stretch, level: float) -> list[Event]:
    """Pieces as notes that overlap with what follows, where something follows at once."""
    events = []
    for index, (start, end, pitch) in enumerate(pieces):
        last = index == len(pieces) - 1
        following = pieces[0 if last else index + 1][2]
        goes_on = (not last or stretch.whole) and len(pieces) > 1 and following != pitch
        length = (end - start) * (1.0 + _OVERLAP) if goes_on else float(end - start)
        events.append(Event(start, length, pitch, level))
    return events


def _voices(plan: Plan, stretch: _Stretch, draw: Draw) -> list[list[tuple[int, int, int]]]:
    if source_of(plan.genes.timbre) != "tone":
        return [_noise_pieces(plan, stretch)]
    low = _pieces(plan, stretch, _centre(plan))
    if stretch.whole and len(low) == 1:
        low = _parted(plan, low[0])
    if not draw.chance(0.35 + 0.3 * plan.energy):
        return [low]
    # The lower voice may lie through a change of chords on a tone that both have; the upper one changes with them.
    parts = [(max(s, at.start), min(e, at.end), p) for s, e, p in low for at in plan.spans]
    high = [(s, e, _above(plan, s, p)) for s, e, p in parts if s < e]
    return [low, [piece for piece in high if piece[2] <= HIGH]]


def _parted(plan: Plan, piece: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """The one tone of a whole loop, left for others in its second half, so that each can rise while the other falls."""
    start, end, pitch = piece
    changes = [span.start for span in plan.spans if span.start > start]
    middle = min(changes, key=lambda step: abs(2 * step - start - end)) if changes else (start + end) // 2
    places = [middle, *(step for step in changes if step > middle)]
    later = zip(places, [*places[1:], end], strict=True)
    return [
        (start, middle, pitch),
        *((s, e, _tone(plan.span_at(s).chord, pitch + 6, pitch)) for s, e in later),
    ]


def _above(plan: Plan, step: int, pitch: int) -> int:
    """A chord tone a fifth or more above a pitch."""
    tones = plan.span_at(step).chord.pitch_classes
    return next(p for p in range(pitch + 7, pitch + 20) if p % 12 in tones)


def compose_texture(plan: Plan) -> list[Event]:
    """The texture over the whole loop: one voice or two, never empty."""
    draw, lies = plan.draw("texture"), _LEVELS.get(source_of(plan.genes.timbre), 1.0)
    drawn = draw.weighted(plan.style.texture)
    events: list[Event] = []
    for stretch in _STRETCHES[plan.genes.behaviour or drawn](plan):
        for number, pieces in enumerate(_voices(plan, stretch, plan.draw("texture", "voices"))):
            events += _events(pieces, stretch, lies * (stretch.level - 0.12 * number))
    return sorted(events, key=lambda event: (event.start, event.pitch))
