"""What a model can do, in words that the command line, its JSON and docs/models.md share. Loads nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

#: `native`: stems are made together, by the model. `in context`: one after the other, each hearing those before it.
#: `one by one`: each for itself, from words alone.
StemMaking = Literal["native", "in context", "one by one"]
#: `exact`: by construction. `asked`: told to the model as a number, which it may or may not keep. `in words`: part of
#: the prompt.
Heeding = Literal["exact", "asked", "in words"]

YES, NO = "✓", "–"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model can do, told honestly.

    `tempo` is how the model itself treats it: whatever it plays is measured and stretched to the asked tempo
    afterwards. `channels` are the model's own; what is delivered is stereo. `longest_s` is the longest that the model
    was trained to play; longer loops repeat a shorter one. `default_steps` are taken where neither request nor settings
    name any, in words; "" where steps mean nothing. `guidance` is the weight of the prompt where the settings name
    none; 0: it has none, 1: only where the settings ask for more. `small_steps`: a little other noise makes a little
    other sound. `songs`: it can be brought near to songs. `fine_tunes`: it learns from ratings.
    """

    stems: StemMaking
    tempo: Heeding
    key: Heeding
    notes: bool
    negative_prompt: bool
    seeds: bool
    channels: int
    rate_hz: int
    longest_s: float
    default_steps: str
    guidance: float = 0.0
    whole_prompt: bool = True
    small_steps: bool = True
    songs: bool = False
    fine_tunes: bool = False
    #: Stems that the sampler sounds where nobody chose an engine; any can be asked of it.
    sampled: tuple[str, ...] = ()

    @property
    def steps(self) -> bool:
        """Whether the number of steps means anything."""
        return bool(self.default_steps)


def _mark(able: bool) -> str:
    return YES if able else NO


def _restem(able: Abilities) -> str:
    return {"native": "to the same score", "in context": "hears the others", "one by one": "by itself"}[able.stems]


def _negative(able: Abilities) -> str:
    return "with guidance" if able.negative_prompt and able.guidance <= 1.0 else _mark(able.negative_prompt)


def _guidance(able: Abilities) -> str:
    return f"{YES} ({able.guidance:g})" if able.guidance else NO


def _sound(able: Abilities) -> str:
    return f"{'stereo' if able.channels == 2 else 'stereo, from mono'}, {able.rate_hz / 1000:g} kHz"


def _engines(able: Abilities) -> str:
    return f"both; sampler: {', '.join(able.sampled)}" if able.sampled else "both; model unless asked"


#: A row of the matrix: what it tells, and how it is with a model.
MATRIX: tuple[tuple[str, Callable[[Abilities], str]], ...] = (
    ("stems", lambda able: able.stems),
    ("a stem anew (restem)", _restem),
    ("length of a loop", lambda able: "exact"),
    ("tempo by the model", lambda able: able.tempo),
    ("key", lambda able: able.key),
    ("notes and MIDI files", lambda able: _mark(able.notes)),
    ("plays parts you bring", lambda able: _mark(able.notes)),
    ("prompt", lambda able: "whole" if able.whole_prompt else "words it knows"),
    ("negative prompt", _negative),
    ("guidance", _guidance),
    ("steps", lambda able: f"{YES} ({able.default_steps})" if able.steps else NO),
    ("same seed, same samples", lambda able: _mark(able.seeds)),
    ("vary in small steps", lambda able: _mark(able.small_steps)),
    ("songs as references", lambda able: _mark(able.songs)),
    ("learns from ratings", lambda able: _mark(able.fine_tunes)),
    ("engines", _engines),
    ("sound", _sound),
    ("plays at once up to", lambda able: f"{able.longest_s:g} s"),
)
