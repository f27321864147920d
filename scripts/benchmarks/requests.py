"""Random requests that between them touch everything a client can ask for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from antiphon.domain.request import FILE_FORMATS, SAMPLE_RATES, GenerateRequest
from antiphon.domain.theory import Key, Meter
from antiphon.generation.styles import style_names
from antiphon.rendering.preset import effect_presets
from antiphon.settings import Limits

METERS = (Meter(4, 4), Meter(3, 4), Meter(6, 8))
KEYS = tuple(Key(tonic, mode) for mode in ("major", "minor") for tonic in range(12))
BPM_RANGE = (50.0, 220.0)
MOST_BARS = 16


def _dealt(rng: np.random.Generator, values: Sequence[Any], count: int) -> list[Any]:
    """`count` values in random order, each as often as the others: nothing is left out by chance."""
    dealt: list[Any] = []
    while len(dealt) < count:
        dealt += [values[index] for index in rng.permutation(len(values))]
    return dealt[:count]


def random_requests(count: int, seed: int, limits: Limits | None = None) -> Iterator[GenerateRequest]:
    """`count` requests for four stems; the same seed gives the same ones.

    Keys, meters, rates, styles, presets and file formats are dealt evenly; half the tempi are whole numbers, half
    are any float. Tempo and bars are drawn evenly on a logarithmic scale: short loops are more frequent than long ones.
    """
    limits = limits or Limits()
    rng = np.random.default_rng(seed)
    presets = tuple(sorted(effect_presets()))
    columns = (KEYS, METERS, SAMPLE_RATES, style_names(), presets, FILE_FORMATS)
    for row in zip(*(_dealt(rng, values, count) for values in columns), strict=True):
        key, meter, rate, style, preset, file_format = row
        bpm = math.exp(rng.uniform(math.log(BPM_RANGE[0]), math.log(BPM_RANGE[1])))
        bpm = float(round(bpm)) if rng.random() < 0.5 else bpm
        bars = min(MOST_BARS, int(math.exp(rng.uniform(0.0, math.log(MOST_BARS + 1)))))
        longest = int(limits.duration_s * bpm / 60.0 / float(meter.beats_per_bar))
        yield GenerateRequest(
            bpm=bpm, bars=min(bars, longest), meter=meter, key=key, seed=int(rng.integers(2**31)), style=style,
            preset=preset, energy=float(rng.uniform(0.2, 1.0)), sample_rate=rate, file_format=file_format,
        )  # fmt: skip
