"""What a client may ask for, checked and typed. Made only by `control.commands`; the rest of the house trusts it."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.domain.composers import Composers
from antiphon.domain.engines import Engines
from antiphon.domain.given import BroughtParts, PartWish
from antiphon.domain.reading import PromptReading
from antiphon.domain.reference import Wish
from antiphon.domain.score import CORE_STEMS
from antiphon.domain.theory import Chord, Key, Meter
from antiphon.errors import LimitExceeded

SAMPLE_RATES = (44100, 48000, 96000)
FILE_FORMATS = ("wav", "flac")


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A loop to be made. None means: the server's choice (by style, then by seed).

    `reading` is what the prompt was understood as; what it says of style, key, meter, bars, stems and energy stands in
    those fields already, where the request's own keys left them open. `engines`: the stems' engines that were chosen;
    `composers`: what writes their notes, where that was.
    """

    bpm: float
    bars: int = 4
    meter: Meter = Meter(4, 4)  # noqa: RUF009  (a frozen value)
    key: Key | None = None
    chords: tuple[Chord, ...] | None = None
    #: Empty: the core four, and what the style adds to them where one is named.
    stems: tuple[str, ...] = CORE_STEMS
    count: int = 1
    seed: int = 0
    style: str | None = None
    prompt: str = ""
    energy: float = 0.5
    preset: str | None = None
    steps: int | None = None
    model: str | None = None
    sample_rate: int = 44100
    file_format: str = "wav"
    reading: PromptReading | None = None
    engines: Engines = ()
    composers: Composers = ()
    #: For whose taste it is made; what is made does not depend on it.
    context: str = ""
    #: Songs to come near to, where the request brings some.
    wish: Wish | None = None
    #: MIDI files whose notes shall stand in the loop, until the studio has read them; then what was read.
    part_wish: PartWish | None = None
    brought: BroughtParts | None = None


def check_duration(bars: int, meter: Meter, bpm: float, most_s: float) -> None:
    """Raises LimitExceeded where a loop would last longer than `most_s`, what this server allows."""
    duration_s = float(bars * meter.beats_per_bar) * 60.0 / bpm
    if duration_s > most_s:
        raise LimitExceeded(
            f"{bars} bars of {meter.name} at {bpm:g} bpm last {duration_s:.1f} s: this server allows up "
            f"to {most_s:g} s (setting limits.duration_s); ask for fewer bars"
        )
