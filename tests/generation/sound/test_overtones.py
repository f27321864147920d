"""Partials that are no harmonics: the source has them where the sampler's sound does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from antiphon.domain.overtones import OVERTONES, frequency_modulated, with_stops
from antiphon.domain.score import Note, StemScore
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.sampler.playing import play_stem
from antiphon.generation.sampler.voices import VOICES
from antiphon.generation.sound.source import stem_source

FRAMES = 4 * 44100
#: Two hertz either side of a partial, in bins of the spectra below.
NEAR_BINS = 6


def _power(wave: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power spectrum of a note's middle, without its click."""
    middle = wave[4000:66000]
    return np.asarray(np.abs(np.fft.rfft(middle * np.hanning(middle.size), 131072)) ** 2)


def _covered(timbre: str, pitch: int, own_overtones: bool) -> float:
    """Share of the played note's power that lies where the source has a partial."""
    stem = StemScore(timbre.split("_")[0], timbre, (Note(0.0, 4.0, pitch, 100),))
    played = _power(play_stem(stem, 22050.0, FRAMES, {}, 1))
    offered = maximum_filter1d(_power(stem_source(stem, 8.0, FRAMES, own_overtones=own_overtones)), 2 * NEAR_BINS + 1)
    return float(played[offered > 0.01 * offered.max()].sum() / played.sum())


@pytest.mark.parametrize(
    ("timbre", "before", "after"), [("lead_bell", 0.98, 0.995), ("lead_gong", 0.9, 0.92), ("chords_organ", 0.3, 0.98)]
)
@pytest.mark.parametrize("pitch", [48, 57])
def test_the_source_has_the_partials_that_are_played(timbre: str, before: float, after: float, pitch: int) -> None:
    assert _covered(timbre, pitch, own_overtones=False) < before
    assert _covered(timbre, pitch, own_overtones=True) > after


def test_everything_else_has_harmonics() -> None:
    stem = StemScore("lead", "lead_saw", (Note(0.0, 4.0, 57, 100),))
    plain, own = (stem_source(stem, 8.0, FRAMES, own_overtones=told) for told in (False, True))
    assert np.array_equal(plain, own)
    assert set(OVERTONES) <= set(TIMBRE_INDEX)


def test_sidebands_lie_where_the_voice_is_modulated() -> None:
    assert frequency_modulated(Fraction(2)).orders == (1, 3, 5, 7, 9, 11)
    assert frequency_modulated(Fraction(7, 2)).orders[:4] == (2, 5, 9, 12)
    for timbre, overtones in OVERTONES.items():
        if timbre in VOICES:
            fm = VOICES[timbre].fm
            assert fm is not None
            assert overtones == frequency_modulated(Fraction(str(fm[0])))


def test_stops_stand_beside_harmonics() -> None:
    organ = with_stops(3, Fraction(1, 2), Fraction(3, 2))
    assert (organ.period, organ.orders) == (2, (1, 2, 3, 4, 6))
    assert organ.within(1.5) == (1, 2, 3)
    assert organ.within(0.1) == (1,), "a note above all that is heard has its lowest partial still"
