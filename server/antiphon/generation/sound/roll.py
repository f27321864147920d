"""The score, laid out frame by frame on the loop's circle, as the sound model reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.glides import onset_share
from antiphon.domain.score import Score, StemScore, loop_frames
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ

PITCHES = 128
#: Onset strengths and sounding notes, one plane each.
ROLL_CHANNELS = 2 * PITCHES


def circle_latent_frames(score: Score) -> int:
    """Number of latent frames that the loop's circle is divided into: the nearest even number, at least 8.

    The circle of that many frames is later resampled to the exact length, so its own length need only be close: the
    difference (below 1 % for any loop over two seconds) is made good in the pitch of the harmonic source.
    """
    frames = loop_frames(score.beats, score.bpm, MODEL_RATE_HZ) / LATENT_HOP_FRAMES
    return max(8, 2 * round(frames / 2))


def _cover(plane: NDArray[np.float32], pitch: int, start: float, end: float, value: float) -> None:
    """Add `value` × the share of each frame that lies in [start, end), wrapping round the circle."""
    time = plane.shape[0]
    first, last = int(np.floor(start)), int(np.ceil(end))
    frames = np.arange(first, max(last, first + 1))
    share = np.minimum(frames + 1, end) - np.maximum(frames, start)
    np.maximum.at(plane[:, pitch], frames % time, (np.clip(share, 0.0, 1.0) * value).astype(np.float32))


def stem_roll(stem: StemScore, beats: float, time: int) -> NDArray[np.float32]:
    """Roll of one stem: float32 (time, ROLL_CHANNELS).

    The first half holds onsets: a note's velocity (0 to 1) shared between the two frames around its exact position, so
    that the fraction of a frame is not lost; a note that glides in has none, or little. The second half holds what
    sounds: velocity × share of the frame covered.
    """
    roll = np.zeros((time, ROLL_CHANNELS), dtype=np.float32)
    per_beat = time / beats
    for note in stem.notes:
        position = note.onset_beats * per_beat
        # The half frame: an onset in the middle of a frame belongs to that frame alone.
        lower = int(np.floor(position - 0.5))
        fraction = position - 0.5 - lower
        strength = note.velocity / 127.0
        begins = strength * onset_share(note, stem.timbre)
        roll[lower % time, note.pitch] += begins * (1.0 - fraction)
        roll[(lower + 1) % time, note.pitch] += begins * fraction
        duration = min(note.duration_beats * per_beat, float(time))
        _cover(roll[:, PITCHES:], note.pitch, position, position + duration, strength)
    return roll
