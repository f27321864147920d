"""Chord progressions by scale degree (1 to 7), per mode, as cycles that lead back to their start.

Written from the functions that the modes have in popular music: the minor's i ♭VI ♭III ♭VII family, dorian's i IV,
phrygian's i ♭II, mixolydian's I ♭VII IV, the major's I V vi IV and ii V I. Diminished degrees are left out.
"""

from __future__ import annotations

Cycle = tuple[int, ...]

#: Cycles of one, two, three and four chords.
CYCLES: dict[str, dict[int, tuple[Cycle, ...]]] = {
    "major": {
        1: ((1,),),
        2: ((1, 4), (1, 5), (1, 6), (4, 1), (1, 2)),
        3: ((1, 4, 5), (1, 6, 4), (2, 5, 1), (1, 3, 4)),
        4: (
            (1, 5, 6, 4), (1, 6, 4, 5), (1, 4, 6, 5), (6, 4, 1, 5), (1, 6, 2, 5), (2, 5, 1, 6), (1, 3, 4, 5),
            (1, 4, 2, 5), (4, 5, 3, 6), (1, 3, 6, 4), (4, 1, 5, 6), (1, 5, 2, 4),
        ),
    },
    "minor": {
        1: ((1,),),
        2: ((1, 6), (1, 7), (1, 4), (6, 7), (1, 5)),
        3: ((1, 6, 7), (1, 4, 5), (1, 7, 6), (1, 3, 7), (6, 7, 1)),
        4: (
            (1, 6, 3, 7), (1, 7, 6, 7), (1, 4, 6, 5), (1, 6, 7, 5), (1, 3, 7, 6), (6, 7, 1, 1), (1, 4, 7, 3),
            (1, 5, 6, 7), (1, 4, 1, 5), (6, 3, 7, 1), (4, 7, 3, 6), (1, 7, 4, 6),
        ),
    },
    "dorian": {
        1: ((1,),),
        2: ((1, 4), (1, 2), (1, 7), (4, 1)),
        3: ((1, 4, 7), (1, 2, 4), (1, 3, 4), (1, 7, 4)),
        4: (
            (1, 4, 1, 4), (1, 7, 4, 1), (1, 3, 7, 4), (1, 2, 4, 5), (1, 4, 7, 4), (1, 5, 4, 7), (1, 3, 4, 2),
            (4, 1, 7, 2),
        ),
    },
    "phrygian": {
        1: ((1,),),
        2: ((1, 2), (1, 7), (2, 1), (1, 6)),
        3: ((1, 2, 7), (1, 6, 2), (1, 7, 2), (1, 4, 2)),
        4: ((1, 2, 1, 7), (1, 7, 6, 2), (1, 6, 7, 2), (1, 2, 3, 2), (1, 4, 2, 7), (1, 1, 2, 2), (1, 3, 2, 7)),
    },
    "mixolydian": {
        1: ((1,),),
        2: ((1, 7), (1, 4), (1, 5), (4, 7)),
        3: ((1, 7, 4), (1, 5, 4), (1, 4, 7), (1, 2, 7)),
        4: (
            (1, 7, 4, 1), (1, 7, 4, 5), (1, 5, 7, 4), (1, 4, 7, 4), (1, 2, 7, 4), (1, 7, 6, 7), (1, 6, 7, 4),
            (4, 1, 7, 2),
        ),
    },
}  # fmt: skip

#: Chords that ask for the tonic: they close a phrase and lead the loop back to its start.
TURNAROUNDS: dict[str, Cycle] = {
    "major": (5, 5, 4, 2),
    "minor": (7, 5, 4, 7),
    "dorian": (4, 7, 5, 2),
    "phrygian": (2, 7, 2),
    "mixolydian": (7, 4, 5),
}
