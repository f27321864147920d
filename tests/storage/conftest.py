"""A real ledger on a real disk, and a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.settings import Learning
from antiphon.storage.database import Database
from antiphon.storage.ledger import SqliteLedger
from antiphon.storage.records import SqliteRecords
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "backups").mkdir()
    database = Database(tmp_path / "antiphon.db", tmp_path / "backups")
    yield database
    database.close()


@pytest.fixture
def ledger(database: Database, clock: Clock) -> SqliteLedger:
    return SqliteLedger(database, clock)


@pytest.fixture
def records(database: Database, clock: Clock) -> SqliteRecords:
    return SqliteRecords(database, clock, Learning(repeat_share=0.0))


def candidate_of(job_id: str, index: int = 0) -> Candidate:
    def file(stem: str) -> RenderedFile:
        return RenderedFile(stem, f"/library/{job_id}-{index}/{stem}.wav", 441000, 44100, 2, -1.5, -14.0)

    return Candidate(
        f"{job_id}-{index}", job_id, index, 93.0, "Am", 4, "4/4", 7, "tone-1", (file("drums"), file("bass")),
        file("mix"), f"/library/{job_id}-{index}/sidecar.json", 1,
    )  # fmt: skip
