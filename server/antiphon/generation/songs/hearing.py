"""What a song is heard as: its tempo, beats and first beats of bars, and its key.

Beats by dynamic programming over onset strength (Ellis, "Beat tracking by dynamic programming", 2007), by librosa; a
line through them gives the tempo more finely than the tracker's grid. The key by the correlation of the mean constant-Q
chroma with key profiles (Krumhansl, 1990) after Albrecht and Shanahan ("The use of large corpora to train a new type of
key-finding algorithm", 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import librosa
import numpy as np
from numpy.typing import NDArray

from antiphon.domain.reference import FASTEST_BPM, SLOWEST_BPM
from antiphon.domain.theory import Key
from antiphon.generation.songs.decode import SONG_RATE_HZ

Wave = NDArray[np.float32]
Times = NDArray[np.float64]

#: As much of a song is listened to, from its middle: intros and fades say little.
LISTENED_S = 60.0
_RATE_HZ = 22050
_HOP = 256
_FEWEST_BEATS = 8
#: How much stronger onsets are on the beats than elsewhere, where there is a beat to speak of.
_CLEAR_BEAT = 1.6
#: Beats whose distance from their line is below this were made by a machine; then the line is better than the tracker.
_STEADY_S = 0.025
#: A tempo so near to a whole number (as a share) is taken for it: machines are set to whole numbers.
_WHOLE = 0.002
_CLEAR_KEY = 0.5
_MAJOR = (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081)
_MINOR = (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052)


@dataclass(frozen=True, slots=True)
class Heard:
    """`beats_s` are the beats' times in the whole song, float64; `downbeat` is the index of the first that is likely to
    begin a bar of `beats_per_bar`. `bpm` and `key` are None where there is no telling; then beats_s may be empty."""

    bpm: float | None
    beats_s: Times
    downbeat: int
    key: Key | None


def hear(song: Wave, beats_per_bar: int) -> Heard:
    """Listen to a song, float32 (frames,) at SONG_RATE_HZ."""
    middle, start_s = _middle(song)
    slow = librosa.resample(middle, orig_sr=SONG_RATE_HZ, target_sr=_RATE_HZ, res_type="soxr_qq")
    harmonic, percussive = librosa.effects.hpss(slow)
    bpm, beats_s = find_beats(slow)
    downbeat = _downbeat(percussive, beats_s, beats_per_bar) if bpm else 0
    return Heard(bpm, beats_s + start_s, downbeat, find_key(harmonic))


def _middle(song: Wave) -> tuple[Wave, float]:
    """The middle LISTENED_S of a song, and where they begin."""
    frames = round(LISTENED_S * SONG_RATE_HZ)
    first = max(0, (song.size - frames) // 2)
    return song[first : first + frames], first / SONG_RATE_HZ


def find_beats(slow: Wave) -> tuple[float | None, Times]:
    """Tempo in beats per minute and the beats' times in seconds, of audio at 22050 Hz; None where there is no beat."""
    strength = librosa.onset.onset_strength(y=slow, sr=_RATE_HZ, hop_length=_HOP, aggregate=np.median)
    nothing = (None, np.zeros(0))
    if strength.max() <= 0:
        return nothing
    _, frames = librosa.beat.beat_track(onset_envelope=strength, sr=_RATE_HZ, hop_length=_HOP, trim=False)
    if len(frames) < _FEWEST_BEATS or strength[frames].mean() < _CLEAR_BEAT * strength.mean():
        return nothing
    beats_s = librosa.frames_to_time(frames, sr=_RATE_HZ, hop_length=_HOP).astype(np.float64)
    count = np.arange(beats_s.size)
    period_s, first_s = np.polyfit(count, beats_s, 1)
    line_s = first_s + period_s * count
    steady = float(np.median(np.abs(beats_s - line_s))) < _STEADY_S
    bpm = 60.0 / (period_s if steady else float(np.median(np.diff(beats_s))))
    beats_s = line_s if steady else beats_s
    bpm, beats_s = _folded(bpm, beats_s)
    return (float(round(bpm)) if abs(bpm / round(bpm) - 1.0) < _WHOLE else round(bpm, 2)), beats_s


def _folded(bpm: float, beats_s: Times) -> tuple[float, Times]:
    """Half or double time, where the tempo is outside what is looked for."""
    while bpm > FASTEST_BPM:
        bpm, beats_s = bpm / 2, beats_s[::2]
    while bpm < SLOWEST_BPM:
        between = (beats_s[1:] + beats_s[:-1]) / 2
        bpm, beats_s = bpm * 2, np.sort(np.concatenate([beats_s, between]))
    return bpm, beats_s


def _downbeat(percussive: Wave, beats_s: Times, beats_per_bar: int) -> int:
    """Which of the first beats begins a bar: where the low drums are strongest."""
    bass = librosa.feature.melspectrogram(y=percussive, sr=_RATE_HZ, hop_length=_HOP, n_mels=8, fmax=150.0).sum(0)
    frames = np.clip(librosa.time_to_frames(beats_s, sr=_RATE_HZ, hop_length=_HOP), 0, bass.size - 4)
    on_beat = np.array([bass[frame : frame + 4].max() for frame in frames])
    return int(np.argmax([on_beat[phase::beats_per_bar].mean() for phase in range(min(beats_per_bar, len(frames)))]))


def find_key(harmonic: Wave) -> Key | None:
    """The key of audio at 22050 Hz, major or minor; None where no key fits well."""
    chroma = librosa.feature.chroma_cqt(y=harmonic, sr=_RATE_HZ, norm=None).mean(1)
    if not np.isfinite(chroma).all() or chroma.std() < 1e-6 * max(chroma.max(), 1e-9):
        return None
    fits = {
        (tonic, mode): float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1])
        for tonic in range(12)
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
    }
    tonic, mode = max(fits, key=lambda each: fits[each])
    return Key(tonic, mode) if fits[tonic, mode] >= _CLEAR_KEY else None
