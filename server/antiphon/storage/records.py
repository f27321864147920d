"""Candidates, ratings, listening and what the studio stands at, in SQLite (`records.Records`)."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable

from antiphon.domain.candidate import Candidate
from antiphon.domain.genome_wire import genome_from_json
from antiphon.domain.lineage import Parent
from antiphon.domain.mixer import StemMix, open_mix
from antiphon.domain.wire import candidate_from_json
from antiphon.errors import Conflict, NotFound
from antiphon.records import Preference, Rating
from antiphon.storage.database import Database
from antiphon.storage.queries import queries


class SqliteRecords:
    """See `records.Records`. `clock` gives seconds since the epoch."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._sql = queries()

    async def rate(self, rating: Rating) -> float:
        values = {
            "client": rating.client, "rating_id": json.dumps(rating.rating_id), "candidate_id": rating.candidate_id,
            "value": rating.value, "stem": rating.stem, "rater": rating.rater, "listened_s": rating.listened_s,
            "context": rating.context, "now_s": self._clock(),
        }  # fmt: skip

        def work(connection: sqlite3.Connection) -> float:
            self._place(connection, rating.candidate_id)
            connection.execute(self._sql["insert_rating"], values)
            kept = connection.execute(self._sql["rating_by_id"], values).fetchone()
            if (kept["candidate_id"], kept["stem"]) != (rating.candidate_id, rating.stem):
                raise _id_taken(rating.rating_id, kept["candidate_id"])
            return float(kept["value"])

        return await self._database.run(work)

    async def prefer(self, preference: Preference) -> None:
        values = {
            "client": preference.client, "rating_id": json.dumps(preference.rating_id), "stem": preference.stem,
            "winner_id": preference.winner_id, "loser_id": preference.loser_id, "rater": preference.rater,
            "now_s": self._clock(),
        }  # fmt: skip

        def work(connection: sqlite3.Connection) -> None:
            for candidate_id in (preference.winner_id, preference.loser_id):
                self._place(connection, candidate_id)
            connection.execute(self._sql["insert_preference"], values)
            kept = connection.execute(self._sql["preference_by_id"], values).fetchone()
            if tuple(kept) != (preference.winner_id, preference.loser_id, preference.stem):
                raise _id_taken(preference.rating_id, f"{kept['winner_id']} over {kept['loser_id']}")

        await self._database.run(work)

    async def playing(self, client: str, candidate_id: str) -> tuple[int, int]:
        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            place = self._start_play(connection, client, candidate_id)
            self._write(connection, "current_candidate", candidate_id)
            return place, self._count(connection)

        return await self._database.run(work)

    async def listening(self, client: str, candidate_id: str) -> None:
        await self._database.run(lambda connection: self._start_play(connection, client, candidate_id))

    def _start_play(self, connection: sqlite3.Connection, client: str, candidate_id: str) -> int:
        """The client listens to this from now on, and to nothing else; returns the candidate's place."""
        place = self._place(connection, candidate_id)
        now_s = self._clock()
        connection.execute(self._sql["stop_plays"], {"client": client, "candidate_id": None, "now_s": now_s})
        connection.execute(self._sql["start_play"], {"client": client, "candidate_id": candidate_id, "now_s": now_s})
        return place

    async def stopped(self, client: str, candidate_id: str) -> None:
        values = {"client": client, "candidate_id": candidate_id, "now_s": self._clock()}

        def work(connection: sqlite3.Connection) -> None:
            self._place(connection, candidate_id)
            connection.execute(self._sql["stop_plays"], values)

        await self._database.run(work)

    async def move_current(self, step: int) -> tuple[str, int, int]:
        def work(connection: sqlite3.Connection) -> tuple[str, int, int]:
            count = self._count(connection)
            if step == 0:
                self._write(connection, "current_candidate", "")
                return "", -1, count
            if count == 0:
                raise NotFound("nothing has been made yet: send /antiphon/generate first, then audition what came")
            place = self._next_place(connection, step, count)
            found = connection.execute(self._sql["candidate_at_place"], {"place": place}).fetchone()
            candidate_id = str(found["candidate_id"])
            self._write(connection, "current_candidate", candidate_id)
            return candidate_id, place, count

        return await self._database.run(work)

    def _next_place(self, connection: sqlite3.Connection, step: int, count: int) -> int:
        current = self._standing(connection, "current_candidate")
        if not current:
            if step < 0:
                return count - 1
            return int(connection.execute(self._sql["first_place_of_newest_job"]).fetchone()[0])
        return min(max(self._place(connection, current) + step, 0), count - 1)

    async def current(self) -> tuple[str, int, int]:
        def work(connection: sqlite3.Connection) -> tuple[str, int, int]:
            candidate_id = self._standing(connection, "current_candidate") or ""
            place = self._place(connection, candidate_id) if candidate_id else -1
            return candidate_id, place, self._count(connection)

        return await self._database.run(work)

    async def candidate(self, candidate_id: str) -> Candidate:
        def work(connection: sqlite3.Connection) -> Candidate:
            row = connection.execute(self._sql["candidate_by_id"], {"candidate_id": candidate_id}).fetchone()
            if row is None:
                raise _no_candidate(candidate_id)
            return candidate_from_json(json.loads(row["data"]))

        return await self._database.run(work)

    async def candidates(self, limit: int, since_s: float = 0.0) -> list[Candidate]:
        def work(connection: sqlite3.Connection) -> list[Candidate]:
            rows = connection.execute(self._sql["newest_candidates"], {"limit": limit, "since_s": since_s})
            return [candidate_from_json(json.loads(row["data"])) for row in rows]

        return await self._database.run(work)

    async def rated(self, limit: int) -> list[Parent]:
        def work(connection: sqlite3.Connection) -> list[Parent]:
            return [
                Parent(row["candidate_id"], genome_from_json(json.loads(row["genome"])), row["mean"], row["ratings"])
                for row in connection.execute(self._sql["rated_candidates"], {"limit": limit})
            ]

        return await self._database.run(work)

    async def candidate_ids(self) -> set[str]:
        return await self._database.run(
            lambda connection: {row["candidate_id"] for row in connection.execute(self._sql["candidate_ids"])}
        )

    async def count_ratings(self) -> int:
        return await self._database.run(
            lambda connection: int(connection.execute(self._sql["count_ratings"]).fetchone()[0])
        )

    async def keep(self, client: str, candidate_id: str, kept: bool) -> None:
        values = {"candidate_id": candidate_id, "client": client, "now_s": self._clock()}

        def work(connection: sqlite3.Connection) -> None:
            self._place(connection, candidate_id)
            connection.execute(self._sql["keep_candidate" if kept else "release_candidate"], values)

        await self._database.run(work)

    async def kept(self) -> list[str]:
        return await self._database.run(
            lambda connection: [row["candidate_id"] for row in connection.execute(self._sql["kept_candidates"])]
        )

    async def is_kept(self, candidate_id: str) -> bool:
        values = {"candidate_id": candidate_id}
        return await self._database.run(
            lambda connection: connection.execute(self._sql["kept_candidate"], values).fetchone() is not None
        )

    async def stem_mix(self) -> dict[str, StemMix]:
        def work(connection: sqlite3.Connection) -> dict[str, StemMix]:
            rows = connection.execute(self._sql["read_stem_mix"])
            return {row["stem"]: StemMix(row["stem"], row["level"], bool(row["muted"])) for row in rows}

        kept = await self._database.run(work)
        return {stem: kept.get(stem, mix) for stem, mix in open_mix().items()}

    async def set_stem_mix(self, mix: StemMix) -> None:
        values: dict[str, object] = {"stem": mix.stem, "level": mix.level, "muted": int(mix.muted)}
        await self._database.run(lambda connection: _execute(connection, self._sql["write_stem_mix"], values))

    async def rating_of(self, candidate_id: str, rater: str) -> float | None:
        values = {"candidate_id": candidate_id, "rater": rater}

        def work(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(self._sql["latest_rating_of_rater"], values).fetchone()
            return None if row is None else float(row["value"])

        return await self._database.run(work)

    async def tempo_bpm(self) -> float | None:
        text = await self._database.run(lambda connection: self._standing(connection, "tempo_bpm"))
        return None if text is None else float(text)

    async def set_tempo(self, bpm: float) -> None:
        await self._database.run(lambda connection: self._write(connection, "tempo_bpm", repr(float(bpm))))

    async def choose_model(self, setting: str) -> str:
        def work(connection: sqlite3.Connection) -> str:
            if self._standing(connection, "model_setting") != setting:
                self._write(connection, "model_setting", setting)
                self._use(connection, setting)
            return self._model(connection, "active_model") or setting

        return await self._database.run(work)

    async def use_model(self, model: str) -> None:
        await self._database.run(lambda connection: self._use(connection, model))

    async def previous_model(self) -> str:
        def work(connection: sqlite3.Connection) -> str:
            model = self._model(connection, "previous_model")
            if model is None:
                raise Conflict("there is no earlier model to go back to: only one has been in use so far")
            return model

        return await self._database.run(work)

    def _use(self, connection: sqlite3.Connection, model: str) -> None:
        # Using the active model again is no step that a rollback would take back.
        if self._model(connection, "active_model") != model:
            connection.execute(self._sql["use_model"], {"model": model, "now_s": self._clock()})

    def _model(self, connection: sqlite3.Connection, query: str) -> str | None:
        row = connection.execute(self._sql[query]).fetchone()
        return None if row is None else str(row["model"])

    def _place(self, connection: sqlite3.Connection, candidate_id: str) -> int:
        row = connection.execute(self._sql["place_of_candidate"], {"candidate_id": candidate_id}).fetchone()
        if row is None:
            raise _no_candidate(candidate_id)
        return int(row[0])

    def _count(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute(self._sql["count_candidates"]).fetchone()[0])

    def _standing(self, connection: sqlite3.Connection, name: str) -> str | None:
        row = connection.execute(self._sql["read_standing"], {"name": name}).fetchone()
        return None if row is None else str(row["value"])

    def _write(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute(self._sql["write_standing"], {"name": name, "value": value})


def _execute(connection: sqlite3.Connection, statement: str, values: dict[str, object]) -> None:
    connection.execute(statement, values)


def _no_candidate(candidate_id: str) -> NotFound:
    return NotFound(f"there is no candidate {candidate_id[:40]!r} here: take an id from a /done or /stem message")


def _id_taken(rating_id: str | int, kept_for: str) -> Conflict:
    return Conflict(f"rating id {rating_id} was already used for {kept_for}: take a new id for every new rating")
