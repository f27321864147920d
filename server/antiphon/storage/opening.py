"""Opens the ledger's file: settings of the connection, schema, and what to do where the file is damaged."""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from antiphon.errors import AntiphonError, StartupError, StorageFailed
from antiphon.storage.queries import schema_steps

log = logging.getLogger(__name__)

_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # FULL syncs the log at every commit: what was acknowledged survives a power cut, not only a crash.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA busy_timeout = 5000",
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A connection ready for work; `notice` tells of damage that was found and what was done, else it is empty."""

    connection: sqlite3.Connection
    notice: str


def translate(error: sqlite3.Error, path: Path) -> AntiphonError:
    """What a failure of SQLite means for the user, and what to do about it."""
    name = getattr(error, "sqlite_errorname", "") or ""
    folder = path.parent
    if name.startswith("SQLITE_FULL"):
        return StorageFailed(
            f"the disk that holds {folder} is full: free some space; the server goes on by itself then"
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH")):
        return StorageFailed(f"{path} cannot be written: give this user write permission in {folder}")
    if name.startswith("SQLITE_IOERR"):
        return StorageFailed(f"writing to {folder} failed ({error}): check that the disk is there, sound and not full")
    if name.startswith(_DAMAGE):
        return StorageFailed(
            f"{path} is damaged ({error}): restart the server; it moves the file aside and takes its newest backup"
        )
    return StorageFailed(f"the ledger {path} failed ({error}): restart the server, and report this if it stays")


def open_database(path: Path, backups: Path) -> Opened:
    """Open or make the ledger. A damaged file is moved aside and the newest sound backup takes its place.

    Raises StartupError where the folder cannot be written or the file belongs to a newer version.
    """
    try:
        try:
            return Opened(_open_sound(path), "")
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            notice = _replace_damaged(path, backups)
            log.error("%s", notice)
            return Opened(_open_sound(path), notice)
    except sqlite3.Error as error:
        raise StartupError(translate(error, path).message) from error


def _is_damage(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorname", "") or "").startswith(_DAMAGE) or isinstance(error, _Unsound)


class _Unsound(sqlite3.DatabaseError):
    """The file opens but SQLite's own check finds it inconsistent."""


def _open_sound(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise _Unsound(verdict)
        migrate(connection, path, schema_steps())
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path, steps: tuple[str, ...]) -> None:
    """Bring the schema to the newest version, each step in a transaction of its own. Raises StartupError."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise StartupError(
            f"{path} was written by a newer Antiphon (its schema is {version}, this one knows {len(steps)}): "
            "update Antiphon, or choose another folder with --data-dir"
        )
    for number in range(version + 1, len(steps) + 1):
        connection.executescript(f"BEGIN IMMEDIATE;\n{steps[number - 1]}\nPRAGMA user_version = {number};\nCOMMIT;")


def _replace_damaged(path: Path, backups: Path) -> str:
    """Move the damaged file aside, copy the newest sound backup to its place; says what happened."""
    aside = path.with_name(f"{path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 1000:03}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    found = f"the ledger {path.name} was damaged and is kept as {aside.name}; "
    for backup in sorted(backups.glob("antiphon-*.db"), key=lambda file: file.stat().st_mtime, reverse=True):
        if _restore(backup, path):
            age_min = (time.time() - backup.stat().st_mtime) / 60
            return found + f"the server goes on from the backup of {age_min:.0f} minutes ago: later ratings are missing"
    return found + "there is no backup, so the server starts with an empty one (the audio files are still there)"


def _restore(backup: Path, path: Path) -> bool:
    source = sqlite3.connect(f"file:{backup}?mode=ro", uri=True)
    target = sqlite3.connect(path)
    try:
        if source.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            return False
        source.backup(target)
    except sqlite3.DatabaseError:
        return False
    finally:
        target.close()
        source.close()
    return True


def back_up(path: Path, backups: Path) -> Path:
    """Copy the ledger as it stands to `antiphon-1.db`, the one before to `antiphon-2.db`. Raises StorageFailed.

    The copy is read through a second, read-only connection, so that no acknowledgement waits for it.
    """
    fresh, newest, older = backups / "fresh.tmp", backups / "antiphon-1.db", backups / "antiphon-2.db"
    try:
        fresh.unlink(missing_ok=True)
        source = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        target = sqlite3.connect(fresh)
        try:
            source.backup(target)
        finally:
            target.close()
            source.close()
        if newest.exists():
            newest.replace(older)
        fresh.replace(newest)
    except sqlite3.Error as error:
        fresh.unlink(missing_ok=True)
        raise translate(error, path) from error
    except OSError as error:
        raise StorageFailed(
            f"the backup in {backups} could not be written ({error.strerror}): check that disk"
        ) from error
    return newest
