"""The score model keeps the rules that don't depend on its training: the circle, what is given, seeds, chords."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from antiphon.domain.genome import Genome
from antiphon.generation.grammar.composer import express
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.scoring.conditions import LOOP_FEATURES, LOOP_SLICES, STEP_FEATURES, loop_features, unguided
from antiphon.generation.scoring.counting import one_voice, to_count
from antiphon.generation.scoring.grid import CHANNELS, LANES, THRESHOLD
from antiphon.generation.scoring.ladder import HIGHEST, LOWEST
from antiphon.generation.scoring.model import error_scale, lane_guess, wound
from antiphon.generation.scoring.sampling import NotesPipeline, asked_strokes, stem_noise
from antiphon.generation.scoring.writing import Commission, asked_densities, canvas_of, write_scores
from antiphon.training import score_measures as measures
from antiphon.training.score_corpus import HELD_OUT, random_genome


def _genome(number: int = 5) -> Genome:
    return random_genome(HELD_OUT + number, plain=True)


def test_turning_the_circle_turns_the_picture(pipeline: NotesPipeline) -> None:
    torch.manual_seed(1)
    model = pipeline.transformer
    noisy, given, known = torch.randn(1, 32, CHANNELS), torch.zeros(1, 32, CHANNELS), torch.zeros(1, 32, 4)
    steps, loop, sigma = torch.randn(1, 32, STEP_FEATURES), torch.randn(1, LOOP_FEATURES), torch.tensor([0.6])
    straight = model(noisy, sigma, given, known, steps, loop)
    turned = model(noisy.roll(8, 1), sigma, given, known, steps.roll(8, 1), loop)
    torch.testing.assert_close(straight.roll(8, 1), turned, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(straight, turned, atol=1e-3)


def test_given_stems_stay_note_for_note_and_change_the_others(pipeline: NotesPipeline) -> None:
    genome = _genome()
    drums = express(genome).stem("drums").notes
    given = write_scores(pipeline, [Commission(genome, {"drums": drums})], steps=4)[0]
    alone = write_scores(pipeline, [Commission(genome)], steps=4)[0]
    assert given.stem("drums").notes == drums
    assert alone.stem("drums").notes != drums
    assert given.stem("bass").notes != alone.stem("bass").notes


def test_the_same_genome_gives_the_same_score_and_another_seed_another(pipeline: NotesPipeline) -> None:
    genome = _genome()
    other = replace(genome, stems=tuple(replace(genes, seed=genes.seed + 1) for genes in genome.stems))
    first, again, different = (write_scores(pipeline, [Commission(g)], steps=3)[0] for g in (genome, genome, other))
    assert first == again
    assert first.stems != different.stems


def test_a_stem_has_noise_of_its_own() -> None:
    frame = frame_of(_genome())
    seeds = {"drums": 1, "bass": 2, "chords": 3, "lead": 4}
    before, after = stem_noise(frame, seeds), stem_noise(frame, seeds | {"bass": 9})
    changed = np.flatnonzero((before != after).any(axis=0))
    lanes = range(LANES["bass"].start, LANES["bass"].stop)
    assert set(lanes) <= set(changed) <= {*lanes, *range(LANES["lead"].stop, CHANNELS)}
    assert abs(before.mean()) < 0.05
    assert before.std() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("number", range(6))
def test_key_chords_grid_and_form_hold_whatever_the_weights(pipeline: NotesPipeline, number: int) -> None:
    genome = _genome(number)
    score = write_scores(pipeline, [Commission(genome)], steps=3)[0]
    frame = frame_of(genome)
    for held in (measures.in_key, measures.chord_notes):
        hits, total = held(score, frame)
        assert hits == total
    hits, total = measures.on_grid(score, frame, 0.02)
    assert hits == total > 0
    assert [stem.stem for stem in score.stems] == list(genome.playing)
    for stem in score.stems:
        onsets = [note.onset_beats for note in stem.notes]
        assert onsets == sorted(onsets)
        assert all(0 <= note.onset_beats < score.beats and note.duration_beats > 0 for note in stem.notes)
    for stem in score.stems:
        if stem.stem in HIGHEST:
            assert all(LOWEST[stem.stem] <= note.pitch <= HIGHEST[stem.stem] for note in stem.notes)
    for stem_name in ("bass", "lead"):
        notes = score.stem(stem_name).notes
        assert len({note.onset_beats for note in notes}) == len(notes)


def test_circles_that_do_not_fill_tokens_are_wound_round() -> None:
    assert list(wound(6, 4)) == [*range(6), *range(6)]
    assert list(wound(8, 4)) == list(range(8))
    assert len(wound(7, 4)) == 28


def test_loops_of_different_lengths_are_not_sampled_together(pipeline: NotesPipeline) -> None:
    genome = _genome()
    canvases = [canvas_of(Commission(each)) for each in (genome, replace(genome, bars=genome.bars + 1))]
    with pytest.raises(ValueError, match="different lengths"):
        pipeline(canvases, 2)


def test_guidance_leaves_the_grid_and_takes_the_wishes(pipeline: NotesPipeline) -> None:
    wishes = canvas_of(Commission(_genome())).wishes
    told = loop_features(wishes)
    plain = unguided(told)
    assert np.array_equal(plain[LOOP_SLICES["frame"]], told[LOOP_SLICES["frame"]])
    assert told[LOOP_SLICES["drums style"]].any()
    assert not plain[LOOP_SLICES["frame"].stop :].any()


def test_a_lane_is_guessed_well_in_little_noise_and_not_at_all_in_much() -> None:
    torch.manual_seed(2)
    clean = torch.where(torch.rand(20000) < 0.04, 0.75 + 0.1 * torch.randn(20000), torch.tensor(-1.0))

    def error(level: float) -> float:
        sigma = torch.tensor(level)
        noisy = torch.lerp(clean, torch.randn_like(clean), sigma)
        return float((lane_guess(noisy, sigma)[0] - clean).square().mean().sqrt())

    assert error(0.1) < 0.05 < error(0.9) < 0.45
    assert float(error_scale(torch.tensor(0.1))) < float(error_scale(torch.tensor(0.9)))


def test_a_saved_model_writes_the_same(pipeline: NotesPipeline, tmp_path: Path) -> None:
    pipeline.save_pretrained(tmp_path, safe_serialization=True)
    loaded = NotesPipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    canvas = canvas_of(Commission(_genome()))
    np.testing.assert_allclose(loaded([canvas], 3)[0], pipeline([canvas], 3)[0], atol=1e-5)


def test_chords_are_held_at_every_step_of_the_way(pipeline: NotesPipeline) -> None:
    canvas = canvas_of(Commission(_genome()))
    lanes = LANES["chords"]
    held, free = (pipeline([canvas], 3, hold_chords=hold)[0][:, lanes] > THRESHOLD for hold in (True, False))
    assert held.sum() < free.sum(), "random weights play wrong notes where nothing holds them"


def test_doubt_is_settled_so_that_as_many_strokes_come_as_are_asked_for() -> None:
    torch.manual_seed(3)
    doubtful = torch.rand(2, 64, 20) * 0.5 - 1.0
    free = torch.ones_like(doubtful, dtype=torch.bool)
    free[:, :32] = False
    settled = to_count(doubtful, torch.tensor([60.0, 200.0]), free)
    assert torch.equal(settled[:, :32], doubtful[:, :32])
    for lanes, asked in zip(settled, (60.0, 200.0), strict=True):
        expected = ((lanes[32:] + 1.0) / 1.75).clamp(0.0, 1.0)
        assert float(expected[expected > 0.05].sum()) == pytest.approx(asked, rel=0.1)
    ranks = doubtful[0, 32:].flatten().argsort()
    assert torch.equal(settled[0, 32:].flatten()[ranks], settled[0, 32:].flatten().sort().values), "the order stays"
    alone = one_voice(doubtful)
    assert ((alone > -1.0).sum(-1) == 1).all()


def test_the_notes_asked_for_are_written(pipeline: NotesPipeline) -> None:
    genome = _genome()
    wishes = [asked_densities(genome), {stem: 2.0 * each for stem, each in asked_densities(genome).items()}]
    canvases = [canvas_of(Commission(genome, densities=wish)) for wish in wishes]
    scores = write_scores(pipeline, [Commission(genome), *(Commission(genome, {}, wish) for wish in wishes)], steps=8)
    for stem in ("drums", "bass", "lead"):
        once, twice = (asked_strokes(canvas, stem) for canvas in canvases)
        left_to_it, counted, doubled = (len(score.stem(stem).notes) for score in scores)
        assert twice == pytest.approx(2.0 * once)
        assert abs(counted - once) <= abs(left_to_it - once), "even random weights come nearer"
        assert doubled >= counted
    heard = canvas_of(Commission(genome, {"drums": express(genome).stem("drums").notes}, wishes[0]))
    assert np.isnan(asked_strokes(heard, "drums")), "what is given is not counted"
