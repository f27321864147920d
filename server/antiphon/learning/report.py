"""What anybody may ask about ratings: why each counts as it does, and what is made of them (docs/learning.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from antiphon.domain.belief import Belief, ClipBelief
from antiphon.learning.beliefs import MOST_EVIDENCE, Asks, Beliefs
from antiphon.learning.tastes import Tastes
from antiphon.records import Evidence, Records

Json = dict[str, Any]
#: What tells a blind arm, and what only sums need.
_HIDDEN = ("made_for", "generation", "arm", "probability")
_NOT_THOUGHT_OF = "not thought over yet"


class Reports:
    """Satisfies `studio.LearningReports`. `taster`, `own_context` and `hears` as in `learning.tastes.Tastes`."""

    def __init__(
        self, records: Records, beliefs: Beliefs, taster: Asks | None, own_context: str, hears: bool = False
    ) -> None:
        self._records, self._beliefs = records, beliefs
        self._tastes = Tastes(records, beliefs, taster, own_context, hears)

    async def ratings(self, limit: int, candidate_id: str | None = None) -> Json:
        belief, evidence = await self._beliefs.evidence()
        if candidate_id is not None:
            await self._records.drawn(candidate_id)
            evidence = [each for each in evidence if each.candidate_id == candidate_id]
        return _how(belief) | {"ratings": [_rating(each, belief) for each in evidence[: -limit - 1 : -1]]}

    async def beliefs(self, limit: int) -> Json:
        belief, evidence = await self._beliefs.evidence()
        contexts: dict[str, list[ClipBelief]] = {}
        for clip in belief.clips.values():
            contexts.setdefault(clip.context, []).append(clip)
        best = {
            context: [_clip(clip) for clip in sorted(clips, key=lambda clip: -clip.mean)[:limit]]
            for context, clips in sorted(contexts.items())
        }
        return _how(belief) | {
            "ratings": len(evidence),
            "most_ratings": MOST_EVIDENCE,
            "listening": belief.listening,
            "contexts": [dataclasses.asdict(group) for group in belief.groups],
            "raters": [dataclasses.asdict(rater) for rater in belief.raters],
            "clips": best,
        }

    async def candidate(self, candidate_id: str) -> Json:
        await self._records.drawn(candidate_id)
        belief, evidence = await self._beliefs.evidence()
        clips = [_clip(clip) for clip in belief.clips.values() if clip.candidate_id == candidate_id]
        ratings = [_rating(each, belief) for each in reversed(evidence) if each.candidate_id == candidate_id]
        return _how(belief) | {"candidate_id": candidate_id, "clips": clips, "ratings": ratings}

    async def taste(self, context: str) -> Json:
        return await self._tastes.of(context)

    async def generations(self) -> Json:
        generations, arms = await self._beliefs.generations()
        return {
            "generations": [dataclasses.asdict(each) for each in generations],
            "arms": [dataclasses.asdict(each) for each in arms],
        }

    async def exposures(self, limit: int) -> Json:
        return {"exposures": [dataclasses.asdict(each) for each in await self._records.exposures(limit)]}


def _how(belief: Belief) -> Json:
    return {"how": belief.how, "notice": belief.notice}


def _rating(evidence: Evidence, belief: Belief) -> Mapping[str, Any]:
    known = belief.ratings.get(evidence.sequence)
    shown = {name: value for name, value in dataclasses.asdict(evidence).items() if name not in _HIDDEN}
    return shown | {
        "weight": known.weight if known else None,
        "words": known.words if known else _NOT_THOUGHT_OF,
    }


def _clip(clip: ClipBelief) -> Json:
    return dataclasses.asdict(clip)
