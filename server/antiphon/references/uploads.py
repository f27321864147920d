"""Uploaded songs: one file each, `<id>__<name>`, in the data folder's `references/`; whole or not there at all.

The one folder is all there is: no list beside it that could say something else. Names are made harmless, ids are ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from antiphon.errors import LimitExceeded, NotFound
from antiphon.rendering.atomic import storage_failure, sync_folder

_ID = re.compile(r"[0-9a-f]{12}")
_PARTED = "__"
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded song. `uploaded_at_s` is in seconds since the epoch."""

    id: str
    name: str
    bytes: int
    uploaded_at_s: float


class Uploads:
    """The uploaded songs in `folder`, at most `most`. All methods block on the disk, and raise StorageFailed."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self._most = folder, most

    def begin(self, name: str) -> Arrival:
        """Make room for a song that is arriving. Raises LimitExceeded where there are too many already."""
        if len(self.all()) >= self._most:
            raise LimitExceeded(
                f"{self._most} songs are kept here already (setting limits.references): delete one first, "
                "DELETE /api/references/ID"
            )
        path = self.folder / f"{secrets.token_hex(6)}{_PARTED}{plain_name(name)}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return Arrival(path)
        except OSError as error:
            raise storage_failure(error, path) from error

    def all(self) -> list[Upload]:
        """The newest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self.folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found.append(_upload(path))
        return sorted((each for each in found if each), key=lambda each: -each.uploaded_at_s)

    def path(self, upload_id: str) -> Path:
        """Where a song lies. Raises NotFound."""
        found = sorted(self.folder.glob(f"{upload_id}{_PARTED}*")) if _ID.fullmatch(upload_id) else []
        if not found:
            raise NotFound(f"there is no uploaded song {upload_id[:40]!r}: GET /api/references lists those there are")
        # Resolved, as all paths of songs are: the folder itself may be a link.
        return Path(os.path.realpath(self.folder)) / found[0].name

    def delete(self, upload_id: str) -> None:
        """Raises NotFound. Loops that were made after the song stay: they keep what they need of it."""
        path = self.path(upload_id)
        try:
            path.unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise storage_failure(error, path) from error


class Arrival:
    """A song on its way in, under a temporary name. `finish` gives it its own; `abandon` leaves nothing of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.part")
        self._file: BinaryIO = self._temporary.open("xb")

    def write(self, block: bytes) -> None:
        try:
            self._file.write(block)
        except OSError as error:
            raise storage_failure(error, self._path) from error

    def finish(self) -> Upload:
        """Force the song to the disk and name it."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self._path)
            sync_folder(self._path.parent)
            upload = _upload(self._path)
        except OSError as error:
            raise storage_failure(error, self._path) from error
        assert upload is not None
        return upload

    def abandon(self) -> None:
        """Take away what has arrived; nothing happens where it was finished."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def plain_name(name: str) -> str:
    """A client's file name made harmless: letters, digits, dots and dashes of its last part, not hidden, not long."""
    last = re.split(r"[\\/]", name)[-1]
    stem, dot, ending = re.sub(r"[^\w.-]+", "-", last).strip(".-_").rpartition(".")
    short = f"{stem[: _LONGEST_NAME - len(ending[:8]) - 1]}{dot}{ending[:8]}" if dot else ending[:_LONGEST_NAME]
    return short or "song"


def sweep(folder: Path) -> None:
    """Take away what uploads that a crash broke off have left."""
    for left in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            left.unlink()


def _upload(path: Path) -> Upload | None:
    """The song in a file; None for anything else that lies there."""
    upload_id, parted, name = path.name.partition(_PARTED)
    if not parted or not _ID.fullmatch(upload_id) or not path.is_file():
        return None
    about = path.stat()
    return Upload(upload_id, name, about.st_size, about.st_mtime)
