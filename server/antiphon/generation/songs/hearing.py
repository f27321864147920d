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
Strength = NDArray[np.float32]

#: As much of a song is listened to, from its middle: intros and fades say little.
LISTENED_S = 60.0
_RATE_HZ = 22050
_HOP = 256
_FEWEST_BEATS = 8
_FRAME_S = _HOP / _RATE_HZ
#: Correlation of a rhythm with itself some beats later, where there is a beat to speak of.
_CLEAR_BEAT = 0.25
#: How much stronger low strokes are between the tracked beats than on them, where the tracker took the off-beats.
_OFF_BEAT = 1.5
#: As far as this a line of beats is moved to lie on the onsets.
_NEAR_S = 0.06
#: Beats whose distance from their line is below this were made by a machine; then the line is better than the tracker.
_STEADY_S = 0.025
#: A tempo so near to a whole number (as a share) is taken for it: machines are set to whole numbers.
_WHOLE = 0.002
_CLEAR_KEY = 0.5
#: Where tempos are looked for first, how far around, in octaves, and over how long a rhythm is compared with itself.
_USUAL_BPM, _USUAL_OCTAVES = 100.0, 0.8
_RHYTHM_S = 8.0
#: C2 to C7: kick drums below and hiss above have no key.
_LOWEST_HZ = 65.406
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
    slow = librosa.resample(middle, orig_sr=SONG_RATE_HZ, target_sr=_RATE_HZ, res_type="soxr_hq")
    bpm, beats_s = find_beats(slow)
    downbeat = _downbeat(slow, beats_s, beats_per_bar) if bpm else 0
    return Heard(bpm, beats_s + start_s, downbeat, find_key(slow))


def _middle(song: Wave) -> tuple[Wave, float]:
    """The middle LISTENED_S of a song, and where they begin."""
    frames = round(LISTENED_S * SONG_RATE_HZ)
    first = max(0, (song.size - frames) // 2)
    return song[first : first + frames], first / SONG_RATE_HZ


def find_beats(slow: Wave) -> tuple[float | None, Times]:
    """Tempo in beats per minute and the beats' times in seconds, of audio at 22050 Hz; None where there is no beat."""
    strength = librosa.onset.onset_strength(y=slow, sr=_RATE_HZ, hop_length=_HOP)
    if strength.size * _FRAME_S < _RHYTHM_S or strength.std() == 0:
        return None, np.zeros(0)
    _, frames = librosa.beat.beat_track(
        onset_envelope=strength, sr=_RATE_HZ, hop_length=_HOP, bpm=_likely_bpm(strength), trim=False
    )
    if len(frames) < _FEWEST_BEATS:
        return None, np.zeros(0)
    tracked_s = frames * _FRAME_S
    period_s, first_s = np.polyfit(np.arange(frames.size), tracked_s, 1)
    if _repeats(strength, period_s) < _CLEAR_BEAT:
        return None, np.zeros(0)
    line_s = first_s + period_s * np.arange(frames.size)
    if float(np.median(np.abs(tracked_s - line_s))) < _STEADY_S:
        bpm, beats_s = 60.0 / period_s, _in_phase(line_s, strength, _low_onsets(slow))
    else:
        bpm, beats_s = 60.0 / float(np.median(np.diff(tracked_s))), tracked_s
    bpm, beats_s = _folded(bpm, beats_s)
    return (float(round(bpm)) if abs(bpm / round(bpm) - 1.0) < _WHOLE else round(bpm, 2)), beats_s


def _likely_bpm(strength: Strength) -> float:
    """The tempo at which the rhythm repeats after one, two and four beats: after one alone, two thirds of the tempo and
    half of it do as well. Tempos far from usual ones need to repeat more clearly."""
    window = round(_RHYTHM_S / _FRAME_S)
    repeats = librosa.feature.tempogram(onset_envelope=strength, sr=_RATE_HZ, hop_length=_HOP, win_length=window).mean(
        1
    )
    bpm = np.geomspace(SLOWEST_BPM, FASTEST_BPM, 600)
    lags = [_values(repeats, beats * 60.0 / bpm) for beats in (1, 2, 4)]
    usual = ((np.log2(bpm) - np.log2(_USUAL_BPM)) / _USUAL_OCTAVES) ** 2
    return float(bpm[np.argmax(np.log(np.maximum(np.mean(lags, axis=0), 1e-9)) - 0.5 * usual)])


def _low_onsets(slow: Wave) -> Strength:
    """Onset strength of what lies below 150 Hz: kick drums and bass notes."""
    strength: Strength = librosa.onset.onset_strength(
        y=slow, sr=_RATE_HZ, hop_length=_HOP, feature=librosa.feature.melspectrogram, n_mels=6, fmax=150.0
    )
    return strength


def _repeats(strength: Strength, period_s: float) -> float:
    """How like itself the rhythm is some beats later, -1 to 1: the best of one, two and four beats."""
    lags = [round(beats * period_s / _FRAME_S) for beats in (1, 2, 4)]
    alike = [float(np.corrcoef(strength[:-lag], strength[lag:])[0, 1]) for lag in lags if lag < strength.size // 2]
    return max(alike, default=0.0) if strength.std() > 0 else 0.0


def _values(curve: Strength, times_s: Times) -> Times:
    """A curve of one value per hop, at some times."""
    values: Times = np.interp(times_s / _FRAME_S, np.arange(curve.size), curve)
    return values


def _at(strength: Strength, times_s: Times) -> float:
    """Mean onset strength at some times."""
    return float(_values(strength, times_s).mean())


def _in_phase(line_s: Times, strength: Strength, low: Strength) -> Times:
    """The line of beats moved onto the stroke: by half a beat where the low drums are between its beats (off-beat hats
    deceive trackers), then by as little as brings it to the onsets."""
    period_s = float(line_s[1] - line_s[0])
    near_s = np.arange(-_NEAR_S, _NEAR_S, _FRAME_S / 2)
    on, between = (max(_at(low, line_s + shift + delta) for delta in near_s) for shift in (0.0, period_s / 2))
    if between > _OFF_BEAT * on:
        line_s = line_s + period_s / 2
    both = strength / max(float(strength.mean()), 1e-9) + low / max(float(low.mean()), 1e-9)
    moved_s: Times = line_s + near_s[int(np.argmax([_at(both, line_s + delta) for delta in near_s]))]
    return moved_s[moved_s >= 0.0]


def _folded(bpm: float, beats_s: Times) -> tuple[float, Times]:
    """Half or double time, where the tempo is outside what is looked for."""
    while bpm > FASTEST_BPM:
        bpm, beats_s = bpm / 2, beats_s[::2]
    while bpm < SLOWEST_BPM:
        between = (beats_s[1:] + beats_s[:-1]) / 2
        bpm, beats_s = bpm * 2, np.sort(np.concatenate([beats_s, between]))
    return bpm, beats_s


def _downbeat(slow: Wave, beats_s: Times, beats_per_bar: int) -> int:
    """Which of the first beats begins a bar: where there is most power below 150 Hz just after the stroke."""
    power = librosa.feature.melspectrogram(y=slow, sr=_RATE_HZ, hop_length=_HOP, n_mels=6, fmax=150.0).sum(0)
    after_s = np.arange(4) * _FRAME_S
    on_beat = np.mean([_values(power, beats_s + delta) for delta in after_s], axis=0)
    phases = range(min(beats_per_bar, beats_s.size))
    return int(np.argmax([on_beat[phase::beats_per_bar].mean() for phase in phases]))


def find_key(slow: Wave) -> Key | None:
    """The key of audio at 22050 Hz, major or minor; None where no key fits well."""
    chroma = librosa.feature.chroma_cqt(
        y=slow, sr=_RATE_HZ, norm=None, hop_length=2048, fmin=_LOWEST_HZ, n_octaves=5
    ).mean(1)
    if not np.isfinite(chroma).all() or chroma.std() < 1e-6 * max(chroma.max(), 1e-9):
        return None
    fits = {
        (tonic, mode): float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1])
        for tonic in range(12)
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
    }
    tonic, mode = max(fits, key=lambda each: fits[each])
    return Key(tonic, mode) if fits[tonic, mode] >= _CLEAR_KEY else None
