"""The ledger's file: durable, one writer, and in plain words about whatever is wrong with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from antiphon.errors import Conflict, StartupError, StorageFailed
from antiphon.storage import database as database_module
from antiphon.storage.database import Database
from antiphon.storage.folder import DataFolder
from antiphon.storage.opening import migrate
from antiphon.storage.queries import queries, schema_steps
from tests.disks import small_disk

INSERT = "INSERT INTO standing (name, value) VALUES (?, ?)"


def opened(folder: Path) -> Database:
    data = folder / "backups"
    data.mkdir(parents=True, exist_ok=True)
    return Database(folder / "antiphon.db", data)


async def test_commits_are_forced_to_the_disk(database: Database) -> None:
    """kill -9 can't show this, only a power cut could: so the setting itself is asserted."""
    pragmas = ("journal_mode", "synchronous", "foreign_keys")
    found = await database.run(lambda c: [c.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas])
    assert found == ["wal", 2, 1]


async def test_all_work_is_done_by_one_thread_and_many_share_a_commit(database: Database) -> None:
    threads: set[str] = set()
    commits: list[str] = []

    def work(connection: sqlite3.Connection, name: str) -> None:
        threads.add(threading.current_thread().name)
        connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
        connection.execute(INSERT, (name, ""))

    await asyncio.gather(*(database.run(lambda c, n=n: work(c, str(n))) for n in range(300)))  # type: ignore[misc]
    assert threads == {"antiphon-ledger"}
    assert 300 / database_module.GROUP <= len(commits) <= 30
    assert await database.run(lambda c: c.execute("SELECT count(*) FROM standing").fetchone()[0]) == 300


async def test_one_piece_of_work_that_fails_leaves_the_others_of_its_group(database: Database) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("refused", ""))
        raise Conflict("no")

    def stumble(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("stumbled", ""))
        raise KeyError("a fault of ours")

    def misuse(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, ("misused", ""))
        connection.execute("SELECT * FROM nowhere")

    def insert(connection: sqlite3.Connection) -> None:
        connection.execute(INSERT, (f"kept {threading.get_native_id()} {os.urandom(4).hex()}", ""))

    works = [insert, refuse, insert, stumble, insert, misuse, insert]
    results = await asyncio.gather(*(database.run(work) for work in works), return_exceptions=True)
    assert [type(result) for result in results] == [
        type(None), Conflict, type(None), KeyError, type(None), StorageFailed, type(None)
    ]  # fmt: skip
    names = await database.run(lambda c: [row["name"] for row in c.execute("SELECT name FROM standing")])
    assert len(names) == 4
    assert all(name.startswith("kept") for name in names)


async def test_what_is_queued_is_done_before_the_file_is_closed(tmp_path: Path) -> None:
    database = opened(tmp_path)
    writes = [asyncio.ensure_future(database.run(lambda c, n=n: c.execute(INSERT, (str(n), "")))) for n in range(50)]  # type: ignore[misc]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)
    await asyncio.gather(*writes)
    with pytest.raises(StorageFailed, match="stopping"):
        await database.run(lambda c: None)
    with contextlib.closing(sqlite3.connect(tmp_path / "antiphon.db")) as connection:
        assert connection.execute("SELECT count(*) FROM standing").fetchone()[0] == 50


WRITER = """
import asyncio, sys
from pathlib import Path
from antiphon.storage.database import Database
async def main():
    database = Database(Path(sys.argv[1]) / "antiphon.db", Path(sys.argv[1]) / "backups")
    async def write(lane):
        number = 0
        while True:
            name = f"{lane}-{number}"
            await database.run(lambda c: c.execute("INSERT INTO standing (name, value) VALUES (?, '')", (name,)))
            print(name, flush=True)
            number += 1
    await asyncio.gather(*(write(f"{sys.argv[2]}-{lane}") for lane in range(8)))
asyncio.run(main())
"""


def test_kill_9_in_the_middle_of_writing_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    (tmp_path / "backups").mkdir()
    for life in range(5):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(life)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(40 + 37 * life):
                acknowledged.add(writer.stdout.readline().strip())
            writer.kill()
            # The last line may be cut off in the middle; all that are whole were acknowledged.
            acknowledged |= {line.strip() for line in writer.stdout if line.endswith("\n")}
    with contextlib.closing(sqlite3.connect(tmp_path / "antiphon.db")) as connection:
        kept = {row[0] for row in connection.execute("SELECT name FROM standing")}
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert len(acknowledged) > 500
    assert acknowledged <= kept


async def test_a_full_disk_is_an_error_that_says_so_and_passes_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "1m") as disk:
        database = opened(disk)
        await database.run(lambda c: c.execute(INSERT, ("before", "")))
        ballast = disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with pytest.raises(StorageFailed, match=r"(?s)full|failed.*not full"):
            for number in range(100):
                await database.run(lambda c, n=number: c.execute(INSERT, (f"{n}", "x" * 4000)))  # type: ignore[misc]
        assert await database.run(lambda c: c.execute("SELECT count(*) FROM standing").fetchone()[0]) >= 1
        ballast.unlink()
        await database.run(lambda c: c.execute(INSERT, ("after", "")))
        await asyncio.to_thread(database.close)


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from antiphon.errors import StorageFailed
from antiphon.storage.database import Database
async def main():
    database = Database(Path(sys.argv[1]) / "antiphon.db", Path(sys.argv[1]))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    insert = "INSERT INTO standing (name, value) VALUES (?, ?)"
    kept = 0
    try:
        while True:
            await database.run(lambda c: c.execute(insert, (f"{kept}", "x" * 5000)))
            kept += 1
    except StorageFailed as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    await database.run(lambda c: c.execute(insert, ("after", "")))
    found = await database.run(lambda c: c.execute("SELECT count(*) FROM standing").fetchone()[0])
    print(kept > 5 and found == kept + 1)
    database.close()
asyncio.run(main())
"""


def test_a_file_that_may_not_grow_is_an_error_that_says_so(tmp_path: Path) -> None:
    answer = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    message, *_, complete = answer.stdout.splitlines()
    assert "check that the disk is there, sound and not full" in message
    assert complete == "True"


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match=r"--data-dir"):
        DataFolder(tmp_path / "file" / "data")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_folder_of_another_user_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from antiphon.storage.folder import DataFolder; from antiphon.errors import StartupError\n"
        "os.setuid(65534)\n"
        "try: DataFolder(Path(sys.argv[1]) / 'data')\n"
        "except StartupError as error: print(error)"
    )
    folder = tmp_path / "owned"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, *list(tmp_path.parents)[:2]):
        parent.chmod(0o755)
    answer = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert "cannot be written (Permission denied): give this user write permission" in answer.stdout


def test_two_servers_cannot_share_a_data_folder(tmp_path: Path) -> None:
    with DataFolder(tmp_path / "data"), pytest.raises(StartupError, match="another Antiphon server"):
        DataFolder(tmp_path / "data")
    DataFolder(tmp_path / "data").close()


async def test_a_backup_is_made_when_something_changed_and_two_are_kept(tmp_path: Path) -> None:
    database = opened(tmp_path)
    newest, older = tmp_path / "backups/antiphon-1.db", tmp_path / "backups/antiphon-2.db"
    await database.run(lambda c: c.execute(INSERT, ("first", "")))
    assert await database.back_up()
    assert not await database.back_up()
    await database.run(lambda c: c.execute(INSERT, ("second", "")))
    assert await database.back_up()
    counts = []
    for path in (newest, older):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            counts.append(connection.execute("SELECT count(*) FROM standing").fetchone()[0])
    assert counts == [2, 1]
    assert sorted(path.name for path in (tmp_path / "backups").iterdir()) == ["antiphon-1.db", "antiphon-2.db"]
    await asyncio.to_thread(database.close)


def damage_header(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 1000)


def damage_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 200] = os.urandom(200)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [damage_header, damage_pages])
@pytest.mark.parametrize("backed_up", [True, False])
async def test_a_damaged_file_is_moved_aside_and_the_backup_takes_its_place(
    tmp_path: Path, damage: object, backed_up: bool
) -> None:
    assert callable(damage)
    database = opened(tmp_path)
    assert database.notice == ""
    await database.run(lambda c: c.execute(INSERT, ("kept", "")))
    if backed_up:
        await database.back_up()
    await asyncio.to_thread(database.close)
    damage(tmp_path / "antiphon.db")
    database = opened(tmp_path)
    names = await database.run(lambda c: [row["name"] for row in c.execute("SELECT name FROM standing")])
    assert names == (["kept"] if backed_up else [])
    assert re.search("damaged and is kept as antiphon.db.corrupt-", database.notice)
    assert ("from the backup of 0 minutes ago" in database.notice) == backed_up
    assert len([path for path in tmp_path.glob("antiphon.db.corrupt-*") if path.suffix != ".shm"]) >= 1
    await asyncio.to_thread(database.close)


async def test_a_damaged_backup_is_passed_over_for_the_older_one(tmp_path: Path) -> None:
    database = opened(tmp_path)
    for name in ("first", "second"):
        await database.run(lambda c, n=name: c.execute(INSERT, (n, "")))  # type: ignore[misc]
        await database.back_up()
    await asyncio.to_thread(database.close)
    damage_header(tmp_path / "antiphon.db")
    damage_header(tmp_path / "backups" / "antiphon-1.db")
    database = opened(tmp_path)
    assert await database.run(lambda c: [row["name"] for row in c.execute("SELECT name FROM standing")]) == ["first"]
    await asyncio.to_thread(database.close)


async def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = opened(tmp_path)
    await database.run(lambda c: c.execute("PRAGMA user_version = 99"))
    await asyncio.to_thread(database.close)
    before = (tmp_path / "antiphon.db").read_bytes()
    with pytest.raises(StartupError, match="newer Antiphon"):
        opened(tmp_path)
    assert (tmp_path / "antiphon.db").read_bytes() == before


def test_migrations_are_applied_once_each_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    steps = (*schema_steps(), "ALTER TABLE standing ADD COLUMN changed_at_s REAL;")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, path, schema_steps())
        connection.execute(INSERT, ("tempo_bpm", "93.0"))
        for _ in range(2):
            migrate(connection, path, steps)
        assert connection.execute("SELECT * FROM standing").fetchone() == ("tempo_bpm", "93.0", None)
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, path, (*steps, "CREATE TABLE half (x); SELECT * FROM nowhere;"))
        connection.rollback()
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(steps)
        assert connection.execute("SELECT * FROM sqlite_master WHERE name = 'half'").fetchone() is None


def test_every_query_is_used_by_somebody() -> None:
    code = "".join(path.read_text() for path in Path(database_module.__file__).parent.glob("*.py"))
    unused = [name for name in queries() if f'"{name}"' not in code]
    assert not unused
