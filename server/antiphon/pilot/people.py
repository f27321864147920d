"""The panel of people: who is at the kiosk, what each is to hear next, and when a generation has been heard enough."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.errors import InvalidRequest, NotFound
from antiphon.pilot.showing import SESSION, Loop, Note, Said, again_from

#: Who has done nothing for so long has gone; a loop that they were given waits for somebody else.
GONE_S, FORGOTTEN_S = 60.0, 1800.0
MOST_VISITORS = 500


@dataclass(slots=True)
class _Visitor:
    """One session, of an anonymous person. `asked`: what they are hearing now, and whether again."""

    rater: str
    seen_s: float
    given: int = 0
    order: int = 0
    generation: int = -1
    asked: tuple[str, bool] | None = None
    heard: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


class PeoplePanel:
    """Visitors rate at the kiosk. `heard`: hears (ratings so far, ratings wanted) of the generation."""

    simulated = False

    def __init__(
        self, ratings_per_loop: int, heard: Callable[[int, int], None] = lambda _done, _wanted: None,
        clock: Callable[[], float] = time.monotonic, chance: random.Random | None = None,
    ) -> None:  # fmt: skip
        self._wanted, self._tell, self._clock = ratings_per_loop, heard, clock
        self._chance = chance or random.SystemRandom()
        self._visitors: dict[str, _Visitor] = {}
        self._loops: dict[str, Loop] = {}
        self._counts: Counter[str] = Counter()
        self._note: Note | None = None
        self._generation = -1
        self._enough = asyncio.Event()

    async def rate(self, generation: int, loops: Sequence[Loop], note: Note) -> None:
        """Wait until each loop has the ratings that are wanted, repeats not counted."""
        self._enough.clear()
        self._generation, self._note, self._counts = generation, note, Counter()
        self._loops = {loop.candidate_id: loop for loop in loops}
        self._tell(0, self._wanted * len(loops))
        try:
            await self._enough.wait()
        finally:
            self._note = None

    def true_liking(self, _loop: Loop) -> float | None:
        return None

    def welcome(self) -> str:
        """A new visitor; their session. The name that their ratings bear is another, so that it can be published."""
        now_s = self._clock()
        self._visitors = {key: each for key, each in self._visitors.items() if now_s - each.seen_s < FORGOTTEN_S}
        if len(self._visitors) >= MOST_VISITORS:
            oldest = min(self._visitors, key=lambda key: self._visitors[key].seen_s)
            del self._visitors[oldest]
        session = secrets.token_urlsafe(12)
        self._visitors[session] = _Visitor("visitor-" + secrets.token_hex(4), now_s)
        return session

    def next_for(self, session: str) -> dict[str, Any]:
        """What the page shall do: play a `loop`, wait (`making`), or say `thanks`. Raises InvalidRequest."""
        visitor = self._visitor(session)
        if visitor.given >= SESSION:
            return {"state": "thanks"}
        if self._note is None:
            return {"state": "making"}
        if visitor.generation != self._generation:
            visitor.generation, visitor.asked, visitor.order = self._generation, None, 0
            visitor.heard, visitor.repeated = [], []
        if visitor.asked is None:
            visitor.asked = self._choose(visitor)
        if visitor.asked is None:
            return {"state": "thanks"}
        candidate_id = visitor.asked[0]
        return {
            "state": "loop", "candidate": candidate_id, "audio": f"/audio/{candidate_id}",
            "place": visitor.given + 1, "of": SESSION,
        }  # fmt: skip

    def audio(self, candidate_id: str) -> bytes:
        """A present loop's mix. Raises NotFound."""
        if candidate_id not in self._loops:
            raise NotFound("there is no such loop now: ask for the next one")
        return self._loops[candidate_id].audio

    async def take(self, session: str, candidate_id: str, value: float, listened_s: float | None) -> None:
        """A visitor's rating, 0 to 1, of the loop that they were given. Raises InvalidRequest for any other."""
        visitor = self._visitor(session)
        note, asked = self._note, visitor.asked
        if note is None or asked is None or asked[0] != candidate_id or visitor.generation != self._generation:
            raise InvalidRequest("this is not the loop that you were given: ask for the next one")
        # Before anything is waited for, so that a second touch is not a second rating.
        visitor.asked = None
        generation, again = self._generation, asked[1]
        try:
            await note(Said(candidate_id, visitor.rater, value, visitor.order, again, listened_s))
        except BaseException:
            visitor.asked = asked
            raise
        visitor.order += 1
        visitor.given += 1
        (visitor.repeated if again else visitor.heard).append(candidate_id)
        if not again and generation == self._generation:
            self._count(candidate_id)

    def _count(self, candidate_id: str) -> None:
        self._counts[candidate_id] += 1
        done = sum(min(self._counts[each], self._wanted) for each in self._loops)
        self._tell(done, self._wanted * len(self._loops))
        if done == self._wanted * len(self._loops):
            self._enough.set()

    def _choose(self, visitor: _Visitor) -> tuple[str, bool] | None:
        """The loop that most lacks ratings and that the visitor has not heard; now and then one that they have."""
        repeat = again_from(visitor.heard, visitor.repeated, self._chance)
        if repeat is not None:
            return repeat, True
        now_s = self._clock()
        given = Counter(
            each.asked[0]
            for each in self._visitors.values()
            if each.asked is not None and not each.asked[1] and now_s - each.seen_s < GONE_S
        )
        fresh = [each for each in self._loops if each not in visitor.heard]
        if not fresh:
            return None
        least = min(self._counts[each] + given[each] for each in fresh)
        return self._chance.choice([each for each in fresh if self._counts[each] + given[each] == least]), False

    def _visitor(self, session: str) -> _Visitor:
        if session not in self._visitors:
            raise InvalidRequest("there is no such session (any more): begin a new one")
        visitor = self._visitors[session]
        visitor.seen_s = self._clock()
        return visitor
