"""Ratings and what is made of them over HTTP: each route is a report, for whoever wants to know why."""

from __future__ import annotations

from aiohttp import web

from antiphon.control.desk import Desk
from antiphon.control.fields import ID_PATTERN, Bounds, Field
from antiphon.errors import NotFound, UnknownKey

_LIMIT = Field("limit", "int", "how many", "", 1, 5000)
_CONTEXT = Field("context", "text", "whose taste", max_length=64)
DEFAULT_LIMIT = 50


class LearningRoutes:
    """Routes that read: /api/ratings, /api/beliefs, /api/taste, /api/generations, /api/exposures."""

    def __init__(self, desk: Desk) -> None:
        self._reports = desk.studio.reports

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/ratings", self._ratings)
        router.add_get("/api/beliefs", self._beliefs)
        router.add_get("/api/beliefs/{candidate_id}", self._candidate)
        router.add_get("/api/taste", self._taste)
        router.add_get("/api/generations", self._generations)
        router.add_get("/api/exposures", self._exposures)

    async def _ratings(self, request: web.Request) -> web.StreamResponse:
        limit = _limit(request, "candidate")
        candidate_id = request.query.get("candidate")
        if candidate_id is not None:
            candidate_id = _candidate_id(candidate_id)
        return web.json_response(await self._reports.ratings(limit, candidate_id))

    async def _beliefs(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._reports.beliefs(_limit(request)))

    async def _candidate(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._reports.candidate(_candidate_id(request.match_info["candidate_id"])))

    async def _taste(self, request: web.Request) -> web.StreamResponse:
        _only(request, "context")
        context = str(_CONTEXT.parse(request.query.get("context", ""), Bounds()))
        return web.json_response(await self._reports.taste(context))

    async def _generations(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._reports.generations())

    async def _exposures(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._reports.exposures(_limit(request)))


def _limit(request: web.Request, *others: str) -> int:
    """The query's `limit`. Raises for one that is no number in range, and for what is not asked here."""
    _only(request, "limit", *others)
    asked = request.query.get("limit", str(DEFAULT_LIMIT))
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 9 else asked
    return int(_LIMIT.parse(number, Bounds()))


def _only(request: web.Request, *keys: str) -> None:
    """Raises UnknownKey where the query holds another key."""
    for key in request.query:
        if key not in keys:
            raise UnknownKey(f"there is no key {key[:40]!r} here: send {' or '.join(keys)}")


def _candidate_id(text: str) -> str:
    if not ID_PATTERN.fullmatch(text):
        raise NotFound("there is no such candidate")
    return text
