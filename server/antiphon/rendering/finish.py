"""From a backend's stems to the loop that is delivered: balance, effects, mix, loudness, true peak, 24 bits.

The mix is not made beside the stems: it is their sum, to the last bit of the files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Score, loop_frames
from antiphon.errors import BackendFailed
from antiphon.rendering.balance import Place, bounded, dry_gain_db, targets_lufs, wet_gain_db
from antiphon.rendering.chain import render_stem
from antiphon.rendering.circle import Audio, Loop
from antiphon.rendering.delivery import MIX, write_loop
from antiphon.rendering.dynamics import glue_gain, limiter_gain, peak_envelope
from antiphon.rendering.loudness import SILENCE_DB, SILENCE_LUFS, decibels, loudness_lufs, measure_loudness, true_peak
from antiphon.rendering.parallel import each
from antiphon.rendering.preset import Preset

__all__ = ["MIX", "FinishedLoop", "finish", "write_loop"]

#: Full scale of the files: 24 bits, signed.
FULL_SCALE = 1 << 23
_STEP = np.float32(1.0 / FULL_SCALE)
#: Chains are run at this level (RMS of the sum of all stems), whatever the backend's own.
_STAGING_DBFS = -20.0
_MAX_GAIN_DB = 40.0
#: Kept below the ceiling: what other meters read more than ours, and the rounding to 24 bits.
_MARGIN_DB = 0.1
NO_PLACES: Mapping[str, Place] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FinishedLoop:
    """A loop ready to be written. All audio is float32 (2, frames), on the 24-bit grid; the mix is the stems' exact
    sum.

    `dry` holds the stems as the backend gave them: whether the music is right is judged on those (`inspection`),
    whether the files are sound, on the finished ones.
    """

    stems: Mapping[str, Audio]
    mix: Audio
    dry: Mapping[str, Audio]
    preset: Preset
    sample_rate: int
    #: From the backend's level to the files', beside the balance. Without the gain curves of glue and limiter.
    gain_db: float
    #: What each stem was turned up or down besides, before and behind its effects together; empty where nothing was.
    balance_db: Mapping[str, float]
    #: The deepest that glue and limiter together went.
    reduction_db: float
    #: Per stem, and under `mix`.
    loudness_lufs: Mapping[str, float]
    peak_dbtp: Mapping[str, float]

    @property
    def frames(self) -> int:
        return int(self.mix.shape[1])


def finish(
    stems: Mapping[str, Audio], score: Score, preset: Preset, sample_rate: int, places: Mapping[str, Place] = NO_PLACES
) -> FinishedLoop:
    """Run the preset over the stems and bring the loop to the preset's loudness and ceiling.

    Args:
        stems: float32 (1 or 2, frames) each, periodic, `loop_frames` long.
        preset: from `preset.load_preset`.
        places: how loud and how wide each stem is to be (`balance.places_of`); balanced only where all have a level.

    The same arguments give the same bits. Samples that are not finite are taken for silence here; `inspection` finds
    them in `dry`. Raises BackendFailed where a stem has the wrong shape, SettingsError where a plug-in can't be used.
    """
    frames = loop_frames(score.beats, score.bpm, sample_rate)
    loop = Loop(frames, sample_rate, score.bpm, float(score.beats))
    dry = {name: _checked(name, audio, frames) for name, audio in stems.items()}
    targets = targets_lufs(places, score)
    balanced = targets.keys() >= dry.keys()
    staging = _stage_db(dry, targets, sample_rate) if balanced else dict.fromkeys(dry, _staging_gain_db(dry))
    wet = _rendered(dry, staging, preset, loop, places)
    balance = _balance(wet, targets, preset, sample_rate) if balanced else {}
    level = _set_level(wet, preset, sample_rate)
    final, mix = _on_grid(wet, frames)
    return FinishedLoop(
        stems=MappingProxyType(final),
        mix=mix,
        dry=MappingProxyType(dict(stems)),
        preset=preset,
        sample_rate=sample_rate,
        gain_db=level.gain_db if balanced else round(level.gain_db + max(staging.values(), default=0.0), 2),
        balance_db=MappingProxyType({name: round(staging[name] + gain_db, 2) for name, gain_db in balance.items()}),
        reduction_db=level.reduction_db,
        loudness_lufs=MappingProxyType(level.loudness_lufs),
        peak_dbtp=MappingProxyType(level.peak_dbtp),
    )


@dataclass(frozen=True, slots=True)
class _Level:
    """What was done to the level, and what came of it."""

    gain_db: float
    reduction_db: float
    loudness_lufs: dict[str, float]
    peak_dbtp: dict[str, float]


def _checked(name: str, audio: Audio, frames: int) -> Audio:
    if audio.ndim != 2 or audio.shape[0] not in (1, 2) or audio.shape[1] != frames:
        raise BackendFailed(f"the model gave the stem {name} the shape {audio.shape}; (1 or 2, {frames}) was asked for")
    return np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32, copy=False)


def _rendered(
    dry: Mapping[str, Audio], staging_db: Mapping[str, float], preset: Preset, loop: Loop, places: Mapping[str, Place]
) -> dict[str, Audio]:
    def render(name: str) -> Audio:
        width = places[name].width if name in places else 0.0
        return _clean(render_stem(dry[name] * _factor(staging_db[name]), name, preset, loop, width))

    # Plug-ins have to be loaded, and like to be run, on the thread that is the program's main one.
    foreign = any(spec.effect == "vst3" for name in dry for spec in preset.chain(name))
    return dict(zip(dry, map(render, dry) if foreign else each(render, dry), strict=True))


def _factor(gain_db: float) -> np.float32:
    return np.float32(10.0 ** (gain_db / 20.0))


def _stage_db(dry: Mapping[str, Audio], targets: Mapping[str, float], rate: int) -> dict[str, float]:
    """The gain with which each stem goes into its chain, where it is to stand at its own level."""
    return bounded({name: dry_gain_db(audio, targets[name], rate) for name, audio in dry.items()})


def _balance(wet: dict[str, Audio], targets: Mapping[str, float], preset: Preset, rate: int) -> dict[str, float]:
    """Bring stems to their targets behind their effects, in place; returns the gains."""
    wanted = each(lambda name: wet_gain_db(wet[name], targets[name], preset.chain(name), rate), wet)
    gains = bounded(dict(zip(wet, wanted, strict=True)))
    wet.update({name: audio * _factor(gains[name]) for name, audio in wet.items()})
    return gains


def _staging_gain_db(stems: Mapping[str, Audio]) -> float:
    """The gain with which all stems go into their chains, where they are as loud as their engines gave them."""
    energy = sum((float(np.mean(np.square(audio, dtype=np.float64))) for audio in stems.values()), start=0.0)
    if energy <= 1e-14:
        return 0.0
    wanted_db = _STAGING_DBFS - 10.0 * math.log10(energy)
    return round(min(_MAX_GAIN_DB, wanted_db), 2)


def _clean(audio: Audio) -> Audio:
    """Without DC: on a circle, taking the mean away is an exact filter."""
    cleaned: Audio = audio - np.mean(audio, axis=1, keepdims=True)
    return cleaned


def _sum(stems: Mapping[str, Audio]) -> Audio:
    first, *others = stems.values()
    total = first.copy()
    for audio in others:
        total += audio
    return total


def _set_level(stems: dict[str, Audio], preset: Preset, rate: int) -> _Level:
    """Glue, limiter and the one gain, on all stems in place."""
    reduction_db = 0.0
    if preset.glue is not None:
        reduction_db += _shape(stems, glue_gain(_sum(stems), preset.glue, rate))
    mix = _sum(stems)
    if preset.limiter_db > 0.0:
        ceiling_db = preset.ceiling_dbtp - _MARGIN_DB
        loudness = loudness_lufs(mix, rate)
        envelope = peak_envelope(stems, mix)
        peak_db = decibels(float(envelope.max()))
        # A little below the ceiling, because samples are limited here and true peaks lie between them.
        threshold_db = max(ceiling_db - 0.3 - _wanted_gain_db(loudness, preset), peak_db - preset.limiter_db)
        if threshold_db < peak_db:
            reduction_db += _shape(stems, limiter_gain(envelope, 10.0 ** (threshold_db / 20.0), rate))
            mix = _sum(stems)
    return _apply_gain(stems, mix, reduction_db, preset, rate)


def _shape(stems: dict[str, Audio], curve: NDArray[np.float32]) -> float:
    """Apply a gain curve to every stem (a curve may leave a little DC behind); returns its deepest reduction in dB."""
    stems.update(zip(stems, each(lambda audio: _clean(audio * curve), stems.values()), strict=True))
    return -decibels(float(curve.min()))


def _apply_gain(stems: dict[str, Audio], mix: Audio, reduction_db: float, preset: Preset, rate: int) -> _Level:
    everything = stems | {MIX: mix}
    measured = each(lambda audio: (decibels(true_peak(audio)), measure_loudness(audio, rate)), everything.values())
    peaks_db = {name: peak_db for name, (peak_db, _) in zip(everything, measured, strict=True)}
    loudness = {name: each_loudness for name, (_, each_loudness) in zip(everything, measured, strict=True)}
    room_db = preset.ceiling_dbtp - _MARGIN_DB - max(peaks_db.values())
    # In steps of 0.01 dB, rounded down: small enough to be inaudible, coarse enough to be the same on every machine.
    gain_db = math.floor(100.0 * min(_wanted_gain_db(loudness[MIX].lufs(), preset), room_db)) / 100.0
    gain = np.float32(10.0 ** (gain_db / 20.0))
    stems.update({name: audio * gain for name, audio in stems.items()})
    # Loudness and peak follow a gain exactly, so what was measured before it needs no second measurement.
    lufs = {name: blocks.lufs(gain_db) for name, blocks in loudness.items()}
    peaks_db = {name: max(SILENCE_DB, peak_db + gain_db) for name, peak_db in peaks_db.items()}
    return _Level(gain_db, round(reduction_db, 2), lufs, peaks_db)


def _wanted_gain_db(loudness: float, preset: Preset) -> float:
    return min(_MAX_GAIN_DB, preset.loudness_lufs - loudness) if loudness > SILENCE_LUFS else 0.0


def _on_grid(stems: Mapping[str, Audio], frames: int) -> tuple[dict[str, Audio], Audio]:
    """Stems rounded to whole 24-bit steps, and their sum, which is whole too: no rounding comes between them."""

    def rounded(audio: Audio) -> tuple[NDArray[np.int32], Audio]:
        steps = np.rint(audio * np.float32(FULL_SCALE)).astype(np.int32)
        return steps, _read_only(steps.astype(np.float32) * _STEP)

    pairs = each(rounded, stems.values())
    total = sum((steps for steps, _ in pairs), start=np.zeros((2, frames), dtype=np.int32))
    final = {name: audio for name, (_, audio) in zip(stems, pairs, strict=True)}
    return final, _read_only(total.astype(np.float32) * _STEP)


def _read_only(audio: Audio) -> Audio:
    audio.setflags(write=False)
    return audio
