"""How loops sound to the model of taste: measured, foretold, and carried from one timbre to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.domain.genome import Genome
from antiphon.domain.lineage import Parent, Verdict
from antiphon.domain.measures import MEASURES
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.timbres import TIMBRES, timbres_of
from antiphon.errors import SettingsError
from antiphon.evolution.hearing import HEARD, Hearing, hearing_of, plans_of, tables
from antiphon.evolution.proposing import learnt, propose
from antiphon.generation.grammar import draw_genome
from antiphon.generation.usual_sounds import usual_sounds
from tests.evolution.test_proposing import SMALL

LEAD = STEMS.index("lead")
BRIGHTNESS = 0


def drawn(count: int, first: int = 0) -> list[Genome]:
    return [draw_genome(GenerateRequest(bpm=110.0, bars=1), first + seed) for seed in range(count)]


def with_lead(genome: Genome, timbre: str) -> Genome:
    return genome.with_genes(replace(genome.genes("lead"), timbre=timbre))


def foretold(loops: Sequence[Genome]) -> np.ndarray[tuple[int, int, int], np.dtype[np.float64]]:
    return Hearing(tables(), {}).expected(loops)


def by_brightness() -> list[str]:
    """Lead timbres, the darkest first, as the table knows them."""
    timbres = [each.name for each in timbres_of("lead")]
    (loop,) = drawn(1)
    bright = foretold([with_lead(loop, timbre) for timbre in timbres])[:, LEAD, BRIGHTNESS]
    return [timbres[place] for place in np.argsort(bright)]


def heard(genome: Genome, rng: np.random.Generator) -> Parent:
    """A loop with its lead measured: what is foretold, and a little chance."""
    values = foretold([genome])[0, LEAD] + 0.1 * rng.standard_normal(len(MEASURES))
    return Parent(str(genome.seed), genome, measures=(("lead", tuple(map(float, values))),))


def test_every_timbre_has_been_measured() -> None:
    known = tables()
    assert {*known} == {*STEMS}
    for timbre in TIMBRES:
        assert f"timbre {timbre.name}" in known[timbre.stem].names, "run scripts/measure_timbres.py"
    for table in known.values():
        assert table.weights.shape == (len(table.names), len(MEASURES))
        assert np.all(table.sd > 0)


def test_what_people_call_bright_is_foretold_to_be_bright() -> None:
    order = by_brightness()
    assert order.index("lead_saw") > order.index("lead_flute")
    (loop,) = drawn(1)
    of_lead = replace(loop.genes("lead"), colours=("dark",)), replace(loop.genes("lead"), colours=("bright",))
    dark, bright = (foretold([loop.with_genes(genes)])[0, LEAD, BRIGHTNESS] for genes in of_lead)
    assert bright > dark + 0.3
    bass = foretold([loop])[0, STEMS.index("bass")]
    assert bass[BRIGHTNESS] < foretold([loop])[0, STEMS.index("drums"), BRIGHTNESS] - 2.0


def test_a_stem_that_does_not_play_has_no_sound_and_counts_for_nothing() -> None:
    loops = drawn(3)
    expected = foretold(loops)
    playing = [[stem in loop.playing for stem in STEMS] for loop in loops]
    assert np.array_equal(np.isfinite(expected).all(axis=2), playing)
    groups = Hearing(tables(), {}).groups(loops)
    assert [*groups] == [MEASURES[place].name for place in HEARD]
    for columns in groups.values():
        assert columns.shape == (3, len(STEMS) + 1)
        assert np.all(np.isfinite(columns))
        assert np.all(columns[:, STEMS.index("texture")] == 0.0)


def test_a_stem_that_was_measured_sounds_as_it_was_measured() -> None:
    one, other = drawn(2)
    values = tuple(float(place) for place in range(len(MEASURES)))
    known = hearing_of([Parent("a", one, measures=(("lead", values), ("ghost", values))), Parent("b", other)])
    assert [*known.measured] == ["lead"]
    child = one.with_genes(one.genes("lead"), other.genes("drums"))
    assert plans_of(child)["lead"] == plans_of(one)["lead"]
    assert known.expected([child])[0, LEAD] == pytest.approx(values)


def test_who_likes_bright_leads_is_expected_to_like_a_bright_timbre_that_was_never_heard() -> None:
    order, rng = by_brightness(), np.random.default_rng(0)
    dark, bright = order[1], order[-2]
    rated = [timbre for timbre in order if timbre not in (dark, bright)]
    parents = [heard(with_lead(loop, rated[place % len(rated)]), rng) for place, loop in enumerate(drawn(60))]
    sounds = np.array([dict(each.measures)["lead"][BRIGHTNESS] for each in parents])
    liking = np.clip(0.5 + 0.2 * (sounds - sounds.mean()) / sounds.std() + 0.05 * rng.standard_normal(60), 0, 1)
    parents = [
        replace(each, ratings=1, mean_rating=float(value), verdicts=(Verdict("ann", float(value)),))
        for each, value in zip(parents, liking, strict=True)
    ]
    unheard = drawn(12, first=500)
    lead = {}
    for hears in (True, False):
        taste, senses = learnt(parents, np.random.default_rng(1), hears=hears)
        liked = [
            taste.predict(senses.of([with_lead(loop, timbre) for loop in unheard]))[0] for timbre in (bright, dark)
        ]
        lead[hears] = float((liked[0] - liked[1]).mean())
        assert hears == ("brightness" in taste.scales)
    assert lead[True] > 0.1
    assert lead[True] > 3 * abs(lead[False])


def test_loops_from_before_sounds_were_measured_have_children_too() -> None:
    rated = [Parent(str(place), loop, 0.1 * place, 1) for place, loop in enumerate(drawn(8))]
    one, other = (propose(rated, 3, np.random.default_rng(4), terms=SMALL) for _ in range(2))
    assert one == other
    deaf = propose(rated, 3, np.random.default_rng(4), terms=SMALL, hears=False)
    assert deaf != one, "what is foretold is known of them as well"


def test_a_damaged_table_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTIPHON_PRESETS", str(tmp_path))
    usual_sounds.cache_clear()
    try:
        with pytest.raises(SettingsError, match=r"learning\.hears"):
            usual_sounds()
        (tmp_path / "timbres").mkdir()
        (tmp_path / "timbres" / "measures.json").write_text("[]")
        with pytest.raises(SettingsError, match=r"measures\.json"):
            usual_sounds()
    finally:
        usual_sounds.cache_clear()
