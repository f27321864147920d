"""What the script about given parts measures, against bass lines whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

import eval_parts
from antiphon.domain.genome import Genome


@pytest.mark.parametrize(("behaviour", "own"), [("gliding", 1.0), ("sustained", 0.0)])
def test_a_bass_that_goes_with_the_kick_is_told_from_one_that_does_not(behaviour: str, own: float) -> None:
    def compose(genome: Genome) -> Genome:
        return replace(genome.with_genes(replace(genome.genes("bass"), behaviour=behaviour)), energy=0.0)

    pairs = list(eval_parts.agreements(2, "grammar", compose))
    assert len(pairs) == 2 * len(eval_parts.KICKS)
    assert all(found == own for found, _ in pairs)
    assert max(others for _, others in pairs) <= 0.25 * own


def test_harmony_is_judged_for_each_part_of_each_loop() -> None:
    found = list(eval_parts.harmonies(3))
    assert len(found) == 3 * len(eval_parts.BROUGHT)
    assert {lies for _, lies, _ in found} <= {"right", "near", "other"}
    assert max(right for _, _, right in found) == 1.0
