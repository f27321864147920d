"""What a pilot shows, and the seams it is built on: the house that makes loops, and the panel that rates them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

#: A session is so many ratings: more at a time tire people (Singh et al., arXiv 2506.04852, had short sessions too).
SESSION = 12
#: The share of showings that are repeats, and how many others lie between.
AGAIN_SHARE, AGAIN_GAP = 0.1, 3


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop to be rated: its mix as a file's bytes, how long it lasts in seconds, what the pilot's ear heard."""

    candidate_id: str
    audio: bytes
    seconds: float
    descriptors: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """One rating as a panel tells it, `value` 0 to 1; `order` and `again` as in `records.Rated`. `listened_s`: how long
    it was heard, where that is known."""

    candidate_id: str
    rater: str
    value: float
    order: int
    again: bool = False
    listened_s: float | None = None


#: Takes a rating down: returns once the server has it. Raises what the server raises.
Note = Callable[[Said], Awaitable[None]]


class House(Protocol):
    """Who makes loops and learns from ratings: the server, by what any client of it may ask. Raises from `errors`."""

    async def first(self, count: int) -> list[str]:
        """Make unselected loops; their ids."""
        ...

    async def evolve(self, count: int) -> list[str]:
        """Make the next generation from what was rated; the ids, in an order that tells nothing."""
        ...

    async def audio(self, candidate_id: str) -> bytes:
        """A loop's mix, as a file's bytes."""
        ...

    async def show(self, candidate_id: str, rater: str) -> None:
        """Say that somebody is shown a loop; the house notes from which arm it is."""
        ...

    async def rate(self, said: Said) -> None:
        """Hand a rating on."""
        ...

    async def arms(self, candidate_ids: Sequence[str]) -> dict[str, str]:
        """After the fact: from which arm each was drawn, of those that were shown."""
        ...


class Panel(Protocol):
    """Who rates: people or simulated raters."""

    simulated: bool

    async def rate(self, generation: int, loops: Sequence[Loop], note: Note) -> None:
        """Have all loops rated; returns when each has the ratings it needs."""
        ...

    def true_liking(self, loop: Loop) -> float | None:
        """What the audience truly thinks, 0 to 1; None where nobody can know."""
        ...


def again_from(heard: Sequence[str], repeated: Sequence[str], chance: random.Random) -> str | None:
    """What a rater shall rate once more now: mostly nothing; else something heard a while ago and not repeated yet."""
    options = [each for each in heard[: max(0, len(heard) - AGAIN_GAP)] if each not in repeated]
    # At the first showings there is nothing to repeat, so later ones make up for it.
    likely = AGAIN_SHARE * SESSION / (SESSION - AGAIN_GAP - 1)
    return chance.choice(options) if options and chance.random() < likely else None
