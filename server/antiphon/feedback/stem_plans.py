"""A stem before it has sound, as numbers with names: all that decides how it will measure, but for chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from antiphon.domain.engines import NEURAL, SAMPLER
from antiphon.domain.genome import StemGenes
from antiphon.domain.score import STRUCK_STEMS, Note, Score, StemScore

StemPlan = Mapping[str, float]
#: Where a stem's loudness and width stand in genomes from before there were such genes.
_USUAL_LEVEL_LU, _USUAL_WIDTH = -8.0, 0.5
#: Pitches are counted from here, in octaves.
_MIDDLE_C = 60


def plan_of(part: StemScore, genes: StemGenes, score: Score, preset: str | None) -> StemPlan:
    """What plays (timbre, colours, engine, preset, level, width) and what it plays (pitch, how many notes a second, how
    long, how hard, how many at once; of drums, which). What is not named is 0."""
    found = {f"timbre {part.timbre}": 1.0, f"preset {preset}": 1.0}
    found |= {f"colour {colour}": 1.0 for colour in part.colours}
    # What nobody chose is the server's default, in which a table knows a stem.
    found["neural"], found["sampler"] = float(genes.engine == NEURAL), float(genes.engine == SAMPLER)
    found["level"] = (_USUAL_LEVEL_LU if genes.level_lu is None else genes.level_lu) / 6.0
    found["width"] = _USUAL_WIDTH if genes.width is None else genes.width
    if not part.notes:
        return found
    found |= _played(part.notes, score)
    if part.stem in STRUCK_STEMS:
        return found | _struck(part.notes)
    pitch = (float(np.mean([note.pitch for note in part.notes])) - _MIDDLE_C) / 12.0
    return found | {"pitch": pitch, f"pitch of {part.timbre}": pitch}


def _played(notes: Sequence[Note], score: Score) -> dict[str, float]:
    onsets = len({round(note.onset_beats * 8) for note in notes})
    beat_s, velocities = 60.0 / score.bpm, np.array([note.velocity for note in notes]) / 127.0
    held_s = float(np.mean([note.duration_beats for note in notes])) * beat_s
    return {
        "onsets": math.log2(onsets / (float(score.beats) * beat_s) + 0.1), "held": math.log2(held_s + 0.02),
        "velocity": 2.0 * float(velocities.mean()), "accents": 4.0 * float(velocities.std()),
        "voices": math.log2(len(notes) / onsets),
    }  # fmt: skip


def _struck(notes: Sequence[Note]) -> dict[str, float]:
    """The share of each instrument in the strokes, as loud as they are."""
    total = float(sum(note.velocity for note in notes))
    shares: dict[str, float] = {}
    for note in notes:
        shares[f"stroke {note.pitch}"] = shares.get(f"stroke {note.pitch}", 0.0) + note.velocity / total
    return {name: math.sqrt(share) for name, share in shares.items()}
