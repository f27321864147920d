"""What key some notes are in, and which chords go with them: for parts that come without either.

The key is that whose profile the notes' durations are most like (Krumhansl & Kessler, "Tracing the dynamic changes in
perceived tonal organization", Psychological Review 1982; found by correlation as in Krumhansl, "Cognitive Foundations
of Musical Pitch", 1990). A bar's chord is the one whose notes its durations are most like (templates, as in Fujishima,
"Realtime chord recognition of musical sound", ICMC 1999), with a preference for the key's own chords, for a root that
lies in the bass, and for the chord that sounds already.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from antiphon.domain.score import Note
from antiphon.domain.theory import MODES, Chord, Key

#: How long each of the twelve pitch classes sounds, in beats.
Durations = Sequence[float]

#: How well each note fits a key, from the tonic up (probe-tone ratings).
PROFILES = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}
#: Chords that are looked for, simplest first: of two that fit alike, the first is taken.
_CHORDS = ("", "m", "7", "m7", "maj7", "sus4", "dim", "m7b5")
#: What a chord is worth besides, beside a likeness of 0 to 1: for being the key's own, for a root in the bass (all of
#: it), for not being a change.
_OWN, _ROOTED, _STAYS = 0.12, 0.2, 0.03


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


def find_key(sounding: Durations, mode: str | None = None) -> Key:
    """The key of what sounds, major or minor; in a `mode` that is asked for, the tonic (by the profile of the two that
    has the mode's third)."""
    modes = ("major", "minor") if mode is None else (mode,)
    keys = [Key(tonic, each) for each in modes for tonic in range(12)]

    def likeness(key: Key) -> float:
        profile = PROFILES["major" if 4 in MODES[key.mode] else "minor"]
        return _correlation([sounding[(key.tonic + step) % 12] for step in range(12)], profile)

    return max(keys, key=likeness)


def fit_chords(notes: Sequence[Note], bass: Sequence[Note], key: Key, bars: int, bar_beats: float) -> tuple[Chord, ...]:
    """A chord for each bar of a loop in `key`, from all that sounds and what of it is the bass. A bar in which nothing
    sounds goes on with the chord before it; with none before it, with the tonic's."""
    chord = Chord(key.tonic, "" if 4 in MODES[key.mode] else "m", key.tonic)
    found = []
    for bar in range(bars):
        span = (bar * bar_beats, (bar + 1) * bar_beats)
        sounding = durations(notes, *span)
        if any(sounding):
            chord = _chord_of(sounding, durations(bass, *span), key, chord)
        found.append(chord)
    return tuple(found)


def _chord_of(sounding: Durations, bass: Durations, key: Key, before: Chord) -> Chord:
    size, low = math.sqrt(sum(each**2 for each in sounding)), sum(bass) or 1.0

    def worth(chord: Chord) -> float:
        tones = {*chord.pitch_classes}
        like = sum(sounding[tone] for tone in tones) / (size * math.sqrt(len(tones)))
        own = _OWN if tones <= {*key.scale} else 0.0
        return like + own + _ROOTED * bass[chord.root] / low + (_STAYS if chord == before else 0.0)

    chords = [Chord(root, quality, root) for quality in _CHORDS for root in range(12)]
    return max(chords, key=lambda chord: round(worth(chord), 9))
