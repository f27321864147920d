"""Two engines: what people may write, which stem goes where, and what the sampler does not touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from antiphon.domain.engines import parse_engines
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.reading import SOUND_WORDS, WHOLE, PromptReading
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import CORE_STEMS, STEMS
from antiphon.domain.timbres import COLOUR_OF_WORD, COLOURS, colours_of
from antiphon.domain.wire import request_from_json, request_to_json
from antiphon.errors import OutOfRange
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest
from antiphon.generation.engines import TwoEngines
from antiphon.generation.grammar import draw_genome, express
from tests.tone_backend import ToneBackend


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", {}),
        ("auto", {}),
        ("sampler", dict.fromkeys(STEMS, "sampler")),
        ("drums:sampler lead:neural", {"drums": "sampler", "lead": "neural"}),
        ("neural, bass:sampler", dict.fromkeys(STEMS, "neural") | {"bass": "sampler"}),
        ("Drums:Sampler", {"drums": "sampler"}),
    ],
)
def test_engines_are_written_as_people_would(text: str, chosen: dict[str, str]) -> None:
    assert dict(parse_engines(text)) == chosen


@pytest.mark.parametrize(
    ("text", "hint"), [("smapler", "did you mean 'sampler'"), ("drum:sampler", "'drums'"), ("a:b:c", "no engine")]
)
def test_what_cannot_be_read_says_how_it_is_written(text: str, hint: str) -> None:
    with pytest.raises(OutOfRange, match="drums:sampler lead:neural") as error:
        parse_engines(text)
    assert hint in error.value.message


class _Heard(ToneBackend):
    """The tone backend, which also tells what it was asked to play."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, ...]] = []

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        self.asked += [tuple(stem.stem for stem in request.score.stems) for request in requests]
        return super().generate(requests, on_step)


def _request(engines: dict[str, str]) -> SoundRequest:
    genome = draw_genome(GenerateRequest(bpm=120.0, bars=1, style="house"), 3)
    return SoundRequest(express(genome), 3, 2, 44100, engines=engines)


def test_each_stem_goes_through_its_engine() -> None:
    model = _Heard()
    both = TwoEngines(model)
    mixed = _request({"drums": "sampler"})
    mixed_loop, plain_loop = both.generate([mixed, _request({})], lambda *_: None)
    assert list(mixed_loop) == list(plain_loop) == list(CORE_STEMS)
    assert model.asked == [("bass", "chords", "lead"), CORE_STEMS]
    np.testing.assert_array_equal(mixed_loop["bass"], plain_loop["bass"])
    assert mixed_loop["drums"].shape[1] == plain_loop["drums"].shape[1]
    assert not np.array_equal(mixed_loop["drums"], plain_loop["drums"])


def test_the_sampler_alone_needs_no_step_of_the_model() -> None:
    model, steps = _Heard(), []
    (loop,) = TwoEngines(model).generate(
        [_request(dict.fromkeys(STEMS, "sampler"))], lambda done, total: steps.append((done, total))
    )
    assert model.asked == []
    assert steps == [(1, 1)]
    assert all(np.abs(loop[stem]).max() > 0 for stem in ("drums", "bass"))


class _Steady(_Heard):
    """A model whose stems don't depend on their company."""

    def same_without(self, playing: int) -> bool:
        return playing > 1


@pytest.mark.parametrize(
    ("model", "faulty", "again"),
    [
        (_Heard, ("bass",), [("drums", "chords", "lead")]),
        (_Steady, ("bass",), []),
        (_Steady, ("drums", "bass", "chords"), [("lead",)]),
        (_Heard, CORE_STEMS, []),
    ],
)
def test_what_the_sampler_plays_instead_is_what_the_request_gives_that_says_so(
    model: type[_Heard], faulty: tuple[str, ...], again: list[tuple[str, ...]]
) -> None:
    """The model's other stems are sounded again only where they could sound otherwise without the faulty ones."""
    heard = model()
    both, request = TwoEngines(heard), _request({})
    (first,) = both.generate([request], lambda *_: None)
    heard.asked.clear()
    mended = both.played_instead(request, first, faulty, lambda *_: None)
    assert heard.asked == again
    (named,) = both.generate([_request(dict.fromkeys(faulty, "sampler"))], lambda *_: None)
    assert list(mended) == list(CORE_STEMS)
    for stem, audio in mended.items():
        np.testing.assert_array_equal(audio, named[stem])
        assert np.array_equal(audio, first[stem]) == (stem not in faulty)


def test_labels_name_what_was_heard() -> None:
    both = TwoEngines(ToneBackend())
    assert both.label("neural") == "neural tone-1"
    assert both.label("sampler") == "sampler sampler-1"


def test_requests_and_genomes_keep_engines_and_colours() -> None:
    reading = PromptReading(sounds={WHOLE: ("dusty",), "lead": ("glassy",)})
    request = GenerateRequest(bpm=100.0, style="dub", reading=reading, engines=(("lead", "sampler"),))
    assert request_from_json(request_to_json(request)) == request
    genome = draw_genome(request, 5)
    assert genome_from_json(genome_to_json(genome)) == genome
    assert genome.genes("lead").engine == "sampler"
    assert genome.genes("bass").engine is None
    assert genome.genes("bass").colours == ("dusty",)
    assert set(genome.genes("lead").colours) == {"glassy", "dusty"}
    assert express(genome).stem("lead").colours == genome.genes("lead").colours


def test_wide_and_not_wide_are_understood() -> None:
    def widths(**said: object) -> dict[str, float | None]:
        reading = PromptReading(**said)  # type: ignore[arg-type]
        genome = draw_genome(GenerateRequest(bpm=100.0, style="dub", reading=reading), 5)
        return {genes.stem: genes.width for genes in genome.stems}

    usual, wide = widths(), widths(sounds={"lead": ("wide",)})
    assert wide == usual | {"lead": pytest.approx(0.4 + 0.7 * 0.6)}
    assert all(0 < now < 0.4 * usual[stem] for stem, now in widths(avoided=("wide",)).items() if stem != "bass")
    assert widths(sounds={WHOLE: ("wide",)})["bass"] == 0.0


def test_a_colour_that_is_not_wanted_is_left_out() -> None:
    reading = PromptReading(sounds={WHOLE: ("dusty", "warm")}, avoided=("dusty",))
    genome = draw_genome(GenerateRequest(bpm=100.0, style="dub", reading=reading), 5)
    assert genome.genes("drums").colours == ("warm",)
    assert draw_genome(replace(GenerateRequest(bpm=100.0, style="dub")), 5).genes("drums").colours == ()


def test_sound_words_lead_to_colours_that_exist() -> None:
    assert set(COLOUR_OF_WORD.values()) <= set(COLOURS)
    assert set(COLOUR_OF_WORD) <= set(SOUND_WORDS)
    assert colours_of(["lofi", "dusty", "deep", "bright"]) == ("bright", "dusty")
