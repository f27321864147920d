"""A quality-diversity archive: the best loop of each kind, so that what is liked is not all of one kind.

MAP-Elites (Mouret & Clune, "Illuminating search spaces by mapping elites", arXiv 1504.04909, 2015) on a small grid
whose axes a person can name: how busy a loop is, how much of it lies off the beat, whether its chords are minor or
major. It is built anew from the rated loops whenever taste has been learnt, because what is thought of them changes
with each rating.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Score

#: Edges of the bins: struck sixteenths a beat, and the share of them that lie off the beat.
BUSY_EDGES = (2.0, 2.75, 3.5)
OFFBEAT_EDGES = (0.45, 0.6, 0.7)
#: Cells of the whole grid.
CELLS = (len(BUSY_EDGES) + 1) * (len(OFFBEAT_EDGES) + 1) * 2

Cell = tuple[int, int, int]


def cell_of(score: Score) -> Cell:
    """The kind of a loop: (busy 0 to 3, off the beat 0 to 3, 0 minor or 1 major)."""
    places = {
        round(note.onset_beats * 4) % round(float(score.beats) * 4) for stem in score.stems for note in stem.notes
    }
    busy = len(places) / float(score.beats)
    offbeat = sum(place % 4 != 0 for place in places) / max(1, len(places))
    minor = sum(span.duration_beats for span in score.chords if (span.chord.root + 3) % 12 in span.chord.pitch_classes)
    return (
        int(np.searchsorted(BUSY_EDGES, busy)), int(np.searchsorted(OFFBEAT_EDGES, offbeat)),
        int(minor < float(score.beats) / 2),
    )  # fmt: skip


def elites(cells: Sequence[Cell], worth: NDArray[np.float64]) -> dict[Cell, int]:
    """For each kind that there is, the place of the loop that is worth most."""
    best: dict[Cell, int] = {}
    for place, cell in enumerate(cells):
        if cell not in best or worth[place] > worth[best[cell]]:
            best[cell] = place
    return best
