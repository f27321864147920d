"""Linear effects as impulse responses: filters, delays, rooms, pan and width.

What pedalboard offers is run by pedalboard, once, on an impulse; what it lacks (rooms of noise, ping-pong echoes,
width) is built here. Chains of them become one response, which `circle.convolve_loop` lays round the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pedalboard
import scipy.signal
from numpy.typing import NDArray

from antiphon.rendering.circle import (
    Audio,
    Response,
    SizedCache,
    added,
    convolved,
    fed_alike,
    identity,
    padded,
    trimmed,
)
from antiphon.rendering.preset import Chain, EffectSpec
from antiphon.rendering.schema import EFFECTS, note_beats

#: Nothing rings longer than this; a tail that would is faded out. It still repeats without a seam.
MAX_TAIL_S = 20.0
_FADE_S = 0.5
#: Echoes below −100 dB are not rendered.
_SILENCE = 1e-5

_responses = SizedCache(128 * 2**20)


def _gain(db: float) -> float:
    return 0.0 if db <= -80.0 else 10.0 ** (db / 20.0)


def chain_key(chain: Chain, bpm: float, rate: int, inputs: int = 2) -> tuple[object, ...]:
    """Equal keys, equal responses. The tempo counts only where an effect follows it."""
    synced = any(parameter.kind == "note" for spec in chain for parameter in EFFECTS[spec.effect].parameters.values())
    return (chain, bpm if synced else 0.0, rate, inputs)


def chain_response(chain: Chain, bpm: float, rate: int, inputs: int = 2) -> Response:
    """The response (`inputs`, 1 or 2 outputs, frames) of linear effects in a row, kept for the next loop that needs it.

    One input is a mono source; one output, left and right alike.
    """

    def make() -> Response:
        response = identity(inputs)
        for spec in chain:
            response = _through(spec, response, bpm, rate)
        return _bounded(response, rate)

    return _responses.get(chain_key(chain, bpm, rate, inputs), make)


def cached_response(key: object, make: Callable[[], Response]) -> Response:
    """`make()`, kept under `key` beside the chains' responses."""
    return _responses.get(key, make)


def _bounded(response: Response, rate: int) -> Response:
    limit = int(MAX_TAIL_S * rate)
    response = trimmed(response)
    if response.shape[2] > limit:
        fade = int(_FADE_S * rate)
        response = response[:, :, :limit].copy()
        response[:, :, limit - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    return np.ascontiguousarray(response, dtype=np.float32)


def _through(spec: EffectSpec, response: Response, bpm: float, rate: int) -> Response:
    """The response of what came before, followed by this effect."""
    kernel = _KERNELS.get(spec.effect)
    if kernel is not None:
        return trimmed(convolved(response, kernel(spec, bpm, rate)))
    plugins, tail_s = _plugins(spec, bpm)
    frames = response.shape[2] + int(min(tail_s, MAX_TAIL_S) * rate)
    outputs = np.stack([_measured(plugins, source, rate) for source in padded(response, frames)])
    return trimmed(fed_alike(outputs) if len(outputs) == 1 else outputs)


def _measured(plugins: list[pedalboard.Plugin], audio: Audio, rate: int) -> Audio:
    # Reverb and delay glide to their settings when they start; a moment of silence lets them arrive before the impulse.
    settle = rate // 10
    signal = np.pad(np.broadcast_to(audio, (2, audio.shape[1])), ((0, 0), (settle, 0)))
    for plugin in plugins:
        signal = plugin.process(signal, float(rate), reset=True)
    return signal[:, settle:]


def _plugins(spec: EffectSpec, bpm: float) -> tuple[list[pedalboard.Plugin], float]:
    """Pedalboard's plug-ins for this effect, and how long they ring, in seconds."""
    match spec.effect:
        case "high_pass" | "low_pass":
            kind = pedalboard.HighpassFilter if spec.effect == "high_pass" else pedalboard.LowpassFilter
            poles = max(1, round(spec.number("slope_db") / 6.0))
            cutoff = spec.number("cutoff_hz")
            return [kind(cutoff_frequency_hz=cutoff) for _ in range(poles)], 8.0 * poles / cutoff
        case "low_shelf" | "high_shelf" | "peak":
            kinds = {"low_shelf": pedalboard.LowShelfFilter, "high_shelf": pedalboard.HighShelfFilter,
                     "peak": pedalboard.PeakFilter}  # fmt: skip
            cutoff, q = spec.number("cutoff_hz"), spec.number("q")
            plugin: pedalboard.Plugin = kinds[spec.effect](
                cutoff_frequency_hz=cutoff, gain_db=spec.number("gain_db"), q=q
            )
            return [plugin], 8.0 * max(1.0, q) / cutoff
        case "delay":
            seconds, feedback = float(note_beats(spec.text("note"))) * 60.0 / bpm, spec.number("feedback")
            plugin = pedalboard.Delay(delay_seconds=seconds, feedback=feedback, mix=spec.number("mix"))
            return [plugin], seconds * (_echoes(feedback) + 1)
        case "reverb":
            size = spec.number("room_size")
            wet, dry = _gain(spec.number("wet_db")), _gain(spec.number("dry_db"))
            plugin = pedalboard.Reverb(
                room_size=size, damping=spec.number("damping"), width=spec.number("width"), wet_level=wet, dry_level=dry
            )
            # Freeverb's combs are at most 37 ms long and feed back 0.7 to 0.98.
            return [plugin], 0.037 * math.log(_SILENCE) / math.log(min(0.98, 0.7 + 0.28 * size)) + 0.1
    raise AssertionError(f"effect {spec.effect!r} stands in the schema as linear but has no response")


def _echoes(feedback: float) -> int:
    """How many times an echo is heard before it is silence."""
    return 1 if feedback <= 0.0 else 1 + math.ceil(math.log(_SILENCE) / math.log(feedback))


def _matrix(left: tuple[float, float], right: tuple[float, float]) -> Response:
    """A response without memory; `left` says what the left input gives to (left, right)."""
    return np.array([left, right], dtype=np.float32)[:, :, None]


def _gain_kernel(spec: EffectSpec, bpm: float, rate: int) -> Response:
    return identity() * np.float32(10.0 ** (spec.number("gain_db") / 20.0))


def _pan_kernel(spec: EffectSpec, bpm: float, rate: int) -> Response:
    angle = (spec.number("position") + 1.0) * math.pi / 4.0
    return _matrix((math.sqrt(2.0) * math.cos(angle), 0.0), (0.0, math.sqrt(2.0) * math.sin(angle)))


def _width_kernel(spec: EffectSpec, bpm: float, rate: int) -> Response:
    """Mid stays; side is scaled, and high-passed (12 dB per octave) where the bass is to be mono."""
    mid = _matrix((0.5, 0.5), (0.5, 0.5))
    side = _matrix((0.5, -0.5), (-0.5, 0.5)) * np.float32(spec.number("amount"))
    cutoff = spec.number("mono_below_hz")
    if cutoff > 0.0:
        high_pass = EffectSpec("high_pass", (("cutoff_hz", max(20.0, cutoff)), ("slope_db", 12.0)))
        side = _through(high_pass, side, bpm, rate)
    return added(mid, side)


def _spread_kernel(spec: EffectSpec, bpm: float, rate: int) -> Response:
    """Left gets mid + noise ∗ mid, right mid − noise ∗ mid: wide in stereo, untouched in mono."""
    frames = int(0.022 * rate)
    noise = _noise(7, frames) * np.exp(-np.arange(frames) / (0.006 * rate))
    noise = scipy.signal.sosfilt(scipy.signal.butter(2, 250.0, "high", fs=rate, output="sos"), noise)
    noise *= spec.number("amount") * 0.7 / math.sqrt(float(np.sum(noise**2)))
    side = np.asarray([[noise, -noise], [noise, -noise]], dtype=np.float32) * np.float32(0.5)
    return added(identity(), side)


def _ping_pong_kernel(spec: EffectSpec, bpm: float, rate: int) -> Response:
    """Echo k lies k note values late, left where k is odd, and has been through the damping filter k times."""
    step = float(note_beats(spec.text("note"))) * 60.0 / bpm * rate
    feedback, mix = spec.number("feedback"), spec.number("mix")
    echoes = min(_echoes(feedback), max(1, int(MAX_TAIL_S * rate / step)))
    damping = pedalboard.LowpassFilter(cutoff_frequency_hz=spec.number("damping_hz"))
    shape = np.zeros((1, max(64, int(12.0 * rate / spec.number("damping_hz")))), dtype=np.float32)
    shape[0, 0] = 1.0
    wet = np.zeros((2, round(step * echoes) + shape.shape[1]), dtype=np.float32)
    for echo in range(1, echoes + 1):
        shape = damping.process(shape, float(rate), reset=True)
        start = round(step * echo)
        wet[(echo + 1) % 2, start : start + shape.shape[1]] += shape[0] * np.float32(feedback ** (echo - 1))
    response = np.stack([wet, wet]) * np.float32(mix * 0.5)
    response[:, :, 0] += np.eye(2, dtype=np.float32) * np.float32(1.0 - mix)
    return response


def _space_kernel(spec: EffectSpec, bpm: float, rate: int) -> Response:
    """Exponentially decaying noise, left and right independent; the part above `damping_hz` dies three times as fast.

    After Moorer, "About this reverberation business" (1979): a good hall's late response is just that. The noise is
    always the same, so that a preset always sounds the same.
    """
    decay_s = spec.number("decay_s")
    frames = int(min(decay_s * 1.75, MAX_TAIL_S) * rate)
    time_s = np.arange(frames) / rate
    crossover = scipy.signal.butter(1, min(spec.number("damping_hz"), 0.45 * rate), "low", fs=rate, output="sos")
    low_cut = scipy.signal.butter(1, spec.number("low_cut_hz"), "high", fs=rate, output="sos")
    build = 1.0 - np.exp(-time_s / max(1e-4, spec.number("build_ms") / 1000.0))
    sides = []
    for seed in (1, 2):
        noise = _noise(seed, frames)
        low = scipy.signal.sosfilt(crossover, noise)
        wave = low * np.exp(-6.91 * time_s / decay_s) + (noise - low) * np.exp(-20.7 * time_s / decay_s)
        sides.append(scipy.signal.sosfilt(low_cut, wave * build))
    mid, side = (sides[0] + sides[1]) / 2.0, (sides[0] - sides[1]) / 2.0
    wet = np.stack([mid + side * spec.number("width"), mid - side * spec.number("width")])
    wet *= _gain(spec.number("wet_db")) / math.sqrt(float(np.mean(np.sum(np.square(wet), axis=1))))
    late = np.pad(wet, ((0, 0), (int(spec.number("pre_delay_ms") * rate / 1000.0), 0))).astype(np.float32)
    response = np.stack([late, late]) * np.float32(0.5)
    response[:, :, 0] += np.eye(2, dtype=np.float32) * np.float32(_gain(spec.number("dry_db")))
    return response


def _noise(seed: int, frames: int) -> NDArray[np.float64]:
    # RandomState's stream is frozen for ever (NumPy's NEP 19); the newer generators' are not.
    return np.random.RandomState(seed).randn(frames)


_KERNELS: dict[str, Callable[[EffectSpec, float, int], Response]] = {
    "gain": _gain_kernel,
    "pan": _pan_kernel,
    "width": _width_kernel,
    "spread": _spread_kernel,
    "ping_pong": _ping_pong_kernel,
    "space": _space_kernel,
}
