"""What pitches a stem is expected to have: those that its timbre gives its notes."""

from __future__ import annotations

import pytest

from antiphon.domain.score import Note, Score, StemScore
from antiphon.domain.theory import Key, Meter
from antiphon.generation.sampler.playing import play_stem
from antiphon.rendering.pitches import tonality

NOTES = tuple(Note(beat * 1.0, 1.0, pitch, 100) for beat, pitch in enumerate((57, 60, 64, 59, 62, 65, 69, 64)))
FRAMES_PER_BEAT = 22050


def _match(timbre: str, told: str) -> tuple[float, int]:
    """How well a timbre's sound matches what is expected of another, and how far it seems transposed."""
    stem = StemScore(timbre.split("_")[0], timbre, NOTES)
    wave = play_stem(stem, FRAMES_PER_BEAT, 8 * FRAMES_PER_BEAT, {}, 1)
    score = Score(120.0, Meter(4, 4), 2, Key(9, "minor"), (), 0.0, "test", 1, ())
    found = tonality(wave, StemScore(stem.stem, told, NOTES), score, 44100)
    assert found is not None
    return found.match, found.transposition


@pytest.mark.parametrize("timbre", ["lead_gong", "lead_bell", "chords_organ"])
def test_a_timbre_is_expected_to_sound_as_it_does(timbre: str) -> None:
    match, transposition = _match(timbre, timbre)
    assert match > 0.75
    assert transposition == 0


def test_a_gong_told_as_harmonics_would_seem_out_of_tune() -> None:
    match, transposition = _match("lead_gong", "lead_saw")
    assert match < 0.65
    assert transposition != 0
