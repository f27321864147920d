"""From files to what is played: at the device's rate and the session's tempo, still a circle, in tune, in time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.audition.messages import Play
from antiphon.audition.prepare import prepare_loop, resampled, stretched
from antiphon.audition.tempo_fit import fit_tempo
from antiphon.domain.score import loop_frames
from antiphon.errors import StorageFailed
from tests.audition.loops import Audio, hum, noise, write_stems

RATE = 48000


def order(stems: list[list[str]], bpm: float = 120.0) -> Play:
    return Play("a", bpm, 2, "4/4", stems)


@pytest.mark.parametrize(
    ("loop", "session", "how", "bpm"),
    [
        (120.0, None, "own", 120.0),
        (120.0, 120.0, "own", 120.0),
        (120.0, 120.3, "speed", 120.3),
        (120.0, 124.0, "stretch", 124.0),
        (120.0, 113.0, "stretch", 113.0),
        (120.0, 140.0, "own", 120.0),
        (87.0, 174.0, "own", 87.0),
        (87.0, 170.0, "stretch", 85.0),
        (174.0, 88.0, "stretch", 176.0),
    ],
)
def test_which_tempo_is_played(loop: float, session: float | None, how: str, bpm: float) -> None:
    fit = fit_tempo(loop, session)
    assert (fit.how, fit.bpm) == (how, bpm)


@pytest.mark.parametrize("file_rate", [44100, 48000, 96000])
def test_every_stem_has_the_exact_length_at_the_devices_rate(tmp_path: Path, file_rate: int) -> None:
    stems = write_stems(tmp_path, 1, 93.1, 2, file_rate)
    loop = prepare_loop(order(stems, 93.1), RATE, None, "bar")
    assert loop.audio.shape == (4, loop_frames(8, 93.1, RATE), 2)
    assert loop.stems == ("drums", "bass", "chords", "lead")
    assert loop.marks == (0, round(loop.frames / 2))


def test_at_the_files_own_rate_the_samples_are_the_files(tmp_path: Path) -> None:
    stems = write_stems(tmp_path, 1, 120.0, 2, RATE)
    loop = prepare_loop(order(stems), RATE, 120.0, "bar")
    for audio, (_, path) in zip(loop.audio, stems, strict=True):
        np.testing.assert_array_equal(audio, soundfile.read(path, dtype="float32")[0])


def test_resampling_a_circle_is_exact() -> None:
    frames, longer = 44_100, 48_000
    for hertz in (50.0, 1000.0, 15_000.0):
        made = resampled(hum(frames, 44100, hertz)[None], longer)[0]
        assert np.abs(made - hum(longer, 48000, hertz)).max() < 2e-5


def flat_seam(audio: Audio) -> float:
    """The step where the circle closes, by the greatest step elsewhere."""
    return float(np.abs(audio[0] - audio[-1]).max() / np.abs(np.diff(audio, axis=0)).max())


@pytest.mark.parametrize("ratio", [0.95, 1.03, 1.06])
def test_a_stretched_loop_keeps_its_pitch_and_closes(ratio: float) -> None:
    played = round(96_000 / ratio)
    made = stretched(hum(96_000, RATE, 440.0), played, RATE)
    assert made.shape == (played, 2)
    spectrum = np.abs(np.fft.rfft(made[:, 0] * np.hanning(played)))
    assert np.argmax(spectrum) * RATE / played == pytest.approx(440.0, abs=1.0)
    assert flat_seam(made) <= 1.0


def test_what_is_stretched_stays_on_the_beat() -> None:
    frames, played = 192_000, round(192_000 / 1.04)
    hits = np.zeros((frames, 2), dtype=np.float32)
    burst = noise(2400, 5, 0.3) * np.exp(-np.arange(2400) / 400)[:, None].astype(np.float32)
    for beat in range(8):
        hits[beat * 24_000 : beat * 24_000 + 2400] = burst
    made = stretched(hits, played, RATE)
    for beat in range(8):
        due = round(beat * played / 8)
        near = np.abs(made[(due + np.arange(-2400, 2400)) % played, 0])
        onset = int(np.argmax(near > 0.3 * near.max())) - 2400
        assert abs(onset) < 0.010 * RATE, (beat, onset)


def test_files_that_are_gone_damaged_or_unlike_are_told(tmp_path: Path) -> None:
    stems = write_stems(tmp_path, 1, 120.0, 2, RATE)
    Path(stems[1][1]).unlink()
    with pytest.raises(StorageFailed, match=r"bass\.wav"):
        prepare_loop(order(stems), RATE, None, "bar")
    Path(stems[1][1]).write_bytes(b"RIFF nonsense")
    with pytest.raises(StorageFailed, match=r"bass\.wav"):
        prepare_loop(order(stems), RATE, None, "bar")
    soundfile.write(stems[1][1], noise(100, 1), RATE)
    with pytest.raises(StorageFailed, match="differ in length"):
        prepare_loop(order(stems), RATE, None, "bar")


def test_a_mono_file_is_heard_on_both_sides(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "bass.wav", noise(192_000, 1)[:, 0], RATE)
    loop = prepare_loop(order([["bass", str(tmp_path / "bass.wav")]]), RATE, None, "bar")
    np.testing.assert_array_equal(loop.audio[0, :, 0], loop.audio[0, :, 1])
