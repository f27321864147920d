"""Colours: what each does to a stem. The corpus colours its stems and remembers how, so the sound model learns what a
colour means from the treatment itself and not from anybody's labels.

All treatments work on a circle: what a filter or an echo carries over the loop's end comes in again at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.timbres import COLOURS
from antiphon.generation.bends import sways, varispeed

Wave = NDArray[np.float64]
RATE_HZ = 44100
#: A stem with its onsets (frames), how strongly the colour holds (0 to 1), a generator for whatever is random in it.
Treatment = Callable[[Wave, NDArray[np.int64], float, np.random.Generator], Wave]

#: Colours that contradict each other, or that hide each other.
_APART = (("bright", "dark"), ("soft", "hard"), ("huge", "thin"), ("warm", "thin"), ("warm", "glassy"),
          ("dark", "glassy"), ("dusty", "glassy"), ("dusty", "bright"), ("dark", "airy"), ("dark", "warm"),
          ("bright", "glassy"), ("dusty", "airy"))  # fmt: skip


def _filtered(wave: Wave, gain_db: Callable[[Wave], Wave]) -> Wave:
    """Through a zero-phase filter given as gain in dB over frequency in Hz."""
    hz = np.asarray(np.fft.rfftfreq(wave.size, 1.0 / RATE_HZ), dtype=np.float64)
    return np.asarray(np.fft.irfft(np.fft.rfft(wave) * 10.0 ** (gain_db(hz) / 20.0), wave.size))


def _octaves_above(hz: Wave, corner_hz: float) -> Wave:
    """Octaves above the corner, zero below it, with a soft knee."""
    return np.asarray(np.log2(1.0 + (hz / corner_hz) ** 2) / 2.0)


def _bump(hz: Wave, centre_hz: float, width_octaves: float) -> Wave:
    octaves = np.log2(np.maximum(hz, 1.0) / centre_hz) / width_octaves
    return np.asarray(np.exp(-0.5 * octaves**2))


def _below(hz: Wave, corner_hz: float) -> Wave:
    """Octaves below the corner, zero above it, with a soft knee."""
    return np.asarray(np.log2(1.0 + (corner_hz / np.maximum(hz, 1.0)) ** 2) / 2.0)


def _as_loud(made: Wave, wave: Wave) -> Wave:
    """`made` with the power of `wave`."""
    return np.asarray(made * np.sqrt(np.mean(wave**2) / (np.mean(made**2) + 1e-15)))


def _driven(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    gain = (2.0 + 8.0 * amount) / (np.abs(wave).max() + 1e-9)
    return _as_loud(np.tanh(wave * gain + 0.15) - np.tanh(0.15), wave)


def _dusty(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    """An old record: a narrow band, coarse steps, a little wow, now and then a crackle."""
    peak = np.abs(wave).max() + 1e-9
    steps = 2.0 ** (7.0 - 1.5 * amount)
    made = np.round(wave / peak * steps) / steps * peak
    ((rate_hz, depth_cents),) = sways({"dusty": amount})
    made = varispeed(made, rate_hz, depth_cents)
    crackle = np.zeros_like(wave)
    places = rng.integers(wave.size, size=int(wave.size / RATE_HZ * (2 + 8 * amount)))
    crackle[places] = rng.standard_normal(places.size) * peak * 0.3
    return _filtered(made + crackle, lambda hz: -9.0 * _octaves_above(hz, 5500 - 2500 * amount) - 6.0 * _below(hz, 90))


def _after_onsets(size: int, onsets: NDArray[np.int64], decay_s: float) -> Wave:
    """1 at each onset, falling with the time constant, on the circle."""
    gain = np.zeros(size)
    span = int(6 * decay_s * RATE_HZ)
    fall = np.exp(-np.arange(span) / (decay_s * RATE_HZ))
    for onset in np.unique(onsets):
        index = (onset + np.arange(span)) % size
        gain[index] = np.maximum(gain[index], fall)
    return gain


def _soft(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    made = wave * (1.0 - 0.95 * amount * _after_onsets(wave.size, onsets, 0.012 + 0.02 * amount))
    return _filtered(made, lambda hz: -3.0 * amount * _octaves_above(hz, 2000.0))


def _hard(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    made = wave * (1.0 + 2.5 * amount * _after_onsets(wave.size, onsets, 0.008))
    return _filtered(made, lambda hz: 3.0 * amount * _bump(hz, 3500.0, 0.8))


def _huge(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    """Several players: copies that drift against each other, and weight below."""
    made = wave.copy()
    for voice in range(3):
        delay = int((0.006 + 0.007 * voice) * RATE_HZ)
        made += 0.75 * amount * np.roll(varispeed(wave, 0.35 + 0.21 * voice, 9.0 * (-1) ** voice), delay)
    return _as_loud(_filtered(made, lambda hz: 4.0 * amount * _bump(hz, 110.0, 1.0)), wave)


def _airy(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    """Breath: noise above 4 kHz that follows the loudness."""
    span = np.ones(882) / 882
    size = np.sqrt(np.maximum(_filtered_same(wave**2, span), 0.0))
    noise = _filtered(rng.standard_normal(wave.size), lambda hz: 20.0 * (_bump(hz, 8000.0, 0.7) - 1.0) * 2.0)
    made = wave + 0.35 * amount * size * noise / (np.sqrt(np.mean(noise**2)) + 1e-12)
    return _filtered(made, lambda hz: 4.0 * amount * _bump(hz, 9000.0, 0.8))


def _filtered_same(wave: Wave, kernel: Wave) -> Wave:
    """Circular convolution with a short kernel, centred."""
    padded = np.zeros(wave.size)
    padded[: kernel.size] = kernel
    turned = np.roll(padded, -(kernel.size // 2))
    return np.asarray(np.fft.irfft(np.fft.rfft(wave) * np.fft.rfft(turned), wave.size))


def _wobbly(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    ((rate_hz, depth_cents),) = sways({"wobbly": amount})
    return varispeed(wave, rate_hz, depth_cents)


def _short(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
    hold = _after_onsets(wave.size, onsets, 0.16 - 0.1 * amount)
    return np.asarray(wave * hold)


def _tone(gain_db: Callable[[Wave, float], Wave]) -> Treatment:
    """A treatment that is only a filter; the loudness stays."""

    def treat(wave: Wave, onsets: NDArray[np.int64], amount: float, rng: np.random.Generator) -> Wave:
        return _as_loud(_filtered(wave, lambda hz: gain_db(hz, amount)), wave)

    return treat


TREATMENTS: Mapping[str, Treatment] = {
    "bright": _tone(lambda hz, a: 5.0 * a * np.minimum(_octaves_above(hz, 900.0), 3.0)),
    "dark": _tone(lambda hz, a: -9.0 * a * _octaves_above(hz, 700.0)),
    "warm": _tone(lambda hz, a: 6.0 * a * _bump(hz, 260.0, 0.9) - 5.0 * a * _octaves_above(hz, 2500.0)),
    "glassy": _tone(lambda hz, a: 9.0 * a * _bump(hz, 5000.0, 0.9) - 5.0 * a * _below(hz, 500.0)),
    "thin": _tone(lambda hz, a: -12.0 * a * _below(hz, 450.0)),
    "dusty": _dusty, "driven": _driven, "soft": _soft, "hard": _hard, "huge": _huge, "airy": _airy, "short": _short,
    "wobbly": _wobbly,
}  # fmt: skip


def goes_with(colour: str, others: Iterable[str]) -> bool:
    """Whether a colour can hold beside the others: it contradicts none, and hides none."""
    return not any({colour, other} in map(set, _APART) for other in others)


def draw_colours(rng: np.random.Generator) -> dict[str, float]:
    """Colours for one stem and how strongly each holds: two fifths of the stems have none."""
    count = int(rng.choice([0, 1, 2], p=(0.4, 0.35, 0.25)))
    drawn: dict[str, float] = {}
    for index in rng.permutation(len(COLOURS)):
        colour = COLOURS[index]
        if len(drawn) < count and goes_with(colour, drawn):
            drawn[colour] = float(rng.uniform(0.55, 1.0))
    return drawn


def coloured(wave: Wave, onsets: NDArray[np.int64], colours: Mapping[str, float], rng: np.random.Generator) -> Wave:
    """The stem in its colours (each with how strongly it holds): float64 (frames,). `onsets` are frames on the stem's
    circle."""
    for colour in COLOURS:
        if colour in colours:
            wave = TREATMENTS[colour](wave, onsets, colours[colour], rng)
    return wave
