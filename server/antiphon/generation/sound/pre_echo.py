"""No note sounds before it begins: what the decoder smears in front of an onset is taken away.

A frame of the picture lasts 46 ms, so the decoder spreads an attack over the 20 to 40 ms before it, as transform
codecs do (pre-echo: Bosi and Goldberg, "Introduction to Digital Audio Coding and Standards", 2003). Codecs know no
score; we know every onset to the sample. What sounded well before an onset may go on until it. What is there only after
it belongs to the new note, and has no business before it: bin by bin it is told apart by its level on both sides.
Nothing after the onset is touched, so a slow attack stays slow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from antiphon.domain.glides import struck_notes
from antiphon.domain.score import StemScore
from antiphon.generation.sound.source import add_on_circle
from antiphon.generation.sound.spectrum import MODEL_RATE_HZ

Wave = NDArray[np.float32]

#: Window by which bins are told apart: long enough for the harmonics of a bass.
_WINDOW_FRAMES = 2048
#: Centres of the windows in which the old and the new are heard, from the onset: clear of the smear, and of the attack.
_OLD_FRAMES, _NEW_FRAMES = -1700, 900
#: The piece of sound that is filtered, its middle before the onset, and how much of each end fades.
_PIECE_FRAMES, _PIECE_CENTRE, _PIECE_FADE = 4096, -600, 1024
#: From here on only what is old sounds, coming in over so many frames.
_REACH_FRAMES, _RISE_FRAMES = 1200, 400
#: The new note comes in over a millisecond, half of it before its onset: colours that sway move it by as much.
_OPEN_FRAMES = 48
#: A bin is left whole until the new lies so much over the old: levels are measured 60 ms apart, and tails fall.
_SPARED = 8.0
#: Onsets closer than this to one before them are left alone: what the other note sounds like can't be heard apart.
_CLOSE_FRAMES = round(0.06 * MODEL_RATE_HZ)
#: Power of a bin that nobody hears: a sine at -110 dBFS.
_SILENCE = 1e-5


def onset_frames(stem: StemScore, beats: float, frames: int) -> NDArray[np.int64]:
    """Where notes are struck on a circle of `frames`, in order, without doubles: int64 (onsets,)."""
    places = {round(note.onset_beats * frames / beats) % frames for note in struck_notes(stem)}
    return np.array(sorted(places), dtype=np.int64)


def without_pre_echo(wave: Wave, onsets: NDArray[np.int64]) -> Wave:
    """A stem with nothing of a note before its onset.

    wave: float32 (frames,), periodic, at MODEL_RATE_HZ; onsets: see `onset_frames`. Returns float32 like wave.
    """
    frames = wave.shape[0]
    made = wave.copy()
    gaps = np.diff(onsets, prepend=onsets[-1:] - frames)
    for onset, gap in zip(onsets, gaps, strict=True):
        if gap >= _CLOSE_FRAMES:
            piece = _around(wave, int(onset) + _PIECE_CENTRE, _PIECE_FRAMES)
            change = (_old_part(piece, _old_share(wave, int(onset))) - piece) * _stand_in()
            add_on_circle(made, change, int(onset) + _PIECE_CENTRE - _PIECE_FRAMES // 2)
    return made


def stems_without_pre_echo(circle: Wave, stems: Sequence[StemScore], beats: float) -> Wave:
    """All stems of a loop, each by itself: float32 (stems, frames) → the same. A texture is left as it is: it swells,
    and has no onsets."""
    frames = circle.shape[1]
    made = [
        wave if stem.stem == "texture" or not stem.notes else without_pre_echo(wave, onset_frames(stem, beats, frames))
        for wave, stem in zip(circle, stems, strict=True)
    ]
    return np.stack(made)


def _around(wave: Wave, centre: int, count: int) -> Wave:
    """`count` frames of the circle round a place."""
    return np.take(wave, np.arange(centre - count // 2, centre + count // 2), mode="wrap")


def _power(wave: Wave, centre: int) -> Wave:
    """Power spectrum of a window of the circle: float32 (_WINDOW_FRAMES / 2 + 1,)."""
    spectrum = scipy.fft.rfft(_around(wave, centre, _WINDOW_FRAMES) * _HANN)
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), dtype=np.float32)


def _old_share(wave: Wave, onset: int) -> Wave:
    """How much of each bin may sound before the onset, 0 to 1: float32 (_PIECE_FRAMES / 2 + 1,). The old is heard with
    a bin's neighbours, because pitches move."""
    old = np.pad(_power(wave, onset + _OLD_FRAMES), 1, mode="edge")
    new = np.pad(_power(wave, onset + _NEW_FRAMES), 1, mode="edge")
    highest = np.maximum(np.maximum(old[:-2], old[1:-1]), old[2:])
    mean = (new[:-2] + new[1:-1] + new[2:]) / np.float32(3.0)
    share = np.sqrt(np.minimum(np.float32(_SPARED) * highest / (mean + np.float32(_SILENCE)), np.float32(1.0)))
    fine = np.empty(_PIECE_FRAMES // 2 + 1, dtype=np.float32)
    fine[::2] = share
    fine[1::2] = (share[:-1] + share[1:]) / np.float32(2.0)
    return fine


def _old_part(piece: Wave, share: Wave) -> Wave:
    """The piece through the filter that lets the old pass, phases untouched."""
    return np.asarray(scipy.fft.irfft(scipy.fft.rfft(piece * _FLAT) * share, _PIECE_FRAMES), dtype=np.float32)


def _raised(place: NDArray[np.float64]) -> Wave:
    """0 below 0, 1 above 1, half a cosine between."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(place, 0.0, 1.0)), dtype=np.float32)


_TIME = np.arange(_PIECE_FRAMES) - _PIECE_FRAMES // 2 + float(_PIECE_CENTRE)
_HANN = np.hanning(_WINDOW_FRAMES + 1)[:-1].astype(np.float32)
_FLAT = _raised((_PIECE_FRAMES / 2 - np.abs(_TIME - _PIECE_CENTRE)) / _PIECE_FADE)
_STAND_IN = _raised((_TIME + _REACH_FRAMES) / _RISE_FRAMES) * _raised(0.5 - _TIME / _OPEN_FRAMES)


def _stand_in() -> Wave:
    """How far the old part stands in for the whole, by the time from the onset."""
    return _STAND_IN
