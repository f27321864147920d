"""A generation that is prepared before anybody asks for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Preparation:
    """One generation, `state` submitted, leased or done. `count` loops for a `context` (or `all`).

    `key` stands for all that decided it but the ratings; `known` is how many ratings and preferences there were.
    `bytes` is what it takes on disk: an estimate until it is done.
    """

    job_id: str
    state: str
    context: str
    count: int
    key: str
    known: int
    bytes: int
