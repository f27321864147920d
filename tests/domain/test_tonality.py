"""Keys and chords of notes, where the answer is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from antiphon.domain.score import Note
from antiphon.domain.theory import Key, Meter, parse_chords, parse_key
from antiphon.domain.tonality import find_key, fit_harmony
from antiphon.generation.grammar.harmony import infer_key
from antiphon.generation.styles import get_style

#: Chords and the keys that a listener could tell from them.
PROGRESSIONS = {
    "C F G C": {"C"}, "Am Dm E7 Am": {"Am"}, "Eb Ab Bb Eb": {"Eb"}, "F#m D A E": {"F#m", "A", "E"},
    "Dm7 G7 Cmaj7 Cmaj7": {"C"}, "Gm Cm D7 Gm": {"Gm"}, "B E F# B": {"B"},
}  # fmt: skip


def sounding(progression: str, beats: float = 4.0) -> list[Note]:
    chords = parse_chords(progression)
    return [
        Note(beats * bar, beats, 48 + chord.root + (pitch - chord.root) % 12, 80)
        for bar, chord in enumerate(chords)
        for pitch in chord.pitch_classes
    ]


def fitted(notes: Sequence[Note], bass: Sequence[Note], key: Key, bars: int, chordal: bool = True) -> list[str]:
    spans = fit_harmony(notes, bass, key, Meter(4, 4), bars, chordal)
    assert sum(span.duration_beats for span in spans) == 4.0 * bars
    return [f"{span.chord.name}:{span.duration_beats:g}" for span in spans]


def names(text: str, beats: int = 4) -> list[str]:
    return [f"{chord.name}:{beats}" for chord in parse_chords(text)]


@pytest.mark.parametrize("progression", PROGRESSIONS)
def test_the_key_of_a_progression(progression: str) -> None:
    notes = sounding(progression)
    found = find_key(notes, 16.0)
    assert found in {parse_key(name) for name in PROGRESSIONS[progression]}
    # In every other key it is the same music.
    for up in range(1, 12):
        moved = [Note(n.onset_beats, n.duration_beats, n.pitch + up, n.velocity) for n in notes]
        other = find_key(moved, 16.0)
        assert (other.tonic, other.mode) == ((found.tonic + up) % 12, found.mode)


def test_a_mode_that_is_asked_for_is_kept() -> None:
    dorian = [
        Note(place, 1.0 + (place == 0), pitch, 80) for place, pitch in enumerate((50, 52, 53, 55, 57, 59, 60, 50))
    ]
    assert find_key(dorian, 9.0, "dorian") == parse_key("D dorian")


@pytest.mark.parametrize("progression", [*PROGRESSIONS, "Cmaj7 A7 Dm7 Bm7b5", "Asus4 A Em7 Bdim"])
def test_chords_are_found_again(progression: str) -> None:
    chords = parse_chords(progression)
    bass = [Note(4.0 * bar, 3.0, 36 + chord.root, 90) for bar, chord in enumerate(chords)]
    key = infer_key(chords, get_style("house"))
    assert fitted([*sounding(progression), *bass], bass, key, 4) == names(progression)


def test_a_bass_alone_has_the_keys_own_chords_on_its_roots() -> None:
    bass = [Note(4.0 * bar + beat, 0.8, pitch, 90) for bar, pitch in enumerate((33, 41, 36, 43)) for beat in range(4)]
    assert fitted(bass, bass, parse_key("Am"), 4, chordal=False) == names("Am F C G")


def test_where_nothing_sounds_the_chord_stays() -> None:
    late = [Note(8.0, 4.0, 41, 90), Note(8.0, 4.0, 45, 90), Note(8.0, 4.0, 48, 90)]
    assert fitted(late, (), parse_key("Am"), 4) == names("Am Am F F")


def test_a_bar_with_two_chords_is_parted_and_an_arpeggio_is_not() -> None:
    notes = sounding("Am F C G", beats=2.0)
    assert fitted(notes, (), parse_key("Am"), 2) == names("Am F C G", 2)
    arpeggio = [Note(float(place), 1.0, pitch, 80) for place, pitch in enumerate((57, 60, 64, 69, 53, 57, 60, 65))]
    assert fitted(arpeggio, (), parse_key("Am"), 2) == names("Am F")


def test_a_line_gets_triads_of_its_key() -> None:
    riff = [Note(float(place), 0.9, pitch, 90) for place, pitch in enumerate((40, 43, 45, 47, 52, 50, 47, 45))]
    assert fitted(riff, riff, parse_key("Em"), 2, chordal=False) == names("Em Em")
