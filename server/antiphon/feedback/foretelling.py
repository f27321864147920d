"""How stems will sound that nobody has heard: from what their timbres usually sound like, put right by those that were
measured.

What is usual is a table: a ridge regression of measures on plans (`feedback.stem_plans`), fitted on loops that were
played for it. What is left over is foretold from the loops at hand by a Gaussian process (Rasmussen & Williams, 2006):
what all of a stem have in common (other effects, another model), what its timbre has, and what plans nearby have. How
unsure a foretold measure is, is not told: the model of taste takes it for noise of its ratings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from antiphon.feedback.stem_plans import StemPlan

Floats = NDArray[np.float64]

#: Shares of the left-over variance: of all of a stem, of one timbre, of plans nearby, and of chance. Together 1; others
#: foretell as well.
COMMON, OF_TIMBRE, NEARBY, CHANCE = 0.2, 0.3, 0.4, 0.1
#: How near is nearby, in standard deviations of a usual plan.
LENGTH = 4.0
_TIMBRE, _OWN_PITCH = "timbre ", "pitch of "


@dataclass(frozen=True, slots=True)
class Table:
    """What plans of one stem usually sound like. `names` of the plan's numbers; `plan_mean` and `plan_sd` (names,)
    of usual plans; `weights` float64 (names, measures) on the plan less its mean; `mean` and `sd` (measures,) of what
    is usual, in the measures' units."""

    names: tuple[str, ...]
    plan_mean: Floats
    plan_sd: Floats
    weights: Floats
    mean: Floats
    sd: Floats


def rows(table: Table, plans: Sequence[StemPlan]) -> Floats:
    """Plans as the table counts them, float64 (plans, names): less the usual plan; names that it doesn't know are
    left out."""
    found = [[plan.get(name, 0.0) for name in table.names] for plan in plans]
    return np.asarray(np.array(found, dtype=np.float64).reshape(len(plans), len(table.names)) - table.plan_mean)


def usual(table: Table, plans: Sequence[StemPlan]) -> Floats:
    """What the table says of plans, (plans, measures)."""
    return np.asarray(table.mean + rows(table, plans) @ table.weights)


def foretell(table: Table, plans: Sequence[StemPlan], measured_plans: Sequence[StemPlan], measured: Floats) -> Floats:
    """The expected measures of plans, (plans, measures), where `measured` (measured plans, measures) are known.

    A plan that was measured has its own measures (their mean, where it was measured more than once).
    """
    if not len(measured_plans):
        return usual(table, plans)
    own, others = (_Place.of(table, each) for each in (measured_plans, plans))
    left_over = measured - usual(table, measured_plans)
    cov = own.alike(own) + CHANCE * np.eye(len(measured_plans))
    found = usual(table, plans) + others.alike(own) @ cho_solve(cho_factor(cov, lower=True), left_over)
    known: dict[tuple[tuple[str, float], ...], list[Floats]] = {}
    for plan, values in zip(measured_plans, measured, strict=True):
        known.setdefault(_name(plan), []).append(values)
    for place, plan in enumerate(plans):
        if (same := known.get(_name(plan))) is not None:
            found[place] = np.mean(same, axis=0)
    return np.asarray(found)


def fit(plans: Sequence[StemPlan], measured: Floats, ridge: float) -> Table:
    """The table of plans (plans,) with their measures (plans, measures); `ridge` in units of plans: so many usual
    ones pull each weight towards none."""
    names = tuple(sorted({name for plan in plans for name in plan}))
    table = np.array([[plan.get(name, 0.0) for name in names] for plan in plans])
    plan_mean, plan_sd = table.mean(0), table.std(0)
    mean, sd = measured.mean(0), measured.std(0) + 1e-9
    centred = table - plan_mean
    weights = np.linalg.solve(centred.T @ centred + ridge * np.eye(len(names)), centred.T @ (measured - mean))
    return Table(names, plan_mean, np.maximum(plan_sd, 1e-3), weights, mean, sd)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where plans stand among each other: their timbre, and the rest in units of usual plans."""

    timbres: tuple[str, ...]
    rest: Floats

    @classmethod
    def of(cls, table: Table, plans: Sequence[StemPlan]) -> _Place:
        kept = [place for place, name in enumerate(table.names) if not name.startswith((_TIMBRE, _OWN_PITCH))]
        timbres = tuple(next((name for name in plan if name.startswith(_TIMBRE)), "") for plan in plans)
        return cls(timbres, (rows(table, plans) / table.plan_sd)[:, kept])

    def alike(self, other: _Place) -> Floats:
        """The covariance of what is left over, as a share of its variance, (own, other)."""
        same = (np.array(self.timbres)[:, None] == np.array(other.timbres)[None, :]).astype(np.float64)
        square = (self.rest**2).sum(1)[:, None] + (other.rest**2).sum(1)[None, :] - 2.0 * self.rest @ other.rest.T
        near = np.exp(-np.maximum(square, 0.0) / (2.0 * LENGTH**2))
        return np.asarray(COMMON + same * (OF_TIMBRE + NEARBY * near))


def _name(plan: StemPlan) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(plan.items()))
