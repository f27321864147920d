"""What every child keeps of its parents, whatever chance says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.domain.genome import Genome, noise_of
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.lineage import Breeding, ChildrenRequest, Parent
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS, STEMS, STRUCK_STEMS, Score
from antiphon.domain.theory import parse_chords, parse_key, parse_meter
from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.domain.wire import canonical, children_to_json
from antiphon.evolution import cross, distance, mutate, restem
from antiphon.evolution.harmony import fitted, relatives_of, transposed
from antiphon.evolution.mutation import REGISTERS
from antiphon.generation.grammar import draw_genome, express, with_levels
from antiphon.generation.prompts import read_prompt
from antiphon.generation.styles import get_style
from antiphon.jobs.drafts import drafts_of
from tests.evolution.genomes import genomes, loops, seeds

amounts = st.floats(0, 1)
some_stems = st.sets(st.sampled_from(STEMS), min_size=1).map(lambda found: tuple(s for s in STEMS if s in found))
RANGES = {"bass": range(28, 51), "chords": range(48, 80), "lead": range(60, 89), "texture": range(38, 69)}


def played(genome: Genome) -> Score:
    """The genome's score, after checking that it is one a backend can play."""
    score = express(genome)
    beats = float(score.beats)
    assert tuple(stem.stem for stem in score.stems) == genome.playing
    assert sum(span.duration_beats for span in score.chords) == beats
    for stem in score.stems:
        assert stem.notes, f"{stem.stem} is empty"
        assert TIMBRES[TIMBRE_INDEX[stem.timbre]].stem == stem.stem
        for note in stem.notes:
            assert 0 <= note.onset_beats < beats
            assert 0 < note.duration_beats <= beats
            assert 1 <= note.velocity <= 127
            assert note.pitch in RANGES.get(stem.stem, range(128))
    return score


@given(genomes())
@settings(max_examples=40, deadline=None)
def test_a_genome_comes_back_from_json_as_it_was(genome: Genome) -> None:
    text = canonical(genome_to_json(genome))
    assert genome_from_json(json.loads(text)) == genome
    assert len(text) < 4500


@given(genomes(), amounts, seeds)
@settings(max_examples=60, deadline=None)
def test_a_variation_is_playable_and_lies_where_its_parent_lay(parent: Genome, amount: float, seed: int) -> None:
    child = mutate(parent, amount, np.random.default_rng(seed))
    score = played(child)
    assert (child.bpm, child.meter, child.bars, child.playing) == (
        parent.bpm, parent.meter, parent.bars, parent.playing
    )  # fmt: skip
    notes = [note for stem in score.stems if stem.stem not in STRUCK_STEMS for note in stem.notes]
    if not {"chords"} & {*parent.fixed}:
        assert sum(note.pitch % 12 in child.key.scale for note in notes) / len(notes) >= 0.97
    for genes in child.stems:
        assert -0.75 <= genes.density <= 0.75
        low, high = REGISTERS.get(genes.stem, (0, 0))
        assert low <= genes.register <= high
    assert mutate(parent, amount, np.random.default_rng(seed)) == child, "the same chance makes the same child"


@given(genomes(), amounts, seeds, some_stems)
@settings(max_examples=60, deadline=None)
def test_stems_that_are_not_named_stay_note_for_note_and_noise_for_noise(
    parent: Genome, amount: float, seed: int, stems: tuple[str, ...]
) -> None:
    named = tuple(stem for stem in stems if stem in parent.playing)
    child = mutate(parent, amount, np.random.default_rng(seed), named)
    before, after = express(parent), played(child) if named else express(child)
    for stem in parent.playing:
        if named and stem not in named:
            assert after.stem(stem) == before.stem(stem)
            assert child.genes(stem) == parent.genes(stem)
    if named:
        assert (after.chords, child.energy, child.preset) == (before.chords, parent.energy, parent.preset)


@given(genomes(), seeds, st.sampled_from(STEMS))
@settings(max_examples=60, deadline=None)
def test_restem_changes_one_stem(parent: Genome, seed: int, stem: str) -> None:
    child = restem(parent, stem, seed)
    before, after = express(parent), played(child)
    for other in parent.playing:
        if other != stem:
            assert after.stem(other) == before.stem(other)
            assert child.genes(other).noise == parent.genes(other).noise
    assert child.genes(stem).noise == noise_of(seed)
    assert child.genes(stem).timbre == parent.genes(stem).timbre


def test_a_prompt_says_how_the_stem_shall_be() -> None:
    parent = draw_genome(GenerateRequest(bpm=100.0, style="house"), 3)
    child = restem(parent, "bass", 5, read_prompt("calm jazz upright"))
    assert (child.genes("bass").timbre, child.genes("bass").style, child.style) == ("bass_upright", "jazz", "house")
    assert child.genes("bass").density < 0
    assert child.genes("bass").behaviour in dict(get_style("jazz").bass)


def test_a_stem_that_was_silent_comes_in() -> None:
    parent = draw_genome(GenerateRequest(bpm=100.0, stems=("drums",)), 3)
    child = restem(parent, "bass", 5)
    assert (parent.playing, child.playing) == (("drums",), ("drums", "bass"))
    assert express(child).stem("drums") == express(parent).stem("drums")


def test_a_bass_that_stays_keeps_to_the_drums_it_knows_and_a_new_one_listens() -> None:
    """Some behaviours follow the kick: exchanging the drums must not move a bass that was to stay."""
    parent = draw_genome(GenerateRequest(bpm=92.0, style="trap", bars=4), 1)
    parent = parent.with_genes(replace(parent.genes("bass"), behaviour="gliding"))
    bass = express(parent).stem("bass")
    listening = []
    for seed in range(10):
        child = restem(parent, "drums", seed)
        assert express(child).stem("bass") == bass
        assert express(restem(child, "drums", seed + 99)).stem("bass") == bass
        assert restem(child, "bass", seed).kick is None
        listening.append(express(replace(child, kick=None)).stem("bass"))
    assert sum(heard != bass for heard in listening) >= 5, "left to itself it would follow the new kick"


@given(genomes(), genomes(), amounts, seeds)
@settings(max_examples=60, deadline=None)
def test_a_child_of_two_is_playable_in_the_first_ones_frame(
    first: Genome, second: Genome, mix: float, seed: int
) -> None:
    child = cross(first, second, mix, np.random.default_rng(seed))
    played(child)
    assert (child.bpm, child.meter, child.bars) == (first.bpm, first.meter, first.bars)
    assert child.key in (first.key, second.key)
    assert {*child.playing} <= {*first.playing, *second.playing}
    for genes in child.stems:
        ours = (first.genes(genes.stem), second.genes(genes.stem))
        assert any(replace(genes, noise=parent.noise) == parent for parent in ours), "parts are taken whole"


@given(genomes(), genomes(), seeds, some_stems)
@settings(max_examples=40, deadline=None)
def test_named_stems_come_from_the_second_and_all_else_from_the_first(
    first: Genome, second: Genome, seed: int, stems: tuple[str, ...]
) -> None:
    child = cross(first, second, 0.5, np.random.default_rng(seed), stems)
    score, before = played(child), express(first)
    for stem in STEMS:
        assert child.genes(stem) == (second if stem in stems else first).genes(stem)
        if stem in first.playing and stem not in stems:
            assert score.stem(stem) == before.stem(stem)
    assert (child.key, score.chords) == (first.key, before.chords)


def test_mix_is_the_share_of_the_second_parent() -> None:
    found = loops(24)
    pairs = list(zip(found, [*found[7:], *found[:7]], strict=True))
    rng = np.random.default_rng(5)
    to_second = []
    for mix in (0.0, 0.25, 0.5, 0.75, 1.0):
        children = [cross(one, two, mix, rng) for one, two in pairs]
        near = [distance(child, two) for child, (_, two) in zip(children, pairs, strict=True)]
        to_second.append(float(np.mean(near)))
        if 0 < mix < 1:
            for child, (one, two) in zip(children, pairs, strict=True):
                assert min(distance(child, one), distance(child, two)) > 0, "a child of two is neither of them"
    assert to_second == sorted(to_second, reverse=True)
    assert to_second[-1] < 1e-9


def test_the_larger_the_step_the_farther_the_child_and_a_small_one_stays_near() -> None:
    """Transmission fidelity: without it selection has nothing to hold on to."""
    parents = loops(24)
    strangers = [distance(one, two) for one, two in zip(parents, [*parents[5:], *parents[:5]], strict=True)]
    rng = np.random.default_rng(7)
    means, nearest = [], 0.0
    for amount in (0.0, 0.1, 0.25, 0.45, 0.7, 1.0):
        far = [distance(parent, mutate(parent, amount, rng)) for parent in parents]
        assert min(far) > 0, "a child is never its parent"
        means.append(float(np.mean(far)))
        if amount == 0.1:
            nearest = max(far)
    assert means == sorted(means)
    assert means[1] < 0.15 * np.mean(strangers)
    assert nearest < min(strangers), "the farthest detail is nearer than the nearest stranger"
    assert means[-1] > 0.6 * np.mean(strangers)


def test_what_a_person_asked_for_stays() -> None:
    request = GenerateRequest(bpm=100.0, key=parse_key("Am"), chords=parse_chords("Am F C G"), preset="clean")
    parent = draw_genome(request, 3)
    for seed in range(20):
        child = mutate(parent, 1.0, np.random.default_rng(seed))
        assert (child.key, child.chords, child.preset) == (parent.key, parent.chords, "clean")
    free = draw_genome(replace(request, key=None, chords=None, preset=None), 3)
    changed = [mutate(free, 1.0, np.random.default_rng(seed)) for seed in range(20)]
    assert len({child.key for child in changed}) > 1
    assert len({child.chords for child in changed}) > 5
    assert len({child.preset for child in changed}) > 1


def test_chords_are_exchanged_for_relatives_of_the_key() -> None:
    (am,) = parse_chords("Am")
    names = {chord.name for chord in relatives_of(am, parse_key("C"))}
    assert {"C", "F", "Fmaj7", "Am7"} <= names
    assert not {"G", "Bdim", "Am"} & names


def test_a_progression_is_moved_and_fitted() -> None:
    parent = draw_genome(GenerateRequest(bpm=100.0, key=parse_key("Am"), chords=parse_chords("Am F C G")), 3)
    up = transposed(parent, 3)
    assert (up.key.name, [span.chord.name for span in up.chords]) == ("Cm", ["Cm", "G#", "D#", "A#"])
    waltz = fitted(parent.chords, parse_meter("4/4"), parse_meter("3/4"), 6)
    assert [span.chord.name for span in waltz] == ["Am", "F", "C", "G", "Am", "F"]
    assert [span.onset_beats for span in waltz] == [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]
    short = fitted(parent.chords, parse_meter("4/4"), parse_meter("4/4"), 3)
    assert [(span.chord.name, span.duration_beats) for span in short] == [("Am", 4.0), ("F", 4.0), ("C", 4.0)]


def _of_four(genome: Genome) -> Genome:
    """As genomes were written before there was percussion and texture."""
    data = genome_to_json(genome)
    data["stems"] = [genes for genes in data["stems"] if genes["stem"] in CORE_STEMS]
    del data["answered"]
    return genome_from_json(data)


def test_genomes_of_four_stems_are_read_replayed_and_have_children() -> None:
    whole = draw_genome(GenerateRequest(bpm=100.0, style="house"), 3)
    old, other = _of_four(whole), _of_four(draw_genome(GenerateRequest(bpm=90.0, style="lofi"), 4))
    assert express(old) == express(whole)
    assert genome_from_json(genome_to_json(old)) == old
    grown = restem(old, "percussion", 7)
    assert grown.playing == ("drums", "percussion", "bass", "chords", "lead")
    assert express(grown).stem("percussion").notes
    for stem in CORE_STEMS:
        assert express(grown).stem(stem) == express(old).stem(stem)
    rng = np.random.default_rng(1)
    for child in (cross(old, grown, 0.5, rng), cross(grown, other, 0.5, rng, ("texture",)), mutate(old, 0.9, rng)):
        played(child)
    assert cross(old, grown, 0.5, rng, ("percussion",)).playing == grown.playing
    assert 0 < distance(old, grown) < 1


def test_levels_and_widths_move_by_small_steps_and_the_bass_stays_in_the_middle() -> None:
    parent = draw_genome(GenerateRequest(bpm=100.0, style="techno", stems=STEMS), 3)
    steps = {
        amount: [mutate(parent, amount, np.random.default_rng(seed)) for seed in range(12)] for amount in (0.1, 1.0)
    }
    for children in steps.values():
        for child in children:
            assert child.genes("bass").width == 0.0
            assert all(-22.0 <= genes.level_lu <= -3.0 and 0.0 <= genes.width <= 1.0 for genes in child.stems)
    near, far = (
        np.mean([abs(child.genes("lead").level_lu - parent.genes("lead").level_lu) for child in children])
        for children in steps.values()
    )
    assert 0 < near < 0.5 < far


def test_children_of_unbalanced_loops_are_balanced() -> None:
    whole = draw_genome(GenerateRequest(bpm=100.0, style="techno", stems=STEMS), 3)
    old = replace(whole, stems=tuple(replace(genes, level_lu=None, width=None) for genes in whole.stems))
    assert with_levels(old) == whole
    assert with_levels(whole) == whole
    for breeding in (Breeding("vary", ("c",), 1, 5, 0.4), Breeding("restem", ("c",), 1, 5, stems=("lead",))):
        draft = drafts_of(breeding.operator, children_to_json(ChildrenRequest(breeding, (Parent("c", old),)))).draft(
            0, 0
        )
        assert all(genes.level_lu is not None and genes.width is not None for genes in draft.genome.stems)


def test_percussion_that_stays_keeps_to_the_drums_it_knows() -> None:
    parent = draw_genome(GenerateRequest(bpm=104.0, style="funk", stems=STEMS, energy=0.7), 2)
    child = restem(parent, "drums", 77)
    assert express(child).stem("percussion") == express(parent).stem("percussion")
    assert express(restem(child, "bass", 5)).stem("percussion") == express(parent).stem("percussion")
    assert restem(child, "percussion", 5).answered is None
