"""Loops of the score model: written once and kept, changed where a child has changed, left alone where it has not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.domain.composers import composers_of, parse_composers
from antiphon.domain.genome import Genome, Twist
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.lineage import Parent
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS, STRUCK_STEMS, Note
from antiphon.domain.theory import parse_chord, parse_key
from antiphon.errors import BackendFailed
from antiphon.evolution import cross, distance, mutate, next_generation, restem
from antiphon.feedback.features import describe
from antiphon.generation.grammar import draw_genome, express
from antiphon.generation.grammar.plan import frame_of
from antiphon.generation.grammar.written import twist_steps
from antiphon.generation.scoring.sampling import NotesPipeline
from antiphon.generation.scoring.score_model import ScoreModel, commission_of, unwritten

REQUEST = GenerateRequest(
    bpm=96.0, bars=2, style="funk", key=parse_key("Dm"), stems=STEMS, composers=parse_composers("model"),
    chords=(parse_chord("Dm7"), parse_chord("G7")),
)  # fmt: skip


@pytest.fixture(scope="module")
def model(pipeline: NotesPipeline) -> ScoreModel:
    return ScoreModel(pipeline, "score-t")


@pytest.fixture(scope="module")
def loop(model: ScoreModel) -> Genome:
    return model.complete(draw_genome(REQUEST, 11))


def notes(genome: Genome, stem: str) -> tuple[Note, ...]:
    return express(genome).stem(stem).notes


def opened(genome: Genome) -> dict[str, int]:
    return {stem: len(steps) for stem, steps in unwritten(genome, frame_of(genome)).items()}


def test_a_loop_is_written_once_and_needs_no_model_from_then_on(model: ScoreModel, loop: Genome) -> None:
    drawn = draw_genome(REQUEST, 11)
    assert {*opened(drawn)} == {"drums", "bass", "chords", "lead"}
    assert model.complete(drawn) == loop, "the same genome gives the same notes"
    assert model.complete(loop) is loop
    assert genome_from_json(json.loads(json.dumps(genome_to_json(loop)))) == loop
    written = dict.fromkeys(("drums", "bass", "chords", "lead"), "model score-t")
    assert composers_of(loop) == written | {"percussion": "grammar", "texture": "grammar"}
    for stem in STEMS:
        assert notes(loop, stem)
        assert (notes(loop, stem) == notes(drawn, stem)) == (stem == "texture"), "percussion hears the written drums"


def test_a_stem_made_anew_is_written_given_the_others(model: ScoreModel, loop: Genome) -> None:
    asked = restem(loop, "bass", 5)
    commission = commission_of(asked, unwritten(asked, frame_of(asked)), frame_of(asked))
    assert commission.given == {stem: notes(loop, stem) for stem in ("drums", "chords", "lead")}
    child = model.complete(asked)
    assert notes(child, "bass") != notes(loop, "bass")
    for stem in STEMS:
        if stem != "bass":
            assert notes(child, stem) == notes(loop, stem)
    other = model.complete(restem(loop.with_genes(*model.complete(restem(loop, "lead", 9)).stems), "bass", 5))
    assert notes(other, "bass") != notes(child, "bass"), "beside another lead it is another bass"
    drums = model.complete(restem(loop, "drums", 6))
    assert notes(drums, "bass") == notes(loop, "bass")
    assert notes(drums, "percussion") == notes(loop, "percussion")


def test_a_bass_is_written_for_the_grammars_drums(model: ScoreModel) -> None:
    plain = draw_genome(replace(REQUEST, composers=()), 11)
    child = model.complete(restem(plain, "bass", 5, composer="model"))
    assert composers_of(child)["bass"] == "model score-t"
    for stem in STEMS:
        assert (notes(child, stem) == notes(plain, stem)) == (stem != "bass")
    back = restem(child, "bass", 5, composer="grammar")
    assert model.complete(back) is back
    assert notes(back, "bass") == notes(restem(plain, "bass", 5), "bass")


def test_the_grammars_bass_listens_to_the_models_drums(model: ScoreModel) -> None:
    drawn = draw_genome(replace(REQUEST, composers=parse_composers("drums:model lead:model")), 11)
    commission = commission_of(drawn, unwritten(drawn, frame_of(drawn)), frame_of(drawn))
    assert {*commission.given} == {"chords"}, "nobody knows yet what the bass will play"
    assert notes(model.complete(drawn), "bass") != notes(drawn, "bass")


def test_a_twist_tells_its_half_bars_anew_and_nothing_else(model: ScoreModel, loop: Genome) -> None:
    twisted = replace(loop.genes("chords"), twists=(Twist(77, 0.5),))
    ((_, told),) = twist_steps(twisted, frame_of(loop))
    child = model.complete(loop.with_only(twisted))
    before, after = (genome.genes("chords").written for genome in (loop, child))
    assert before is not None
    assert after is not None
    changed = {*before.strokes} ^ {*after.strokes}
    assert changed
    assert {stroke.step for stroke in changed} <= told < frozenset(range(frame_of(loop).total_steps))
    assert child.genes("chords").twists == ()


def test_what_is_written_is_written_again_where_it_no_longer_fits(loop: Genome) -> None:
    every = frame_of(loop).total_steps
    second = replace(loop, chords=(loop.chords[0], replace(loop.chords[1], chord=parse_chord("C7"))))
    assert opened(second) == dict.fromkeys(("bass", "chords", "lead"), every // 2)
    assert opened(replace(loop, key=parse_key("Em"))) == dict.fromkeys(("bass", "chords", "lead"), every)
    assert {*opened(replace(loop, bars=4))} == {"drums", "bass", "chords", "lead"}
    assert opened(replace(loop, energy=loop.energy + 0.05, swing=0.9, preset="clean")) == {}
    assert {*opened(replace(loop, energy=loop.energy + 0.2))} == {"drums", "bass", "chords", "lead"}
    bass = loop.genes("bass")
    for other in (
        replace(bass, register=3), replace(bass, seed=4), replace(bass, behaviour="walking"),
        replace(bass, style="jazz"),
    ):  # fmt: skip
        assert opened(loop.with_genes(other)) == {"bass": every}
    for same in (
        replace(bass, timbre="bass_reese"), replace(bass, engine="sampler"), replace(bass, colours=("dusty",))
    ):  # fmt: skip
        assert opened(loop.with_genes(same)) == {}


def test_other_swing_moves_the_notes_and_writes_none(loop: Genome) -> None:
    straight, swung = replace(loop, swing=0.0), replace(loop, swing=1.0)
    first, second = notes(straight, "drums"), notes(swung, "drums")
    assert [note.pitch for note in first] == [note.pitch for note in second]
    assert [note.onset_beats for note in first] != [note.onset_beats for note in second]


def test_children_are_bred_without_a_model_and_written_by_it(model: ScoreModel, loop: Genome) -> None:
    other = model.complete(draw_genome(replace(REQUEST, chords=(parse_chord("Dm7"),)), 12))
    rng = np.random.default_rng(2)
    bred = [mutate(loop, 0.3, rng), cross(loop, other, 0.5, rng)]
    parents = [Parent("a", loop, 0.9, 3), Parent("b", other, 0.4, 3)]
    bred += [child.genome for child in next_generation(parents, 2, rng)]
    for child in bred:
        assert distance(loop, child) > 0.0
        finished = model.complete(child)
        assert opened(finished) == {}
        assert finished.genes("drums").composer == "model"
    assert len({str(describe([(each, express(each))]).groups["notes of the lead"]) for each in (loop, other)}) == 2


def test_taste_sees_who_wrote_a_part(loop: Genome) -> None:
    plain = loop.with_genes(*(replace(genes, composer=None) for genes in loop.stems))
    groups = describe([(each, express(loop)) for each in (loop, plain)]).groups
    differ = {name for name, columns in groups.items() if not np.array_equal(columns[0], columns[1])}
    assert differ == {f"manner of the {stem}" for stem in STEMS if stem not in STRUCK_STEMS[1:] and stem != "texture"}


def test_a_folder_without_weights_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BackendFailed, match="ask with composer grammar"):
        ScoreModel.load(tmp_path / "score", "cpu")
    (tmp_path / "antiphon.json").write_text("{}")
    with pytest.raises(BackendFailed, match="train_base"):
        ScoreModel.load(tmp_path, "cpu")
