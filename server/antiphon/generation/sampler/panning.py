"""Where the strokes of drums and percussion stand: each instrument at its place, as a kit is heard from in front of it.

The left side is mid − side and the right mid + side, so that in mono a stem is what it was without places: a pan law of
−6 dB in the middle, which is what a mono sum needs (constant power would lift what stands at the sides by up to 3 dB).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import DRUM_PITCHES, PERCUSSION_PITCHES, Note, StemScore
from antiphon.generation.sampler.playing import NO_COLOURS, headroom, in_colours, level, play, play_stem

#: From −1 (left) to 1 (right); what is not named stands in the middle, as kick, snare, clap and rim do.
_KIT = {
    "closed_hat": 0.35, "pedal_hat": 0.35, "open_hat": 0.35, "ride": -0.45, "crash": -0.4, "high_tom": 0.3,
    "mid_tom": -0.1, "low_tom": -0.45, "shaker": -0.5, "conga": 0.4, "cowbell": -0.35,
}  # fmt: skip
_PERCUSSION = {
    "tambourine": 0.6, "high_bongo": 0.25, "low_bongo": 0.5, "muted_conga": -0.3, "conga": -0.4, "low_conga": -0.6,
    "timbale": 0.45, "agogo": -0.55, "cabasa": 0.6, "shaker": -0.6, "guiro": 0.5, "claves": 0.65, "woodblock": -0.65,
    "triangle": 0.7,
}  # fmt: skip
PLACES = MappingProxyType({
    "drums": {DRUM_PITCHES[name]: place for name, place in _KIT.items()},
    "percussion": {PERCUSSION_PITCHES[name]: place for name, place in _PERCUSSION.items()},
})  # fmt: skip


def play_placed(
    stem: StemScore,
    width: float,
    frames_per_beat: float,
    circle_frames: int,
    colours: Mapping[str, float] = NO_COLOURS,
    seed: int = 0,
) -> NDArray[np.float32]:
    """A struck stem with every instrument at its place, float32 (2, circle_frames), or (1, circle_frames) where all
    stand in the middle. Its mean is what `play_stem` plays (in colours nearly: some bend what is played together).

    `width`, 0 to 1, says how far apart the places lie. Raises BackendFailed for a timbre that has no sound here.
    """
    at: dict[float, list[Note]] = {}
    for note in stem.notes:
        at.setdefault(PLACES[stem.stem].get(note.pitch, 0.0), []).append(note)
    if not width or not at.keys() - {0.0}:
        return play_stem(stem, frames_per_beat, circle_frames, colours, seed)[None]
    gain = np.float32(level(stem.stem, stem.timbre))
    mono = play(stem.timbre, stem.notes, frames_per_beat, circle_frames) * gain
    side = np.zeros(circle_frames, dtype=np.float32)
    for place in sorted(at.keys() - {0.0}):
        side += np.float32(width * place) * gain * play(stem.timbre, tuple(at[place]), frames_per_beat, circle_frames)
    sides = np.stack([in_colours(each, stem, frames_per_beat, colours, seed) for each in (mono - side, mono + side)])
    return sides * headroom(sides.mean(axis=0))
