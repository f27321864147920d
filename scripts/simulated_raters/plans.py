"""Which runs the loop's benchmark has: arms, audiences, how many loops are asked for and when gains are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from antiphon.evolution.proposing import Terms, Width
from simulated_raters.arms import ARMS

OURS, PLAIN, PAPER = "ours", "plain genetic algorithm", "the paper's loop, reconstructed"
#: Limits, not contestants: they are told what nobody could know.
TOLD, ORACLE = "ours, told what is listened for", "oracle: our breeding, told the taste"
#: Ours without its demand that loops lie apart, and with all of it from the first rating on: what diversity costs.
LOOSE = "ours, not asked to stay diverse"
STRICT = "ours, as diverse as unselected loops"
#: Ours as one person may use it: a dozen unselected loops rated, then four asked for at a time, a quarter of them
#: unselected; until so many are rated. The others are shown a whole generation before they are asked again.
FOURS, FIRST_LOOPS, LOOPS_AT_A_TIME, FEW_RATINGS = "ours, four at a time after twelve", 12, 4, 28
WIDTHS = {LOOSE: Width(0.0, 0.0, 0.0), STRICT: Terms().late}
EVERY, LIMITS = (*ARMS, LOOSE, STRICT, ORACLE, FOURS), (TOLD, ORACLE)
#: Seeds of audiences: reported ones; those that the methods were developed on begin at 100.
FIRST_SEED = 2000
#: Ways to tell how far apart loops are (`spreads`).
PLANS, BARE, HEARD = "as plans", "as plans, key and noise apart", "by what simulated listeners hear"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: `checks` are numbers of ratings at which the gain is measured."""

    arm: str
    world: str
    seed: int
    generations: int
    checks: tuple[int, ...]
    per_generation: int = 24
    baseline_share: float = 0.25
    base_loops: int = 200
    terms: Terms = Terms()  # noqa: RUF009

    @property
    def name(self) -> str:
        return f"{self.arm}/{self.world}/{self.seed}/{self.generations}/{self.per_generation}"
