"""What is shown to whom: the audition's walk with its repeats, listening, skips."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from antiphon.domain.exposure import Exposure
from antiphon.errors import NotFound
from antiphon.storage.rows import Rows

#: A repeat comes at the earliest so many steps after the client was last shown the same, and after so many others.
REPEAT_GAP = 4
#: What may be repeated was among so many showings to the client.
REPEAT_WINDOW = 64


@dataclass(frozen=True, slots=True)
class _Repeat:
    """A candidate to be shown again, and the exposure that it repeats."""

    candidate_id: str
    of: int


class ShowingRows(Rows):
    """The part of `records.Records` that moves the audition."""

    async def playing(self, client: str, candidate_id: str, context: str = "") -> tuple[int, int]:
        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            place = self._start_play(connection, client, candidate_id)
            shown = connection.execute(self._sql["open_exposure"], {"client": client}).fetchone()
            if shown is None or shown["candidate_id"] != candidate_id:
                self._leave(connection, client, going_on=False)
                self._show(connection, client, context, candidate_id, "playing")
            if self._standing(connection, "current_candidate") != candidate_id:
                self._write(connection, "current_candidate", candidate_id)
                self._write(connection, "walk_candidate", "")
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

    async def move_current(self, step: int, client: str = "", context: str = "") -> tuple[str, int, int]:
        def work(connection: sqlite3.Connection) -> tuple[str, int, int]:
            count = self._count(connection)
            if step == 0:
                self._leave(connection, client, going_on=False)
                self._write(connection, "current_candidate", "")
                self._write(connection, "walk_candidate", "")
                return "", -1, count
            if count == 0:
                raise NotFound("nothing has been made yet: send /antiphon/generate first, then audition what came")
            candidate_id = self._step(connection, step, count, client, context)
            self._write(connection, "current_candidate", candidate_id)
            return candidate_id, self._place(connection, candidate_id), count

        return await self._database.run(work)

    def _step(self, connection: sqlite3.Connection, step: int, count: int, client: str, context: str) -> str:
        """Show the next candidate of the walk, or now and then one that the client knows."""
        walk = self._standing(connection, "walk_candidate") or ""
        current = self._standing(connection, "current_candidate") or ""
        stands = walk or current
        options = [] if step < 0 or walk or not current else self._repeatable(connection, client, current)
        share = self._learning.repeat_share if options and self._learning.enabled else 0.0
        if share and self._chance.random() < share:
            repeat = self._chance.choice(options)
            self._write(connection, "walk_candidate", current)
            self._leave(connection, client, going_on=True)
            self._show(connection, client, context, repeat.candidate_id, "audition", repeat.of, share)
            return repeat.candidate_id
        place = self._next_place(connection, stands, step, count)
        found = connection.execute(self._sql["candidate_at_place"], {"place": place}).fetchone()
        candidate_id = str(found["candidate_id"])
        self._write(connection, "walk_candidate", "")
        if candidate_id != current:
            # Not at the ends, where the walk stays where it is.
            self._leave(connection, client, going_on=step > 0)
            self._show(connection, client, context, candidate_id, "audition", None, share)
        return candidate_id

    def _next_place(self, connection: sqlite3.Connection, current: str, step: int, count: int) -> int:
        if not current:
            if step < 0:
                return count - 1
            return int(connection.execute(self._sql["first_place_of_newest_job"]).fetchone()[0])
        return min(max(self._place(connection, current) + step, 0), count - 1)

    def _repeatable(self, connection: sqlite3.Connection, client: str, current: str) -> list[_Repeat]:
        values = {"client": client, "gap": REPEAT_GAP - 1, "window": REPEAT_WINDOW}
        rows = connection.execute(self._sql["repeatable"], values)
        return [_Repeat(row["candidate_id"], row["shown"]) for row in rows if row["candidate_id"] != current]

    def _show(
        self, connection: sqlite3.Connection, client: str, context: str, candidate_id: str, how: str,
        repeat_of: int | None = None, repeat_chance: float = 0.0,
    ) -> None:  # fmt: skip
        values = {
            "client": client, "context": context or self._learning.context, "candidate_id": candidate_id, "how": how,
            "repeat_of": repeat_of, "repeat_chance": repeat_chance, "now_s": self._clock(),
        }  # fmt: skip
        connection.execute(self._sql["insert_exposure"], values)

    def _leave(self, connection: sqlite3.Connection, client: str, going_on: bool) -> None:
        """The client is shown something else from now on. Going on early, without a word, is a skip."""
        shown = connection.execute(self._sql["open_exposure"], {"client": client}).fetchone()
        if shown is None:
            return
        now_s, since_s = self._clock(), shown["shown_at_s"]
        about = {"client": client, "candidate_id": shown["candidate_id"], "since_s": since_s, "now_s": now_s}
        measured_s = connection.execute(self._sql["heard_since"], about).fetchone()[0]
        heard_s = max(0.0, now_s - since_s if measured_s is None else measured_s)
        rated = connection.execute(self._sql["rated_since"], about).fetchone() is not None
        skipped = going_on and not rated and heard_s < self._learning.skip_share * shown["loop_s"]
        connection.execute(
            self._sql["leave_exposures"],
            {"client": client, "now_s": now_s, "heard_s": heard_s, "skipped": int(skipped)},
        )

    async def current(self) -> tuple[str, int, int]:
        def work(connection: sqlite3.Connection) -> tuple[str, int, int]:
            candidate_id = self._standing(connection, "current_candidate") or ""
            place = self._place(connection, candidate_id) if candidate_id else -1
            return candidate_id, place, self._count(connection)

        return await self._database.run(work)

    async def exposures(self, limit: int) -> list[Exposure]:
        def work(connection: sqlite3.Connection) -> list[Exposure]:
            return [_exposure(row) for row in connection.execute(self._sql["exposures"], {"limit": limit})]

        return await self._database.run(work)


def _exposure(row: sqlite3.Row) -> Exposure:
    return Exposure(
        sequence=row["sequence"], client=row["client"], context=row["context"], candidate_id=row["candidate_id"],
        how=row["how"], arm=row["arm"], probability=row["probability"], repeat_of=row["repeat_of"],
        repeat_chance=row["repeat_chance"], shown_at_s=row["shown_at_s"], left_at_s=row["left_at_s"],
        heard_s=row["heard_s"], skipped=bool(row["skipped"]), rating=row["rating"],
    )  # fmt: skip
