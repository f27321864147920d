"""Candidates, ratings, listening and what the studio stands at, in SQLite (`records.Records`)."""

from __future__ import annotations

import json
import sqlite3

from antiphon.domain.candidate import Candidate
from antiphon.domain.mixer import StemMix, open_mix
from antiphon.domain.wire import candidate_from_json
from antiphon.errors import Conflict
from antiphon.storage.ratings import RatingRows
from antiphon.storage.rows import no_candidate
from antiphon.storage.showing import ShowingRows


class SqliteRecords(ShowingRows, RatingRows):
    """See `records.Records`."""

    async def candidate(self, candidate_id: str) -> Candidate:
        def work(connection: sqlite3.Connection) -> Candidate:
            row = connection.execute(self._sql["candidate_by_id"], {"candidate_id": candidate_id}).fetchone()
            if row is None:
                raise no_candidate(candidate_id)
            return candidate_from_json(json.loads(row["data"]))

        return await self._database.run(work)

    async def candidates(self, limit: int, since_s: float = 0.0) -> list[Candidate]:
        def work(connection: sqlite3.Connection) -> list[Candidate]:
            rows = connection.execute(self._sql["newest_candidates"], {"limit": limit, "since_s": since_s})
            return [candidate_from_json(json.loads(row["data"])) for row in rows]

        return await self._database.run(work)

    async def candidate_ids(self) -> set[str]:
        return await self._database.run(
            lambda connection: {row["candidate_id"] for row in connection.execute(self._sql["candidate_ids"])}
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
                raise Conflict(
                    "there is no earlier model to go back to: only one has been in use so far; model/list shows all, "
                    "model/use takes one"
                )
            return model

        return await self._database.run(work)

    def _use(self, connection: sqlite3.Connection, model: str) -> None:
        # Using the active model again is no step that a rollback would take back.
        if self._model(connection, "active_model") != model:
            connection.execute(self._sql["use_model"], {"model": model, "now_s": self._clock()})

    def _model(self, connection: sqlite3.Connection, query: str) -> str | None:
        row = connection.execute(self._sql[query]).fetchone()
        return None if row is None else str(row["model"])


def _execute(connection: sqlite3.Connection, statement: str, values: dict[str, object]) -> None:
    connection.execute(statement, values)
