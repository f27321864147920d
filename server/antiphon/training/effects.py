"""The corpus's effects: chains of the presets' own (`rendering.schema`), run on a stem's circle as finishing does.

Only such as leave the score true: none that delays, repeats, ducks or retunes. A filter or a saturation is set to do
what a sound colour does (`generation.sampler.colours`), and the stem is then said to have that colour; chorus, phaser,
room and crushing have columns of their own (`domain.timbres.EFFECT_COLUMNS`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.generation.sampler.colours import goes_with
from antiphon.generation.sampler.playing import headroom
from antiphon.rendering.chain import split
from antiphon.rendering.circle import Loop, convolve_loop
from antiphon.rendering.linear import chain_response
from antiphon.rendering.preset import Chain, read_effect
from antiphon.rendering.shaped import apply_shaped

#: Of each stem: how likely it runs through one effect, and through two.
ONE_EFFECT, TWO_EFFECTS = 0.2, 0.1

_Steps = list[dict[str, object]]


def _high_shelf(cutoff_hz: float, gain_db: float) -> dict[str, object]:
    return {"effect": "high_shelf", "cutoff_hz": cutoff_hz, "gain_db": gain_db, "q": 0.5}


def _peak(cutoff_hz: float, gain_db: float) -> dict[str, object]:
    return {"effect": "peak", "cutoff_hz": cutoff_hz, "gain_db": gain_db, "q": 0.7}


def _bright(a: float, rng: np.random.Generator) -> _Steps:
    return [_high_shelf(2600.0, 15.0 * a)]


def _dark(a: float, rng: np.random.Generator) -> _Steps:
    one_pole = {"effect": "low_pass", "cutoff_hz": 700.0, "slope_db": 6.0}
    return [one_pole, _high_shelf(2800.0, 24.0 - 36.0 * a)]


def _thin(a: float, rng: np.random.Generator) -> _Steps:
    return [{"effect": "high_pass", "cutoff_hz": 112.0 * 2.0 ** (2.0 * a), "slope_db": 12.0}]


def _warm(a: float, rng: np.random.Generator) -> _Steps:
    return [_peak(260.0, 6.0 * a), _high_shelf(6500.0, -13.0 * a)]


def _glassy(a: float, rng: np.random.Generator) -> _Steps:
    low_shelf = {"effect": "low_shelf", "cutoff_hz": 180.0, "gain_db": -13.0 * a, "q": 0.5}
    return [_peak(5000.0, 9.0 * a), low_shelf]


def _driven(a: float, rng: np.random.Generator) -> _Steps:
    return [{"effect": "distortion", "drive_db": 20.0 * float(np.log10(2.0 + 8.0 * a))}]


def _chorus(a: float, rng: np.random.Generator) -> _Steps:
    # Its delay swings by ten milliseconds times the depth: at most 11 cents off, in less than half of what is heard.
    rate_hz = float(rng.uniform(0.25, 0.5))
    return [{"effect": "chorus", "rate_hz": rate_hz, "depth": 0.2 * a, "mix": 0.25 + 0.2 * a}]


def _phaser(a: float, rng: np.random.Generator) -> _Steps:
    rate_hz, centre_hz = float(rng.uniform(0.1, 0.6)), float(rng.uniform(700.0, 2000.0))
    return [{"effect": "phaser", "rate_hz": rate_hz, "centre_hz": centre_hz, "depth": 0.6 * a, "mix": 0.5}]


def _room(a: float, rng: np.random.Generator) -> _Steps:
    decay_s = float(rng.uniform(0.15, 0.4))
    return [{"effect": "space", "decay_s": decay_s, "pre_delay_ms": 0.0, "width": 0.0, "wet_db": 8.0 * a - 20.0}]


def _crushed(a: float, rng: np.random.Generator) -> _Steps:
    return [
        {"effect": "downsample", "rate_hz": 20000.0 - 7000.0 * a},
        {"effect": "bitcrush", "bit_depth": float(round(10.0 - 3.0 * a))},
    ]


#: What each does to a stem whose peak is one, by how strongly it holds (0 to 1).
_EFFECTS: Mapping[str, Callable[[float, np.random.Generator], _Steps]] = MappingProxyType({
    "bright": _bright, "dark": _dark, "thin": _thin, "warm": _warm,
    "glassy": _glassy, "driven": _driven, "chorus": _chorus, "phaser": _phaser, "room": _room,
    "crushed": _crushed,
})  # fmt: skip
EFFECT_NAMES = tuple(_EFFECTS)
#: A doubled stroke is two strokes, and a low note beats against its double.
_NO_CHORUS = ("drums", "percussion", "bass")
#: Either hides the other.
_APART = ({"driven", "crushed"}, {"chorus", "phaser"})


def draw_effects(rng: np.random.Generator, stem: str, colours: Mapping[str, float]) -> dict[str, float]:
    """Effects for one stem and how strongly each holds, besides the colours that it has: mostly none."""
    count = int(rng.choice([0, 1, 2], p=(1.0 - ONE_EFFECT - TWO_EFFECTS, ONE_EFFECT, TWO_EFFECTS)))
    drawn: dict[str, float] = {}
    for index in rng.permutation(len(EFFECT_NAMES)):
        name, held = EFFECT_NAMES[index], {*colours, *drawn}
        fits = name not in held and goes_with(name, held) and not any({name, other} in _APART for other in held)
        if len(drawn) < count and fits and not (name == "chorus" and stem in _NO_CHORUS):
            drawn[name] = float(rng.uniform(0.55, 1.0))
    return drawn


def chain_of(effects: Mapping[str, float], rng: np.random.Generator) -> Chain:
    """The effects as a preset's chain, in the table's order; `rng` draws rates and the room's decay."""
    steps = [step for name, make in _EFFECTS.items() if name in effects for step in make(effects[name], rng)]
    return tuple(read_effect(step, "corpus") for step in steps)


def through(wave: NDArray[np.float32], chain: Chain, loop: Loop) -> NDArray[np.float32]:
    """A mono stem (frames,) through the chain, periodic, as loud as it was and below full scale."""
    peak = np.abs(wave).max(initial=0.0)
    if not chain or peak == 0.0:
        return wave
    audio = (wave / peak)[None]
    for linear, shaped in split(chain):
        if linear:
            audio = convolve_loop(audio, chain_response(linear, loop.bpm, loop.sample_rate, 1))
        audio = apply_shaped(shaped, audio, loop) if shaped is not None else audio
    made = audio.mean(axis=0)
    made = made * np.float32(np.sqrt(np.mean(np.square(wave)) / (np.mean(np.square(made)) + 1e-15)))
    return np.asarray(made * headroom(made), dtype=np.float32)
