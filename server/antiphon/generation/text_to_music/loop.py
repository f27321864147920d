"""From what a model played to a loop: in tempo, begun on a beat, closed to a circle, of the exact length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pedalboard
import scipy.signal
import torch
from numpy.typing import NDArray

from antiphon.domain.score import Score
from antiphon.errors import BackendFailed
from antiphon.generation.circle_rate import to_exact_length
from antiphon.generation.text_to_music.model import Played
from antiphon.generation.text_to_music.tempo import FASTEST, SLOWEST, Beat, find_beat

#: The end of a loop passes over into what came before its start within this, or within a quarter of a beat.
_OVERLAP_S = 0.12
_EDGE_S = 0.003
_STRETCHING_HZ = 32_000
#: Tempos nearer than this are reached by resampling alone: a shift in pitch of 3 cents that nobody hears.
_SAME_TEMPO = 0.002


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to have played: `bars` at a time, `repeats` of them make the loop."""

    bars: int
    repeats: int
    bar_s: float
    pulse_s: float
    overlap_s: float
    #: What to ask the model for: enough to begin at a bar and to be stretched.
    duration_s: float

    @property
    def length_s(self) -> float:
        return self.bars * self.bar_s

    @property
    def least_s(self) -> float:
        """What is needed at least: the bars, a pulse to find the beat in, and the overlap."""
        return self.length_s + self.pulse_s + self.overlap_s


def plan(score: Score, shortest_s: float, longest_s: float) -> Plan:
    """The longest part of the loop, in whole bars that go into it evenly, that the model can play at once.

    Raises BackendFailed where not even one bar fits.
    """
    bar_s = score.duration_s / score.bars
    beat_s = 60.0 / score.bpm
    overlap_s = min(_OVERLAP_S, 0.25 * beat_s)
    for bars in sorted((n for n in range(1, score.bars + 1) if score.bars % n == 0), reverse=True):
        made = Plan(bars, score.bars // bars, bar_s, score.meter.pulse_beats * beat_s, overlap_s, 0.0)
        if made.least_s <= longest_s:
            wished_s = max(shortest_s, made.length_s / SLOWEST + bar_s + made.pulse_s + overlap_s)
            return Plan(bars, made.repeats, bar_s, made.pulse_s, overlap_s, min(longest_s, wished_s))
    raise BackendFailed(
        f"one bar of {score.meter.name} at {score.bpm:g} bpm takes {bar_s:.1f} s, and this model plays up to "
        f"{longest_s:.1f} s: ask for a faster tempo, a shorter meter or another model"
    )


def close_loop(played: Played, rate_hz: int, made: Plan) -> NDArray[np.float32]:
    """Stretch to the plan's tempo, begin on the beat, and let the end pass over into the start.

    What was played together comes in one array, channel upon channel, and stays together. Returns (channels, frames)
    on a circle of the plan's length, not yet repeated, at a rate that may be higher: the rest is for `to_loop_frames`.
    """
    audio = _softened(played, rate_hz)
    beat = find_beat(audio, rate_hz, made.pulse_s)
    ratio = _possible(beat.ratio, played.shape[1] / rate_hz, made)
    if ratio != beat.ratio:
        beat = Beat(1.0, beat.sound_s, beat.sound_s, False)
    elif abs(ratio - 1.0) > _SAME_TEMPO:
        audio, rate_hz = _stretched(audio, rate_hz, ratio)
        beat = _after_stretching(find_beat(audio, rate_hz, made.pulse_s), beat)
    frames = round(made.length_s / beat.ratio * rate_hz)
    overlap = max(1, round(made.overlap_s * rate_hz))
    first = round(_start(beat.phase_s, audio.shape[1] / rate_hz, made) * rate_hz) - overlap
    # Before the first frame there is silence, and after the last one too.
    padded = np.pad(audio, ((0, 0), (max(0, -first), max(0, first + overlap + frames - audio.shape[1]))))
    return closed(padded[:, max(0, first) : max(0, first) + overlap + frames], overlap)


def closed(cut: NDArray[np.float32], overlap: int) -> NDArray[np.float32]:
    """(channels, overlap + frames), of which the first `overlap` come before the loop: its end passes over into them.

    What starts at the loop's start keeps its attack. The gains keep the power steady, however alike both sides are.
    """
    before, loop = cut[:, :overlap], cut[:, overlap:].copy()
    after = loop[:, -overlap:]
    rising = 0.5 - 0.5 * np.cos(np.pi * (np.arange(overlap) + 0.5) / overlap)
    falling = 1.0 - rising
    alike = _likeness(before, after)
    power = np.sqrt(rising**2 + falling**2 + 2.0 * alike * rising * falling)
    loop[:, -overlap:] = (after * falling + before * rising) / power
    return loop


def to_loop_frames(circle: NDArray[np.float32], repeats: int, frames: int) -> NDArray[np.float32]:
    """The circle repeated, at exactly `frames` frames: resampled as a periodic signal, so without any edge."""
    whole = torch.from_numpy(np.tile(circle, (1, repeats)))
    found: NDArray[np.float32] = np.ascontiguousarray(to_exact_length(whole, frames).numpy(), dtype=np.float32)
    return found


def _possible(ratio: float, duration_s: float, made: Plan) -> float:
    """The ratio, as far as there is enough to be stretched: music that is too slow takes more than its length."""
    enough = made.least_s / duration_s if duration_s > 0.0 else 1.0
    return ratio if SLOWEST <= ratio <= FASTEST and ratio >= enough else 1.0


def _softened(played: Played, rate_hz: int) -> NDArray[np.float32]:
    """Without the click that cut-off music has at either end, where silence may follow or go before."""
    length = min(round(_EDGE_S * rate_hz), played.shape[1] // 2)
    soft = played.copy()
    ramp = ((np.arange(length) + 0.5) / max(1, length)).astype(np.float32)
    soft[:, :length] *= ramp
    soft[:, soft.shape[1] - length :] *= ramp[::-1]
    return soft


def _stretched(audio: Played, rate_hz: int, ratio: float) -> tuple[NDArray[np.float32], int]:
    """Slowed down by `ratio` (above 1 it was too fast) without changing its pitch, by Rubber Band; at the new rate.

    Rubber Band works in steps of some hundred frames: at low rates those are long, so it is given a higher one.
    """
    up = -(-_STRETCHING_HZ // rate_hz)
    if up > 1:
        audio = scipy.signal.resample_poly(audio, up, 1, axis=1).astype(np.float32)
    stretched: NDArray[np.float32] = pedalboard.time_stretch(audio, float(rate_hz * up), stretch_factor=1.0 / ratio)
    return stretched, rate_hz * up


def _after_stretching(heard: Beat, before: Beat) -> Beat:
    """The beat as it is now: the stretcher keeps the length of the whole exactly, and that of a beat within 0.1 %."""
    if heard.certain and abs(heard.ratio - 1.0) <= 5.0 * _SAME_TEMPO:
        return heard
    return Beat(1.0, before.phase_s * before.ratio, before.sound_s * before.ratio, False)


def _start(phase_s: float, duration_s: float, made: Plan) -> float:
    """Where the loop begins: on the first pulse, or a bar later where that gives the end something to pass into."""
    if phase_s < made.overlap_s and phase_s + made.bar_s + made.length_s <= duration_s:
        return phase_s + made.bar_s
    return max(0.0, min(phase_s, duration_s - made.length_s))


def _likeness(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """Correlation, 0 to 1."""
    norm = float(np.linalg.norm(before) * np.linalg.norm(after))
    return min(1.0, max(0.0, float(np.vdot(before, after)) / norm)) if norm > 0.0 else 0.0
