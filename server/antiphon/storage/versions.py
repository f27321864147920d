"""Model versions and the trainings that make them, in SQLite (`tuning.Versions`)."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon.domain.model_version import Heard, ModelVersion, Subject
from antiphon.domain.wire import canonical
from antiphon.errors import Conflict
from antiphon.jobs.ledger import Entry, Order
from antiphon.storage.database import Database
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.queries import queries

#: Rows of ratings that a training is given, the newest: enough for months, little enough for one message.
MOST_ROWS, MOST_PREFERENCES = 1500, 500
#: The client of trainings that nobody asked for.
OWN_CLIENT = "antiphon"

Json = dict[str, Any]
#: Whether ratings tell enough for a training is asked again after one more in so many.
LOOK_AGAIN = 24
#: How good a loop is, or one of its stems, and how far that can be trusted, both 0 to 1; None: not known yet.
Reliable = Callable[[str, str | None], tuple[float, float] | None]


@dataclass(frozen=True, slots=True)
class Automatic:
    """When a training starts by itself: after `information` nats more than the last one knew, and not before
    `least_ratings` new ratings; `recipe` is what it is made with. `tells` says how many nats ratings are worth."""

    information: float
    least_ratings: int
    recipe: Mapping[str, Any]
    queue_limit: int
    tells: Callable[[Sequence[Heard]], float]


def plain(mean: float, ratings: int) -> tuple[float, float]:
    """How good a loop is and how far that can be trusted, 0 to 1, as long as nobody judges the raters: the mean, and
    more with every rating."""
    return mean, ratings / (ratings + 1.0)


class SqliteVersions:
    """See `tuning.Versions`. `subject` is what can be fine-tuned now, None where nothing can; whoever serves sets it.

    `reliable` tells what is believed of a loop, and is called from the ledger's thread. With `automatic`, `on_rated`
    starts a training in the rating's own transaction; its id is then in `started`.
    """

    def __init__(
        self, database: Database, ledger: SqliteLedger, automatic: Automatic | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self._database, self._ledger, self._automatic, self._clock = database, ledger, automatic, clock
        self._sql = queries()
        self.subject: Subject | None = None
        self.reliable: Reliable = lambda candidate_id, stem: None
        self.started: deque[str] = deque()
        # The number of the rating at which to look again whether enough is known.
        self._look_at = 0

    async def versions(self) -> list[ModelVersion]:
        return await self._database.run(
            lambda connection: [_version(row) for row in connection.execute(self._sql["versions"])]
        )

    async def on_trial(self) -> ModelVersion | None:
        return await self._database.run(self._on_trial)

    def _on_trial(self, connection: sqlite3.Connection) -> ModelVersion | None:
        row = connection.execute(self._sql["version_on_trial"]).fetchone()
        return None if row is None else _version(row)

    async def of_job(self, job_id: str) -> ModelVersion | None:
        def work(connection: sqlite3.Connection) -> ModelVersion | None:
            row = connection.execute(self._sql["version_of_job"], {"job_id": job_id}).fetchone()
            return None if row is None else _version(row)

        return await self._database.run(work)

    async def change(self, version: str, state: str, gain: float, report: Mapping[str, Any]) -> None:
        values = {
            "version": version, "state": state, "gain": gain, "report": canonical(dict(report)), "now_s": self._clock(),
        }  # fmt: skip

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(self._sql["change_version"], values)

        await self._database.run(work)

    async def heard(self, trial: ModelVersion, other: str) -> tuple[list[Heard], list[Heard]]:
        values = {"since_s": trial.made_at_s, "trial": trial.version, "other": other}

        def work(connection: sqlite3.Connection) -> tuple[list[Heard], list[Heard]]:
            rows = connection.execute(self._sql["heard_of_versions"], values).fetchall()
            # Like is compared with like: children that were drawn blind, or, where there are none, what was asked for.
            asked = all(row["asked"] for row in rows if row["version"] == trial.version)
            loops = [(row["version"], self._heard(row, row["pair"])) for row in rows if bool(row["asked"]) == asked]
            return [each for of, each in loops if of == trial.version], [each for of, each in loops if of == other]

        return await self._database.run(work)

    async def train(
        self, client: str, request_id: str | int, recipe: Mapping[str, Any], queue_limit: int
    ) -> tuple[Entry, str]:
        fingerprint = canonical(dict(recipe))

        def work(connection: sqlite3.Connection) -> tuple[Entry, str]:
            return self._train(connection, client, request_id, recipe, fingerprint, queue_limit)

        return await self._database.run(work)

    def on_rated(self, connection: sqlite3.Connection) -> None:
        """A rating has just been written in this transaction: start a training with it, where enough is known now."""
        own = self._automatic
        if own is None or self.subject is None:
            return
        last = connection.execute(self._sql["newest_training"]).fetchone()
        known, rating = (last["information"], last["rating"]) if last else (0.0, 0)
        newest = int(connection.execute(self._sql["newest_rating"]).fetchone()["newest"])
        later = newest - rating
        if later < own.least_ratings or newest < self._look_at or self._busy(connection, own.queue_limit):
            return
        # A look reads all ratings: the more there are, the more have to come before the next one.
        self._look_at = newest + 1 + later // LOOK_AGAIN
        if own.tells(self._means(connection)) - known < own.information:
            return
        try:
            entry, _ = self._train(connection, OWN_CLIENT, f"train-{newest}", own.recipe, "", own.queue_limit)
        except Conflict:
            # Nothing that can be learnt from: the rating stands all the same.
            return
        self.started.append(entry.job.job_id)

    def _busy(self, connection: sqlite3.Connection, queue_limit: int) -> bool:
        """Whether a training is open, a version on trial, or the queue full."""
        full = connection.execute(self._sql["count_open"]).fetchone()[0] >= queue_limit
        under_way = connection.execute(self._sql["open_training"]).fetchone() is not None
        return full or under_way or self._on_trial(connection) is not None

    def _means(self, connection: sqlite3.Connection) -> list[Heard]:
        return [self._heard(row) for row in connection.execute(self._sql["rated_means"])]

    def _heard(self, row: sqlite3.Row, pair: str = "") -> Heard:
        value, trust = self._reliable(row["candidate_id"], row["mean"], row["ratings"])
        return Heard.counted(value, trust, row["ratings"], pair)

    def _reliable(self, candidate_id: str, mean: float, ratings: int, stem: str | None = None) -> tuple[float, float]:
        """As the raters are judged; of a loop (or a stem) that nobody has thought over yet, the plain mean."""
        return self.reliable(candidate_id, stem) or plain(mean, ratings)

    def _train(
        self, connection: sqlite3.Connection, client: str, request_id: str | int, recipe: Mapping[str, Any],
        fingerprint: str, queue_limit: int,
    ) -> tuple[Entry, str]:  # fmt: skip
        """Note the version and queue the job, all in one transaction."""
        asked = {"client": client, "request_id": json.dumps(request_id)}
        known = connection.execute(self._sql["job_of_request"], asked).fetchone()
        if known is not None:
            # The ledger says whether it is the same request; its payload is not asked for again.
            entry = self._ledger.submit_within(
                connection, Order(client, request_id, "train", {}, fingerprint), queue_limit
            )
            made = connection.execute(self._sql["version_of_job"], {"job_id": entry.job.job_id}).fetchone()
            return entry, made["version"] if made else ""
        payload = self._payload(connection, recipe)
        tells = self._automatic.tells(self._means(connection)) if self._automatic else 0.0
        newest = connection.execute(self._sql["newest_rating"]).fetchone()
        noted = connection.execute(
            self._sql["insert_version"],
            {name: payload[name] for name in ("base_model", "base_version", "parent")}
            | {"information": tells, "rating": newest["newest"], "now_s": self._clock()},
        )
        payload["version"] = version = f"{payload['base_version']}+{noted.lastrowid}"
        entry = self._ledger.submit_within(
            connection, Order(client, request_id, "train", payload, fingerprint), queue_limit
        )
        names = {"version": version, "job_id": entry.job.job_id, "number": noted.lastrowid}
        connection.execute(self._sql["name_version"], names)
        return entry, version

    def _payload(self, connection: sqlite3.Connection, recipe: Mapping[str, Any]) -> Json:
        """All that the worker needs. Raises Conflict where nothing has been rated or nothing can be fine-tuned."""
        subject = self.subject
        if subject is None:
            raise Conflict(
                "no model that can be fine-tuned is loaded: where the built-in one is in use, it is still loading, so "
                "ask again in some seconds; other models can't be fine-tuned yet"
            )
        row = connection.execute(self._sql["version_by_name"], {"version": subject.version}).fetchone()
        own = (row["base_model"], row["base_version"], row["version"]) if row else (subject.model, subject.version, "")
        loops, ratings = self._loops(connection)
        if not loops:
            raise Conflict("nothing has been rated yet: rate some loops with /antiphon/rate, then train on them")
        rows = connection.execute(self._sql["preferred"], {"limit": MOST_PREFERENCES}).fetchall()
        preferred = [[row["winner_id"], row["loser_id"]] for row in rows]
        return {
            "base_model": own[0], "base_version": own[1], "parent": own[2], "model": own[0], "recipe": dict(recipe),
            "loops": loops, "ratings": ratings, "preferences": preferred,
        }  # fmt: skip

    def _loops(self, connection: sqlite3.Connection) -> tuple[list[Json], int]:
        loops: dict[str, Json] = {}
        whole: set[str] = set()
        total = 0
        for row in connection.execute(self._sql["rated_material"], {"limit": MOST_ROWS}):
            genome = json.loads(row["genome"])
            loop = loops.setdefault(
                row["candidate_id"],
                {
                    "candidate_id": row["candidate_id"], "genome": genome, "model_version": row["model_version"],
                    "group": genome.get("style", ""), "stems": {},
                },
            )  # fmt: skip
            total += row["ratings"]
            value, weight = self._reliable(row["candidate_id"], row["mean"], row["ratings"], row["stem"])
            if row["stem"] is None:
                loop["value"], loop["weight"] = value, weight
                whole.add(row["candidate_id"])
            else:
                loop["stems"][row["stem"]] = [value, weight]
        for candidate_id, loop in loops.items():
            loop["whole"] = candidate_id in whole
            if not loop["whole"]:
                told = list(loop["stems"].values())
                loop["value"] = sum(value for value, _ in told) / len(told)
                loop["weight"] = max(weight for _, weight in told)
        return list(loops.values()), total


def _version(row: sqlite3.Row) -> ModelVersion:
    return ModelVersion(
        row["version"], row["base_model"], row["base_version"], row["parent"], row["state"], row["gain"],
        json.loads(row["report"]), row["made_at_s"] or row["asked_at_s"],
    )  # fmt: skip
