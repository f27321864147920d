"""What each stem runs through: its own chain, its share of the sends, and the linear part of the mix.

Linear effects that follow each other become one impulse response; at the chain's end that response also holds the sends
(dry plus every space, weighed) and the mix's own effects. They are linear, so treating every stem alike is the same as
treating their sum, and the stems still add up to the mix. A mono stem stays one channel until something tells its sides
apart: an effect, or a width of its own, which it gets before the last linear run, so that rooms and pans hear it.
"""

from __future__ import annotations

import numpy as np

from antiphon.rendering.circle import Audio, Loop, Response, added, convolve_loop, convolved, identity, trimmed
from antiphon.rendering.decorrelation import DECORRELATED, widening
from antiphon.rendering.linear import cached_response, chain_key, chain_response
from antiphon.rendering.preset import Chain, EffectSpec, Preset
from antiphon.rendering.schema import EFFECTS
from antiphon.rendering.shaped import apply_shaped


def render_stem(audio: Audio, stem: str, preset: Preset, loop: Loop, width: float = 0.0) -> Audio:
    """One stem (1 or 2, frames) through everything linear and everything of its own; returns (2, frames), periodic.

    `width`, 0 to 1, is for a mono stem that has no sides of its own (`decorrelation.DECORRELATED`).

    Raises SettingsError where a plug-in of the preset can't be used.
    """
    segments = split(preset.chain(stem))
    width = width if len(audio) == 1 and stem in DECORRELATED else 0.0
    for linear, shaped in segments[:-1]:
        if linear:
            key = chain_key(linear, loop.bpm, loop.sample_rate, len(audio))
            audio = convolve_loop(audio, chain_response(linear, loop.bpm, loop.sample_rate, len(audio)), key)
        audio = apply_shaped(shaped, audio, loop) if shaped is not None else audio
    last, inputs = segments[-1][0], len(audio)
    key = _stem_key(stem, last, preset, loop, inputs, width)
    response = cached_response(key, lambda: _final_response(stem, last, preset, loop, inputs, width))
    result = convolve_loop(audio, response, key)
    return result if len(result) == 2 else np.repeat(result, 2, axis=0)


def split(chain: Chain) -> list[tuple[Chain, EffectSpec | None]]:
    """The chain as runs of linear effects, each followed by one that is not; the last run ends the chain."""
    segments: list[tuple[Chain, EffectSpec | None]] = []
    linear: list[EffectSpec] = []
    for spec in chain:
        if EFFECTS[spec.effect].linear:
            linear.append(spec)
        else:
            segments.append((tuple(linear), spec))
            linear = []
    return [*segments, (tuple(linear), None)]


def _stem_key(stem: str, last: Chain, preset: Preset, loop: Loop, inputs: int, width: float) -> tuple[object, ...]:
    chains = [last, preset.mix, *(send.effects for send in preset.sends)]
    levels = tuple(send.level_db(stem) for send in preset.sends)
    wide = (stem, width) if width else ()
    return ("stem", levels, wide, *(chain_key(chain, loop.bpm, loop.sample_rate, inputs) for chain in chains))


def _final_response(stem: str, last: Chain, preset: Preset, loop: Loop, inputs: int, width: float) -> Response:
    if width:
        result = widening(stem, width, inputs, loop.sample_rate)
        result = convolved(result, chain_response(last, loop.bpm, loop.sample_rate, result.shape[1]))
    else:
        result = chain_response(last, loop.bpm, loop.sample_rate, inputs)
    bus = identity(result.shape[1])
    for send in preset.sends:
        level_db = send.level_db(stem)
        if level_db is not None:
            space = chain_response(send.effects, loop.bpm, loop.sample_rate, len(bus))
            bus = added(bus, space * np.float32(10.0 ** (level_db / 20.0)))
    result = convolved(result, bus)
    result = convolved(result, chain_response(preset.mix, loop.bpm, loop.sample_rate, result.shape[1]))
    return np.ascontiguousarray(trimmed(result), dtype=np.float32)
