"""Nothing of a note is heard before its onset; what sounded already goes on, and what follows is left as it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.domain.score import Note, StemScore
from antiphon.generation.sound.pre_echo import onset_frames, stems_without_pre_echo, without_pre_echo
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ

Wave = NDArray[np.float32]
FRAMES = 48 * 1024
ONSET = 20_000


def _tone(hz: float) -> Wave:
    """A tone that goes round the circle a whole number of times."""
    turns = round(hz * FRAMES / MODEL_RATE_HZ)
    return np.asarray(0.2 * np.sin(2 * np.pi * turns * np.arange(FRAMES) / FRAMES), dtype=np.float32)


def _smeared_note(wave: Wave, onset: int = ONSET) -> Wave:
    """`wave` from an onset on, dying away, with what a decoder puts before it: 25 ms that rise to a third of it."""
    time = (np.arange(FRAMES) - onset) / MODEL_RATE_HZ
    envelope = np.where(time >= 0, np.exp(-time / 0.2), 0.33 * np.clip(1 + time / 0.025, 0, 1) ** 2)
    return np.asarray(wave * envelope, dtype=np.float32)


def _level_db(wave: Wave, first: int, count: int) -> float:
    return float(10 * np.log10(np.mean(np.square(wave[first : first + count], dtype=np.float64)) + 1e-12))


def _at_hz(wave: Wave, hz: float, first: int, count: int) -> float:
    """Level of a pitch in a piece of the wave, in dB."""
    turn = np.exp(-2j * np.pi * hz * np.arange(count) / MODEL_RATE_HZ) * np.hanning(count)
    return float(20 * np.log10(abs(np.sum(wave[first : first + count] * turn)) + 1e-9))


@pytest.mark.parametrize("hz", [55.0, 440.0, 5000.0])
def test_what_is_smeared_before_an_onset_goes_and_what_follows_stays(hz: float) -> None:
    smeared = _smeared_note(_tone(hz))
    made = without_pre_echo(smeared, np.array([ONSET]))
    assert made.dtype == np.float32
    assert _level_db(made, ONSET - 900, 850) < _level_db(smeared, ONSET - 900, 850) - 20.0
    after = slice(ONSET + 24, FRAMES)
    np.testing.assert_allclose(made[after], smeared[after], atol=1e-6)


def test_what_sounds_already_goes_on_until_the_onset() -> None:
    """A held tone, and a note that begins beside it: only the note's share goes."""
    held, note = _tone(220.0), _smeared_note(_tone(1470.0))
    made = without_pre_echo(held + note, np.array([ONSET]))
    before = (ONSET - 1000, 960)
    assert _at_hz(made, 220.0, *before) == pytest.approx(_at_hz(held, 220.0, *before), abs=0.3)
    assert _at_hz(made, 1470.0, *before) < _at_hz(held + note, 1470.0, *before) - 12.0


def test_where_nothing_new_begins_nothing_changes() -> None:
    """A note that is tied over, or a rest in which the score has a ghost."""
    for wave in (_tone(110.0) + _tone(660.0), np.zeros(FRAMES, dtype=np.float32)):
        np.testing.assert_allclose(without_pre_echo(wave, np.array([ONSET])), wave, atol=1e-5)


def test_the_circle_has_no_seam_and_the_change_no_click() -> None:
    smeared = _smeared_note(_tone(440.0) + _tone(3100.0))
    made = without_pre_echo(smeared, np.array([ONSET]))
    for onset in (0, 300, FRAMES - 10):
        turned = without_pre_echo(np.roll(smeared, onset - ONSET), np.array([onset]))
        np.testing.assert_allclose(turned, np.roll(made, onset - ONSET), atol=1e-6)
    change = made - smeared
    assert np.abs(np.diff(change)).max() <= 1.5 * np.abs(np.diff(smeared)).max()


def test_notes_close_behind_each_other_are_not_cut_apart() -> None:
    """The first stroke of a flam is not taken for the second one's shadow."""
    first, second = ONSET, ONSET + round(0.03 * MODEL_RATE_HZ)
    flam = _smeared_note(_tone(440.0), first) + _smeared_note(_tone(900.0), second)
    made = without_pre_echo(flam, np.array([first, second]))
    np.testing.assert_array_equal(made, without_pre_echo(flam, np.array([first])))
    assert _level_db(made, first + 100, second - first - 100) == pytest.approx(
        _level_db(flam, first + 100, second - first - 100), abs=0.01
    )


def test_each_stem_by_its_own_notes_and_textures_not_at_all() -> None:
    beats, at = 4.0, ONSET / FRAMES * 4.0
    stems = [
        StemScore("bass", "bass_sub", (Note(at, 1.0, 36, 100), Note(at, 1.0, 43, 90))),
        StemScore("lead", "lead_pluck", ()),
        StemScore("texture", "texture_air", (Note(at, 1.0, 36, 100),)),
    ]
    assert onset_frames(stems[0], beats, FRAMES).tolist() == [ONSET]
    smeared = _smeared_note(_tone(440.0))
    made = stems_without_pre_echo(np.stack([smeared] * 3), stems, beats)
    np.testing.assert_array_equal(made[0], without_pre_echo(smeared, np.array([ONSET])))
    np.testing.assert_array_equal(made[1:], np.stack([smeared] * 2))
