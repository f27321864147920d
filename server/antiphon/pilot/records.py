"""What a pilot noted: what was shown, what was said of it, what it cost. Everything in its report follows from this."""

from __future__ import annotations

from dataclasses import dataclass

#: The loops of a first generation are unselected, as the baseline of later ones is (`domain.exposure`).
FIRST = "first"
#: Ratings are noted 0 to 1, and given and reported 0 to 5, as the paper's.
BEST = 5.0
#: Said wherever something of a simulated pilot is told.
SIMULATED = "Simulated raters: no person was asked."


@dataclass(frozen=True, slots=True)
class Shown:
    """A loop of a generation (0: the first, unselected), and from which arm it was drawn: FIRST, or one of
    `domain.exposure`'s, which the pilot learns only after the generation has been rated. `descriptors`: what the
    pilot's own ear heard in it, for diversity."""

    generation: int
    candidate_id: str
    arm: str
    descriptors: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Rated:
    """One rating, `value` 0 to 1, `at_s` seconds after the pilot began. `order`: the how-manieth of this rater in this
    generation, from 0; `again`: a repeat, slipped in to see how steady the rater is."""

    generation: int
    candidate_id: str
    rater: str
    value: float
    at_s: float
    order: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Pilot:
    """A whole pilot. `making_s`: seconds that each generation took to be made; `true_liking`: by generation the raters'
    true mean liking of what is new in it, 0 to 1, which only simulated raters can tell (else empty). `unplaced`:
    ratings of loops whose arm could not be learnt; they are in no figure, but they are data."""

    context: str
    simulated: bool
    seed: int
    generations: int
    per_generation: int
    began: str
    shown: tuple[Shown, ...]
    rated: tuple[Rated, ...]
    making_s: tuple[float, ...]
    true_liking: tuple[float, ...] = ()
    unplaced: tuple[Rated, ...] = ()
