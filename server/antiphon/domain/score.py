"""A score: exactly what is to be played, before it has any sound.

Time is counted in beats, and one beat is one quarter note in every meter, as DAWs count their tempo: a bar of 6/8 is
three beats long. Beat 0 is the loop's start. A loop lies on a circle: a note may start before the end and ring on over
the loop's start.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from antiphon.domain.theory import Chord, Key, Meter

#: The stems that a loop can have, in the order in which they are delivered.
STEMS = ("drums", "percussion", "bass", "chords", "lead", "texture")
#: Those that a loop has where nobody says otherwise; a style that is asked for by name may add to them.
CORE_STEMS = ("drums", "bass", "chords", "lead")
#: Those whose pitches are drums, not tones.
STRUCK_STEMS = ("drums", "percussion")
#: Those that sound one note at a time, so that a note can glide to the next.
ONE_VOICE = ("bass", "lead")

#: Drum pitches (General MIDI percussion map) that scores use; the sound model hears the same numbers.
DRUM_PITCHES = {
    "kick": 36, "rim": 37, "snare": 38, "clap": 39, "closed_hat": 42, "pedal_hat": 44, "low_tom": 45,
    "open_hat": 46, "mid_tom": 47, "crash": 49, "high_tom": 50, "ride": 51, "shaker": 70, "conga": 63, "cowbell": 56,
}  # fmt: skip

#: The same for the percussion stem.
PERCUSSION_PITCHES = {
    "tambourine": 54, "high_bongo": 60, "low_bongo": 61, "muted_conga": 62, "conga": 63, "low_conga": 64, "timbale": 65,
    "agogo": 67, "cabasa": 69, "shaker": 70, "guiro": 73, "claves": 75, "woodblock": 76, "triangle": 81,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """One note. `pitch` is a MIDI note number (drums: General MIDI percussion), `velocity` 1 to 127.

    A note that glides is not struck: it comes in from the pitch of the note before it in its one-voice stem, which is
    held until then. The loop's first note is always struck.
    """

    onset_beats: float
    duration_beats: float
    pitch: int
    velocity: int
    glide: bool = False


@dataclass(frozen=True, slots=True)
class StemScore:
    """The notes of one stem in order of onset, the timbre that shall play them (a name in `timbres.TIMBRES`), and what
    else shall be true of its sound (`timbres.COLOURS`)."""

    stem: str
    timbre: str
    notes: tuple[Note, ...]
    colours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """A chord and where it sounds."""

    onset_beats: float
    duration_beats: float
    chord: Chord


@dataclass(frozen=True, slots=True)
class Score:
    """A loop as music: tempo, meter, key, harmony, the notes of every stem. `swing` is 0 (straight) to 1 (triplet)."""

    bpm: float
    meter: Meter
    bars: int
    key: Key
    chords: tuple[ChordSpan, ...]
    swing: float
    style: str
    seed: int
    stems: tuple[StemScore, ...]

    @property
    def beats(self) -> Fraction:
        """Length of the loop in beats (quarter notes)."""
        return self.meter.beats_per_bar * self.bars

    @property
    def duration_s(self) -> float:
        return float(self.beats) * 60.0 / self.bpm

    def stem(self, name: str) -> StemScore:
        return next(s for s in self.stems if s.stem == name)


def loop_frames(beats: Fraction, bpm: float, sample_rate: int) -> int:
    """The exact number of sample frames of a loop: round(beats × 60 / bpm × rate), ties to even as Python rounds.

    Computed in rationals, so that no intermediate float can move a tie.
    """
    return round(beats * 60 * sample_rate / Fraction(bpm))
