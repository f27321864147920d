"""What people of a context like, for whoever asks: put to a learner, and kept until something else is believed."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

from antiphon.breeding import MOST_PARENTS, nothing_rated
from antiphon.domain.belief import Belief
from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.domain.lineage import Parent
from antiphon.domain.wire import canonical, parent_to_json
from antiphon.errors import Conflict, LearnerAway
from antiphon.learning.beliefs import Asks, Beliefs
from antiphon.records import Records

Json = dict[str, Any]
#: Contexts whose taste is kept.
MOST_KEPT = 32


@dataclasses.dataclass(frozen=True, slots=True)
class _Known:
    """A taste, and what was believed of the ratings when it was asked for."""

    belief: Belief
    taste: Json


class Tastes:
    """Satisfies `studio.LearningReports.taste`. `own_context` is whose taste it is where nobody is named; `hears`:
    taste goes by how loops sound, too.

    `taster`: a learner of its own, since what it is asked takes seconds; None: there is none.
    """

    def __init__(
        self, records: Records, beliefs: Beliefs, taster: Asks | None, own_context: str, hears: bool = False
    ) -> None:
        self._records, self._beliefs, self._taster, self._own_context = records, beliefs, taster, own_context
        self._hears = hears
        self._kept: dict[str, _Known] = {}
        #: One after the other, so that those who ask the same at once have it thought over once.
        self._asking = asyncio.Lock()

    async def of(self, context: str) -> Json:
        """The taste of a context (empty: the setting's; or `all`) as `learning.tasting.taste` tells it, and `context`,
        `how`, `notice`. Raises Conflict where nothing was rated there, LearnerAway where nobody has an answer."""
        name = context or self._own_context
        async with self._asking:
            belief = await self._beliefs.current()
            known = self._kept.pop(name, None)
            if known is None or not (known.belief is belief or known.belief == belief):
                known = _Known(belief, await self._ask(name))
            self._kept[name] = known
            if len(self._kept) > MOST_KEPT:
                del self._kept[next(iter(self._kept))]
        return {"context": name, "how": belief.how, "notice": belief.notice} | known.taste

    async def _ask(self, name: str) -> Json:
        context = None if name == ALL_CONTEXTS else name
        # What `evolve` would choose parents from.
        parents = await self._beliefs.population(context, MOST_PARENTS)
        if not parents:
            raise Conflict(await nothing_rated(self._records, context, "nobody knows what is liked"))
        if self._taster is None:
            raise LearnerAway("this server has no learner that could tell what is liked: start it with antiphon serve")
        return await self._taster.ask("taste", await asyncio.to_thread(question_of, parents, self._hears))


def question_of(parents: Sequence[Parent], hears: bool = False) -> Json:
    """The question `taste`; `hears`: by how loops sound, too. Each parent is text already, because a tree of so many
    genomes is slow to copy."""
    return {"hears": hears, "parents": [canonical(parent_to_json(each)) for each in parents]}
