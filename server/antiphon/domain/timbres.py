"""The timbres that the built-in sound model was trained on, per stem, in the order of its embedding table.

The order is part of the trained weights: append, never reorder. The words are what a prompt may say to get the timbre.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timbre:
    """A sound that a stem can have; `index` is its row in the sound model's embedding."""

    name: str
    stem: str
    words: tuple[str, ...]


TIMBRES: tuple[Timbre, ...] = (
    Timbre("kit_808", "drums", ("808", "trap", "electro", "boomy")),
    Timbre("kit_909", "drums", ("909", "techno", "house", "punchy")),
    Timbre("kit_acoustic", "drums", ("acoustic", "live", "natural", "jazzy")),
    Timbre("kit_dusty", "drums", ("dusty", "lofi", "lo-fi", "vinyl", "crunchy")),
    Timbre("kit_minimal", "drums", ("minimal", "clicky", "dry", "small")),
    Timbre("bass_sub", "bass", ("sub", "deep", "round")),
    Timbre("bass_saw", "bass", ("saw", "gritty", "synth", "acid")),
    Timbre("bass_finger", "bass", ("finger", "electric", "warm", "funky")),
    Timbre("bass_fm", "bass", ("fm", "metallic", "plucky", "hard")),
    Timbre("bass_upright", "bass", ("upright", "double", "jazz", "woody")),
    Timbre("chords_pad", "chords", ("pad", "warm", "lush", "ambient", "slow")),
    Timbre("chords_epiano", "chords", ("epiano", "rhodes", "mellow", "soul")),
    Timbre("chords_piano", "chords", ("piano", "grand", "classical")),
    Timbre("chords_stab", "chords", ("stab", "house", "dub", "short")),
    Timbre("chords_organ", "chords", ("organ", "church", "gospel")),
    Timbre("chords_strings", "chords", ("strings", "orchestral", "cinematic")),
    Timbre("lead_saw", "lead", ("saw", "bright", "huge", "trance")),
    Timbre("lead_square", "lead", ("square", "chip", "8bit", "hollow")),
    Timbre("lead_bell", "lead", ("bell", "glassy", "fm", "icy")),
    Timbre("lead_pluck", "lead", ("pluck", "short", "kalimba", "marimba")),
    Timbre("lead_flute", "lead", ("flute", "breathy", "soft", "airy")),
    Timbre("lead_vibes", "lead", ("vibes", "vibraphone", "mallet", "gamelan")),
)

TIMBRE_INDEX: dict[str, int] = {timbre.name: index for index, timbre in enumerate(TIMBRES)}


def timbres_of(stem: str) -> tuple[Timbre, ...]:
    """All timbres of a stem."""
    return tuple(timbre for timbre in TIMBRES if timbre.stem == stem)
