"""The timbres that the built-in sound model was trained on, per stem, in the order of its embedding table.

The order is part of the trained weights: append, never reorder. The words are what a prompt may say to get the timbre.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Timbre:
    """A sound that a stem can have. `source` is what its notes excite it with: a tone at their pitch, strokes (drums)
    or noise without a pitch."""

    name: str
    stem: str
    words: tuple[str, ...]
    source: Literal["tone", "stroke", "noise"] = "tone"


TIMBRES: tuple[Timbre, ...] = (
    Timbre("kit_808", "drums", ("808", "trap", "electro", "boomy"), "stroke"),
    Timbre("kit_909", "drums", ("909", "techno", "house", "punchy"), "stroke"),
    Timbre("kit_acoustic", "drums", ("acoustic", "live", "natural", "jazzy"), "stroke"),
    Timbre("kit_dusty", "drums", ("dusty", "lofi", "lo-fi", "vinyl", "crunchy"), "stroke"),
    Timbre("kit_minimal", "drums", ("minimal", "clicky", "dry", "small"), "stroke"),
    Timbre("bass_sub", "bass", ("sub", "deep", "round")),
    Timbre("bass_saw", "bass", ("saw", "gritty", "synth")),
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
    Timbre("lead_pluck", "lead", ("pluck", "short")),
    Timbre("lead_flute", "lead", ("flute", "breathy", "soft", "airy")),
    Timbre("lead_vibes", "lead", ("vibes", "vibraphone", "mallet")),
    Timbre("kit_studio", "drums", ("studio", "rock"), "stroke"),
    Timbre("kit_electro", "drums", ("glitch", "blippy"), "stroke"),
    Timbre("kit_club", "drums", ("club", "festival"), "stroke"),
    Timbre("kit_brush", "drums", ("brushes", "brushed"), "stroke"),
    Timbre("bass_reese", "bass", ("reese", "growling")),
    Timbre("bass_808", "bass", ("808",)),
    Timbre("bass_acid", "bass", ("acid", "303", "squelchy")),
    Timbre("bass_pick", "bass", ("picked", "plectrum")),
    Timbre("chords_guitar", "chords", ("guitar", "strummed")),
    Timbre("chords_choir", "chords", ("choir", "vocal")),
    Timbre("chords_brass", "chords", ("brass", "horns")),
    Timbre("chords_glass", "chords", ("crystal", "digital")),
    Timbre("chords_super", "chords", ("supersaw",)),
    Timbre("lead_marimba", "lead", ("marimba", "wooden")),
    Timbre("lead_kalimba", "lead", ("kalimba", "thumb piano")),
    Timbre("lead_gong", "lead", ("gamelan", "gong", "bronze")),
    Timbre("lead_koto", "lead", ("koto", "zither")),
    Timbre("lead_trumpet", "lead", ("trumpet", "muted")),
    Timbre("lead_guitar", "lead", ("guitar", "jazz guitar")),
    Timbre("lead_sine", "lead", ("sine", "whistle", "theremin")),
    Timbre("perc_hand", "percussion", ("hand drums", "bongos", "congas", "latin"), "stroke"),
    Timbre("perc_tabla", "percussion", ("tabla", "indian"), "stroke"),
    Timbre("perc_electro", "percussion", ("blips", "clicks"), "stroke"),
    Timbre("texture_air", "texture", ("wind", "air", "breath"), "noise"),
    Timbre("texture_vinyl", "texture", ("vinyl", "crackle", "record"), "noise"),
    Timbre("texture_rain", "texture", ("rain", "drops", "water"), "noise"),
    Timbre("texture_drone", "texture", ("drone", "hum")),
    Timbre("texture_glass", "texture", ("rubbed glass", "singing bowl")),
    Timbre("texture_halo", "texture", ("halo", "sweep", "shimmer")),
)

#: What else can be true of a sound, whatever plays it: the columns of the sound model's colour table, in its order.
#: Append, never reorder. `sampler.colours` is what each does.
COLOURS: tuple[str, ...] = (
    "bright", "dark", "warm", "glassy", "thin", "dusty", "driven", "soft", "hard", "huge", "airy", "short", "wobbly",
)  # fmt: skip
#: The last column of a sound model's colour table says that the others are told: without it, a stem that has no colours
#: and one whose colours are not known look the same, and the model guesses some.
TOLD_COLUMN = -1
#: Effects that songs of the corpus may run through and that no colour stands for, with their columns of the table. The
#: model is told them, so that they stay out of what it makes of a stem of which it is told none: requests tell none.
EFFECT_COLUMNS: Mapping[str, int] = MappingProxyType({"chorus": 48, "phaser": 49, "room": 50, "crushed": 51})

TIMBRE_INDEX: dict[str, int] = {timbre.name: index for index, timbre in enumerate(TIMBRES)}


def source_of(timbre: str) -> Literal["tone", "stroke", "noise"]:
    """What the notes of a timbre excite it with; a name that is not in the table is taken for a tone."""
    index = TIMBRE_INDEX.get(timbre)
    return "tone" if index is None else TIMBRES[index].source


def timbres_of(stem: str) -> tuple[Timbre, ...]:
    """All timbres of a stem."""
    return tuple(timbre for timbre in TIMBRES if timbre.stem == stem)


#: The colour that comes nearest to each sound word of a prompt (`reading.SOUND_WORDS`). Words that are missing here say
#: something about the effects or the timbre, and nothing that a colour could do.
COLOUR_OF_WORD: dict[str, str] = {
    "warm": "warm", "bright": "bright", "crisp": "bright", "cold": "glassy", "dark": "dark", "muffled": "dark",
    "glassy": "glassy", "metallic": "glassy", "dusty": "dusty", "lofi": "dusty", "distorted": "driven",
    "gritty": "driven", "airy": "airy", "huge": "huge", "fat": "huge", "lush": "huge", "wide": "huge", "thin": "thin",
    "small": "thin", "hollow": "thin", "soft": "soft", "hard": "hard", "punchy": "hard", "short": "short",
}  # fmt: skip


def colours_of(words: Iterable[str]) -> tuple[str, ...]:
    """The colours of sound words, each once, in the order of the table."""
    wanted = {COLOUR_OF_WORD[word] for word in words if word in COLOUR_OF_WORD}
    return tuple(colour for colour in COLOURS if colour in wanted)
