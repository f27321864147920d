"""Effects that are not linear or that move: dynamics, distortion, modulation, plug-ins. All of them keep the circle.

What has no memory is run on the loop as it is. What remembers hears the loop's own past first (`circle.run_on_circle`).
What moves by itself (LFOs) has its rate snapped to whole cycles per loop, so that it comes back to where it began.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pedalboard
import scipy.ndimage
from numpy.typing import NDArray

from antiphon.rendering.circle import Audio, Loop, SizedCache, run_on_circle
from antiphon.rendering.plugin import run_plugin
from antiphon.rendering.preset import EffectSpec
from antiphon.rendering.schema import note_beats

_MAX_RUN_UP_S = 4.0

#: What movement depends on only: the loop, and the effect's settings.
_curves = SizedCache(32 * 2**20)


def apply_shaped(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    """Run one such effect on audio (1 or 2, frames). Returns as many channels, or two where sides differ; periodic."""
    return _EFFECTS[spec.effect](spec, audio, loop)


def _run(plugin: pedalboard.Plugin, audio: Audio, loop: Loop, memory_s: float) -> Audio:
    run_up = int(min(memory_s, _MAX_RUN_UP_S) * loop.sample_rate)
    return run_on_circle(
        lambda signal: plugin.process(signal, float(loop.sample_rate), reset=True), audio, run_up, loop.sample_rate
    )


def _memoryless(plugin: pedalboard.Plugin, audio: Audio, loop: Loop) -> Audio:
    processed: Audio = plugin.process(audio, float(loop.sample_rate), reset=True)
    return processed


def _scaled(audio: Audio, db: float) -> Audio:
    return audio * np.float32(10.0 ** (db / 20.0))


def _compressor(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    """Both sides get the same gain, found from the louder one, so that the image doesn't wander."""
    release_ms = spec.number("release_ms")
    plugin = pedalboard.Compressor(threshold_db=spec.number("threshold_db"), ratio=spec.number("ratio"),
                                   attack_ms=spec.number("attack_ms"), release_ms=release_ms)  # fmt: skip
    detector = np.maximum(np.max(np.abs(audio), axis=0, keepdims=True), np.float32(1e-9))
    memory_s = (6.0 * release_ms + 2.0 * spec.number("attack_ms")) / 1000.0
    gain = _run(plugin, detector, loop, memory_s) / detector
    return _scaled(audio * gain, spec.number("makeup_db"))


def _distortion(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    mix = np.float32(spec.number("mix"))
    driven = _memoryless(pedalboard.Distortion(drive_db=spec.number("drive_db")), audio, loop)
    return audio * (1 - mix) + _scaled(driven, spec.number("output_db")) * mix


def _clip(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    return _memoryless(pedalboard.Clipping(threshold_db=spec.number("threshold_db")), audio, loop)


def _bitcrush(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    return _memoryless(pedalboard.Bitcrush(bit_depth=spec.number("bit_depth")), audio, loop)


def _downsample(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    held = max(1, round(loop.seconds * min(spec.number("rate_hz"), loop.sample_rate)))
    step = np.floor(np.arange(loop.frames) * (held / loop.frames))
    return audio[:, np.minimum(np.ceil(step * (loop.frames / held)).astype(np.int64), loop.frames - 1)]


def _chorus(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    plugin = pedalboard.Chorus(rate_hz=loop.cycles(spec.number("rate_hz")) / loop.seconds, depth=spec.number("depth"),
                               centre_delay_ms=spec.number("centre_delay_ms"), feedback=spec.number("feedback"),
                               mix=spec.number("mix"))  # fmt: skip
    return _run(plugin, audio, loop, 1.0)


def _phaser(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    plugin = pedalboard.Phaser(rate_hz=loop.cycles(spec.number("rate_hz")) / loop.seconds, depth=spec.number("depth"),
                               centre_frequency_hz=spec.number("centre_hz"), feedback=spec.number("feedback"),
                               mix=spec.number("mix"))  # fmt: skip
    return _run(plugin, audio, loop, 1.0)


def _wow(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    """Reads the loop at a wandering place, a slow and a faster swing together (Catmull-Rom between frames)."""
    place = _curves.get((spec, loop), lambda: _wow_place(spec, loop))
    whole = np.floor(place)
    part = (place - whole).astype(np.float32)
    margin = int(spec.number("depth_ms") / 1000.0 * loop.sample_rate) + 4
    extended = np.take(audio, np.arange(-margin, loop.frames + margin), axis=1, mode="wrap")
    index = whole.astype(np.int64) + margin
    before, here, after, beyond = (np.take(extended, index + shift, axis=1, mode="clip") for shift in (-1, 0, 1, 2))
    slope = after - before
    bend = 2.0 * before - 5.0 * here + 4.0 * after - beyond
    twist = 3.0 * (here - after) + beyond - before
    result: Audio = here + 0.5 * part * (slope + part * (bend + part * twist))
    return result.astype(np.float32, copy=False)


def _wow_place(spec: EffectSpec, loop: Loop) -> NDArray[np.float64]:
    cycles = loop.cycles(spec.number("rate_hz"))
    slow = np.sin(2.0 * np.pi * loop.phase(cycles))
    fast = np.sin(2.0 * np.pi * loop.phase(max(cycles + 1, round(cycles * 6.7))))
    place: NDArray[np.float64] = spec.number("depth_ms") / 1000.0 * loop.sample_rate * (0.42 * slow + 0.08 * fast)
    return np.arange(loop.frames) + place


def _auto_pan(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    sides: Audio = _curves.get((spec, loop), lambda: _auto_pan_sides(spec, loop))
    return audio * sides


def _auto_pan_sides(spec: EffectSpec, loop: Loop) -> NDArray[np.float32]:
    phase = loop.phase(loop.cycles_of(float(note_beats(spec.text("note")))))
    angle = (1.0 + spec.number("depth") * np.sin(2.0 * np.pi * phase)) * (np.pi / 4.0)
    sides = np.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)])
    return np.asarray(sides, dtype=np.float32)


def _pump(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    gain: NDArray[np.float32] = _curves.get((spec, loop), lambda: _pump_gain(spec, loop))
    return audio * gain


def _pump_gain(spec: EffectSpec, loop: Loop) -> NDArray[np.float32]:
    phase = loop.phase(loop.cycles_of(float(note_beats(spec.text("note")))))
    gain = 10.0 ** (-spec.number("depth_db") * (1.0 - phase) ** spec.number("curve") / 20.0)
    # The drop is rounded over a few milliseconds, or it would click.
    smooth = max(1, int(0.006 * loop.sample_rate))
    smoothed = scipy.ndimage.uniform_filter1d(gain, smooth, mode="wrap")
    return np.asarray(smoothed, dtype=np.float32)


def _vst3(spec: EffectSpec, audio: Audio, loop: Loop) -> Audio:
    run_up = int((spec.number("tail_s") + 1.0) * loop.sample_rate)
    rate, stereo = loop.sample_rate, np.broadcast_to(audio, (2, loop.frames))
    return run_on_circle(lambda signal: run_plugin(spec, signal, rate), stereo, run_up, rate)


_EFFECTS: dict[str, Callable[[EffectSpec, NDArray[np.float32], Loop], NDArray[np.float32]]] = {
    "compressor": _compressor,
    "distortion": _distortion,
    "clip": _clip,
    "bitcrush": _bitcrush,
    "downsample": _downsample,
    "chorus": _chorus,
    "phaser": _phaser,
    "wow": _wow,
    "auto_pan": _auto_pan,
    "pump": _pump,
    "vst3": _vst3,
}
