"""The data folder: made where it is missing, checked for writing, and locked, so that two servers can't share it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from antiphon.errors import StartupError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class DataFolder:
    """The folder that one running server owns. The system drops the lock when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        """Make, check and lock the folder. Raises StartupError that says what to do."""
        self.path = path.expanduser().absolute()
        try:
            for folder in (self.path, self.library, self.backups, self.logs, self.versions):
                folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartupError(
                f"the data folder {self.path} cannot be written ({error.strerror}): give this user write permission "
                "there, or choose another folder with --data-dir"
            ) from error
        try:
            _lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise StartupError(
                f"another Antiphon server is already using the data folder {self.path}: stop that one, "
                "or choose another folder with --data-dir"
            ) from error

    @property
    def library(self) -> Path:
        return self.path / "library"

    @property
    def versions(self) -> Path:
        """Fine-tuned versions of the model, a folder each."""
        return self.path / "models"

    @property
    def backups(self) -> Path:
        return self.path / "backups"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def database(self) -> Path:
        return self.path / "antiphon.db"

    def close(self) -> None:
        """Let another server have the folder."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> DataFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
