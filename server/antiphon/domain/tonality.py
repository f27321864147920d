"""What key some notes are in, and which chords go with them: for parts that come without either.

The key is that whose profile the notes' durations are most like (Krumhansl & Kessler, "Tracing the dynamic changes in
perceived tonal organization", Psychological Review 1982; found by correlation as in Krumhansl, "Cognitive Foundations
of Musical Pitch", 1990), but the notes must also be the scale's, and a loop likes to begin on its tonic: the profiles
alone take the fifth for the tonic of many a bass line. They are of major and minor keys; other modes borrow that of the
same third. A bar's chord is the one whose notes its durations are most like (templates, as in Fujishima,
"Realtime chord recognition of musical sound", ICMC 1999), with a preference for the key's own chords, for a root that
lies in the bass, and for the chord that sounds already.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from antiphon.domain.score import ChordSpan, Note
from antiphon.domain.theory import MODES, Chord, Key, Meter

#: How long each of the twelve pitch classes sounds, in beats.
Durations = Sequence[float]

#: How well each note fits a key, from the tonic up (probe-tone ratings).
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
#: What a key is worth besides, beside a correlation of -1 to 1: for the share of its scale's notes, for a tonic that is
#: the lowest note at the beginning; and less, where it is neither major nor minor (`scripts/eval_parts.py`).
_OF_SCALE, _FIRST, _RARER = 4.0, 0.4, 0.02
#: Notes that begin so near to each other begin together.
_TOGETHER_BEATS = 0.1
#: Chords that are looked for, simplest first: of two that fit alike, the first is taken.
_CHORDS = ("", "m", "7", "m7", "maj7", "sus4", "dim", "m7b5")
#: Those that are looked for under a line, which passes through many notes that no chord has.
_TRIADS = ("", "m", "dim")
#: Meters whose bars have a middle that chords change on.
_HALVED = ("4/4", "6/8", "12/8")
#: What a chord is worth besides, beside a likeness of 0 to 1: for being the key's own, for a root in the bass (all of
#: it), for not being a change.
_OWN, _ROOTED, _STAYS = 0.12, 0.2, 0.03
#: How much better two chords must go with the halves of a bar than one with both.
_PARTS = 0.2


def durations(notes: Iterable[Note], start: float, end: float) -> list[float]:
    """How long each pitch class sounds from beat `start` to beat `end`."""
    found = [0.0] * 12
    for note in notes:
        sounds = min(end, note.onset_beats + note.duration_beats) - max(start, note.onset_beats)
        found[note.pitch % 12] += max(0.0, sounds)
    return found


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    mean, other = sum(first) / 12, sum(second) / 12
    shared = sum((a - mean) * (b - other) for a, b in zip(first, second, strict=True))
    size = math.sqrt(sum((a - mean) ** 2 for a in first) * sum((b - other) ** 2 for b in second))
    return shared / size if size else 0.0


def find_key(notes: Sequence[Note], beats: float, mode: str | None = None) -> Key:
    """The key of the notes of a loop of so many beats, in any mode, or in the one that is asked for."""
    sounding = durations(notes, 0.0, beats)
    start = min(note.onset_beats for note in notes) + _TOGETHER_BEATS
    lowest = min(note.pitch for note in notes if note.onset_beats <= start) % 12
    keys = [Key(tonic, each) for each in (MODES if mode is None else (mode,)) for tonic in range(12)]

    def likeness(key: Key) -> float:
        profile = PROFILES["major" if 4 in MODES[key.mode] else "minor"]
        like = _correlation([sounding[(key.tonic + step) % 12] for step in range(12)], profile)
        own = sum(sounding[tone] for tone in key.scale) / sum(sounding)
        return like + _OF_SCALE * own + _FIRST * (key.tonic == lowest) - _RARER * (key.mode not in PROFILES)

    return max(keys, key=likeness)


def fit_harmony(
    notes: Sequence[Note], bass: Sequence[Note], key: Key, meter: Meter, bars: int, chordal: bool = False
) -> tuple[ChordSpan, ...]:
    """The chords of a loop in `key`, from all that sounds and what of it is the bass. To lines go triads, one a bar;
    where there are chords among the notes (`chordal`), the chords that they are, two where a bar plainly has two. Where
    nothing sounds the chord before goes on; before the first, the tonic's."""
    bar_beats = float(meter.beats_per_bar)
    chord = Chord(key.tonic, "" if 4 in MODES[key.mode] else "m", key.tonic)
    spans: list[ChordSpan] = []
    for bar in range(bars):
        start, middle, end = ((bar + part) * bar_beats for part in (0.0, 0.5, 1.0))
        whole = _Heard.of(notes, bass, key, start, end, chordal)
        found = [(start, whole.chord(chord))]
        if chordal and meter.name in _HALVED:
            halves = _Heard.of(notes, bass, key, start, middle), _Heard.of(notes, bass, key, middle, end)
            found = _parted(*halves, found, chord, middle)
        spans += [
            ChordSpan(onset, following - onset, each)
            for (onset, each), following in zip(found, [*(at for at, _ in found[1:]), end], strict=True)
        ]
        chord = found[-1][1]
    return tuple(spans)


def _parted(
    first: _Heard, second: _Heard, whole: list[tuple[float, Chord]], before: Chord, middle: float
) -> list[tuple[float, Chord]]:
    """A bar's chord, or the chords of its halves where they are so much more like what sounds."""
    [(start, one)] = whole
    early = first.chord(before)
    late = second.chord(early)
    gain = first.worth(early) - first.worth(one) + second.worth(late) - second.worth(one)
    return [(start, early), (middle, late)] if early != late and gain > _PARTS else whole


@dataclass(frozen=True, slots=True)
class _Heard:
    """What sounds in a stretch of time."""

    sounding: Durations
    bass: Durations
    key: Key
    chordal: bool

    @classmethod
    def of(
        cls, notes: Sequence[Note], bass: Sequence[Note], key: Key, start: float, end: float, chordal: bool = True
    ) -> _Heard:
        return cls(durations(notes, start, end), durations(bass, start, end), key, chordal)

    def worth(self, chord: Chord) -> float:
        """How well a chord goes with it."""
        tones, low = {*chord.pitch_classes}, sum(self.bass) or 1.0
        size = math.sqrt(sum(each**2 for each in self.sounding)) or 1.0
        like = sum(self.sounding[tone] for tone in tones) / (size * math.sqrt(len(tones)))
        own = _OWN if tones <= {*self.key.scale} else 0.0
        return like + own + _ROOTED * self.bass[chord.root] / low

    def chord(self, before: Chord) -> Chord:
        """The chord that goes best with it after another; that one where nothing sounds."""
        if not any(self.sounding):
            return before
        chords = [
            Chord(root, quality, root) for quality in (_CHORDS if self.chordal else _TRIADS) for root in range(12)
        ]
        return max(chords, key=lambda each: round(self.worth(each) + (_STAYS if each == before else 0.0), 9))
