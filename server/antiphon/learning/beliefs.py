"""Keeps what is believed up to date: after a rating, and before anything is built on it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from antiphon.domain.belief import Belief
from antiphon.domain.event import Done, GenerationRated, StudioEvent
from antiphon.domain.lineage import Parent, Verdict
from antiphon.errors import AntiphonError, LearnerAway
from antiphon.learning.evidence import belief_of, candidate_belief, plain_belief, question_of
from antiphon.learning.generations import RatedArm, RatedGeneration, rated_arms, rated_generations
from antiphon.learning.standing import Standing
from antiphon.records import Evidence, Preferred, Records

log = logging.getLogger(__name__)

#: Ratings that come together are thought over together. The more there are, the longer that takes, and the longer is
#: the rest after it: thinking shall not keep control from answering.
REST_S = 0.1
REST_SHARE = 2.0
#: How long whoever needs the newest belief waits for it, before the last one must do.
PATIENCE_S = 3.0
#: The newest ratings that are thought over.
MOST_EVIDENCE = 10_000
#: How much loops differ before anybody has rated them, on 0 to 1.
UNRATED_SD = 0.25
#: What a rating of one stem says of the whole loop, as a share of what a rating of the whole says.
STEM_WORTH = 0.5
#: A learner that was away is asked again after this.
RETRY_S = 10.0


class Asks(Protocol):
    """Whoever answers questions: `learning.keeper.Learner`."""

    async def ask(self, kind: str, data: dict[str, Any]) -> dict[str, Any]:
        """Raises LearnerAway."""
        ...


class Beliefs:
    """What is believed now. `learner` None: plain means, for ever. `emit` gets `GenerationRated` events."""

    def __init__(self, records: Records, learner: Asks | None, fair: bool, emit: Callable[[StudioEvent], None]) -> None:
        self._records, self._learner, self._fair, self._emit = records, learner, fair, emit
        self._belief = Belief()
        self._standing = Standing(MOST_EVIDENCE)
        self._evidence: list[Evidence] = []
        self._preferences: list[Preferred] = []
        self._generations: list[RatedGeneration] | None = None
        self._stale = True
        self._task: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._closed = False

    def changed(self) -> None:
        """Something was rated, or made: think again."""
        self._stale = True
        self._thinking()

    def on_event(self, event: StudioEvent) -> None:
        """A listener of the studio's: a generation that was made is one to tell of."""
        if isinstance(event, Done) and any(each.operator == "evolve" for each in event.candidates):
            self.changed()

    async def current(self, patience_s: float = PATIENCE_S) -> Belief:
        """What is believed, of all ratings so far; of those until a moment ago where that takes too long."""
        await self._wait(patience_s)
        return self._belief

    async def evidence(self) -> tuple[Belief, list[Evidence]]:
        """What is believed, and the ratings that it rests on, oldest first."""
        belief = await self.current()
        return belief, self._evidence

    async def generations(self) -> tuple[list[RatedGeneration], list[RatedArm]]:
        """How well each generation was liked, and each arm: after the fact, so not to be shown to whoever rates."""
        belief = await self.current()
        return self._generations or [], rated_arms(self._evidence, belief)

    async def population(self, context: str | None, limit: int) -> list[Parent]:
        """The candidates rated last in a context (None: in any) that can have children, with what is believed of each;
        where that is not known yet, the plain mean of its ratings."""
        parents = await self._records.rated(limit, context)
        if not parents:
            return []
        belief = await self.current()
        verdicts = _verdicts(self._evidence, belief, context)
        return [
            replace(_believed(parent, belief, context), verdicts=tuple(verdicts.get(parent.candidate_id, ())))
            for parent in parents
        ]

    def trust(self, candidate_id: str, stem: str | None = None) -> tuple[float, float] | None:
        """How good a candidate is, or one of its stems, to everybody together, and how far that can be trusted, both 0
        to 1: the share that ratings have taken off the variance between loops. None: the learner has not judged it."""
        belief = self._belief
        known = candidate_belief(belief, None, candidate_id, stem) if belief.how == "reliability" else None
        if known is None:
            return None
        return trusted(*known)

    def status(self) -> dict[str, Any]:
        """On what selection rests: `reliability` or `plain` means, and why."""
        return {"how": self._belief.how, "notice": self._belief.notice, "ratings": len(self._evidence)}

    async def close(self) -> None:
        """Think no more."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wait(self, patience_s: float) -> None:
        task = self._thinking()
        if task is not None:
            await asyncio.wait([task], timeout=patience_s)

    def _thinking(self) -> asyncio.Task[None] | None:
        """The thinking that is under way, begun if need be; None where nothing is to be thought over."""
        if self._stale and not self._closed and (self._task is None or self._task.done()):
            self._task = asyncio.ensure_future(self._think())
        return self._task if self._task is not None and not self._task.done() else None

    async def _think(self) -> None:
        rest_s = REST_S
        while self._stale:
            await asyncio.sleep(rest_s)
            self._stale = False
            began_s = time.monotonic()
            try:
                await self._think_once()
            except AntiphonError as error:
                log.error("the ratings could not be thought over: %s", error)
            except Exception:
                # The outermost boundary of this work: a mistake in it must not end the ratings.
                log.exception("the ratings could not be thought over")
            rest_s = max(REST_S, REST_SHARE * (time.monotonic() - began_s))

    async def _think_once(self) -> None:
        self._standing.add(await self._records.evidence(MOST_EVIDENCE, self._standing.newest))
        evidence = self._standing.ratings()
        told = self._preferences[-1].sequence if self._preferences else 0
        newer = await self._records.preferences(MOST_EVIDENCE, told)
        self._preferences = [*self._preferences, *newer][-MOST_EVIDENCE:]
        belief = await self._believe(evidence)
        generations = rated_generations(await self._records.generations(), evidence, belief)
        before, self._generations = self._generations, generations
        self._evidence, self._belief = evidence, belief
        if before is not None:
            for each in generations:
                if each not in before:
                    self._emit(GenerationRated(each.number, each.mean, each.ratings, each.context))

    async def _believe(self, evidence: list[Evidence]) -> Belief:
        if self._learner is None:
            return plain_belief(evidence, "learning is off (setting learning.enabled): every rating counts in full")
        if not evidence and not self._preferences:
            return Belief(how="reliability")
        try:
            question = await asyncio.to_thread(question_of, evidence, self._preferences, self._fair)
            answer = await self._learner.ask("beliefs", question)
            return await asyncio.to_thread(belief_of, evidence, answer)
        except LearnerAway as error:
            notice = error.message
        except (KeyError, TypeError, ValueError) as error:
            log.exception("the learner's answer has another form")
            notice = f"the learner's answer was not understood ({error!r})"
        log.warning("plain means are used: %s", notice)
        self._retry = asyncio.get_running_loop().call_later(RETRY_S, self.changed)
        return plain_belief(evidence, notice)


def trusted(mean: float, sd: float) -> tuple[float, float]:
    """A belief as value and trust, both 0 to 1."""
    return min(1.0, max(0.0, mean)), min(1.0, max(0.0, 1.0 - (sd / UNRATED_SD) ** 2))


def _believed(parent: Parent, belief: Belief, context: str | None) -> Parent:
    known = candidate_belief(belief, context, parent.candidate_id)
    if known is None or belief.how == "plain":
        return parent
    return replace(parent, mean_rating=known[0], rating_sd=known[1])


def _verdicts(evidence: list[Evidence], belief: Belief, context: str | None) -> dict[str, list[Verdict]]:
    """Each candidate's ratings with what they count. The context that is asked for has no name (None: all are one)."""
    found: dict[str, list[Verdict]] = {}
    for each in evidence:
        known = belief.ratings.get(each.sequence)
        weight = (1.0 if known is None else known.weight) * (1.0 if each.stem is None else STEM_WORTH)
        name = "" if context is None or each.context == context else each.context
        found.setdefault(each.candidate_id, []).append(Verdict(each.rater, each.value, weight, name))
    return found
