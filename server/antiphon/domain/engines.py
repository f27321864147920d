"""Engines: what turns a stem's notes into sound. `neural` is the model in use, `sampler` synthesis and recordings."""

from __future__ import annotations

import difflib
import re

from antiphon.domain.score import STEMS
from antiphon.errors import OutOfRange

NEURAL, SAMPLER = ENGINES = ("neural", "sampler")
#: Leaves the choice of every stem to the server.
AUTO = "auto"
#: The engine of each stem that a person has chosen, as (stem, engine) pairs in the order of the stems.
Engines = tuple[tuple[str, str], ...]


def parse_engines(text: str) -> Engines:
    """Read `sampler`, `neural`, or `drums:sampler lead:neural`; empty or `auto`: nothing is chosen.

    Raises OutOfRange that says how engines are written.
    """
    chosen: dict[str, str] = {}
    for word in re.split(r"[\s,;]+", text.strip().lower()):
        stem, colon, engine = word.partition(":")
        if not word or word == AUTO:
            continue
        if not colon:
            stem, engine = "", word
        if engine not in ENGINES:
            raise OutOfRange(f"there is no engine {engine[:40]!r}{_hint(engine, ENGINES)}; {_HOW}")
        if stem and stem not in STEMS:
            raise OutOfRange(f"there is no stem {stem[:40]!r}{_hint(stem, STEMS)}; {_HOW}")
        chosen |= dict.fromkeys([stem] if stem else STEMS, engine)
    return tuple((stem, chosen[stem]) for stem in STEMS if stem in chosen)


_HOW = f"write {' or '.join(ENGINES)} for all stems, or `drums:sampler lead:neural` for some ({', '.join(STEMS)})"


def _hint(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
