"""The score model's corpus is the same for the same number, its training learns, and its judges judge."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors import safe_open

from antiphon.generation.grammar.composer import express
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.scoring.conditions import KNOWN_STYLES, LOOP_FEATURES, STEP_FEATURES
from antiphon.generation.scoring.grid import CHANNELS, LANES, score_to_grid
from antiphon.generation.scoring.model import NotesTransformer
from antiphon.generation.scoring.sampling import NotesPipeline
from antiphon.generation.styles import style_names
from antiphon.training import score_corpus
from antiphon.training import score_measures as measures
from antiphon.training.score_corpus import (
    HELD_OUT,
    ScoreLoops,
    compose_corpus,
    example_of,
    random_genome,
    random_request,
)
from antiphon.training.score_stage import (
    ScoreRecipe,
    averaged_model,
    draw_batch,
    export_score,
    first_model,
    stage_score,
)
from antiphon.training.style_judge import StyleJudge, bar_steps_of, plain_style, traits


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    compose_corpus(folder / "score_corpus", 40, 1)
    return folder


def test_the_corpus_is_what_its_numbers_say(corpus: Path) -> None:
    data = ScoreLoops(corpus / "score_corpus", 40)
    assert len(data) == 40
    for number in (0, 17, 39):
        genome = random_genome(number)
        fresh = example_of(genome, express(genome), frame_of(genome))
        np.testing.assert_allclose(data[number].picture, fresh.picture, atol=2e-3)
        assert bar_steps_of(data[number]) == frame_of(genome).bar_steps


def test_a_corpus_of_another_version_is_not_mixed_in(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_corpus, "SCORE_CORPUS_VERSION", 99)
    with pytest.raises(ValueError, match="another version"):
        compose_corpus(corpus / "score_corpus", 40, 1)


def test_a_batch_gives_some_stems_and_never_asks_for_them(corpus: Path) -> None:
    data, given = ScoreLoops(corpus / "score_corpus", 40), 0
    for seed in range(6):
        batch = draw_batch(data, 64, 4, np.random.default_rng(seed))
        assert batch.picture.shape[1] % 4 == 0
        drums = batch.known[:, :, 0] > 0
        given += int(drums.any())
        lanes = LANES["drums"]
        assert not batch.weight[..., lanes][drums].any()
        torch.testing.assert_close(batch.given[..., lanes][drums], batch.picture[..., lanes][drums])
        assert not batch.given[..., lanes][~drums].any()
    assert given


def test_training_learns_resumes_and_is_exported(corpus: Path, tmp_path: Path) -> None:
    recipe = ScoreRecipe(loops=40, steps=20, tokens=256)
    stage_score(corpus, recipe, 1, torch.device("cpu"), "abc")
    stage_score(corpus, ScoreRecipe(loops=40, steps=80, tokens=256), 1, torch.device("cpu"), "abc")
    losses = [json.loads(line)["loss"] for line in (corpus / "score.jsonl").read_text().splitlines()]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    page = (corpus / "report.html").read_text()
    assert "<h2>score</h2>" in page
    assert f"loss {losses[-1]:.4f}" in page
    probes = [json.loads(line) for line in (corpus / "score.probes.jsonl").read_text().splitlines()]
    held = [probe["measures"]["held-out loss"] for probe in probes]
    assert [probe["step"] for probe in probes] == [20, 80]
    assert held[1] < held[0]
    assert "held-out loss" in page
    assert f"<td>{held[1]}</td>" in page
    export_score(corpus, recipe, tmp_path / "score", "abc")
    about = json.loads((tmp_path / "score" / "antiphon.json").read_text())
    assert about["trained"]["step"] == 80
    with safe_open(next((tmp_path / "score").rglob("*.safetensors")), framework="pt") as weights:
        assert weights.metadata()["format"] == "pt"
        told = json.loads(weights.metadata()["antiphon"])
    assert told == about
    assert (told["revision"], told["recipe"]["seed"], told["corpus_version"]) == ("abc", 1, 2)
    assert averaged_model(corpus)[0].config["channels"] == CHANNELS


def test_training_goes_on_from_older_weights_and_says_which(corpus: Path, tmp_path: Path) -> None:
    old = NotesTransformer(CHANNELS - 2, LANES["lead"].stop, STEP_FEATURES, LOOP_FEATURES - 4)
    start = tmp_path / "older"
    NotesPipeline(old, FlowMatchEulerDiscreteScheduler()).save_pretrained(start, safe_serialization=True)
    (start / "antiphon.json").write_text('{"version": "score-1"}')
    (tmp_path / "training").mkdir()
    for part in ("score_corpus", "score_held_out"):
        if (corpus / part).exists():
            shutil.copytree(corpus / part, tmp_path / "training" / part)
    recipe = ScoreRecipe(loops=40, steps=20, tokens=64, start=str(start))
    first = first_model(recipe)
    assert first.config["channels"] == CHANNELS
    torch.testing.assert_close(first.embed_time[0].weight, old.embed_time[0].weight)
    stage_score(tmp_path / "training", recipe, 1, torch.device("cpu"), "abc")
    export_score(tmp_path / "training", recipe, tmp_path / "score", "abc")
    about = json.loads((tmp_path / "score" / "antiphon.json").read_text())
    assert about["recipe"]["start"] == "score-1"
    assert NotesPipeline.from_pretrained(tmp_path / "score").knows_glides
    with pytest.raises(OSError, match="nowhere"):
        first_model(ScoreRecipe(start=str(tmp_path / "nowhere")))


def test_the_corpus_has_more_glides_than_requests_have() -> None:
    def glides(plain: bool) -> int:
        scores = [express(random_genome(number, plain)) for number in range(60)]
        return sum(note.glide for score in scores for stem in score.stems for note in stem.notes)

    assert glides(plain=False) > 1.5 * glides(plain=True) > 0


def test_measures_see_wrong_notes_copies_and_sameness() -> None:
    genome = random_genome(HELD_OUT + 3, plain=True)
    score, frame = express(genome), frame_of(genome)
    for measure in (measures.in_key, measures.chord_notes, measures.chords_honoured, measures.bass_on_roots):
        hits, total = measure(score, frame)
        assert hits == total > 0

    # Every pitch a semitone up and every note a third of a step late is wrong.
    def moved(pitches: int, beats: float) -> object:
        stems = []
        for stem in score.stems:
            notes = [replace(n, pitch=n.pitch + pitches, onset_beats=n.onset_beats + beats) for n in stem.notes]
            stems.append(replace(stem, notes=tuple(notes)))
        return replace(score, stems=tuple(stems))

    wrong, late = moved(1, 0.0), moved(0, frame.step_beats / 3)
    assert measures.chord_notes(wrong, frame)[0] < 0.5 * measures.chord_notes(wrong, frame)[1]  # type: ignore[arg-type]
    assert measures.on_grid(score, frame, 0.02)[0] == measures.on_grid(score, frame, 0.02)[1]
    assert measures.on_grid(late, frame, 0.02)[0] < 0.5 * measures.on_grid(late, frame, 0.02)[1]  # type: ignore[arg-type]
    picture = score_to_grid(score, frame)
    other = score_to_grid(express(random_genome(HELD_OUT + 4, plain=True)), frame_of(random_genome(HELD_OUT + 4, True)))
    rng = np.random.default_rng(0)
    assert measures.variety([picture, picture], 5, rng) == 0.0
    assert measures.variety([picture, other], 5, rng) > 0.3
    own = measures.passages(measures.struck_of(picture), frame.bar_steps)
    if own:
        assert set(own) & set(measures.passages(measures.struck_of(picture), frame.bar_steps))


def test_a_two_bar_passage_is_found_wherever_it_begins() -> None:
    struck = np.random.default_rng(0).random((64, 20)) < 0.1
    turned = np.roll(struck, 16, axis=0)
    assert sorted(measures.passages(struck, 16)) == sorted(measures.passages(turned, 16))
    other = np.random.default_rng(1).random((64, 20)) < 0.1
    assert not set(measures.passages(struck, 16)) & set(measures.passages(other, 16))
    assert measures.passages(np.zeros((64, 20), dtype=np.bool_), 16) == []


def test_the_judge_tells_styles_that_differ(corpus: Path) -> None:
    del corpus
    examples = []
    for number in range(300):
        genome = random_genome(number)
        if genome.style in ("techno", "jazz"):
            example = example_of(genome, express(genome), frame_of(genome))
            if plain_style(example) == genome.style:
                examples.append((traits(example.picture, bar_steps_of(example)), genome.style))
    judge = StyleJudge(examples[:-10], epochs=20)
    told = judge.judge([seen for seen, _ in examples[-10:]])
    assert sum(one == style for one, (_, style) in zip(told, examples[-10:], strict=True)) >= 9


def test_the_corpus_is_in_the_styles_that_the_weights_learnt() -> None:
    """Whatever styles have come since: the shipped weights' corpus is drawn again from its numbers."""
    drawn = [random_request(number).style for number in range(300)]
    assert drawn[:8] == ["trap", "techno", "downtempo", "lofi", "hiphop", "house", "techno", "ambient"]
    assert set(drawn) == set(KNOWN_STYLES)
    assert {genes.style for number in range(60) for genes in random_genome(number).stems} <= set(KNOWN_STYLES)


def test_the_judge_has_no_label_for_a_style_that_the_model_has_no_name_for() -> None:
    genome = random_genome(HELD_OUT + 3, plain=True)
    newer = replace(genome, stems=tuple(replace(genes, style="gamelan") for genes in genome.stems))
    labels = [plain_style(example_of(each, express(each), frame_of(each))) for each in (genome, newer)]
    assert "gamelan" in style_names()
    assert labels == [genome.style, None]
