"""What happens to a progression: chords exchanged for relatives, moved to another key, fitted into another frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from antiphon.domain.genome import Genome
from antiphon.domain.score import ChordSpan
from antiphon.domain.theory import Chord, Key, Meter
from antiphon.evolution.chance import chance, fresh_seed, pick
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.genesis import draw_chords
from antiphon.generation.grammar.harmony import diatonic_chord
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.styles import get_style

#: Keys that listeners hear as near, in semitones up: fourth, fifth, and the thirds.
_NEAR_KEYS = (5, 7, 3, 9)


def mutate_harmony(genome: Genome, amount: float, rng: np.random.Generator) -> Genome:
    """Other chords: single ones exchanged, from about the middle of `amount` on the whole progression drawn anew, now
    and then in a near key. What a person asked for stays."""
    if "chords" in genome.fixed:
        return genome
    if chance(rng, 0.6 * amount**3):
        chords = draw_chords(genome.key, frame_of(genome), get_style(genome.style), fresh_seed(rng))
    else:
        chords = _substituted(genome, 0.5 * amount**1.5, rng)
    genome = replace(genome, chords=chords)
    if "key" not in genome.fixed and chance(rng, 0.4 * amount**3):
        genome = transposed(genome, pick(rng, _NEAR_KEYS))
    return genome


def _substituted(genome: Genome, probability: float, rng: np.random.Generator) -> tuple[ChordSpan, ...]:
    """Each chord of the loop exchanged with a probability, wherever it comes back alike."""
    exchanged: dict[Chord, Chord] = {}
    for chord in dict.fromkeys(span.chord for span in genome.chords):
        relatives = relatives_of(chord, genome.key)
        if relatives and chance(rng, probability):
            exchanged[chord] = pick(rng, relatives)
    return tuple(replace(span, chord=exchanged.get(span.chord, span.chord)) for span in genome.chords)


def relatives_of(chord: Chord, key: Key) -> list[Chord]:
    """Chords of the key that can stand for a chord: they share two notes with it (Riemann's functions: a chord and
    those a third away serve alike)."""
    found: list[Chord] = []
    for degree in range(1, 8):
        for colour in ("triad", "seventh"):
            other = diatonic_chord(key, degree, colour, Draw(0, "relatives"))
            if len({*other.pitch_classes} & {*chord.pitch_classes}) >= 2 and other != chord and other not in found:
                found.append(other)
    return found


def transposed(genome: Genome, semitones: int) -> Genome:
    """The same loop in a key so many semitones up."""

    def up(chord: Chord) -> Chord:
        return Chord((chord.root + semitones) % 12, chord.quality, (chord.bass + semitones) % 12)

    key = Key((genome.key.tonic + semitones) % 12, genome.key.mode)
    return replace(genome, key=key, chords=tuple(replace(span, chord=up(span.chord)) for span in genome.chords))


def fitted(chords: tuple[ChordSpan, ...], meter: Meter, to_meter: Meter, bars: int) -> tuple[ChordSpan, ...]:
    """A progression in another frame: repeated or cut to its bars; in another meter each bar has the chord that its
    own bar began with."""
    if meter != to_meter:
        old, new = float(meter.beats_per_bar), float(to_meter.beats_per_bar)
        old_bars = round((chords[-1].onset_beats + chords[-1].duration_beats) / old)
        heads = [next(s.chord for s in reversed(chords) if s.onset_beats <= bar * old) for bar in range(old_bars)]
        chords = tuple(ChordSpan(bar * new, new, chord) for bar, chord in enumerate(heads))
    end = float(to_meter.beats_per_bar * bars)
    period = chords[-1].onset_beats + chords[-1].duration_beats
    found: list[ChordSpan] = []
    start = 0.0
    while start < end:
        for span in chords:
            onset = start + span.onset_beats
            if onset < end:
                found.append(ChordSpan(onset, min(span.duration_beats, end - onset), span.chord))
        start += period
    return tuple(found)
