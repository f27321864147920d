"""How stems will sound: better foretold than by the mean, put right by what was measured, known where it was heard."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.feedback.foretelling import Floats, Table, fit, foretell, usual
from antiphon.feedback.stem_plans import StemPlan

TIMBRES = ("saw", "bell", "flute", "organ")


def world(count: int, seed: int, shift: float = 0.0, bell: float = 0.0) -> tuple[list[StemPlan], Floats]:
    """Made-up plans with two measures: by timbre and pitch, and by length; `shift` is everybody's, `bell` bells'."""
    rng = np.random.default_rng(seed)
    plans: list[StemPlan] = []
    values = []
    for _ in range(count):
        timbre, pitch, held = TIMBRES[rng.integers(4)], rng.normal(), rng.normal()
        plans.append({f"timbre {timbre}": 1.0, "pitch": pitch, f"pitch of {timbre}": pitch, "held": held})
        bright = TIMBRES.index(timbre) - 1.5 + 0.5 * pitch + shift + bell * (timbre == "bell")
        values.append([bright + 0.2 * rng.normal(), 3.0 * held + 0.5 * rng.normal()])
    return plans, np.array(values)


@pytest.fixture(scope="module")
def table() -> Table:
    return fit(*world(200, 0), ridge=2.0)


def error(found: Floats, real: Floats) -> Floats:
    return np.asarray(np.sqrt(((found - real) ** 2).mean(0)))


def test_a_table_foretells_far_better_than_the_mean(table: Table) -> None:
    plans, real = world(100, 1)
    by_mean, by_table = error(np.broadcast_to(table.mean, real.shape), real), error(usual(table, plans), real)
    assert np.all(by_table < 0.35 * by_mean)
    assert foretell(table, plans, (), np.zeros((0, 2))) == pytest.approx(usual(table, plans))


def test_what_was_measured_puts_the_table_right(table: Table) -> None:
    known, measured = world(40, 2, shift=1.0, bell=1.0)
    plans, real = world(100, 3, shift=1.0, bell=1.0)
    alone, right = error(usual(table, plans), real), error(foretell(table, plans, known, measured), real)
    assert right[0] < 0.5 * alone[0]
    assert right[1] < 1.2 * alone[1], "where the table is right, little is lost"


def test_a_little_that_was_measured_is_better_than_nothing(table: Table) -> None:
    known, measured = world(3, 4, shift=2.0)
    plans, real = world(100, 5, shift=2.0)
    assert error(foretell(table, plans, known, measured), real)[0] < 0.75 * error(usual(table, plans), real)[0]


def test_a_stem_that_is_kept_sounds_as_it_did(table: Table) -> None:
    plans, measured = world(10, 6)
    measured[4] = (9.0, -9.0)
    assert foretell(table, [dict(plans[4])], plans, measured)[0] == pytest.approx(measured[4])
    twice = foretell(table, [plans[4]], [*plans, plans[4]], np.vstack([measured, [(7.0, -7.0)]]))
    assert twice[0] == pytest.approx((8.0, -8.0)), "heard twice, it is the mean"


def test_what_a_table_does_not_know_is_usual(table: Table) -> None:
    strange = usual(table, [{"timbre theremin": 1.0, "pitch": 0.0, "wobble": 5.0}])
    plain = usual(table, [{"pitch": 0.0}])
    assert strange == pytest.approx(plain)
    assert np.all(np.abs(strange[0] - table.mean) < 2 * table.sd)
