"""Keys, chords and meters: the names musicians type, and what they mean in pitch classes and beats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from antiphon.errors import OutOfRange

NOTE_NAMES_SHARP = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
NOTE_NAMES_FLAT = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_LETTER = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_ACCIDENTAL = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}

#: Semitones above the tonic of each scale degree.
MODES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
_MODE_ALIASES = {
    "": "major", "maj": "major", "major": "major", "ionian": "major",
    "m": "minor", "min": "minor", "minor": "minor", "aeolian": "minor",
    "dor": "dorian", "dorian": "dorian", "phr": "phrygian", "phrygian": "phrygian",
    "mix": "mixolydian", "mixolydian": "mixolydian",
}  # fmt: skip

#: Semitones above the root of each chord quality, under the suffix that musicians write.
QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7), "m": (0, 3, 7), "dim": (0, 3, 6), "aug": (0, 4, 8), "sus2": (0, 2, 7), "sus4": (0, 5, 7),
    "5": (0, 7), "6": (0, 4, 7, 9), "m6": (0, 3, 7, 9), "7": (0, 4, 7, 10), "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10), "mMaj7": (0, 3, 7, 11), "m7b5": (0, 3, 6, 10), "dim7": (0, 3, 6, 9),
    "7sus4": (0, 5, 7, 10), "add9": (0, 4, 7, 14), "madd9": (0, 3, 7, 14), "9": (0, 4, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14), "m9": (0, 3, 7, 10, 14), "11": (0, 7, 10, 14, 17), "13": (0, 4, 10, 14, 21),
}  # fmt: skip
_QUALITY_ALIASES = {
    "maj": "", "M": "", "min": "m", "-": "m", "+": "aug", "°": "dim", "o": "dim", "sus": "sus4", "M7": "maj7",
    "Δ": "maj7", "Δ7": "maj7", "min7": "m7", "-7": "m7", "ø": "m7b5", "ø7": "m7b5", "°7": "dim7", "o7": "dim7",
    "M9": "maj9", "min9": "m9", "min6": "m6",
}  # fmt: skip
_NOTE = r"([A-Ga-g])([#♯b♭]?)"


def _pitch_class(letter: str, accidental: str) -> int:
    return (_LETTER[letter.upper()] + _ACCIDENTAL[accidental]) % 12


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic (pitch class, 0 = C) and a mode."""

    tonic: int
    mode: str

    @property
    def scale(self) -> tuple[int, ...]:
        """Pitch classes of the scale, from the tonic up."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    @property
    def flats(self) -> bool:
        """Whether musicians spell this key with flats."""
        relative = (self.tonic - {"minor": 9, "dorian": 2, "phrygian": 4, "mixolydian": 7}.get(self.mode, 0)) % 12
        return relative in (5, 10, 3, 8, 1)

    @property
    def name(self) -> str:
        """As typed and shown: `Am`, `Eb`, `D dorian`."""
        tonic = (NOTE_NAMES_FLAT if self.flats else NOTE_NAMES_SHARP)[self.tonic]
        return tonic + {"major": "", "minor": "m"}.get(self.mode, f" {self.mode}")

    @property
    def file_name(self) -> str:
        """Splice-safe, letters, digits and # only: `Amin`, `D#maj`, `Ddor`."""
        return NOTE_NAMES_SHARP[self.tonic] + self.mode[:3]


@dataclass(frozen=True, slots=True)
class Chord:
    """A root pitch class, a quality of `QUALITIES` and a bass pitch class."""

    root: int
    quality: str
    bass: int

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """Chord tones from the root up, as pitch classes, without the bass of a slash chord."""
        return tuple((self.root + step) % 12 for step in QUALITIES[self.quality])

    @property
    def name(self) -> str:
        """Spelt with sharps, whatever the key: for machines."""
        return self.spelt(flats=False)

    def spelt(self, flats: bool) -> str:
        """As musicians write it in a key with flats (see `Key.flats`) or without: `Bbmaj7`, `C/E`."""
        names = NOTE_NAMES_FLAT if flats else NOTE_NAMES_SHARP
        slash = "" if self.bass == self.root else "/" + names[self.bass]
        return names[self.root] + self.quality + slash


@dataclass(frozen=True, slots=True)
class Meter:
    """A time signature."""

    numerator: int
    denominator: int

    @property
    def beats_per_bar(self) -> Fraction:
        """Quarter notes in a bar: 6/8 has 3."""
        return Fraction(self.numerator * 4, self.denominator)

    @property
    def pulse_beats(self) -> float:
        """Length in beats of the pulse people tap: a dotted quarter in 6/8 and 12/8, else the denominator's note."""
        return 1.5 if self.denominator == 8 and self.numerator % 3 == 0 else 4.0 / self.denominator

    @property
    def name(self) -> str:
        return f"{self.numerator}/{self.denominator}"


def parse_key(text: str) -> Key:
    """Read a key such as `Am`, `F#`, `Bb minor`, `D dorian`. Raises OutOfRange that says how keys are written."""
    match = re.fullmatch(_NOTE + r"[\s_-]*([A-Za-z]*)", text.strip())
    if match:
        suffix = match[3]
        mode = "major" if suffix == "M" else _MODE_ALIASES.get(suffix.lower())
        if mode is not None:
            return Key(_pitch_class(match[1], match[2]), mode)
    raise OutOfRange(
        f"there is no key {text[:40]!r}: write a note and a mode, as Am, F#, Bb minor or D dorian "
        f"(modes: {', '.join(MODES)})"
    )


def parse_chord(text: str) -> Chord:
    """Read a chord such as `Am7`, `F#maj7`, `C/E`. Raises OutOfRange that names the qualities known."""
    match = re.fullmatch(_NOTE + r"([^/]*)(?:/" + _NOTE + r")?", text.strip())
    if match:
        quality = _QUALITY_ALIASES.get(match[3], match[3])
        if quality in QUALITIES:
            root = _pitch_class(match[1], match[2])
            return Chord(root, quality, _pitch_class(match[4], match[5]) if match[4] else root)
    raise OutOfRange(
        f"there is no chord {text[:40]!r}: write a root and a quality, as Am7, F#maj7 or C/E "
        f"(qualities: {', '.join(q for q in QUALITIES if q)})"
    )


def parse_chords(text: str) -> tuple[Chord, ...]:
    """Read a progression, one chord per bar: `Am F C G`, separated by spaces, commas or bars (`|`)."""
    words = [word for word in re.split(r"[\s,|]+", text.strip()) if word]
    if not words:
        raise OutOfRange("chords is empty: write one chord per bar, as 'Am F C G'")
    return tuple(parse_chord(word) for word in words)


#: The meters that loops are made in.
METERS = ("3/4", "4/4", "5/4", "6/8", "7/8", "12/8")


def parse_meter(text: str) -> Meter:
    """Read `4/4`, `3/4`, `6/8`. Raises OutOfRange."""
    match = re.fullmatch(r"(\d{1,2})\s*/\s*(\d{1,2})", text.strip())
    if match:
        meter = Meter(int(match[1]), int(match[2]))
        if meter.name in METERS:
            return meter
    raise OutOfRange(f"there is no meter {text[:20]!r} here: use 3/4, 4/4, 5/4, 6/8, 7/8 or 12/8")
