"""Glides in the score model's pictures, and weights from before there were any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import nn

from antiphon.domain.composers import MODEL
from antiphon.domain.genome import Genome, Stroke
from antiphon.domain.request import GenerateRequest
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.scoring.conditions import LOOP_FEATURES, LOOP_SLICES, STEP_FEATURES, loop_features, wishes_of
from antiphon.generation.scoring.enlarging import enlarged
from antiphon.generation.scoring.grid import CHANNELS, GLIDING, LANES, grid_to_notes, score_to_grid, with_glides
from antiphon.generation.scoring.model import NotesTransformer
from antiphon.generation.scoring.sampling import NotesPipeline, stem_noise
from antiphon.generation.scoring.score_model import ScoreModel
from antiphon.generation.scoring.writing import asked_glides


def gliding_genome(seed: int, share: float | None = 0.6) -> Genome:
    genome = draw_genome(GenerateRequest(bpm=128.0, style="techno", energy=0.7), seed)
    return genome.with_genes(replace(genome.genes("bass"), timbre="bass_acid", glide=share))


def older_model() -> NotesTransformer:
    torch.manual_seed(3)
    old = NotesTransformer(
        CHANNELS - 2, LANES["lead"].stop, STEP_FEATURES, LOOP_FEATURES - 4, width=32, depth=2, heads=2
    )
    for parameter in old.parameters():
        nn.init.normal_(parameter, std=0.08)
    return old.eval()


def test_a_picture_keeps_which_notes_glide() -> None:
    for seed in range(5):
        genome = gliding_genome(seed)
        score, frame = express(genome), frame_of(genome)
        notes = score.stem("bass").notes
        back = grid_to_notes(score_to_grid(score, frame), frame, genome.key, genome.chords, "bass", 0.02)
        assert [note.glide for note in back] == [note.glide for note in notes]
        assert any(note.glide for note in notes)


def test_what_is_wanted_of_glides_is_told_last_and_only_where_the_timbre_can() -> None:
    genome = gliding_genome(1)
    told = loop_features(wishes_of(genome, frame_of(genome)))
    assert list(told[LOOP_SLICES["bass glide"]]) == [np.float32(0.6), 1.0]
    assert LOOP_SLICES["lead glide"].stop == LOOP_FEATURES
    plucked = genome.with_genes(replace(genome.genes("bass"), timbre="bass_pick"))
    assert list(loop_features(wishes_of(plucked, frame_of(genome)))[LOOP_SLICES["bass glide"]]) == [0.0, 1.0]


def test_older_weights_say_of_older_channels_what_they_said_and_that_nothing_glides() -> None:
    old = older_model()
    new = enlarged(old)
    assert new is not old
    assert enlarged(new) is new
    torch.manual_seed(4)
    picture, given, known = torch.randn(2, 32, CHANNELS), torch.randn(2, 32, CHANNELS), torch.ones(2, 32, 4)
    steps, loop, sigma = torch.randn(2, 32, STEP_FEATURES), torch.randn(2, LOOP_FEATURES), torch.tensor([1.0, 0.4])
    with torch.inference_mode():
        was = old(picture[..., :-2], sigma, given[..., :-2], known, steps, loop[:, :-4])
        now = new(picture, sigma, given, known, steps, loop)
    torch.testing.assert_close(now[..., :-2], was, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(now[0, :, -2:], torch.full((32, 2), -1.0))


def test_noise_of_older_channels_is_what_it_was() -> None:
    genome = gliding_genome(1)
    noise = stem_noise(frame_of(genome), dict.fromkeys(("drums", "bass", "chords", "lead"), 5))
    generator = torch.Generator().manual_seed(5 * 4 + 1)
    channels = [*range(LANES["bass"].start, LANES["bass"].stop)]
    old = torch.randn(len(noise), len(channels) + 2, generator=generator).numpy()
    np.testing.assert_array_equal(noise[:, channels], old[:, :-2])


def modelled(genome: Genome) -> Genome:
    return genome.with_genes(*(replace(genome.genes(stem), composer=MODEL) for stem in ("bass", "lead")))


def test_the_model_writes_as_many_glides_as_the_grammar_and_an_old_one_none(pipeline: NotesPipeline) -> None:
    genome = modelled(gliding_genome(7))
    asked = asked_glides(genome)["bass"]
    assert asked > 4
    strokes = ScoreModel(pipeline, "score-9").complete(genome).genes("bass").written.strokes  # type: ignore[union-attr]
    assert 0 < sum(stroke.glide for stroke in strokes) <= asked
    # Notes that are to glide are given a pitch to come from: what is heard glides as it is written.
    heard = express(ScoreModel(pipeline, "score-9").complete(genome)).stem("bass").notes
    assert sum(note.glide for note in heard) > 0
    old = NotesPipeline(older_model(), FlowMatchEulerDiscreteScheduler(shift=3.0))
    old.set_progress_bar_config(disable=True)
    assert not old.knows_glides
    silent = ScoreModel(old, "score-1").complete(genome)
    assert not any(stroke.glide for stem in ("bass", "lead") for stroke in silent.genes(stem).written.strokes)  # type: ignore[union-attr]
    without = ScoreModel(pipeline, "score-9").complete(modelled(gliding_genome(7, None)))
    assert not any(stroke.glide for stroke in without.genes("bass").written.strokes)  # type: ignore[union-attr]


def test_the_likeliest_glide_of_those_that_can() -> None:
    strokes = [Stroke(step, 2.0, pitch, 90, 0.0) for step, pitch in ((0, 30), (2, 30), (4, 42), (6, 30), (28, 42))]
    grid = np.full((32, CHANNELS), -1.0, dtype=np.float32)
    for step, odds in ((0, 0.9), (2, 0.8), (4, -0.5), (6, -0.2), (28, 0.7)):
        grid[step, GLIDING["bass"]] = odds

    def gliding(asked: float | None) -> list[int]:
        marked = [stroke._replace(glide=bool(grid[stroke.step, GLIDING["bass"]] > 0)) for stroke in strokes]
        return [stroke.step for stroke in with_glides(marked, grid, "bass", asked) if stroke.glide]

    # The first has nothing before it, the second stays on its pitch, the last comes after too long a rest.
    assert gliding(1.0) == [6]
    assert gliding(2.0) == [4, 6]
    assert gliding(9.0) == [4, 6]
    assert gliding(0.0) == []
    assert gliding(None) == []
