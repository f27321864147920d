"""Work in small pieces: between any two of them it can be put aside for somebody who waits."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar, cast

Told = TypeVar("Told")
Result = TypeVar("Result")


def piecewise(pieces: Generator[None, None, Result], told: Told) -> Generator[Told, None, Result]:
    """A piece of work that has pieces itself: says `told` after each of them, and gives what comes of it."""
    while True:
        try:
            next(pieces)
        except StopIteration as done:
            return cast("Result", done.value)
        yield told
