"""From a candidate's files to a loop that the callback can play: read, brought to the device's rate and the tempo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from pedalboard import time_stretch
from scipy import fft

from antiphon.audition.loop import Audio, PreparedLoop, change_marks
from antiphon.audition.messages import Play
from antiphon.audition.tempo_fit import fit_tempo
from antiphon.domain.score import loop_frames
from antiphon.domain.theory import parse_meter
from antiphon.errors import StorageFailed

#: What the stretcher hears before and after the loop, so that it is at ease where the loop is cut.
_RUN_UP_S = 0.5
#: Where the stretched circle is closed: over this time before its first frame.
_SEAM_S = 0.02


def prepare_loop(order: Play, rate_hz: int, session_bpm: float | None, change: str) -> PreparedLoop:
    """Raises StorageFailed where a file can't be read or the stems don't fit together."""
    stems = [_read(Path(path)) for _, path in order.stems]
    if len({(audio.shape, rate) for audio, rate in stems}) != 1:
        raise StorageFailed(f"the stems of {order.candidate_id} differ in length or rate: generate the loop again")
    beats_per_bar = parse_meter(order.meter).beats_per_bar
    fit = fit_tempo(order.bpm, session_bpm)
    own, played = (loop_frames(order.bars * beats_per_bar, bpm, rate_hz) for bpm in (order.bpm, fit.bpm))
    audio = np.stack([audio for audio, _ in stems])
    if fit.how == "stretch":
        audio = np.stack([stretched(stem, played, rate_hz) for stem in resampled(audio, own)])
    else:
        audio = resampled(audio, played)
    return PreparedLoop(
        candidate_id=order.candidate_id,
        stems=tuple(stem for stem, _ in order.stems),
        audio=audio,
        rate_hz=rate_hz,
        bars=order.bars,
        meter=order.meter,
        bpm=fit.bpm,
        tempo=fit.how,
        marks=change_marks(change, audio.shape[1], order.bars, beats_per_bar),
    )


def resampled(audio: Audio, frames: int) -> Audio:
    """Circles (stems, frames, channels) with another number of frames, by their Fourier series: exact."""
    length = audio.shape[1]
    if length == frames:
        return np.ascontiguousarray(audio)
    spectrum = fft.rfft(audio, axis=1)
    # Up to below the lower of the two Nyquist frequencies.
    kept = (min(length, frames) + 1) // 2
    resized = np.zeros((audio.shape[0], frames // 2 + 1, audio.shape[2]), dtype=spectrum.dtype)
    resized[:, :kept] = spectrum[:, :kept]
    back = fft.irfft(resized, n=frames, axis=1)
    return np.ascontiguousarray(back * np.float32(frames / length), dtype=np.float32)


def stretched(audio: Audio, frames: int, rate_hz: int) -> Audio:
    """A circle (frames, channels) with another number of frames at its own pitch (Rubber Band)."""
    length = len(audio)
    run_up = min(length, round(_RUN_UP_S * rate_hz))
    fed = np.concatenate([audio[-run_up:], audio, audio[:run_up]])
    made = np.asarray(time_stretch(np.ascontiguousarray(fed.T), float(rate_hz), length / frames)).T
    start = round(run_up * frames / length)
    made = np.pad(made, ((0, max(0, start + frames - len(made))), (0, 0)))
    cut = made[start : start + frames].copy()
    seam = min(round(_SEAM_S * rate_hz), start, frames)
    rising = ((np.arange(seam, dtype=np.float32) + 1) / np.float32(seam))[:, None]
    cut[frames - seam :] += rising * (made[start - seam : start] - cut[frames - seam :])
    return cut


def _read(path: Path) -> tuple[Audio, int]:
    """Audio (frames, 2) and its rate; mono is heard on both sides."""
    try:
        audio, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as fault:
        raise StorageFailed(f"{path.name} can't be read as audio: {fault}") from fault
    if not len(audio):
        raise StorageFailed(f"{path.name} is empty")
    return (np.repeat(audio, 2, axis=1) if audio.shape[1] == 1 else audio[:, :2]), int(rate_hz)
