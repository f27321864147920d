"""Pitches as steps of the scale that fits the chord, counted from the key's tonic: lanes that any key and mode share.

A melody in F major and the same in A minor lie on the same kind of ladder, seven rungs to the octave, and a chord is a
set of rungs. So the model need not learn twelve keys, and what it writes is in the scale of key and chord.
"""

from __future__ import annotations

from functools import lru_cache

from antiphon.domain.theory import MODES, Chord, Key
from antiphon.generation.grammar.harmony import local_scale

#: Rungs in an octave.
DEGREES = 7
#: Lowest pitch of each pitched stem, and how many rungs its lanes have: the parts' ranges in every key.
LOWEST = {"bass": 28, "chords": 50, "lead": 60}
RUNGS = {"bass": 22, "chords": 24, "lead": 26}
#: The highest pitch that the parts' players reach.
HIGHEST = {"bass": 50, "chords": 76, "lead": 88}


@lru_cache(maxsize=4096)
def ladder(key: Key, chord: Chord) -> tuple[int, ...]:
    """The seven rungs over a chord, in semitones above the tonic (a lowered tonic is -1), each near its degree of the
    key; every chord tone is on one."""
    tones = {(pitch - key.tonic) % 12 for pitch in (*chord.pitch_classes, chord.bass)}
    kept = sorted((pitch - key.tonic) % 12 for pitch in local_scale(key, chord))
    home = MODES[key.mode]
    while len(kept) > DEGREES:
        # The note that the chord needs least: one of its neighbours is a chord tone, itself none.
        spare = [rung for rung in kept if rung not in tones] or kept
        kept.remove(min(spare, key=lambda rung: min(abs(rung - tone) for tone in tones)))
    for rung in home:
        if len(kept) < DEGREES and rung not in kept:
            kept = sorted([*kept, rung])
    turns = [[*kept[turn:], *(rung + 12 for rung in kept[:turn])] for turn in range(DEGREES)]
    turns += [[rung - 12 for rung in turned] for turned in turns]
    return tuple(min(turns, key=lambda turned: sum(abs(a - b) for a, b in zip(turned, home, strict=True))))


def base_pitch(key: Key, stem: str) -> int:
    """The tonic at or below the lowest note of a stem: its rung 0."""
    low = LOWEST[stem]
    return low - (low - key.tonic) % 12


def pitch_of(rung: int, key: Key, chord: Chord, stem: str) -> int:
    """The MIDI note number of a rung."""
    octave, degree = divmod(rung, DEGREES)
    return base_pitch(key, stem) + 12 * octave + ladder(key, chord)[degree]


@lru_cache(maxsize=65536)
def rung_of(pitch: int, key: Key, chord: Chord, stem: str) -> int:
    """The rung nearest to a pitch; one out of the stem's range is moved by octaves."""
    rungs = range(RUNGS[stem])
    found = min(range(-DEGREES * 4, DEGREES * 8), key=lambda rung: abs(pitch_of(rung, key, chord, stem) - pitch))
    while found not in rungs:
        found += DEGREES if found < 0 else -DEGREES
    return found


def degree_of(pitch_class: int, key: Key, chord: Chord) -> int:
    """On which of the seven rungs a pitch class lies, or the nearest."""
    rungs = ladder(key, chord)
    above = (pitch_class - key.tonic) % 12
    return min(range(DEGREES), key=lambda degree: min((above - rungs[degree]) % 12, (rungs[degree] - above) % 12))
