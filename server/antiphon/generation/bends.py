"""How pitch moves: from note to note (a glide), within a note (vibrato, a drum-like fall), and round a loop (the wobble
of a tape).

The sampler plays it, and the vocoder's source follows it: told straight harmonics, the decoder makes straight ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.glides import GLIDES, glides_in
from antiphon.domain.score import Note
from antiphon.generation.sound.rate import MODEL_RATE_HZ

Wave = NDArray[np.float64]

#: Time constants of a vibrato's coming in and of a note's falling onto its pitch.
_FADE_S, _FALL_S = 0.35, 0.018


@dataclass(frozen=True, slots=True)
class Bend:
    """Depth in semitones and rate in Hz of a vibrato, faded in; and semitones by which a note falls onto its pitch."""

    vibrato: float = 0.0
    vibrato_hz: float = 5.5
    drop: float = 0.0

    def semitones(self, t: Wave) -> Wave:
        """How far above its pitch a note is, `t` seconds after its onset."""
        if self.drop:
            return np.asarray(self.drop * np.exp(-t / _FALL_S))
        return np.asarray(self.vibrato * np.minimum(t / _FADE_S, 1.0) ** 2 * np.sin(2 * np.pi * self.vibrato_hz * t))


#: By timbre; the others hold their pitch, or move in ways that only their recordings know.
BENDS: Mapping[str, Bend] = {
    "lead_saw": Bend(0.12, 5.2), "lead_square": Bend(0.1, 5.8), "lead_sine": Bend(0.18, 5.0),
    "bass_808": Bend(drop=14.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phrase:
    """Notes of one voice that are sounded as one, in order: a struck note and those that glide in after it. `before` is
    the pitch that the first one glides in from, for a voice that is struck anew all the same; None: it does not."""

    notes: tuple[Note, ...]
    before: int | None = None

    @property
    def glides(self) -> bool:
        """Whether its pitch is anything but that of one note."""
        return len(self.notes) > 1 or self.before is not None

    @property
    def duration_beats(self) -> float:
        last = self.notes[-1]
        return last.onset_beats + last.duration_beats - self.notes[0].onset_beats


def phrases(timbre: str, notes: Sequence[Note]) -> list[Phrase]:
    """A stem's notes, in order of onset, as its timbre can sound them."""
    found: list[Phrase] = []
    for note in notes:
        if not found or not glides_in(note, timbre):
            found.append(Phrase((note,)))
        elif GLIDES[timbre].legato:
            found[-1] = Phrase((*found[-1].notes, note))
        else:
            found.append(Phrase((note,), found[-1].notes[-1].pitch))
    return found


def lagging(timbre: str, phrase: Phrase, values: Sequence[float], per_beat: float, frames: int, rate_hz: float) -> Wave:
    """What a phrase has note by note (a pitch in semitones, a velocity), frame by frame from its start: each note's
    value lags behind as a charging capacitor does, which is what slides an analogue synthesiser's pitch; a note shorter
    than the glide's time is there by its end. `values`: one for the voice before the first note, then one a note.
    float64 (frames,)."""
    glide, origin = GLIDES[timbre], phrase.notes[0].onset_beats
    starts = [min(round((note.onset_beats - origin) * per_beat), frames) for note in phrase.notes]
    curve, held = np.zeros(frames), values[0]
    for start, end, value, note in zip(starts, [*starts[1:], frames], values[1:], phrase.notes, strict=True):
        time_s = min(glide.time_s, max(note.duration_beats * per_beat / rate_hz, 1e-3))
        curve[start:end] = value + (held - value) * np.exp(-4.0 * np.arange(end - start) / (rate_hz * time_s))
        held = curve[end - 1] if end > start else held
    return curve


def pitch_curve(timbre: str, phrase: Phrase, per_beat: float, frames: int, rate_hz: float) -> Wave:
    """The pitch of a phrase in semitones (MIDI note numbers), frame by frame from its start: float64 (frames,)."""
    pitches = [float(note.pitch) for note in phrase.notes]
    before = pitches[0] if phrase.before is None else float(phrase.before)
    return lagging(timbre, phrase, [before, *pitches], per_beat, frames, rate_hz)


def sways(colours: Mapping[str, float]) -> tuple[tuple[float, float], ...]:
    """Rate in Hz and depth in cents of the sways that colours bring, each as far as it holds (0 to 1)."""
    found = []
    if "dusty" in colours:
        found.append((0.7, 6.0 * colours["dusty"]))
    if "wobbly" in colours:
        found.append((1.1 + 1.5 * colours["wobbly"], 14.0 + 12.0 * colours["wobbly"]))
    return tuple(found)


def varispeed(wave: Wave, rate_hz: float, depth_cents: float) -> Wave:
    """Pitch that sways by ± depth, a whole number of times round the loop."""
    turns = max(1, round(rate_hz * wave.size / MODEL_RATE_HZ))
    phase = 2.0 * np.pi * turns * np.arange(wave.size) / wave.size
    # The integral of the speed's deviation, in frames.
    shift = (2.0 ** (depth_cents / 1200.0) - 1.0) * wave.size / (2.0 * np.pi * turns) * np.sin(phase)
    return _read_round(wave, np.arange(wave.size) + shift)


def _read_round(wave: Wave, place: Wave) -> Wave:
    """Cubic reading of a circle at fractional places (Catmull-Rom)."""
    whole = np.floor(place).astype(np.int64)
    t = place - whole
    a, b, c, d = (wave[(whole + k) % wave.size] for k in (-1, 0, 1, 2))
    return np.asarray(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
