"""Keys, chords, meters and exact lengths: what musicians type is understood, and nothing else."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.score import loop_frames
from antiphon.domain.theory import MODES, QUALITIES, Chord, Key, parse_chord, parse_chords, parse_key, parse_meter
from antiphon.errors import OutOfRange


@pytest.mark.parametrize(
    ("text", "tonic", "mode"),
    [
        ("Am", 9, "minor"), ("A", 9, "major"), ("F#", 6, "major"), ("Bb minor", 10, "minor"), ("d dorian", 2, "dorian"),
        ("C M", 0, "major"), ("Ebmaj", 3, "major"), ("G_mixolydian", 7, "mixolydian"), ("B♭min", 10, "minor"),
    ],
)  # fmt: skip
def test_keys_as_musicians_write_them(text: str, tonic: int, mode: str) -> None:
    assert parse_key(text) == Key(tonic, mode)


@given(st.integers(0, 11), st.sampled_from(sorted(MODES)))
def test_a_keys_name_is_read_back(tonic: int, mode: str) -> None:
    key = Key(tonic, mode)
    assert parse_key(key.name) == key
    assert len(set(key.scale)) == 7


@given(st.integers(0, 11), st.sampled_from(sorted(QUALITIES)), st.integers(0, 11), st.booleans())
def test_a_chords_name_is_read_back(root: int, quality: str, bass: int, flats: bool) -> None:
    chord = Chord(root, quality, bass)
    assert parse_chord(chord.name) == chord
    assert parse_chord(chord.spelt(flats)) == chord


def test_chords_are_spelt_as_their_key_is() -> None:
    chord = parse_chord("A#maj7")
    assert chord.spelt(parse_key("Dm").flats) == "Bbmaj7"
    assert chord.spelt(parse_key("E").flats) == "A#maj7"


def test_a_progression_may_be_parted_by_spaces_commas_or_bars() -> None:
    names = [chord.name for chord in parse_chords("Am, F | C  G/B")]
    assert names == ["Am", "F", "C", "G/B"]


@pytest.mark.parametrize("text", ["", "H", "Am major", "A##", "Xyz", "A" * 500, "Cmaj7"])
def test_what_is_no_key_is_told_how_keys_are_written(text: str) -> None:
    with pytest.raises(OutOfRange, match="as Am"):
        parse_key(text)


@pytest.mark.parametrize("text", ["", "H7", "Amm", "C/", "C/H", "/C", "C//E"])
def test_what_is_no_chord_is_told(text: str) -> None:
    with pytest.raises(OutOfRange):
        parse_chords(text)


@pytest.mark.parametrize(
    ("text", "beats", "pulse"), [("4/4", 4, 1.0), ("3/4", 3, 1.0), ("6/8", 3, 1.5), ("7/8", 3.5, 0.5)]
)
def test_a_beat_is_a_quarter_in_every_meter(text: str, beats: float, pulse: float) -> None:
    meter = parse_meter(text)
    assert float(meter.beats_per_bar) == beats
    assert meter.pulse_beats == pulse


@pytest.mark.parametrize("text", ["4", "0/4", "4/0", "17/16", "4/4/4", "a/b", "-3/4"])
def test_other_meters_are_refused(text: str) -> None:
    with pytest.raises(OutOfRange, match="3/4"):
        parse_meter(text)


def test_lengths_are_exact() -> None:
    assert loop_frames(Fraction(16), 93.0, 44100) == 455226
    assert loop_frames(Fraction(1), 120.0, 44101) == 22050, "ties go to the even frame"
    assert loop_frames(Fraction(3), 1e-3, 96000) == 3 * 60 * 96000 * 1000
