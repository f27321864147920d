"""A house without a server: it makes tones, learns one feature of them from ratings, and mixes a blind baseline."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import numpy as np
import soundfile

from antiphon.pilot.showing import Said

RATE_HZ = 22050
LOWEST_HZ, HIGHEST_HZ = 100.0, 3200.0


def tone(frequency_hz: float, seconds: float = 0.5) -> bytes:
    """A stereo file of one tone."""
    times_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    wave = 0.3 * np.sin(2 * np.pi * frequency_hz * times_s)
    file = io.BytesIO()
    soundfile.write(file, np.column_stack([wave, wave]), RATE_HZ, format="WAV")
    return file.getvalue()


class MemoryHouse:
    """Its loops differ in how high they are, 0 to 1; `evolve` makes three in four near the best rated, if it learns."""

    def __init__(self, seed: int = 1, learns: bool = True) -> None:
        self.chance = random.Random(seed)
        self.learns = learns
        self.height: dict[str, float] = {}
        self.arm: dict[str, str] = {}
        self.shown: list[str] = []
        self.said: list[Said] = []

    def _make(self, height: float, arm: str) -> str:
        candidate_id = f"c{len(self.height)}"
        self.height[candidate_id], self.arm[candidate_id] = min(1.0, max(0.0, height)), arm
        return candidate_id

    async def first(self, count: int) -> list[str]:
        return [self._make(self.chance.random(), "asked") for _ in range(count)]

    async def evolve(self, count: int) -> list[str]:
        best = sorted(self.said, key=lambda said: said.value)[-5:]
        made = []
        for place in range(count):
            near = self.height[self.chance.choice(best).candidate_id] + self.chance.gauss(0.0, 0.05)
            new = place % 4 != 0
            made.append(self._make(near if new and self.learns else self.chance.random(), "new" if new else "baseline"))
        self.chance.shuffle(made)
        return made

    async def audio(self, candidate_id: str) -> bytes:
        return tone(LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** self.height[candidate_id])

    async def show(self, candidate_id: str, rater: str) -> None:
        self.shown.append(candidate_id)

    async def rate(self, said: Said) -> None:
        self.said.append(said)

    async def arms(self, candidate_ids: Sequence[str]) -> dict[str, str]:
        return {each: self.arm[each] for each in candidate_ids if each in self.shown}
