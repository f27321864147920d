"""Independent pieces of a loop, on as many cores as there are.

Threads are enough: numpy, scipy and pedalboard let go of the interpreter while they compute. Pieces share nothing that
changes, and results come in the order of the pieces, so nothing depends on which thread was first.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

#: A loop has four stems.
_MOST_THREADS = 4


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), thread_name_prefix="rendering")


def each(work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> list[Result]:
    """`[work(piece) for piece in pieces]`, side by side; `work` must not call this itself.

    Returns, or raises the first piece's error, when all are through.
    """
    futures = [_threads().submit(work, piece) for piece in pieces]
    wait(futures)
    return [future.result() for future in futures]
