"""Ratings and preferences: kept once, never changed, and read as evidence."""

from __future__ import annotations

import json
import sqlite3

from antiphon.domain.exposure import ALL_CONTEXTS
from antiphon.domain.genome_wire import genome_from_json
from antiphon.domain.lineage import Parent
from antiphon.domain.measures import measures_from_json
from antiphon.domain.request import GenerateRequest
from antiphon.domain.wire import request_from_json
from antiphon.errors import OutOfRange
from antiphon.records import Drawn, Evidence, Generation, Preference, Preferred, Rating
from antiphon.storage.rows import Rows, id_taken, no_candidate


class RatingRows(Rows):
    """The part of `records.Records` that keeps what people say."""

    async def rate(self, rating: Rating) -> float:
        def work(connection: sqlite3.Connection) -> float:
            self._place(connection, rating.candidate_id)
            values = self._values(connection, rating)
            connection.execute(self._sql["insert_rating"], values)
            connection.execute(self._sql["not_skipped"], values)
            kept = connection.execute(self._sql["rating_by_id"], values).fetchone()
            if (kept["candidate_id"], kept["stem"]) != (rating.candidate_id, rating.stem):
                raise id_taken(rating.rating_id, kept["candidate_id"])
            self._on_rated(connection)
            return float(kept["value"])

        _check_context(rating.context)
        return await self._database.run(work)

    def _values(self, connection: sqlite3.Connection, rating: Rating) -> dict[str, object]:
        """The rating's row, with how the candidate was shown to whoever rates it."""
        now_s = self._clock()
        about = {"client": rating.client, "candidate_id": rating.candidate_id, "now_s": now_s}
        shown = connection.execute(self._sql["exposure_for_rating"], about).fetchone()
        own_context, heard_s, repeat_showing = "", None, 0
        if shown is not None:
            heard = connection.execute(self._sql["heard_since"], about | {"since_s": shown["shown_at_s"]}).fetchone()
            heard_s = heard[0]
            own_context = shown["context"] if shown["client"] == rating.client else ""
            repeat_showing = shown["sequence"] if shown["repeat_of"] is not None else 0
        return about | {
            "rating_id": json.dumps(rating.rating_id), "value": rating.value, "stem": rating.stem,
            "rater": rating.rater, "listened_s": rating.listened_s, "gesture": rating.gesture,
            "context": rating.context or own_context or self._learning.context, "heard_s": heard_s,
            "exposure": None if shown is None else shown["sequence"], "repeat_showing": repeat_showing,
        }  # fmt: skip

    async def prefer(self, preference: Preference) -> None:
        values = {
            "client": preference.client, "rating_id": json.dumps(preference.rating_id), "stem": preference.stem,
            "winner_id": preference.winner_id, "loser_id": preference.loser_id, "rater": preference.rater,
            "context": preference.context or self._learning.context, "now_s": self._clock(),
        }  # fmt: skip

        def work(connection: sqlite3.Connection) -> None:
            for candidate_id in (preference.winner_id, preference.loser_id):
                self._place(connection, candidate_id)
            connection.execute(self._sql["insert_preference"], values)
            kept = connection.execute(self._sql["preference_by_id"], values).fetchone()
            if tuple(kept) != (preference.winner_id, preference.loser_id, preference.stem):
                raise id_taken(preference.rating_id, f"{kept['winner_id']} over {kept['loser_id']}")

        _check_context(preference.context)
        await self._database.run(work)

    async def rated(self, limit: int, context: str | None = None) -> list[Parent]:
        def work(connection: sqlite3.Connection) -> list[Parent]:
            rows = connection.execute(self._sql["rated_candidates"], {"limit": limit, "context": context})
            return [
                Parent(
                    row["candidate_id"], genome_from_json(json.loads(row["genome"])), row["mean"], row["ratings"],
                    measures=measures_from_json(json.loads(row["measures"] or "{}")),
                )
                for row in rows
            ]  # fmt: skip

        return await self._database.run(work)

    async def requests(self, limit: int, context: str | None = None) -> list[GenerateRequest]:
        def work(connection: sqlite3.Connection) -> list[GenerateRequest]:
            rows = connection.execute(self._sql["requests_of_context"], {"limit": limit, "context": context})
            return [request_from_json(json.loads(row["payload"])) for row in rows]

        return await self._database.run(work)

    async def count_ratings(self) -> int:
        return await self._database.run(
            lambda connection: int(connection.execute(self._sql["count_ratings"]).fetchone()[0])
        )

    async def rating_of(self, candidate_id: str, rater: str) -> float | None:
        values = {"candidate_id": candidate_id, "rater": rater}

        def work(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(self._sql["latest_rating_of_rater"], values).fetchone()
            return None if row is None else float(row["value"])

        return await self._database.run(work)

    async def evidence(self, limit: int, since: int = 0) -> list[Evidence]:
        def work(connection: sqlite3.Connection) -> list[Evidence]:
            rows = connection.execute(self._sql["evidence"], {"limit": limit, "since": since}).fetchall()
            return [Evidence(*row) for row in reversed(rows)]

        return await self._database.run(work)

    async def preferences(self, limit: int, since: int = 0) -> list[Preferred]:
        def work(connection: sqlite3.Connection) -> list[Preferred]:
            rows = connection.execute(self._sql["preferences"], {"limit": limit, "since": since}).fetchall()
            return [Preferred(*row) for row in reversed(rows)]

        return await self._database.run(work)

    async def contexts(self) -> dict[str, int]:
        return await self._database.run(lambda connection: dict(connection.execute(self._sql["contexts"]).fetchall()))

    async def generations(self) -> list[Generation]:
        def work(connection: sqlite3.Connection) -> list[Generation]:
            return [Generation(*row) for row in connection.execute(self._sql["generations"])]

        return await self._database.run(work)

    async def drawn(self, candidate_id: str) -> Drawn:
        def work(connection: sqlite3.Connection) -> Drawn:
            row = connection.execute(self._sql["draw_of_candidate"], {"candidate_id": candidate_id}).fetchone()
            if row is None:
                raise no_candidate(candidate_id)
            return Drawn(*row)

        return await self._database.run(work)


def _check_context(context: str) -> None:
    if context == ALL_CONTEXTS:
        raise OutOfRange(f"the context {ALL_CONTEXTS!r} stands for all of them: rate in one, by a name of its own")
