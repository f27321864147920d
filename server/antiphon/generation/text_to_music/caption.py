"""What a text-to-music model is told: a stem of a score in the words such models were trained on."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.score import Score, StemScore
from antiphon.domain.theory import NOTE_NAMES_FLAT, NOTE_NAMES_SHARP, Key
from antiphon.domain.timbres import TIMBRES
from antiphon.generation.styles import get_style, style_names

_PLAYS = {
    "drums": ("drum loop", "drums only"),
    "percussion": ("percussion loop", "percussion only"),
    "bass": ("bass line", "bass only"),
    "chords": ("chord progression", "accompaniment only, no drums"),
    "pad": ("pad", "pad only, no drums"),
    "lead": ("lead melody", "melody only, no drums"),
    "arp": ("arpeggio", "arpeggio only, no drums"),
    "texture": ("ambient texture", "texture only, no drums"),
}
_PITCHED_UNWANTED = "drums, percussion"
_UNWANTED = {"drums": "melody, bass, chords", "percussion": "melody, bass, chords", "bass": "drums, chords, melody"}
_ALWAYS_UNWANTED = "vocals, speech, noise, low quality"


@dataclass(frozen=True, slots=True)
class Caption:
    """Words for one stem. `unwanted` is the negative prompt."""

    text: str
    unwanted: str


def caption(score: Score, stem: StemScore, prompt: str = "", negative_prompt: str = "") -> Caption:
    """The words for `stem` of `score`; the user's own prompt comes first, because models heed what comes first most."""
    noun, alone = _PLAYS.get(stem.stem, (stem.stem, f"{stem.stem} only"))
    sound = " ".join((*timbre_words(stem.timbre), noun))
    parts = (
        prompt.strip(), style_title(score.style), sound, alone, f"{score.bpm:g} BPM",
        "" if stem.stem in ("drums", "percussion") else key_words(score.key),
        f"{score.meter.name} time", "instrumental, loop, high quality",
    )  # fmt: skip
    unwanted = (negative_prompt.strip(), _UNWANTED.get(stem.stem, _PITCHED_UNWANTED), _ALWAYS_UNWANTED)
    return Caption(", ".join(filter(None, parts)), ", ".join(filter(None, unwanted)))


def style_title(style: str) -> str:
    """A style's name as people write it; a style that we do not know is told as it is."""
    return get_style(style).title.lower() if style in style_names() else style


def timbre_words(timbre: str) -> tuple[str, ...]:
    """Up to three words for a timbre: its own name, and how it sounds."""
    known = next((each for each in TIMBRES if each.name == timbre), None)
    if known is None:
        return tuple(timbre.replace("_", " ").split()[:3])
    own = known.name.removeprefix("kit_").removeprefix(f"{known.stem}_")
    return tuple(dict.fromkeys((*(word for word in known.words if word != own), own)))[-3:]


def key_words(key: Key) -> str:
    """`A minor`, `Eb major`, `D dorian`."""
    return f"{(NOTE_NAMES_FLAT if key.flats else NOTE_NAMES_SHARP)[key.tonic]} {key.mode}"
