"""Scores as pictures: one row per felt step, channels for strokes, notes, lengths, the hand's unevenness and glides.

A lane holds -1 where nothing begins and the velocity, from 0.2 up, where a stroke or note does. Pitched lanes are rungs
of the ladder (`ladder`). Beside them each stem has a channel for the place within the step, and each pitched stem one
for the length of what begins, because notes struck together are held together; each stem of one voice has one that
tells whether what begins glides in, 1 or -1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.composers import MODEL_STEMS
from antiphon.domain.drums import DRUM_OF
from antiphon.domain.genome import Stroke
from antiphon.domain.score import DRUM_PITCHES, ONE_VOICE, ChordSpan, Note, Score
from antiphon.domain.theory import Key
from antiphon.generation.grammar.drums import LENGTH_STEPS
from antiphon.generation.grammar.finish import strokes_to_notes
from antiphon.generation.grammar.frame import Frame
from antiphon.generation.grammar.gliding import LONGEST_REST_STEPS
from antiphon.generation.grammar.written import chord_at
from antiphon.generation.scoring.ladder import RUNGS, pitch_of, rung_of

#: float32 (steps, CHANNELS)
Grid = NDArray[np.float32]

DRUMS = tuple(DRUM_PITCHES)
PITCHED = ("bass", "chords", "lead")
#: The stems that the model writes, in the order of its channels; the grammar composes the others beside it.
WRITTEN = MODEL_STEMS


def _layout() -> tuple[dict[str, slice], dict[str, int], dict[str, int], dict[str, int], int]:
    lanes, start = {"drums": slice(0, len(DRUMS))}, len(DRUMS)
    for stem in PITCHED:
        lanes[stem] = slice(start, start + RUNGS[stem])
        start += RUNGS[stem]
    lengths = {stem: start + index for index, stem in enumerate(PITCHED)}
    places = {stem: start + len(PITCHED) + index for index, stem in enumerate(WRITTEN)}
    # What came after score-1 stands last, so that older weights know where the rest is.
    start += len(PITCHED) + len(WRITTEN)
    glides = {stem: start + index for index, stem in enumerate(ONE_VOICE)}
    return lanes, lengths, places, glides, start + len(ONE_VOICE)


#: Channels: the lanes of each stem, where its lengths stand, its places within the step, its glides, and how many.
LANES, LENGTHS, PLACES, GLIDING, CHANNELS = _layout()
#: Below this a lane is silent: what is fainter than the softest stroke is doubt.
THRESHOLD = 0.0
#: Lanes that end between these are counted as unsure.
UNSURE = (-0.6, 0.3)
_SOFTEST = 0.2
#: What a place of 1 is, in steps: the largest unevenness that the grammar's players have.
PLACE_STEPS = 0.08


def channels_of(stem: str) -> NDArray[np.int64]:
    """All channels of one stem."""
    own = [*range(LANES[stem].start, LANES[stem].stop), PLACES[stem]]
    return np.array(own + [where[stem] for where in (LENGTHS, GLIDING) if stem in where])


def stretched(frame: Frame, beats: float) -> float:
    """The felt step at a beat: the inverse of `Frame.beats`."""
    step = beats / frame.step_beats
    if not frame.swing:
        return step
    pair = 2.0 * frame.swing_unit_steps
    whole, middle = step // pair, 0.5 + frame.swing / 6.0
    share = (step - whole * pair) / pair
    even = share / (2.0 * middle) if share <= middle else 0.5 + (share - middle) / (2.0 * (1.0 - middle))
    return (whole + even) * pair


def _length_value(steps: float) -> float:
    return (math.log2(max(steps, 0.25)) - 1.5) / 2.5


def _length_steps(value: float) -> float:
    return 2.0 ** (2.5 * value + 1.5)


def _lane_value(velocity: int) -> float:
    return _SOFTEST + (1.0 - _SOFTEST) * velocity / 127.0


def _velocity(value: float) -> int:
    return max(1, min(127, round((value - _SOFTEST) / (1.0 - _SOFTEST) * 127.0)))


def score_to_grid(score: Score, frame: Frame) -> Grid:
    """The picture of a score, float32 (steps, CHANNELS). A note without a lane (an unknown drum) is left out."""
    grid = np.zeros((frame.total_steps, CHANNELS), dtype=np.float32)
    for lanes in LANES.values():
        grid[:, lanes] = -1.0
    for part in score.stems:
        if part.stem in LANES:
            for note in part.notes:
                _draw(grid, part.stem, note, score, frame)
    return grid


def _draw(grid: Grid, stem: str, note: Note, score: Score, frame: Frame) -> None:
    exact = stretched(frame, note.onset_beats)
    step = min(range(math.floor(exact), math.floor(exact) + 2), key=lambda s: abs(frame.beats(s) - note.onset_beats))
    row = grid[step % frame.total_steps]
    if stem == "drums":
        if note.pitch not in DRUM_OF:
            return
        lane = DRUMS.index(DRUM_OF[note.pitch])
    else:
        lane = LANES[stem].start + rung_of(note.pitch, score.key, chord_at(score.chords, frame, step), stem)
        end = stretched(frame, note.onset_beats + note.duration_beats)
        row[LENGTHS[stem]] = _length_value(end - step)
    if stem in GLIDING:
        row[GLIDING[stem]] = 1.0 if note.glide else -1.0
    row[lane] = max(row[lane], _lane_value(note.velocity))
    place = (note.onset_beats - frame.beats(step)) / (PLACE_STEPS * frame.step_beats)
    row[PLACES[stem]] = min(max(place, -6.0), 6.0)


def grid_to_notes(
    grid: Grid, frame: Frame, key: Key, chords: tuple[ChordSpan, ...], stem: str, humanise_beats: float
) -> tuple[Note, ...]:
    """The notes of one stem in a picture. No note begins further than `humanise_beats` from the grid."""
    return strokes_to_notes(grid_to_strokes(grid, frame, key, chords, stem, humanise_beats), frame, stem)


def grid_to_strokes(
    grid: Grid, frame: Frame, key: Key, chords: tuple[ChordSpan, ...], stem: str, humanise_beats: float
) -> tuple[Stroke, ...]:
    """The same in steps, as a part is kept; lengths and drifts rounded to what nobody hears."""
    lanes = grid[:, LANES[stem]]
    strokes: list[Stroke] = []
    for step in range(frame.total_steps):
        struck = np.flatnonzero(lanes[step] > THRESHOLD)
        if stem in ONE_VOICE and struck.size:
            struck = np.array([int(lanes[step].argmax())])
        place = float(grid[step, PLACES[stem]]) * PLACE_STEPS * frame.step_beats
        drift = min(max(place, -humanise_beats), humanise_beats) if step else 0.0
        for lane in struck:
            if stem == "drums":
                pitch, length = DRUM_PITCHES[DRUMS[lane]], LENGTH_STEPS.get(DRUMS[lane], 1.0)
            else:
                pitch = pitch_of(int(lane), key, chord_at(chords, frame, step), stem)
                length = _length_steps(float(grid[step, LENGTHS[stem]]))
            velocity = _velocity(float(lanes[step, lane]))
            glide = stem in GLIDING and bool(grid[step, GLIDING[stem]] > 0.0)
            strokes.append(Stroke(step, round(length, 4), pitch, velocity, round(drift, 5), glide))
    return tuple(strokes)


def with_glides(strokes: Sequence[Stroke], grid: Grid, stem: str, asked: float | None) -> tuple[Stroke, ...]:
    """The strokes of a one-voice part, in order, with as many gliding as are `asked` for: those that the picture has
    likeliest, of those that can. Without a number, those that it has likelier than not."""
    able = [
        place for place, (before, stroke) in enumerate(pairwise(strokes), 1)
        if before.pitch != stroke.pitch and stroke.step - (before.step + before.length_steps) <= LONGEST_REST_STEPS
    ]  # fmt: skip
    if asked is None:
        chosen = {place for place in able if strokes[place].glide}
    else:
        likely = sorted(able, key=lambda place: -float(grid[strokes[place].step, GLIDING[stem]]))
        chosen = {*likely[: round(asked)]}
    return tuple(stroke._replace(glide=place in chosen) for place, stroke in enumerate(strokes))


def with_notes(score: Score, notes: Mapping[str, tuple[Note, ...]]) -> Score:
    """The score with other notes for some stems."""
    return replace(score, stems=tuple(replace(part, notes=notes.get(part.stem, part.notes)) for part in score.stems))
