"""What a client is told of an error in its job."""

from __future__ import annotations

import errno
import logging

from antiphon.errors import AntiphonError

log = logging.getLogger(__name__)


class PutAside(Exception):
    """The job makes room for others, and goes on later: no error, and nobody is told."""


def explain(error: Exception) -> tuple[str, str]:
    """The code and the words for the client; what is unexpected goes to the log with its trace."""
    if isinstance(error, AntiphonError):
        return error.code, error.message
    log.error("a job failed", exc_info=error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "storage", "the disk that holds the library is full: free some space and ask again"
    if isinstance(error, OSError):
        return "storage", f"the library could not be written ({error}): check the data folder and ask again"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "backend", "there is not enough memory for this: ask for fewer bars or a smaller count"
    return "internal", f"something unforeseen happened ({type(error).__name__}: {error}): see logs/worker.log"
