"""A generation put together: liked, and as far apart as is asked, with the least loss of liking."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from antiphon.domain.composers import MODEL
from antiphon.domain.genome import Genome, NoiseRecipe, WrittenPart
from antiphon.domain.reference import Reference
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import parse_key
from antiphon.evolution.brood import at_large
from antiphon.evolution.distance import between, features, table
from antiphon.evolution.noise import angle
from antiphon.evolution.portfolio import assemble, mean_distance
from antiphon.evolution.scores import score_of
from antiphon.generation.grammar import draw_genome


def loop(seed: int, bars: int = 1, stems: tuple[str, ...] = ("drums", "bass", "lead")) -> Genome:
    return draw_genome(GenerateRequest(bpm=110.0, bars=bars, stems=stems), seed)


def apart(far: np.ndarray, chosen: list[int] | tuple[int, ...]) -> float:
    return mean_distance(far[np.ix_(chosen, chosen)])


def test_all_distances_at_once_are_those_of_pairs() -> None:
    loops = [loop(0), loop(1, bars=2), loop(2, stems=("drums", "bass")), loop(3, stems=("percussion",)), loop(4)]
    loops.append(replace(loops[0], preset="clean", swing=0.9))
    plans = [features(each) for each in loops]
    expected = [[between(one, other) for other in plans] for one in plans]
    np.testing.assert_allclose(table(plans), expected, atol=1e-12)
    assert mean_distance(table(plans[:1])) == 0.0


def test_without_a_wish_the_best_liked_are_taken_best_first() -> None:
    worth = np.array([0.3, 0.9, 0.5, 0.7])
    assert assemble(worth, np.zeros((4, 4)), 3, 0.0) == [1, 3, 2]
    assert assemble(worth, np.zeros((4, 4)), 9, 0.0) == [1, 3, 2, 0], "all there are"
    assert assemble(worth, np.zeros((4, 4)), 1, 0.9) == [1], "one loop is not apart from anything"


@pytest.mark.parametrize("seed", range(4))
def test_a_wish_for_distance_is_met_at_nearly_the_least_cost(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((12, 3))
    far = np.linalg.norm(places[:, None] - places[None], axis=2)
    worth = rng.uniform(0, 1, 12) - 0.3 * np.linalg.norm(places, axis=1)
    every = list(combinations(range(12), 4))
    spreads, worths = (
        np.array([apart(far, each) for each in every]),
        np.array([worth[[*each]].mean() for each in every]),
    )
    wanted = float(np.quantile(spreads, 0.9))
    assert apart(far, assemble(worth, far, 4, 0.0)) < wanted, "it isn't met by itself"
    chosen = assemble(worth, far, 4, wanted)
    assert len({*chosen}) == 4
    assert apart(far, chosen) >= wanted
    best, usual = worths[spreads >= wanted].max(), worths[spreads >= wanted].mean()
    assert worth[chosen].mean() > usual + 0.5 * (best - usual)
    too_much = assemble(worth, far, 4, 99.0)
    assert apart(far, too_much) > np.quantile(spreads, 0.99), "what can't be had is come near to"


def test_what_nobody_minds_is_let_go() -> None:
    before, rng = loop(5), np.random.default_rng(0)
    loose = [at_large(before, 1.0, rng) for _ in range(12)]
    assert len({each.key.tonic for each in loose}) > 4
    for each in loose:
        assert each.key.mode == before.key.mode
        moved = (each.key.tonic - before.key.tonic) % 12
        assert [(s.chord.root - moved) % 12 for s in each.chords] == [s.chord.root for s in before.chords]
        assert [(n.onset_beats, n.velocity) for n in score_of(each).stems[0].notes] == [
            (n.onset_beats, n.velocity) for n in score_of(before).stems[0].notes
        ]
        assert angle(each.genes("bass").noise, before.genes("bass").noise) == pytest.approx(np.pi / 2)
    assert at_large(before, 0.0, rng).genes("bass").noise == before.genes("bass").noise


def test_what_somebody_asked_for_is_not_let_go() -> None:
    asked = draw_genome(GenerateRequest(bpm=110.0, bars=1, key=parse_key("F#m")), 3)
    assert {at_large(asked, 0.5, np.random.default_rng(seed)).key for seed in range(4)} == {parse_key("F#m")}
    plain = loop(7)
    part = WrittenPart((), "", plain.chords, 0.5, "v")
    written = plain.with_genes(replace(plain.genes("lead"), composer=MODEL, written=part))
    keys = {at_large(written, 0.5, np.random.default_rng(seed)).key for seed in range(4)}
    assert keys == {plain.key}, "what a model has written for a key stays as it is"
    song = replace(loop(6), references=(Reference("song", "0" * 64, "CC0"),))
    found = song.with_genes(replace(song.genes("bass"), noise=NoiseRecipe((("f" * 64, 1.0),))))
    assert at_large(found, 1.0, np.random.default_rng(1)) == found, "a song's key and sound stay"
