"""What a request's prompt leaves to chance, decided by the seed before anything is composed."""

from __future__ import annotations

import dataclasses

from antiphon.domain.glides import GLIDES
from antiphon.domain.reading import WHOLE, PromptReading
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ONE_VOICE
from antiphon.domain.timbres import colours_of
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.prompts import with_reading
from antiphon.generation.styles import Style, Weights, stems_of

#: Of the way to full width; and of the usual width.
_WIDER, _NOT_WIDE = 0.7, 0.3
#: How likely a note glides in a part that a prompt wants gliding.
_GLIDING = 0.5


def settle(request: GenerateRequest, seed: int) -> GenerateRequest:
    """The request with its prompt read, its stems named, and one tempo: a whole number from the range that the words
    allow. Raises OutOfRange for a style that doesn't exist."""
    request = with_reading(request)
    if not request.stems:
        # Who brings a part wants to hear it.
        own = request.brought.stems if request.brought is not None else ()
        request = dataclasses.replace(request, stems=(*stems_of(request.style), *own))
    if request.reading is None or request.reading.tempo_bpm is None:
        return request
    low, high = request.reading.tempo_bpm
    bpm = low if low == high else float(int(low) + Draw(seed, "tempo").index(int(high) - int(low) + 1))
    return dataclasses.replace(request, bpm=bpm)


def wanted_timbres(style: Style, stem: str, reading: PromptReading) -> Weights:
    """The style's timbres for a stem, less those that the prompt does not want, and, where it shall glide, less those
    that can't; if any are left then."""
    weights = style.timbres[stem]
    weights = tuple(each for each in weights if each[0] not in reading.avoided) or weights
    able = tuple(each for each in weights if each[0] in GLIDES) if _shall_glide(stem, reading) else ()
    return able or weights


def density_of(stem: str, reading: PromptReading) -> float:
    """How much fuller (above 0) or emptier than its energy a prompt's density makes a part: what is struck and the lead
    heed it."""
    if reading.density is None:
        return 0.0
    return {"drums": 0.6, "percussion": 0.8, "lead": 1.5}.get(stem, 0.0) * (reading.density - 0.5)


def width_of(stem: str, usual: float, reading: PromptReading) -> float:
    """How wide a stem is: as usual in its style, unless the prompt says that it, or all, be wide, or not wide. What
    stands in the middle stays there."""
    words = (*reading.sounds.get(stem, ()), *reading.sounds.get(WHOLE, ()))
    if "wide" in reading.avoided:
        return round(usual * _NOT_WIDE, 3)
    return round(usual + _WIDER * (1.0 - usual), 3) if usual and "wide" in words else usual


def glide_of(stem: str, usual: float | None, reading: PromptReading) -> float | None:
    """How likely a note of a part glides: as usual, unless the prompt says that it, or all, glide, or not."""
    if usual is None or "gliding" in reading.avoided:
        return None if usual is None else 0.0
    return max(usual, _GLIDING) if _shall_glide(stem, reading) else usual


def _shall_glide(stem: str, reading: PromptReading) -> bool:
    words = (*reading.sounds.get(stem, ()), *reading.sounds.get(WHOLE, ()))
    return stem in ONE_VOICE and "gliding" in words and "gliding" not in reading.avoided


def colours_asked(stem: str, reading: PromptReading) -> tuple[str, ...]:
    """The colours of a stem, by the prompt's words for it and for the whole loop."""
    words = (*reading.sounds.get(stem, ()), *reading.sounds.get(WHOLE, ()))
    return colours_of(word for word in words if word not in reading.avoided)
