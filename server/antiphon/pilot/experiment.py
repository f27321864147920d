"""The experiment: unselected loops are rated, then one generation after another, in which the house has mixed a blind
baseline. What is noted stands at any moment, so that a pilot that was broken off has a report too.

The plan follows Singh et al., arXiv 2506.04852: rate, evolve, rate again; the gain is that over the blind baseline of
the same generation, heard by the same people in the same hour, and not over the first generation alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from antiphon.errors import Conflict
from antiphon.pilot.hearing import hear_file
from antiphon.pilot.raw import RawData
from antiphon.pilot.records import FIRST, Pilot, Rated, Shown
from antiphon.pilot.showing import House, Loop, Panel, Said

#: The arm that says nothing of what was learnt (domain.exposure).
BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Plan:
    """`generations`: how many follow the first, unselected one; `per_generation`: loops in each."""

    context: str
    seed: int
    generations: int
    per_generation: int


def _quiet(_words: str) -> None:
    """Say nothing."""


class Experiment:
    """One pilot. `run` does it; `pilot` is what has been noted so far. `tell` hears what is going on, in words;
    `raw`: where ratings are written as they come; `clock` gives seconds."""

    def __init__(
        self, house: House, panel: Panel, plan: Plan, tell: Callable[[str], None] = _quiet,
        raw: RawData | None = None, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._house, self._panel, self._plan, self._tell, self._clock = house, panel, plan, tell, clock
        self._raw = raw
        self._began, self._began_s = datetime.now(UTC).isoformat(timespec="seconds"), clock()
        self._loops: list[list[Loop]] = []
        self._arms: list[dict[str, str]] = []
        self._rated: list[Rated] = []
        self._making_s: list[float] = []

    async def run(self) -> None:
        """The whole of it. Raises what house and panel raise; what was noted until then stays."""
        for generation in range(self._plan.generations + 1):
            await self._make(generation)
            self._tell(f"generation {generation}: {len(self._loops[generation])} loops are there to be rated")
            await self._panel.rate(generation, self._loops[generation], self._noting(generation))
            await self.learn_arms()
            self._write_raw(lambda raw: raw.write(self.pilot()))

    async def learn_arms(self) -> None:
        """Ask for the arms of what was shown. Not before it was rated: nobody here shall know them."""
        for generation, loops in enumerate(self._loops):
            known = self._arms[generation]
            asked = [loop.candidate_id for loop in loops if loop.candidate_id not in known]
            if generation == 0:
                known |= dict.fromkeys(asked, FIRST)
            elif asked:
                known |= await self._house.arms(asked)
        self._check_baseline()

    def _check_baseline(self) -> None:
        """A generation that was rated as a whole must have a baseline, or its gain can't be told."""
        for generation, arms in enumerate(self._arms):
            whole = len(arms) == len(self._loops[generation]) > 0
            # Of fewer than four loops, a quarter may well be none.
            if generation and whole and len(arms) >= 4 and BASELINE not in arms.values():
                self._tell(
                    f"generation {generation} has no blind baseline, so its gain can't be told: "
                    "set learning.baseline_share on the server (a quarter is usual) before the next pilot"
                )

    def pilot(self) -> Pilot:
        """All that is known now. Loops whose arm is not known, because nobody heard them, are left out."""
        shown = [
            Shown(generation, loop.candidate_id, self._arms[generation][loop.candidate_id], loop.descriptors)
            for generation, loops in enumerate(self._loops)
            for loop in loops
            if loop.candidate_id in self._arms[generation]
        ]
        known = {(each.generation, each.candidate_id) for each in shown}
        rated = tuple(each for each in self._rated if (each.generation, each.candidate_id) in known)
        unplaced = tuple(each for each in self._rated if (each.generation, each.candidate_id) not in known)
        return Pilot(
            self._plan.context, self._panel.simulated, self._plan.seed, self._plan.generations,
            self._plan.per_generation, self._began, tuple(shown), rated, tuple(self._making_s), self._true_liking(),
            unplaced,
        )  # fmt: skip

    async def _make(self, generation: int) -> None:
        self._tell(f"generation {generation}: {self._plan.per_generation} loops are being made")
        since_s = self._clock()
        make = self._house.evolve if generation else self._house.first
        candidate_ids = list(dict.fromkeys(await make(self._plan.per_generation)))
        if not candidate_ids:
            raise Conflict("the server made no loops: `antiphon status` says how its worker is")
        took_s = self._clock() - since_s
        loops = [await self._listen(each) for each in candidate_ids]
        self._making_s.append(took_s)
        self._loops.append(loops)
        self._arms.append({})

    async def _listen(self, candidate_id: str) -> Loop:
        audio = await self._house.audio(candidate_id)
        descriptors, seconds = await asyncio.to_thread(hear_file, audio)
        return Loop(candidate_id, audio, seconds, descriptors)

    def _noting(self, generation: int) -> Callable[[Said], asyncio.Future[None]]:
        async def note(said: Said) -> None:
            await self._house.show(said.candidate_id, said.rater)
            await self._house.rate(said)
            at_s = self._clock() - self._began_s
            rated = Rated(generation, said.candidate_id, said.rater, said.value, at_s, said.order, said.again)
            self._rated.append(rated)
            self._write_raw(lambda raw: raw.add(rated))

        # Once begun, a rating is taken down whole: a visitor who goes away must not leave half of one.
        return lambda said: asyncio.shield(asyncio.ensure_future(note(said)))

    def _write_raw(self, write: Callable[[RawData], None]) -> None:
        """A disk that fails is told, and costs nobody their turn: the ratings are at the server, and in memory."""
        try:
            if self._raw is not None:
                write(self._raw)
        except OSError as fault:
            self._tell(f"the raw data can't be written now: {fault.strerror or fault}")

    def _true_liking(self) -> tuple[float, ...]:
        """By generation, of what is new in it (of the first: of all)."""
        means = []
        for loops, arms in zip(self._loops, self._arms, strict=True):
            new = [loop for loop in loops if arms.get(loop.candidate_id, BASELINE) != BASELINE]
            liked = [value for loop in new if (value := self._panel.true_liking(loop)) is not None]
            if liked:
                means.append(_mean(liked))
        return tuple(means)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
