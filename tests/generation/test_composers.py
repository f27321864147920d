"""Composers: what people may write, what is kept of it, and what is refused with a way out."""

from __future__ import annotations

import json

import pytest

from antiphon.app import _vocabulary
from antiphon.control.command_values import Generate, Restem
from antiphon.domain.composers import MODEL_STEMS, composers_of, parse_composers
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.lineage import Breeding
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.wire import breeding_to_json, request_from_json, request_to_json
from antiphon.errors import OutOfRange, SettingsError
from antiphon.generation.grammar import draw_genome, express
from antiphon.settings import Settings


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", {}),
        ("model", dict.fromkeys(MODEL_STEMS, "model")),
        ("grammar", dict.fromkeys(STEMS, "grammar")),
        ("Model, drums:grammar", dict.fromkeys(MODEL_STEMS, "model") | {"drums": "grammar"}),
        ("bass:model", {"bass": "model"}),
    ],
)
def test_composers_are_written_as_people_would(text: str, chosen: dict[str, str]) -> None:
    assert dict(parse_composers(text)) == chosen


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("modell", "did you mean 'model'"),
        ("bas:model", "did you mean 'bass'"),
        ("neural", "write grammar or model"),
        ("percussion:model", "writes drums, bass, chords, lead"),
    ],
)
def test_what_cannot_be_had_says_what_can(text: str, way_out: str) -> None:
    with pytest.raises(OutOfRange) as error:
        parse_composers(text)
    assert way_out in error.value.message


def test_a_setting_that_names_no_composer_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"setting composer: .*did you mean 'model'"):
        _vocabulary(Settings(composer="modle"))


def test_stems_that_the_model_does_not_write_are_refused_before_the_request_is_on_disk() -> None:
    model = parse_composers("model")
    both = Generate("r", stems=("drums", "texture"), composers=model).to_request(120.0, Settings())
    assert both.composers == model
    with pytest.raises(OutOfRange, match="leave the composer to the grammar"):
        Generate("r", stems=("percussion", "texture"), composers=model).to_request(120.0, Settings())
    with pytest.raises(OutOfRange, match="does not write texture"):
        Restem("r", "c", "texture", composer="model").to_breeding(Settings())


def test_requests_say_who_composes_only_where_somebody_chose() -> None:
    plain = GenerateRequest(bpm=120.0)
    assert "composers" not in request_to_json(plain)
    assert "composer" not in breeding_to_json(Breeding("restem", ("c",)))
    chosen = GenerateRequest(bpm=120.0, composers=parse_composers("bass:model"))
    assert request_from_json(json.loads(json.dumps(request_to_json(chosen)))) == chosen
    genome = draw_genome(chosen, 3)
    assert [genes.stem for genes in genome.stems if genes.composer == "model"] == ["bass"]


def test_genomes_from_before_are_the_grammars_and_are_spelt_as_they_were() -> None:
    genome = draw_genome(GenerateRequest(bpm=98.0, style="funk"), 4)
    data = genome_to_json(genome)
    assert not {"composer", "written"} & {*data["stems"][0]}
    assert genome_from_json(data) == genome
    assert set(composers_of(genome).values()) == {"grammar"}
    unwritten = draw_genome(GenerateRequest(bpm=98.0, style="funk", composers=parse_composers("model")), 4)
    assert express(unwritten) == express(genome), "the grammar stands in until the model has written"
