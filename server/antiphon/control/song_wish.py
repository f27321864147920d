"""The songs that a request brings, as a wish: what must go together, and what the songs may decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from antiphon.domain.reading import PromptReading
from antiphon.domain.reference import DEFAULT_STRENGTH, Wish
from antiphon.errors import InvalidRequest

if TYPE_CHECKING:
    from antiphon.control.command_values import Generate


def wish_of(asked: Generate, read: PromptReading) -> Wish | None:
    """The songs of a request; tempo and key are theirs where neither keys nor prompt say any.

    Raises InvalidRequest where songs come without a licence, or what goes with songs without any.
    """
    if not asked.references:
        for key in ("licence", "strength"):
            if getattr(asked, key) not in ("", None) and not (key == "licence" and asked.parts):
                raise InvalidRequest(f"{key} goes with reference: name a song too, or leave {key} out")
        return None
    if not asked.licence:
        raise InvalidRequest(
            "reference needs licence: say in your own words by what right the songs may be used "
            "(`my own recording`, `CC BY 4.0, Jane Doe`); it is kept with every loop that descends from them"
        )
    left_open = []
    if asked.bpm is None and read.tempo_bpm is None:
        left_open.append("bpm")
    if asked.key is None and read.key is None and read.mode is None and asked.chords is None:
        left_open.append("key")
    strength = DEFAULT_STRENGTH if asked.strength is None else asked.strength
    return Wish(asked.references, asked.licence, strength, tuple(left_open))
