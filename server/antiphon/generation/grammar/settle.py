"""What a request's prompt leaves to chance, decided by the seed before anything is composed."""

from __future__ import annotations

import dataclasses

from antiphon.domain.request import GenerateRequest
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.prompts import with_reading
from antiphon.generation.styles import Style


def settle(request: GenerateRequest, seed: int) -> GenerateRequest:
    """The request with its prompt read and one tempo: a whole number from the range that the words allow."""
    request = with_reading(request)
    if request.reading is None or request.reading.tempo_bpm is None:
        return request
    low, high = request.reading.tempo_bpm
    bpm = low if low == high else float(int(low) + Draw(seed, "tempo").index(int(high) - int(low) + 1))
    return dataclasses.replace(request, bpm=bpm)


def as_read(style: Style, request: GenerateRequest) -> Style:
    """The style as the prompt wants it: its swing, how much its lead plays, and no timbre that is not wanted."""
    reading = request.reading
    if reading is None:
        return style
    timbres = {
        stem: tuple(each for each in weights if each[0] not in reading.avoided) or weights
        for stem, weights in style.timbres.items()
    }
    density = style.lead_density if reading.density is None else style.lead_density * (0.4 + 1.2 * reading.density)
    return dataclasses.replace(
        style,
        swing=style.swing if reading.swing is None else reading.swing,
        lead_density=min(1.0, density),
        timbres=timbres,
    )


def fullness(request: GenerateRequest) -> float:
    """How full the groove is, 0 to 1: the energy, moved by the prompt's density."""
    density = request.reading.density if request.reading and request.reading.density is not None else 0.5
    return min(1.0, max(0.0, request.energy + 0.6 * (density - 0.5)))
