"""Keys and chords of notes, where the answer is known."""

from __future__ import annotations

import pytest

from antiphon.domain.score import Note
from antiphon.domain.theory import parse_chords, parse_key
from antiphon.domain.tonality import durations, find_key, fit_chords
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
        Note(beats * bar, beats, 48 + pitch, 80)
        for bar, chord in enumerate(chords)
        for pitch in {chord.bass, *chord.pitch_classes}
    ]


@pytest.mark.parametrize("progression", PROGRESSIONS)
def test_the_key_of_a_progression(progression: str) -> None:
    notes = sounding(progression)
    found = find_key(durations(notes, 0.0, 16.0))
    assert found in {parse_key(name) for name in PROGRESSIONS[progression]}
    # In every other key it is the same music.
    for up in range(1, 12):
        moved = [Note(n.onset_beats, n.duration_beats, n.pitch + up, n.velocity) for n in notes]
        other = find_key(durations(moved, 0.0, 16.0))
        assert (other.tonic, other.mode) == ((found.tonic + up) % 12, found.mode)


def test_a_mode_that_is_asked_for_is_kept() -> None:
    dorian = [
        Note(place, 1.0 + (place == 0), pitch, 80) for place, pitch in enumerate((50, 52, 53, 55, 57, 59, 60, 50))
    ]
    assert find_key(durations(dorian, 0.0, 9.0), "dorian") == parse_key("D dorian")


@pytest.mark.parametrize("progression", [*PROGRESSIONS, "Cmaj7 A7 Dm7 Bm7b5", "Asus4 A Em7 Bdim"])
def test_chords_are_found_again(progression: str) -> None:
    chords = parse_chords(progression)
    bass = [Note(4.0 * bar, 3.0, 36 + chord.root, 90) for bar, chord in enumerate(chords)]
    key = infer_key(chords, get_style("house"))
    assert fit_chords([*sounding(progression), *bass], bass, key, 4, 4.0) == chords


def test_a_bass_alone_has_the_keys_own_chords_on_its_roots() -> None:
    bass = [Note(4.0 * bar + beat, 0.8, pitch, 90) for bar, pitch in enumerate((33, 41, 36, 43)) for beat in range(4)]
    assert fit_chords(bass, bass, parse_key("Am"), 4, 4.0) == parse_chords("Am F C G")


def test_where_nothing_sounds_the_chord_stays() -> None:
    late = [Note(8.0, 4.0, 41, 90), Note(8.0, 4.0, 45, 90), Note(8.0, 4.0, 48, 90)]
    assert fit_chords(late, (), parse_key("Am"), 4, 4.0) == parse_chords("Am Am F F")
