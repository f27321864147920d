"""Bars of a song, cut on its beats, and split into what each stem of a loop would play of them.

Harmonic and percussive sound are parted by median filters (Fitzgerald, "Harmonic/percussive separation using median
filtering", 2010), the bass by a crossover. That is no source separation: a voice goes where the chords go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import librosa
import numpy as np
import scipy.signal
from numpy.typing import NDArray

from antiphon.generation.songs.decode import SONG_RATE_HZ, Song
from antiphon.generation.songs.hearing import Heard, Times

Wave = NDArray[np.float32]

#: Below this the harmonic part of a song is its bass.
CROSSOVER_HZ = 200.0
#: The mean power that an excerpt is brought to, about that of the model's stems together.
LEVEL_DBFS = -20.0
#: What is cut off beyond the last beat, so that the spectra at the edges are whole.
_MARGIN_S = 0.1


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some bars. `parts`: float32 (frames,) at SONG_RATE_HZ, by stem; `beats_s`: where in them the beats fall, from the
    first of the bars to the one after the last, float64; `start_s`: where in the song they begin."""

    parts: Mapping[str, Wave]
    beats_s: Times
    start_s: float

    def at(self, beats: Times) -> Times:
        """The times in `parts` at which the song is where a loop is at `beats`; a loop that is longer than the excerpt
        goes through it again."""
        count = self.beats_s.size - 1
        whole = np.floor(beats).astype(np.int64) % count
        times: Times = self.beats_s[whole] + (beats - np.floor(beats)) * np.diff(self.beats_s)[whole]
        return times


def cut(song: Song, heard: Heard, beats: int, bpm: float, beats_per_bar: int) -> Excerpt:
    """The loudest run of `beats` beats of a song that begins on a bar, or as many as it has.

    Where no beat was found, the song's first sound begins the bars, and its time is the loop's, at `bpm`.
    """
    grid_s = heard.beats_s if heard.bpm else _even(song.audio, bpm)
    first = _loudest(song.audio, grid_s, heard.downbeat if heard.bpm else 0, beats, beats_per_bar)
    taken_s = grid_s[first : first + beats + 1]
    begin = max(0, round((taken_s[0] - _MARGIN_S) * SONG_RATE_HZ))
    audio = song.audio[begin : round((taken_s[-1] + _MARGIN_S) * SONG_RATE_HZ)]
    power = float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
    audio = audio * np.float32(10 ** (LEVEL_DBFS / 20) / max(power, 1e-6))
    return Excerpt(split(audio), taken_s - begin / SONG_RATE_HZ, round(float(taken_s[0]), 3))


def split(audio: Wave) -> dict[str, Wave]:
    """What each stem would play of it; chords, lead and texture are not told apart."""
    harmonic, percussive = librosa.effects.hpss(audio, n_fft=4096, hop_length=1024)
    crossover = scipy.signal.butter(4, CROSSOVER_HZ, fs=SONG_RATE_HZ, output="sos")
    bass = scipy.signal.sosfiltfilt(crossover, harmonic).astype(np.float32)
    rest = harmonic - bass
    return {
        "drums": percussive, "percussion": percussive, "bass": bass, "chords": rest, "lead": rest, "texture": rest,
    }  # fmt: skip


def _even(audio: Wave, bpm: float) -> Times:
    """Beats at the loop's own tempo, from the first sound on; at least one."""
    loud = np.flatnonzero(np.abs(audio) > 0.05 * np.abs(audio).max())
    first_s, length_s = loud[0] / SONG_RATE_HZ, audio.size / SONG_RATE_HZ
    count = max(1, int((length_s - first_s) * bpm / 60.0 + 0.05))
    period_s = min(60.0 / bpm, (length_s - first_s) / count)
    grid_s: Times = first_s + period_s * np.arange(count + 1, dtype=np.float64)
    return grid_s


def _loudest(audio: Wave, grid_s: Times, downbeat: int, beats: int, beats_per_bar: int) -> int:
    """The index of the beat at which the loudest run begins, among those that begin a bar; else the first bar."""
    frames = np.clip((grid_s * SONG_RATE_HZ).astype(np.int64), 0, audio.size)
    energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])[frames]
    starts = np.arange(downbeat, grid_s.size - beats, beats_per_bar)
    if starts.size == 0:
        return downbeat if downbeat < grid_s.size - 1 else 0
    return int(starts[np.argmax(energy[starts + beats] - energy[starts])])
