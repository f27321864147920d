"""Files that are there whole or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from antiphon.errors import StorageFailed

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def storage_failure(error: OSError, path: Path) -> StorageFailed:
    """The error as the user reads it: what happened, and what to do."""
    if error.errno in _FULL:
        return StorageFailed(
            f"no room to write {path.name} in {path.parent}: free some space there, or point data_dir at another disk; "
            "nothing half-written was left behind"
        )
    if error.errno in _FORBIDDEN:
        return StorageFailed(f"{path.parent} can't be written to: allow it for this user, or set data_dir elsewhere")
    return StorageFailed(f"{path.name} could not be written in {path.parent}: {error.strerror or error}")


def write_atomically(path: Path, blocks: Iterable[bytes | memoryview]) -> None:
    """Write `blocks` to a temporary name beside `path`, force them to the disk, rename, and force the folder too.

    Raises StorageFailed; then nothing of the file is left, and what was at `path` before is still there.
    """
    temporary = path.with_name(f".{path.name[:80]}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            for block in blocks:
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise storage_failure(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, where the operating system can (Windows can't, and needn't)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
