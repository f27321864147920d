"""Harmony: which chords, where, and which notes go with them."""

from __future__ import annotations

from collections.abc import Sequence

from antiphon.domain.theory import MODES, QUALITIES, Chord, Key
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.progressions import CYCLES, TURNAROUNDS
from antiphon.generation.grammar.span import Span
from antiphon.generation.styles import Style

_QUALITY_OF = {intervals: name for name, intervals in QUALITIES.items()}
_THIRDS = {"triad": (0, 2, 4), "seventh": (0, 2, 4, 6), "ninth": (0, 2, 4, 6, 8)}
#: What is tried in turn where a degree has no chord of the colour wished for.
_FALLBACKS = {
    "power": ("power", "triad", "seventh"), "sus": ("sus", "triad", "seventh"), "ninth": ("ninth", "seventh", "triad"),
    "seventh": ("seventh", "triad"), "triad": ("triad", "seventh"),
}  # fmt: skip


def degree_intervals(key: Key, degree: int, offsets: Sequence[int]) -> tuple[int, ...]:
    """Semitones above degree `degree` (from 0) of the scale notes `offsets` degrees above it."""
    scale = MODES[key.mode]
    root = scale[degree % 7]
    return tuple(scale[(degree + up) % 7] + 12 * ((degree % 7 + up) // 7) - root for up in offsets)


def diatonic_chord(key: Key, degree: int, colour: str, draw: Draw) -> Chord:
    """The chord on a degree (1 to 7) in a colour, built from the key's own notes alone."""
    root = key.scale[(degree - 1) % 7]
    for attempt in _FALLBACKS[colour]:
        if attempt == "power":
            candidates = [degree_intervals(key, degree - 1, (0, 4))]
        elif attempt == "sus":
            candidates = [degree_intervals(key, degree - 1, offsets) for offsets in ((0, 3, 4), (0, 1, 4))]
        else:
            candidates = [degree_intervals(key, degree - 1, _THIRDS[attempt])]
            if attempt == "ninth":
                candidates.append(degree_intervals(key, degree - 1, (0, 2, 4, 8)))
        known = [_QUALITY_OF[intervals] for intervals in candidates if intervals in _QUALITY_OF]
        if known:
            return Chord(root, draw.pick(known), root)
    return Chord(root, "5", root)


def infer_key(chords: Sequence[Chord], style: Style) -> Key:
    """The key in which a given progression is most at home: most of its notes, then its first and last root."""
    modes = dict(style.modes)

    def fit(key: Key) -> float:
        scale = set(key.scale)
        notes = [pitch in scale for chord in chords for pitch in (*chord.pitch_classes, chord.bass)]
        home = 0.12 * (chords[0].root == key.tonic) + 0.05 * (chords[-1].root == key.tonic)
        third = (key.tonic + MODES[key.mode][2]) % 12
        agrees = any(chord.root == key.tonic and third in chord.pitch_classes for chord in chords)
        return sum(notes) / len(notes) + home + 0.06 * agrees + 0.002 * modes.get(key.mode, 0.0)

    keys = [Key(tonic, mode) for mode in MODES for tonic in range(12)]
    return max(keys, key=fit)


def _degrees(key: Key, slots: int, draw: Draw) -> list[int]:
    """A degree for every slot: a cycle, repeated with its endings turned towards what follows."""
    cycles = CYCLES[key.mode]
    if slots <= 4:
        return list(draw.pick(cycles[slots]))
    period = 3 if slots % 3 == 0 and slots % 4 else 4
    first = draw.pick(cycles[period])
    second = draw.pick(cycles[period])
    degrees: list[int] = []
    for phrase in range(-(-slots // period)):
        # a a' b a': the third phrase goes elsewhere, every second one ends open.
        cycle = list(second if phrase % 4 == 2 else first)
        if phrase % 2 and cycle[-1] == 1:
            cycle[-1] = draw.pick(TURNAROUNDS[key.mode])
        degrees.extend(cycle)
    degrees = degrees[:slots]
    if degrees[-1] == degrees[0]:
        degrees[-1] = draw.pick(TURNAROUNDS[key.mode])
    return degrees


def _bar_lengths(frame: Frame, rhythm: str) -> list[int]:
    """Lengths in steps of the slots that chords are to fill."""
    bar = frame.written_bar_steps
    if rhythm == "2" and frame.bars >= 4:
        return [2 * bar] * (frame.bars // 2) + [bar] * (frame.bars % 2)
    if rhythm == "0.5" and bar >= 12:
        # The middle of a bar is a pulse: 2+1 in three, 3+2 in five.
        halves = {"3/4": 2 * bar // 3, "5/4": 3 * bar // 5, "7/8": 4 * bar // 7}
        first = halves.get(frame.meter.name, bar // 2)
        return [first, bar - first] * frame.bars
    return [bar] * frame.bars


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in spans:
        if merged and merged[-1].chord == span.chord:
            merged[-1] = Span(merged[-1].start, span.end, span.chord)
        else:
            merged.append(span)
    return tuple(merged)


def given_harmony(chords: Sequence[Chord], frame: Frame) -> tuple[Span, ...]:
    """The user's chords, one per bar, from the start again where they run out."""
    bar = frame.written_bar_steps
    return tuple(Span(n * bar, (n + 1) * bar, chords[n % len(chords)]) for n in range(frame.bars))


def compose_harmony(key: Key, frame: Frame, style: Style, draw: Draw) -> tuple[Span, ...]:
    """A progression in the key, in the style's colours, that leads back to its start."""
    rhythm = draw.weighted(style.harmonic_rhythms)
    if frame.step_beats == 0.125 and rhythm == "1" and draw.chance(0.5):
        rhythm = "0.5"
    elif frame.step_beats == 0.5 and rhythm != "2":
        rhythm = "2" if rhythm == "1" else "1"
    lengths = _bar_lengths(frame, rhythm)
    colour = draw.weighted(style.colours)
    spans: list[Span] = []
    start = 0
    chords: dict[int, Chord] = {}
    for degree, length in zip(_degrees(key, len(lengths), draw), lengths, strict=True):
        if degree not in chords:
            # Mostly one colour per loop; now and then a chord has its own.
            own = draw.weighted(style.colours) if draw.chance(0.25) else colour
            chords[degree] = diatonic_chord(key, degree, own, draw)
        spans.append(Span(start, start + length, chords[degree]))
        start += length
    return _merged(spans)


def _clusters(pitches: set[int]) -> int:
    """How many notes have a neighbour a semitone away on both sides."""
    return sum((pitch + 1) % 12 in pitches and (pitch - 1) % 12 in pitches for pitch in pitches)


def local_scale(key: Key, chord: Chord) -> tuple[int, ...]:
    """The key's pitch classes, bent where the chord's own notes contradict them (E7 in C major: G# for G)."""
    tones = {*chord.pitch_classes, chord.bass}
    scale = set(key.scale) | tones
    for foreign in sorted(tones - set(key.scale)):
        # Major thirds, sevenths and the like are raised from the note below, minor ones lowered from the note above.
        raised = (foreign - chord.root) % 12 in (1, 2, 4, 8, 9, 11)
        replaced = [(foreign - 1) % 12, (foreign + 1) % 12]
        options = [pitch for pitch in (replaced if raised else replaced[::-1]) if pitch in scale and pitch not in tones]
        if options:
            scale.remove(min(options, key=lambda pitch: _clusters(scale - {pitch})))
    return tuple(sorted(scale))
