"""The quality gate: faults found by measurement, before anybody hears them.

Two views. Whether the music is right (there, in time, in key) is judged on the backend's own stems: a dotted echo is
off the grid by design. A texture has no onsets to judge, and what has no pitch can't be out of key. Whether the files
are sound (level, DC, seam, length) is judged on what is delivered. Hiss is judged beside the instrument, where it is
suspected: who asks must have the instrument play the stem.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Score, StemScore, loop_frames
from antiphon.domain.timbres import source_of
from antiphon.rendering.circle import Audio
from antiphon.rendering.finish import MIX, FinishedLoop
from antiphon.rendering.hiss import LONGEST_S, NoiseFloor, hiss, noise_floor
from antiphon.rendering.onsets import timing
from antiphon.rendering.parallel import each
from antiphon.rendering.pitches import tonality

SILENCE_DBFS = -60.0
#: A note is missing where its stem is this far below its usual level for notes.
_MISSING_DB = 45.0
_MISSING_SHARE = 0.1
_MISSING_BEATS = 2.0
#: A note that is struck is heard within this time, if at all.
_ATTACKED_S = 0.4
_FLAT_TOPS = 5
_DC_SHARE = 0.01
_SHIFT_S = 0.012
_SPREAD_S = 0.020
_CONTRAST = 1.12
_MATCH = 0.5
_TRANSPOSED = 0.05
#: How long after its note a timbre is heard to begin, where it is not at once (measured on the training material and
#: on the sampler: no instrument is late by its own nature).
_ATTACK_S = {
    "bass_finger": 0.014, "bass_saw": 0.020, "bass_upright": 0.006, "bass_acid": 0.010, "bass_pick": 0.014,
    "chords_organ": 0.008, "chords_brass": 0.010, "chords_super": 0.006, "lead_trumpet": 0.012, "lead_sine": 0.006,
}  # fmt: skip
#: Timbres that swell: their onsets have no instant.
_SOFT = {"chords_pad", "chords_strings", "chords_choir", "lead_flute"}
_SOFT_S = 0.05


@dataclass(frozen=True, slots=True)
class Fault:
    """Something broken. `kind` is silence, clipping, dc, off_grid, out_of_key, hiss, seam, length or not_finite.

    `measured` and `limit` are in the unit that `text` names; `stem` may be `mix`.
    """

    kind: str
    stem: str
    measured: float
    limit: float
    text: str


def inspect(finished: FinishedLoop, score: Score) -> tuple[Fault, ...]:
    """Faults of a finished loop: of its music (on the backend's stems) and of its files. Empty where it is sound."""
    return inspect_stems(finished.dry, score, finished.sample_rate) + inspect_files(finished, score)


def inspect_stems(
    stems: Mapping[str, Audio], score: Score, sample_rate: int, plays_score: bool = True
) -> tuple[Fault, ...]:
    """Faults of a backend's stems (channels, frames) against their score; cheap enough to run before finishing.

    With `plays_score` False the notes are not the score's, and only silence and broken samples are looked for.
    """
    frames = loop_frames(score.beats, score.bpm, sample_rate)
    parts = {part.stem: part for part in score.stems}

    def faults(name: str) -> list[Fault]:
        audio, part = stems[name], parts.get(name)
        if audio.shape[1] != frames:
            return [_wrong_length(name, audio.shape[1], frames)]
        if not np.all(np.isfinite(audio)):
            count = int(np.sum(~np.isfinite(audio)))
            return [Fault("not_finite", name, count, 0, f"{name}: {count} samples are not numbers")]
        found = list(_flat_tops(name, audio))
        if part is not None and part.notes:
            mono = np.asarray(audio.mean(axis=0))
            found[:0] = _music_faults(mono, part, score, sample_rate) if plays_score else _silence(mono, part)
        return found

    return tuple(chain.from_iterable(each(faults, stems)))


def suspected_of_hiss(stems: Mapping[str, Audio], score: Score, sample_rate: int) -> dict[str, NoiseFloor]:
    """Of a backend's stems (channels, frames), those with so much noise up high that it could be hiss, with that noise.

    Only of stems with a pitch, and no textures: the others are noise, as often as not.
    """
    names = [
        part.stem
        for part in score.stems
        if part.stem in stems and part.notes and part.stem != "texture" and source_of(part.timbre) == "tone"
    ]
    floors = each(lambda name: noise_floor(np.asarray(stems[name].mean(axis=0)), sample_rate), names)
    return {name: floor for name, floor in zip(names, floors, strict=True) if floor.suspicious}


def inspect_hiss(
    suspected: Mapping[str, NoiseFloor], instruments: Mapping[str, Audio], sample_rate: int
) -> tuple[Fault, ...]:
    """Faults of stems that hiss where their instruments, playing the same stems (channels, frames), don't."""

    def faults(name: str) -> list[Fault]:
        own = noise_floor(np.asarray(instruments[name].mean(axis=0)), sample_rate)
        found = hiss(suspected[name], own)
        if not found.heard:
            return []
        text = f"{name}: hisses for {found.duration_s:.1f} s ({-found.level_db:.0f} dB below its notes, 6 to 12 kHz), "
        text += "which its instrument does not"
        return [Fault("hiss", name, found.duration_s, LONGEST_S, text)]

    return tuple(chain.from_iterable(each(faults, suspected)))


def inspect_files(finished: FinishedLoop, score: Score) -> tuple[Fault, ...]:
    """Faults of what is to be written: length, peaks, DC, silence, seam."""
    frames = loop_frames(score.beats, score.bpm, finished.sample_rate)
    silent = {stem.stem for stem in score.stems if not stem.notes}

    def faults(file: tuple[str, Audio]) -> list[Fault]:
        name, audio = file
        if audio.shape[1] != frames:
            return [_wrong_length(name, audio.shape[1], frames)]
        peak = float(np.abs(audio).max(initial=0.0))
        level = _level_faults(name, audio, peak, finished, must_sound=name not in silent)
        return [*level, *(_seam(name, audio) if peak > 0.0 else ())]

    return tuple(chain.from_iterable(each(faults, (*finished.stems.items(), (MIX, finished.mix)))))


def _wrong_length(stem: str, measured: int, frames: int) -> Fault:
    return Fault("length", stem, measured, frames, f"{stem}: {measured} frames, {frames} make the loop")


def _decibels(factor: float) -> float:
    return 20.0 * float(np.log10(max(factor, 1e-10)))


def _silence(mono: NDArray[np.float32], part: StemScore) -> list[Fault]:
    level = _decibels(float(np.sqrt(np.mean(np.square(mono)))))
    if level >= SILENCE_DBFS:
        return []
    text = f"{part.stem}: has notes but is silent ({level:.0f} dBFS)"
    return [Fault("silence", part.stem, level, SILENCE_DBFS, text)]


def _music_faults(mono: NDArray[np.float32], part: StemScore, score: Score, rate: int) -> Iterator[Fault]:
    if silent := _silence(mono, part):
        yield from silent
        return
    yield from _gaps(mono, part, score, rate)
    if part.stem != "texture":
        yield from _off_grid(mono, part, score, rate)
    if source_of(part.timbre) == "tone":
        yield from _out_of_key(mono, part, score, rate)


def _gaps(mono: NDArray[np.float32], part: StemScore, score: Score, rate: int) -> Iterator[Fault]:
    """Notes that aren't there: more than a tenth of them, or any for two beats on end."""
    step = max(1, rate // 200)
    whole = len(mono) // step
    level = 10.0 * np.log10(np.square(mono[: whole * step]).reshape(whole, step).mean(axis=1) + 1e-12)
    frames_per_beat = len(mono) / float(score.beats)
    loudest = []
    for note in part.notes:
        start = note.onset_beats * frames_per_beat / step
        # A texture may take its whole length to rise.
        longest_s = math.inf if part.stem == "texture" else _ATTACKED_S
        length = max(0.08 * rate, min(note.duration_beats * frames_per_beat, longest_s * rate)) / step
        loudest.append(float(np.take(level, np.arange(int(start), int(start + length) + 2), mode="wrap").max()))
    missing = np.array(loudest) < np.median(np.sort(loudest)[len(loudest) // 2 :]) - _MISSING_DB
    share = float(missing.mean())
    if share > _MISSING_SHARE:
        yield Fault("silence", part.stem, share, _MISSING_SHARE, f"{part.stem}: {share:.0%} of its notes are missing")
        return
    run = longest = 0.0
    for note, absent in zip(part.notes, missing, strict=True):
        run = run + note.duration_beats if absent else 0.0
        longest = max(longest, run)
    if longest >= _MISSING_BEATS:
        yield Fault(
            "silence", part.stem, longest, _MISSING_BEATS, f"{part.stem}: no sound for {longest:g} beats of notes"
        )


def _off_grid(mono: NDArray[np.float32], part: StemScore, score: Score, rate: int) -> Iterator[Fault]:
    found = timing(mono, part, score, rate)
    if found is None:
        return
    soft = part.timbre in _SOFT
    late = _SOFT_S if soft else _SHIFT_S + _ATTACK_S.get(part.timbre, 0.0)
    early = _SOFT_S if soft else _SHIFT_S
    if not -early <= found.shift_s <= late:
        limit = late if found.shift_s > 0 else -early
        text = f"{part.stem}: {abs(found.shift_s) * 1000:.0f} ms {'late' if found.shift_s > 0 else 'early'}"
        yield Fault("off_grid", part.stem, found.shift_s, limit, text)
    elif found.spread_s > (_SOFT_S if soft else _SPREAD_S) and found.onsets >= 4:
        text = f"{part.stem}: onsets are {found.spread_s * 1000:.0f} ms off the score by turns"
        yield Fault("off_grid", part.stem, found.spread_s, _SPREAD_S, text)
    elif found.contrast < _CONTRAST and not soft and found.onsets >= 4:
        text = f"{part.stem}: its onsets don't stand out where the score has them (ratio {found.contrast:.2f})"
        yield Fault("off_grid", part.stem, found.contrast, _CONTRAST, text)


def _out_of_key(mono: NDArray[np.float32], part: StemScore, score: Score, rate: int) -> Iterator[Fault]:
    found = tonality(mono, part, score, rate)
    if found is None:
        return
    if found.match < _MATCH:
        text = f"{part.stem}: its pitches are not the score's (match {found.match:.2f})"
        yield Fault("out_of_key", part.stem, found.match, _MATCH, text)
    elif found.transposed_match > found.match + _TRANSPOSED:
        semitones = found.transposition if found.transposition <= 6 else found.transposition - 12
        text = f"{part.stem}: sounds {semitones:+d} semitones from its score (match {found.transposed_match:.2f} there)"
        yield Fault("out_of_key", part.stem, found.transposed_match - found.match, _TRANSPOSED, text)


def _flat_tops(stem: str, audio: Audio) -> Iterator[Fault]:
    """Clipping leaves runs of equal extreme samples with a corner at their ends.

    A quiet low note rounded to few bits has such runs, but no corner; a square wave's corner is the whole height.
    """
    peak = float(np.abs(audio).max(initial=0.0))
    tops = 0
    for channel in audio:
        for signal in (channel, -channel):
            at_top = np.concatenate([[False], signal >= 0.9999 * peak, [False]])
            edges = np.flatnonzero(at_top[1:] != at_top[:-1])
            starts, ends = edges[::2], edges[1::2]
            long = (ends - starts >= 4) & (starts > 0) & (ends < len(signal))
            corner = peak - np.maximum(signal[starts[long] - 1], signal[ends[long]])
            tops += int(np.sum((corner > 1e-3 * peak) & (corner < 0.5 * peak)))
    if tops >= _FLAT_TOPS:
        yield Fault("clipping", stem, tops, _FLAT_TOPS, f"{stem}: {tops} clipped peaks (flat tops)")


def _level_faults(stem: str, audio: Audio, peak: float, finished: FinishedLoop, must_sound: bool) -> Iterator[Fault]:
    ceiling = finished.preset.ceiling_dbtp
    peak_db = max(_decibels(peak), finished.peak_dbtp.get(stem, -200.0))
    if peak_db > ceiling:
        yield Fault("clipping", stem, peak_db, ceiling, f"{stem}: peaks at {peak_db:.2f} dBTP, {ceiling:g} is allowed")
    offset = float(np.abs(audio.mean(axis=1)).max())
    if offset > _DC_SHARE * peak and offset > 1e-4:
        yield Fault("dc", stem, offset, _DC_SHARE * peak, f"{stem}: DC offset of {offset:.4f}")
    level = _decibels(float(np.sqrt(np.mean(np.square(audio)))))
    if must_sound and level < SILENCE_DBFS:
        yield Fault("silence", stem, level, SILENCE_DBFS, f"{stem}: silent after effects ({level:.0f} dBFS)")


def _seam(stem: str, audio: Audio) -> Iterator[Fault]:
    """A click where the loop closes: the step or the bend across the seam is larger than any inside.

    The bend (second difference) sees clicks that hide in the steps of a loud low note.
    """
    for channel in audio:
        across = np.concatenate([channel[-3:], channel[:3]])
        inside = np.abs(np.diff(channel))
        step, largest = float(abs(channel[0] - channel[-1])), float(inside.max())
        if step > largest and step > 1e-3:
            yield Fault(
                "seam", stem, step, largest, f"{stem}: a step of {step:.4f} across the seam, {largest:.4f} inside"
            )
            return
        bends = np.abs(np.diff(channel, n=2))
        bend, sharpest = float(np.abs(np.diff(across, n=2))[1:3].max()), float(bends.max())
        if bend > 1.5 * sharpest and bend > 1e-3:
            yield Fault(
                "seam", stem, bend, sharpest, f"{stem}: a click of {bend:.4f} across the seam, {sharpest:.4f} inside"
            )
            return
