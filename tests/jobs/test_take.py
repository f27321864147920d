"""Seeds of takes: repeatable, different from each other, and the first one the client's own."""

from __future__ import annotations

from antiphon.jobs.drafts import take_seed


def test_a_candidates_seed_makes_that_candidate_again() -> None:
    assert take_seed(5, 0, 0) == 5
    for index, take in ((1, 0), (0, 1), (7, 3)):
        seed = take_seed(5, index, take)
        assert take_seed(seed, 0, 0) == seed == take_seed(5, index, take)


def test_loops_and_takes_differ_and_fit_what_clients_can_send() -> None:
    seeds = {take_seed(seed, index, take) for seed in range(8) for index in range(16) for take in range(4)}
    assert len(seeds) == 8 * 16 * 4
    assert all(0 <= seed < 2**31 for seed in seeds)
