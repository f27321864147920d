"""How loops sound to the model of taste: as they were measured, where they were, else as is foretold.

A group of features for each measure that people have a word for, over all stems: who likes it bright likes bright leads
and bright chords, whatever plays them; so that a liking is carried from one timbre to the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Parent
from antiphon.domain.measures import LEVEL, MEASURES
from antiphon.domain.score import STEMS
from antiphon.evolution.scores import score_of
from antiphon.feedback.foretelling import Table, foretell
from antiphon.feedback.stem_plans import StemPlan, plan_of
from antiphon.generation.styles import get_style
from antiphon.generation.usual_sounds import usual_sounds

Floats = NDArray[np.float64]

#: The measures that are groups, by their place. Level and openness are genes already.
HEARD = tuple(place for place, each in enumerate(MEASURES) if each.key not in ("level_lu", "side_share"))
#: What the whole loop has of a measure counts as much as this many stems.
WHOLE = 2.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is known of how stems sound: tables of the usual, and by stem the plans that were measured with their
    measures, float64 (plans, measures)."""

    tables: Mapping[str, Table]
    measured: Mapping[str, tuple[tuple[StemPlan, ...], Floats]]

    def expected(self, loops: Sequence[Genome]) -> Floats:
        """The measures of loops' stems, (loops, stems, measures), stems in the order of `STEMS`; NaN where a stem does
        not play."""
        found = np.full((len(loops), len(STEMS), len(MEASURES)), np.nan)
        plans = [plans_of(loop) for loop in loops]
        for place, stem in enumerate(STEMS):
            playing = [row for row, each in enumerate(plans) if stem in each]
            if playing and stem in self.tables:
                asked = [plans[row][stem] for row in playing]
                found[playing, place] = foretell(self.tables[stem], asked, *self.measured.get(stem, _NOTHING))
        return found

    def groups(self, loops: Sequence[Genome]) -> dict[str, Floats]:
        """By the measure's name (loops, stems + 1), in standard deviations of usual stems: each stem, 0 where it does
        not play, and the whole."""
        expected = self.expected(loops)
        shares = _shares(expected[:, :, LEVEL])
        mean, sd = (
            np.array([getattr(self.tables[stem], name) if stem in self.tables else np.ones(len(MEASURES))
                      for stem in STEMS])
            for name in ("mean", "sd")
        )  # fmt: skip
        found = {}
        for measure in HEARD:
            values = np.nan_to_num(expected[:, :, measure])
            stems = np.where(shares > 0.0, (values - mean[:, measure]) / sd[:, measure], 0.0)
            # In units of one and the same stem's: the whole is as bright as it is, whichever stem makes it so.
            whole = ((shares * values).sum(axis=1) - mean[:, measure].mean()) / sd[:, measure].mean()
            found[MEASURES[measure].name] = np.column_stack([stems, WHOLE * whole])
        return found


_NOTHING: tuple[tuple[StemPlan, ...], Floats] = ((), np.zeros((0, len(MEASURES))))


def hearing_of(parents: Sequence[Parent]) -> Hearing:
    """What these loops tell of how others will sound: as much of them as was measured."""
    plans: dict[str, list[StemPlan]] = {}
    values: dict[str, list[tuple[float, ...]]] = {}
    for parent in parents:
        own = plans_of(parent.genome) if parent.measures else {}
        for stem, measures in parent.measures:
            if stem in own:
                plans.setdefault(stem, []).append(own[stem])
                values.setdefault(stem, []).append(measures)
    measured = {stem: (tuple(found), np.array(values[stem])) for stem, found in plans.items()}
    return Hearing(tables(), measured)


@lru_cache(maxsize=1)
def tables() -> Mapping[str, Table]:
    """What plans usually sound like, by stem. Raises SettingsError where the table is not there or not whole."""
    keys = [each.key for each in MEASURES]
    found = {}
    for stem, data in usual_sounds().items():
        columns = [data["measures"].index(key) for key in keys]
        arrays = {name: np.array(data[name]) for name in ("plan_mean", "plan_sd", "weights", "mean", "sd")}
        found[stem] = Table(
            tuple(data["names"]), arrays["plan_mean"], arrays["plan_sd"], arrays["weights"][:, columns],
            arrays["mean"][columns], arrays["sd"][columns],
        )  # fmt: skip
    return found


def plans_of(genome: Genome) -> dict[str, StemPlan]:
    """The plans of the stems that play."""
    score = score_of(genome)
    preset = genome.preset or get_style(genome.style).preset
    return {part.stem: plan_of(part, genome.genes(part.stem), score, preset) for part in score.stems}


def _shares(level_lu: Floats) -> Floats:
    """Each stem's share of the loop's energy, (loops, stems); 0 where it does not play."""
    energy = np.nan_to_num(10.0 ** (level_lu / 10.0))
    return np.asarray(energy / np.maximum(energy.sum(axis=1, keepdims=True), 1e-12))
