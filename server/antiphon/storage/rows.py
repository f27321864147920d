"""What all that reads and writes records shares: the connection, the clock, candidates by their place."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable

from antiphon.errors import Conflict, NotFound
from antiphon.settings import Learning
from antiphon.storage.database import Database
from antiphon.storage.queries import queries


class Rows:
    """`clock` gives seconds since the epoch; `chance` draws what is shown again; `on_rated` is called
    in the transaction of every rating, after it."""

    def __init__(
        self, database: Database, clock: Callable[[], float] = time.time, learning: Learning | None = None,
        chance: random.Random | None = None, on_rated: Callable[[sqlite3.Connection], None] = lambda connection: None,
    ) -> None:  # fmt: skip
        self._database = database
        self._clock = clock
        self._sql = queries()
        self._learning = learning or Learning()
        self._chance = chance or random.Random()
        self._on_rated = on_rated

    def _place(self, connection: sqlite3.Connection, candidate_id: str) -> int:
        """Where a candidate stands among all, from 0. Raises NotFound."""
        row = connection.execute(self._sql["place_of_candidate"], {"candidate_id": candidate_id}).fetchone()
        if row is None:
            raise no_candidate(candidate_id)
        return int(row[0])

    def _count(self, connection: sqlite3.Connection) -> int:
        return int(connection.execute(self._sql["count_candidates"]).fetchone()[0])

    def _standing(self, connection: sqlite3.Connection, name: str) -> str | None:
        row = connection.execute(self._sql["read_standing"], {"name": name}).fetchone()
        return None if row is None else str(row["value"])

    def _write(self, connection: sqlite3.Connection, name: str, value: str) -> None:
        connection.execute(self._sql["write_standing"], {"name": name, "value": value})


def no_candidate(candidate_id: str) -> NotFound:
    return NotFound(f"there is no candidate {candidate_id[:40]!r} here: take an id from a /done or /stem message")


def id_taken(rating_id: str | int, kept_for: str) -> Conflict:
    return Conflict(f"rating id {rating_id} was already used for {kept_for}: take a new id for every new rating")
