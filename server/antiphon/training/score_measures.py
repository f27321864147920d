"""What is measured of scores: key, chords, grid, novelty, variety. Arrays and scores in, shares out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import ONE_VOICE, Score
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.harmony import local_scale
from antiphon.generation.grammar.written import chord_at
from antiphon.generation.scoring.grid import LANES, PITCHED, THRESHOLD, Grid, stretched

Struck = NDArray[np.bool_]
#: Notes this much before or after a grid point are on it, beside what the style's players are allowed (beats).
_EXACT_BEATS = 1e-4


def _share(hits: Iterable[bool]) -> tuple[int, int]:
    listed = list(hits)
    return sum(listed), len(listed)


def in_key(score: Score, frame: Frame) -> tuple[int, int]:
    """(notes in the key's scale or in the scale of the chord that sounds, pitched notes)."""
    return _share(
        note.pitch % 12 in {*score.key.scale, *local_scale(score.key, chord_at(score.chords, frame, step))}
        for stem in score.stems
        if stem.stem in PITCHED
        for note in stem.notes
        for step in [round(stretched(frame, note.onset_beats))]
    )


def chord_notes(score: Score, frame: Frame) -> tuple[int, int]:
    """(notes of the chords stem that are tones of the chord sounding, its notes)."""
    part = score.stem("chords")
    chords = [(n, chord_at(score.chords, frame, round(stretched(frame, n.onset_beats)))) for n in part.notes]
    return _share(note.pitch % 12 in {*chord.pitch_classes, chord.bass} for note, chord in chords)


def chords_honoured(score: Score, frame: Frame) -> tuple[int, int]:
    """(chords of the harmony that are honoured, chords): all that the chords stem begins under it are its tones, and
    the bass begins on its bass note or, where it comes in later, on a tone of it."""
    parts = {stem.stem: stem.notes for stem in score.stems}
    hits = []
    for span in score.chords:
        start = round(span.onset_beats / frame.step_beats)
        end = start + round(span.duration_beats / frame.step_beats)
        tones = {*span.chord.pitch_classes, span.chord.bass}
        inside = {
            stem: [(s, n) for n in notes for s in [round(stretched(frame, n.onset_beats))] if start <= s < end]
            for stem, notes in parts.items()
            if stem in ("bass", "chords")
        }
        honoured = all(note.pitch % 12 in tones for _, note in inside["chords"])
        if inside["bass"]:
            step, first = inside["bass"][0]
            honoured &= first.pitch % 12 in ({span.chord.bass} if step == start else tones)
        hits.append(honoured)
    return _share(hits)


def bass_on_roots(score: Score, frame: Frame) -> tuple[int, int]:
    """(changes of chord on which the bass strikes the chord's bass note, changes)."""
    struck = {round(stretched(frame, n.onset_beats)): n.pitch % 12 for n in score.stem("bass").notes}
    starts = {round(span.onset_beats / frame.step_beats): span.chord.bass for span in score.chords}
    return _share(struck.get(step) == bass for step, bass in starts.items())


def on_grid(score: Score, frame: Frame, humanise_beats: float) -> tuple[int, int]:
    """(notes within the style's unevenness of a point of the swung grid, notes)."""
    return _share(
        min(abs(note.onset_beats - frame.beats(step + side)) for side in (0, 1)) <= humanise_beats + _EXACT_BEATS
        for stem in score.stems
        for note in stem.notes
        for step in [int(stretched(frame, note.onset_beats))]
    )


def gliding(score: Score) -> tuple[int, int]:
    """(notes that glide, notes of the stems of one voice)."""
    return _share(note.glide for stem in score.stems if stem.stem in ONE_VOICE for note in stem.notes)


def gliding_again(score: Score, frame: Frame) -> tuple[int, int]:
    """(notes that glide beside the first at their place in the bar, notes beside it that could): places of the felt bar
    at which something glides are looked at, and all notes there that come from another pitch."""
    hits = []
    for stem in score.stems:
        places: dict[int, list[bool]] = defaultdict(list)
        for before, note in pairwise(stem.notes if stem.stem in ONE_VOICE else ()):
            if before.pitch != note.pitch:
                places[round(stretched(frame, note.onset_beats)) % frame.bar_steps].append(note.glide)
        for slides in places.values():
            if any(slides):
                hits += sorted(slides)[:-1]
    return _share(hits)


def struck_of(picture: Grid) -> Struck:
    """Where something begins: bool (steps, lanes)."""
    return picture[:, : LANES["lead"].stop] > THRESHOLD


def passages(struck: Struck, bar_steps: int, bars: int = 2, lanes: slice | None = None) -> list[bytes]:
    """Every passage of `bars` felt bars, round the circle, as something that can be compared; silent ones are left out.
    Lanes count from the tonic, so that a transposed copy is a copy."""
    total, size = len(struck), bars * bar_steps
    if total < size or total % bar_steps:
        return []
    picture = struck if lanes is None else struck[:, lanes]
    cuts = [picture[np.arange(start, start + size) % total] for start in range(0, total, bar_steps)]
    return [np.packbits(cut).tobytes() for cut in cuts if cut.any()]


def _ruzicka(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    union = np.maximum(first, second).sum()
    return float(1.0 - np.minimum(first, second).sum() / union) if union else 0.0


def sketch(picture: Grid, slots: int = 96) -> dict[str, NDArray[np.float64]]:
    """A picture on a grid of `slots` per loop, stem by stem, so that loops of any length compare: (slots, lanes) of 0
    or 1, where lanes of pitched stems are folded to one octave of rungs."""
    found: dict[str, NDArray[np.float64]] = {}
    where = (np.arange(len(picture)) * slots) // len(picture)
    for stem, lanes in LANES.items():
        values = np.where(picture[:, lanes] > THRESHOLD, 1.0, 0.0)
        grid = np.zeros((slots, values.shape[1]))
        np.maximum.at(grid, where, values)
        if stem in PITCHED:
            folded = np.zeros((slots, 7))
            for rung in range(grid.shape[1]):
                folded[:, rung % 7] = np.maximum(folded[:, rung % 7], grid[:, rung])
            grid = folded
        found[stem] = grid
    return found


def variety(pictures: Sequence[Grid], pairs: int, rng: np.random.Generator) -> float:
    """Mean pairwise distance, 0 to 1: over stems, how little of what begins is common (Ruzicka)."""
    sketches = [sketch(picture) for picture in pictures]
    every = list(combinations(range(len(sketches)), 2))
    chosen = [every[int(n)] for n in rng.choice(len(every), size=min(pairs, len(every)), replace=False)]
    return float(
        np.mean([np.mean([_ruzicka(sketches[a][stem], sketches[b][stem]) for stem in LANES]) for a, b in chosen])
    )
