from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from antiphon.domain.exposure import BASELINE, NEW
from antiphon.pilot.figures import figures_of
from antiphon.pilot.records import FIRST, Pilot, Rated, Shown
from antiphon.pilot.report import NOTHING, SIMULATED, write_report
from antiphon.pilot.statistics import (
    difference_interval,
    mean_interval,
    one_way_icc,
    over_raters_and_loops,
    standardised,
)

#: Generation, loop, arm, and the ratings of ann, bob and cy on 0 to 5. By rater: generation 0 is at 1, 2, 3; in
#: generation 1 the new loops are 1, 1.5 and 2 higher than that, the baseline 0, 0.5 and 0.
KNOWN = (
    (0, "a", FIRST, (0.5, 1.5, 2.5)),
    (0, "b", FIRST, (1.5, 2.5, 3.5)),
    (1, "c", NEW, (1.5, 3.0, 4.5)),
    (1, "d", NEW, (2.5, 4.0, 5.0)),
    (1, "e", BASELINE, (1.0, 2.5, 3.0)),
)


def known(simulated: bool = False, again: bool = True) -> Pilot:
    shown = tuple(
        Shown(generation, loop, arm, (float(place), 1.0)) for place, (generation, loop, arm, _) in enumerate(KNOWN)
    )
    rated = []
    for place, (generation, loop, _, values) in enumerate(KNOWN):
        rated += [
            Rated(generation, loop, rater, value / 5.0, 100.0 * generation + 10.0 * place, place)
            for rater, value in zip(("ann", "bob", "cy"), values, strict=True)
        ]
    if again:
        rated.append(Rated(1, "c", "ann", 2.0 / 5.0, 160.0, 3, again=True))
        rated.append(Rated(1, "d", "bob", 4.0 / 5.0, 160.0, 3, again=True))
    return Pilot(
        "dub", simulated, 7, 2, 3, "2026-11-23", shown, tuple(rated), (12.0, 8.0), (0.4, 0.6) if simulated else ()
    )


def test_known_ratings_give_known_means_intervals_and_gains() -> None:
    first, second = figures_of(known()).generations
    assert first.everything is not None
    assert first.everything.mean == pytest.approx(2.0)
    low, high = stats.t.interval(0.95, 2, loc=2.0, scale=1.0 / 3**0.5)
    assert (first.everything.low, first.everything.high) == pytest.approx((low, high))
    assert (first.ratings, first.raters, first.loops) == (6, 3, 2)
    assert first.new is first.baseline is first.gain is first.cumulated is None
    new, baseline = np.array([2.0, 3.5, 4.75]), np.array([1.0, 2.5, 3.0])
    assert second.new is not None
    assert second.baseline is not None
    assert second.gain is not None
    assert second.cumulated is not None
    assert second.new.mean == pytest.approx(new.mean())
    assert second.baseline.mean == pytest.approx(baseline.mean())
    assert second.gain_over_raters is not None
    paired = stats.ttest_rel(new, baseline).confidence_interval(0.95)
    assert second.gain_over_raters.mean == pytest.approx((new - baseline).mean())
    assert (second.gain_over_raters.low, second.gain_over_raters.high) == pytest.approx((paired.low, paired.high))
    assert (second.gain.mean, second.gain.low) == (pytest.approx(1.25), None), "one loop of the baseline is too few"
    assert second.cumulated.mean == pytest.approx((new - np.array([1.0, 2.0, 3.0])).mean())
    assert second.gain_over_loops is not None
    assert second.gain_over_loops.mean == pytest.approx(np.mean([3.0, 11.5 / 3]) - 6.5 / 3)
    assert second.gain_over_loops.low is None


def test_pairing_is_tighter_than_no_pairing_where_raters_differ_in_mildness() -> None:
    generation = figures_of(known()).generations[1]
    unpaired = difference_interval([2.0, 3.5, 4.75], [1.0, 2.5, 3.0], "raters")
    assert generation.gain_over_raters is not None
    assert generation.gain_over_raters.low is not None
    assert unpaired is not None
    assert unpaired.low is not None
    assert generation.gain_over_raters.low > unpaired.low


def test_visitors_who_saw_one_generation_each_are_compared_as_two_samples() -> None:
    pilot = known()
    pilot = replace(pilot, rated=tuple(replace(each, rater=f"{each.rater}{each.generation}") for each in pilot.rated))
    cumulated = figures_of(pilot).generations[1].cumulated
    raters, loops = [2.0, 3.5, 4.75], [3.0, 11.5 / 3]
    expected = over_raters_and_loops(
        difference_interval(raters, [1.0, 2.0, 3.0], "raters"), difference_interval(loops, [1.5, 2.5], "loops")
    )
    assert cumulated is not None
    assert expected is not None
    assert (cumulated.mean, cumulated.low, cumulated.high) == pytest.approx(
        (expected.mean, expected.low, expected.high)
    )


def test_two_samples_have_welchs_interval() -> None:
    first, second = [2.0, 3.5, 4.75, 4.0], [1.0, 2.0, 3.0]
    found, welch = difference_interval(first, second, "raters"), stats.ttest_ind(first, second, equal_var=False)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(welch.confidence_interval(0.95)))


def test_errors_over_raters_and_loops_add_up_as_min_f() -> None:
    raters, loops = mean_interval([1.0, 2.0, 3.0], "raters"), difference_interval([2.0, 4.0], [0.0, 1.0, 2.0], "loops")
    both = over_raters_and_loops(raters, loops)
    assert raters is not None
    assert loops is not None
    assert both is not None
    f_raters, f_loops = ((2.0 / each.error) ** 2 for each in (raters, loops) if each.error)
    assert both.error is not None
    assert (2.0 / both.error) ** 2 == pytest.approx(f_raters * f_loops / (f_raters + f_loops))
    assert over_raters_and_loops(None, loops) is None


def null_pilot(seed: int) -> Pilot:
    """Nothing was learnt: loops of differing worth, new or not, each rated by six."""
    rng, shown, rated = random.Random(seed), [], []
    for place in range(16):
        generation, number = divmod(place, 8)
        arm = FIRST if not generation else BASELINE if number < 2 else NEW
        shown.append(Shown(generation, f"loop {place}", arm))
        worth = rng.gauss(0.5, 0.1)
        rated += [
            Rated(generation, f"loop {place}", f"r{rater}", worth + rng.gauss(0.0, 0.1), 0.0, number)
            for rater in range(6)
        ]
    return Pilot("all round", True, seed, 2, 8, "today", tuple(shown), tuple(rated), ())


def test_where_nothing_was_learnt_a_gain_is_seldom_claimed() -> None:
    claimed = over_raters_only = 0
    for seed in range(400):
        generation = figures_of(null_pilot(seed)).generations[1]
        for found in (generation.gain, generation.gain_over_raters):
            assert found is not None
            assert found.low is not None
            assert found.high is not None
            if not found.low <= 0.0 <= found.high:
                claimed += found is generation.gain
                over_raters_only += found is generation.gain_over_raters
    assert claimed / 400 <= 0.09, "Welch's interval on two loops of the baseline is itself a little too narrow"
    assert over_raters_only / 400 > 0.25, "why loops count too"


def test_one_rater_gets_an_interval_over_that_raters_ratings_and_is_marked(tmp_path: Path) -> None:
    pilot = known()
    pilot = replace(pilot, rated=tuple(each for each in pilot.rated if each.rater == "ann"))
    second = figures_of(pilot).generations[1]
    assert second.new == mean_interval([1.5, 2.5], "ratings")
    assert second.gain is not None
    assert (second.gain.mean, second.gain.over) == (pytest.approx(1.0), "ratings")
    assert "2.00¹ (" in write_report(pilot, tmp_path).read_text(encoding="utf-8")


def test_reliability_of_known_repeats() -> None:
    found = figures_of(known()).reliability
    assert (found.repeats, found.shared_loops) == (2, 5)
    assert found.repeat_difference == pytest.approx(0.25)
    assert found.repeat_icc == pytest.approx(one_way_icc([(1.5, 2.0), (4.0, 4.0)]))
    assert found.raters_icc == pytest.approx(one_way_icc([values for *_, values in KNOWN]))


def test_icc_is_that_of_shrout_and_fleiss() -> None:
    # Table 2 of Shrout and Fleiss (1979): six targets, four judges; ICC(1,1) is .17.
    judged = [(9, 2, 5, 8), (6, 1, 3, 2), (8, 4, 6, 8), (7, 1, 2, 6), (10, 5, 6, 9), (6, 2, 4, 7)]
    assert one_way_icc(judged) == pytest.approx(0.17, abs=0.005)
    assert one_way_icc([(1, 1), (3, 3), (5,)]) == pytest.approx(1.0)
    assert one_way_icc([(2, 2), (2, 2)]) is None
    assert one_way_icc([(2, 3)]) is None


def test_icc_of_unequal_groups_is_right_on_average() -> None:
    rng = np.random.default_rng(3)
    targets = rng.normal(size=4000)
    groups = [at + rng.normal(size=2 + place % 4) for place, at in enumerate(targets)]
    assert one_way_icc(groups) == pytest.approx(0.5, abs=0.03)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng, held = np.random.default_rng(5), 0
    for _ in range(1000):
        found = difference_interval(rng.normal(1.0, 1.0, 5), rng.normal(0.0, 2.0, 8), "raters")
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 1.0 <= found.high
    assert 0.93 <= held / 1000 <= 0.975


def test_diversity_is_a_share_of_generation_0s_and_needs_no_unit() -> None:
    # Loops lie at 0, 1 | 2, 3, 4 in the one dimension that differs; the baseline, at 4, isn't new.
    first, second = figures_of(known()).generations
    assert first.diversity == pytest.approx(1.0)
    assert second.diversity == pytest.approx(1.0)
    pilot = known()
    wider = [replace(loop, descriptors=(1000.0 * loop.descriptors[0] ** 2, 1.0)) for loop in pilot.shown]
    assert figures_of(replace(pilot, shown=tuple(wider))).generations[1].diversity == pytest.approx(5.0)
    deaf = tuple(replace(loop, descriptors=()) for loop in pilot.shown)
    assert figures_of(replace(pilot, shown=deaf)).generations[1].diversity is None
    assert np.array_equal(standardised(np.ones((3, 2))), np.zeros((3, 2)))


def test_cost_counts_what_taught() -> None:
    cost = figures_of(known()).cost
    assert (cost.raters, cost.ratings, cost.repeats, cost.taught, cost.making_s) == (3, 17, 2, 6, 20.0)
    # Three raters: 10 s in generation 0, 20 s in generation 1; two repeats 20 s later; six sittings' first loops, 10 s.
    assert cost.seconds_per_rating == pytest.approx(10.0)
    assert cost.rating_s == pytest.approx(3 * 10 + 3 * 20 + 2 * 20 + 6 * 10)
    assert cost.gain_per_100 == pytest.approx(100 * 1.25 / 6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_rated_is_reported_all_the_same(tmp_path: Path, count: int) -> None:
    pilot = known()
    page = write_report(replace(pilot, rated=pilot.rated[:count]), tmp_path / "new" / "folder")
    assert NOTHING in page.read_text(encoding="utf-8")
    nothing = write_report(replace(pilot, shown=(), rated=(), making_s=()), tmp_path / "nothing")
    assert "nothing could be gained yet" in nothing.read_text(encoding="utf-8")


def test_the_csv_reads_back(tmp_path: Path) -> None:
    pilot = known()
    write_report(pilot, tmp_path)
    with (tmp_path / "ratings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    back = [
        Rated(int(row["generation"]), row["candidate_id"], row["rater"], float(row["rating_0_to_5"]) / 5.0,
              float(row["at_s"]), int(row["order"]), row["again"] == "1")
        for row in rows
    ]  # fmt: skip
    assert [replace(each, value=0.0) for each in back] == [replace(each, value=0.0) for each in pilot.rated]
    assert [each.value for each in back] == pytest.approx([each.value for each in pilot.rated])
    assert {row["arm"] for row in rows} == {FIRST, NEW, BASELINE}
    with (tmp_path / "shown.csv").open(encoding="utf-8", newline="") as file:
        assert [row["brightness_octaves_above_1_hz"] for row in csv.DictReader(file)] == [
            "0.0",
            "1.0",
            "2.0",
            "3.0",
            "4.0",
        ]
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert figures["generations"][1]["gain"]["mean"] == pytest.approx(1.25)
    assert figures["simulated"] is False


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_raters_are_named_as_such_and_people_are_not(tmp_path: Path, simulated: bool) -> None:
    page = write_report(known(simulated), tmp_path).read_text(encoding="utf-8")
    assert (f'<p class="simulated">{SIMULATED}</p>' in page) is simulated
    assert page.count("(simulated raters)") == (5 if simulated else 0)
    assert ("2.00</td>" in page and "3.00</td>" in page) is simulated


def test_plots_of_simulated_raters_differ_from_those_of_people_by_their_title_alone(tmp_path: Path) -> None:
    write_report(known(True), tmp_path / "simulated")
    write_report(known(False), tmp_path / "people")
    for name in ("means.png", "distributions.png", "session.png"):
        one, other = (np.asarray(Image.open(tmp_path / kind / name).convert("L")) for kind in ("simulated", "people"))
        assert one.shape == other.shape
        differs = np.flatnonzero((one != other).any(axis=1))
        assert len(differs), "the title says who rated"
        assert differs.max() < one.shape[0] // 8
        assert len(np.unique(one)) > 20, "something is drawn"


def test_the_page_stands_alone_and_escapes_what_people_wrote(tmp_path: Path) -> None:
    pilot = replace(known(), context="<script>alert(1)</script>", began='"><img src=x>')
    page = write_report(pilot, tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count("data:image/png;base64,") == 3
    assert 'src="http' not in page


@pytest.mark.parametrize(
    ("better", "verdict"), [(0.25, "lies above zero"), (-0.25, "lies below zero"), (0.0, "holds zero")]
)
def test_the_page_says_what_the_interval_says(tmp_path: Path, better: float, verdict: str) -> None:
    rng, rated, shown = random.Random(2), [], []
    for place in range(32):
        generation, number = divmod(place, 8)
        arm = FIRST if not generation else BASELINE if number < 2 else NEW
        shown.append(Shown(generation, f"loop {place}", arm, (rng.random(), rng.gauss(0.0, 1.0))))
        for rater in range(6):
            # Each loop's ratings lie as much above as below its worth, so that what was put in is what comes out.
            value = 0.5 + better * (arm == NEW) + (0.05 if (place + rater) % 2 else -0.05)
            rated.append(
                Rated(generation, f"loop {place}", f"r{rater}", value, 600.0 * generation + 12.0 * number, number)
            )
    pilot = Pilot("all round", True, 1, 4, 8, "today", tuple(shown), tuple(rated), (1.0, 2.0, 3.0, 4.0))
    assert f"the interval {verdict}" in write_report(pilot, tmp_path).read_text(encoding="utf-8")


def test_the_report_is_importable_without_anything_heavy() -> None:
    code = "import sys, antiphon.pilot.report; print(sorted({'numpy', 'scipy', 'matplotlib'} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
