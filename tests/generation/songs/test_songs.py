"""Songs, heard: decoding what is whole and refusing what is not, tempo, beats and key with a known answer."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
import torch
from numpy.typing import NDArray

from antiphon.errors import InvalidRequest, LimitExceeded
from antiphon.generation.songs.decode import SONG_RATE_HZ, Song, read_song
from antiphon.generation.songs.excerpt import Excerpt, cut
from antiphon.generation.songs.hearing import Heard, find_key, hear
from antiphon.generation.songs.mixing import mixed, slerp
from antiphon.generation.songs.picture import picture
from antiphon.generation.sound.spectrum import log_mel_circle

Wave = NDArray[np.float32]


def tone(seconds: float, rate_hz: int = SONG_RATE_HZ, hz: float = 440.0) -> Wave:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def band(bpm: float, beats: int, first_s: float = 0.0) -> Wave:
    """Kicks on one and three, snares on two and four, hats between, and a chord in A minor per bar."""
    rng = np.random.default_rng(1)
    audio = np.zeros(int((first_s + beats * 60 / bpm + 3) * SONG_RATE_HZ), dtype=np.float32)
    time_s = np.arange(int(0.25 * SONG_RATE_HZ)) / SONG_RATE_HZ
    kick = np.sin(2 * np.pi * (50 * time_s + 3 * (1 - np.exp(-time_s * 40)))) * np.exp(-time_s * 12)
    hiss = rng.standard_normal(time_s.size)
    strokes = {0: kick, 1: 0.5 * hiss * np.exp(-time_s * 25)}
    hat = 0.3 * np.diff(hiss, prepend=0) * np.exp(-time_s * 80)
    chords = ([57, 60, 64], [53, 57, 60], [50, 53, 57], [52, 55, 59])
    for beat in range(beats):
        at = int((first_s + beat * 60 / bpm) * SONG_RATE_HZ)
        audio[at : at + time_s.size] += (0.8 if beat % 4 == 0 else 0.6) * strokes[beat % 2].astype(np.float32)
        off = at + int(30 / bpm * SONG_RATE_HZ)
        audio[off : off + time_s.size] += hat.astype(np.float32)
        if beat % 4 == 0:
            length = int(240 / bpm * SONG_RATE_HZ)
            for pitch in chords[beat // 4 % 4]:
                wave = tone(240 / bpm, hz=440 * 2 ** ((pitch - 69) / 12))[:length]
                audio[at : at + wave.size] += 0.3 * wave
    return 0.5 * audio


def read(
    audio: Wave, rate_hz: int = SONG_RATE_HZ, form: str = "WAV", subtype: str | None = None, longest_s: float = 60
) -> Song:
    file = io.BytesIO()
    soundfile.write(file, audio, rate_hz, format=form, subtype=subtype)
    file.seek(0)
    return read_song(file, "song", longest_s)


@pytest.mark.parametrize(
    ("form", "rate_hz"), [("WAV", 44100), ("FLAC", 48000), ("OGG", 22050), ("MP3", 44100), ("AIFF", 8000)]
)
def test_songs_of_many_kinds_are_decoded(form: str, rate_hz: int) -> None:
    song = read(np.stack([tone(2.0, rate_hz)] * 2, axis=1), rate_hz, form)
    assert abs(song.audio.size / SONG_RATE_HZ - 2.0) < 0.1
    assert abs(np.abs(song.audio[20000:60000]).max() - 0.3) < 0.03
    peak = np.abs(np.fft.rfft(song.audio[: 2 * 40000])).argmax() * SONG_RATE_HZ / 80000
    assert abs(peak - 440) < 1


def test_what_is_no_song_is_told() -> None:
    whole = io.BytesIO()
    soundfile.write(whole, tone(3.0), SONG_RATE_HZ, format="WAV")
    flac = io.BytesIO()
    soundfile.write(
        flac, np.random.default_rng(1).standard_normal(90000).astype(np.float32) * 0.1, 44100, format="FLAC"
    )
    float_file = io.BytesIO()
    soundfile.write(float_file, np.full(90000, np.nan, dtype=np.float32), 44100, format="WAV", subtype="FLOAT")
    for content, words in (
        (whole.getvalue()[:-50000], "breaks off"),
        (flac.getvalue()[: len(flac.getvalue()) // 2], "breaks off|decoded"),
        (float_file.getvalue(), "no numbers"),
        (b"RIFF" + bytes(200), "decoded"),
        (b"fLaC" + bytes(200), "decoded"),
        (b"\xff\xfb\x90\x00" + bytes(300), "decoded|lasts"),
        (b"OggS" + b"\x11" * 300, "decoded"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            read_song(io.BytesIO(content), "song", 60)


def test_silence_and_too_little_and_too_much_are_told() -> None:
    with pytest.raises(InvalidRequest, match="silent"):
        read(np.zeros(90000, dtype=np.float32))
    with pytest.raises(InvalidRequest, match="at least"):
        read(tone(0.5))
    # Hours of silence in a small file: refused by what its header says, before anything is decoded.
    with pytest.raises(LimitExceeded, match="reference_s"):
        read(np.zeros(8000 * 120, dtype=np.float32), 8000, "FLAC")


@pytest.mark.parametrize(("bpm", "first_s"), [(124.0, 0.0), (93.4, 0.31)])
def test_tempo_beats_bars_and_key_are_found(bpm: float, first_s: float) -> None:
    heard = hear(band(bpm, 32, first_s), 4)
    assert heard.bpm is not None
    assert abs(heard.bpm / bpm - 1) < 0.002
    assert heard.key is not None
    assert {*heard.key.scale} == {0, 2, 4, 5, 7, 9, 11}
    beats = (heard.beats_s - first_s) * bpm / 60
    assert np.median(np.abs(beats - np.round(beats))) * 60 / bpm < 0.02
    assert round(beats[heard.downbeat]) % 4 == 0


def test_where_there_is_no_beat_and_no_key_there_is_none() -> None:
    noise = 0.1 * np.random.default_rng(2).standard_normal(12 * SONG_RATE_HZ).astype(np.float32)
    heard = hear(noise, 4)
    assert heard.bpm is None
    assert find_key(noise[::2]) is None
    assert hear(tone(12.0), 4).bpm is None


def test_bars_are_cut_on_the_beat_where_the_song_is_loudest() -> None:
    audio = np.concatenate([0.1 * band(120, 16), band(120, 32)])
    start_s = 16 * 0.5 + 1
    heard = Heard(120.0, np.arange(0, 25, 0.5) + 0.0, 0, None)
    excerpt = cut(Song("s", "", audio), heard, 8, 120.0, 4)
    assert excerpt.start_s >= start_s - 2.1
    assert excerpt.start_s % 2 == 0
    assert excerpt.beats_s.size == 9
    total = np.sum([excerpt.parts[stem] for stem in ("drums", "bass", "chords")], axis=0)
    assert abs(float(np.sqrt(np.mean(total**2))) - 0.1) < 0.02


def test_a_short_song_goes_round_and_one_without_beat_has_the_loops() -> None:
    excerpt = cut(Song("s", "", tone(3.0)), Heard(None, np.zeros(0), 0, None), 16, 120.0, 4)
    assert excerpt.beats_s.size == 7
    times = excerpt.at(np.array([0.0, 5.5, 6.0, 6.5]))
    assert times[2] == times[0]
    np.testing.assert_allclose(np.diff(times[[0, 3]]), 0.25, atol=0.01)


def test_a_picture_in_the_songs_own_tempo_is_its_log_mel() -> None:
    time = 172
    audio = band(120.0, 16)[: time * 1024]
    beats_s = np.linspace(0.0, time * 1024 / SONG_RATE_HZ, 9)
    excerpt = Excerpt({"lead": audio}, beats_s, 0.0)
    found = picture(excerpt, "lead", time, 8.0)[0]
    direct = log_mel_circle(torch.from_numpy(audio)[None])[0]
    # All but the frames at the ends, where the one looks round the circle and the other into silence.
    torch.testing.assert_close(found[4:-4], direct[4:-4], atol=0.02, rtol=0.0)


def test_a_picture_is_fitted_to_the_loops_beat() -> None:
    """A song at 100 bpm on a loop at 150: its strokes fall on the loop's beats."""
    heard = Heard(100.0, np.arange(0, 20, 0.6), 0, None)
    excerpt = cut(Song("s", "", band(100.0, 30)), heard, 8, 150.0, 4)
    time = round(8 * 0.4 * SONG_RATE_HZ / 1024)
    low = picture(excerpt, "drums", time, 8.0)[0].exp().sum(1).numpy()
    onsets = np.maximum(0, np.diff(np.log(low + 1e-3), prepend=np.log(low[-1] + 1e-3)))
    beats = np.round(np.arange(8) * 2 * time / 8).astype(int)
    on_beat = np.mean([onsets[np.arange(b - 2, b + 3) % onsets.size].max() for b in beats])
    assert on_beat > 4 * onsets.mean()


def test_noises_are_mixed_by_slerp() -> None:
    rng = np.random.default_rng(3)
    one, other, third = (rng.standard_normal((50, 64)).astype(np.float32) for _ in range(3))
    np.testing.assert_array_equal(mixed([one]), one)
    between = slerp(one, other, 0.5)
    assert abs(float(between.std()) - 1.0) < 0.03
    np.testing.assert_allclose(slerp(one, one, 0.3), one, rtol=1e-5)
    np.testing.assert_allclose(slerp(one, other, 1.0), other, rtol=1e-4, atol=1e-5)
    three = mixed([one, other, third]).ravel()
    likeness = [float(np.corrcoef(three, each.ravel())[0, 1]) for each in (one, other, third)]
    # A third of the angle from the two to the third: sin 30° of it, and of each of the two cos 30° × √½.
    np.testing.assert_allclose(likeness, (0.61, 0.61, 0.5), atol=0.05)
