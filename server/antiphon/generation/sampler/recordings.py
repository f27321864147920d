"""Recorded sounds: strokes of drums and notes of instruments, played back at the pitch and for the time that is asked.

They come with Antiphon (presets/sounds, made by scripts/make_sounds.py; its README.md lists every source and licence):
one file per drum, `KIT/PITCH.flac`, and one every few semitones per instrument, `INSTRUMENT/PITCH.ogg`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.errors import BackendFailed
from antiphon.paths import presets_dir

Wave = NDArray[np.float64]
RATE_HZ = 44100

#: Kits of recorded strokes.
RECORDED_KITS = ("kit_acoustic", "kit_studio", "kit_electro", "kit_club", "kit_brush", "perc_hand", "perc_tabla",
                 "perc_electro")  # fmt: skip
#: Recorded instruments: how long a note takes to die away after its end, in seconds, and whether it sounds on for as
#: long as it is held (then the recording's middle is repeated).
RECORDED_INSTRUMENTS: dict[str, tuple[float, bool]] = {
    "bass_finger": (0.07, False), "bass_upright": (0.08, False), "bass_pick": (0.06, False),
    "chords_epiano": (0.12, False), "chords_piano": (0.14, False), "chords_organ": (0.05, True),
    "chords_strings": (0.22, True), "chords_guitar": (0.12, False), "chords_choir": (0.25, True),
    "chords_brass": (0.10, True), "lead_flute": (0.08, True), "lead_vibes": (0.35, False),
    "lead_marimba": (0.20, False), "lead_kalimba": (0.25, False), "lead_koto": (0.30, False),
    "lead_trumpet": (0.07, True), "lead_guitar": (0.12, False), "texture_halo": (0.50, True),
}  # fmt: skip
#: Of a held note: where the repeated part begins, and over how long it is faded into itself.
_REPEAT_FROM_S, _REPEAT_FADE_S = 1.2, 0.5
#: A note that a finger slides to begins at this share of its level and is all there after this time.
_SOFT_FROM, _SOFT_S = 0.3, 0.05


def sounds_folder() -> Path:
    """Where the recordings lie."""
    return presets_dir() / "sounds"


@cache
def _recordings(name: str) -> dict[int, Wave]:
    """All recordings of a kit or instrument by MIDI pitch, mono float64. Raises BackendFailed."""
    import soundfile

    found: dict[int, Wave] = {}
    for path in sorted((sounds_folder() / name).glob("*.*")):
        try:
            audio, rate = soundfile.read(path, always_2d=True)
        except soundfile.LibsndfileError as error:
            raise BackendFailed(f"{path.name} of {name} can't be read ({error}): reinstall Antiphon") from error
        if rate != RATE_HZ:
            raise BackendFailed(
                f"{path.name} of {name} has {rate} Hz, but recordings have {RATE_HZ}: reinstall Antiphon"
            )
        found[int(path.stem)] = np.asarray(audio.mean(1))
    if not found:
        raise BackendFailed(f"the recordings of {name} are missing from {sounds_folder()}: reinstall Antiphon")
    return found


def stroke(kit: str, pitch: int) -> Wave:
    """One stroke at full velocity, mono float64 (frames,); a drum that the kit lacks sounds as its nearest number."""
    strokes = _recordings(kit)
    return strokes[min(strokes, key=lambda known: (abs(known - pitch), known))]


def _read(wave: Wave, places: Wave) -> Wave:
    """Cubic reading at fractional places (Catmull-Rom), silence beyond the end."""
    padded = np.concatenate((wave[:1], wave, np.zeros(4)))
    inside = np.minimum(places, float(wave.size))
    whole = np.floor(inside).astype(np.int64)
    t = inside - whole
    a, b, c, d = (padded[whole + k] for k in range(4))
    return np.asarray(b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))


def _held(wave: Wave, frames: int) -> Wave:
    """A recording prolonged to `frames` by repeating its middle, faded into itself at equal power."""
    start, fade = int(_REPEAT_FROM_S * RATE_HZ), int(_REPEAT_FADE_S * RATE_HZ)
    rise = np.sin(np.linspace(0.0, np.pi / 2, fade))
    made = wave
    while made.size < frames:
        made = np.concatenate(
            (made[:-fade], made[-fade:] * rise[::-1] + wave[start : start + fade] * rise, wave[start + fade :])
        )
    return made[:frames]


def slide(instrument: str, pitches: Wave) -> Wave:
    """A note whose pitch moves, as long as `pitches` (MIDI note numbers, frame by frame), at full velocity and without
    an end: the recording is read as fast as it asks, and begins softly, as a finger that slides does not pluck.
    float64 (frames,)."""
    recordings = _recordings(instrument)
    base = min(recordings, key=lambda known: (abs(known - pitches[-1]), known))
    places = np.cumsum(2.0 ** ((pitches - base) / 12.0))
    wave = recordings[base]
    if RECORDED_INSTRUMENTS[instrument][1] and wave.size < places[-1] + 4:
        wave = _held(wave, int(places[-1]) + 4)
    made = _read(wave, places)
    soft = min(int(_SOFT_S * RATE_HZ), made.size)
    made[:soft] *= _SOFT_FROM + (1.0 - _SOFT_FROM) * np.sin(np.linspace(0.0, np.pi / 2, soft)) ** 2
    return made


def release_frames(instrument: str) -> int:
    """How long an instrument sounds on after a note's end."""
    return int(5 * RECORDED_INSTRUMENTS[instrument][0] * RATE_HZ)


def ended(instrument: str, made: Wave, duration_frames: int) -> Wave:
    """A note that dies away after its end, in place."""
    release_s = RECORDED_INSTRUMENTS[instrument][0]
    made[duration_frames:] *= np.exp(-np.arange(made.size - duration_frames) / (release_s * RATE_HZ))
    fade = min(400, made.size)
    made[-fade:] *= np.linspace(1.0, 0.0, fade)
    return made


@lru_cache(maxsize=512)
def note(instrument: str, pitch: int, duration_frames: int) -> Wave:
    """One note at full velocity with its release, mono float64 (frames,)."""
    recordings = _recordings(instrument)
    is_held = RECORDED_INSTRUMENTS[instrument][1]
    base = min(recordings, key=lambda known: (abs(known - pitch), known))
    ratio = 2.0 ** ((pitch - base) / 12.0)
    total = duration_frames + release_frames(instrument)
    wave, needed = recordings[base], int(total * ratio) + 4
    if is_held and wave.size < needed:
        wave = _held(wave, needed)
    return ended(instrument, _read(wave, np.arange(total) * ratio), duration_frames)
