"""The panel of simulated raters: who comes, what each is shown and in which order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from antiphon.errors import OutOfRange
from antiphon.pilot.raters import Crowd, Habits, Heard
from antiphon.pilot.showing import SESSION, Loop, Note, Said, again_from

#: What all simulated raters' names begin with, so that nobody takes their ratings for people's.
PREFIX = "simulated-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`ratings_per_loop`, by as many raters; `raters`: how many people there are (0: as many as come)."""

    ratings_per_loop: int = 1
    raters: int = 0


class SimulatedPanel:
    """Simulated raters come one after another. The first generation's loops are what they are used to."""

    simulated = True

    def __init__(self, seed: int, wanted: Wanted, habits: Habits | None = None) -> None:
        if 0 < wanted.raters < wanted.ratings_per_loop:
            raise OutOfRange(
                f"{wanted.raters} raters can't give each loop {wanted.ratings_per_loop} ratings: "
                f"name {wanted.ratings_per_loop} raters or more, or none for as many as are needed"
            )
        self._seed, self._wanted, self._habits = seed, wanted, habits
        self._crowd: Crowd | None = None
        self._come = 0

    async def rate(self, generation: int, loops: Sequence[Loop], note: Note) -> None:
        if self._crowd is None:
            self._crowd = Crowd([loop.descriptors for loop in loops], self._seed, self._habits)
        chance = random.Random(f"{self._seed}/{generation}")
        rng = np.random.default_rng((self._seed, 2, generation))
        orders: dict[int, int] = {}
        for number, sitting in self._sittings(loops, chance):
            orders[number] = await self._sit(number, sitting, orders.get(number, 0), note, chance, rng)

    def true_liking(self, loop: Loop) -> float | None:
        return None if self._crowd is None else self._crowd.liking(loop.descriptors)

    def _sittings(self, loops: Sequence[Loop], chance: random.Random) -> list[tuple[int, list[Loop]]]:
        """Who rates what: each loop as often as wanted, never twice by the same person, in an order of chance."""
        sittings, mixed = [], list(loops)
        chance.shuffle(mixed)
        for turn in range(self._wanted.ratings_per_loop):
            if not self._wanted.raters:
                chance.shuffle(mixed)
            # One showing in ten is a repeat, so a session has room for one loop less.
            sessions = -(-len(mixed) // (SESSION - 1))
            for place in range(sessions):
                number = (place + turn) % self._wanted.raters if self._wanted.raters else self._come
                self._come += 1
                sitting = mixed[place::sessions]
                sittings.append((number, chance.sample(sitting, len(sitting))))
        return sittings

    async def _sit(
        self, number: int, loops: Sequence[Loop], order: int, note: Note, chance: random.Random,
        rng: np.random.Generator,
    ) -> int:  # fmt: skip
        """One session of one rater; the place in their order after it."""
        assert self._crowd is not None
        rater, by_id = self._crowd.rater(number), {loop.candidate_id: loop for loop in loops}
        before: list[Heard] = []
        heard: list[str] = []
        repeated: list[str] = []
        waiting = list(by_id)
        while waiting:
            repeat = again_from(heard, repeated, chance)
            shown = waiting.pop(0) if repeat is None else repeat
            (heard if repeat is None else repeated).append(shown)
            loop = by_id[shown]
            value = self._crowd.rate(rater, loop.descriptors, before, rng)
            await note(Said(shown, f"{PREFIX}{number + 1}", value, order, repeat is not None, loop.seconds))
            before.append(loop.descriptors)
            order += 1
        return order
