"""Requests and candidates survive the ledger and the pipe unchanged."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.ids import ALPHABET, ID_LENGTH, candidate_id_of, month_folder, new_id
from antiphon.domain.lineage import Breeding, ChildrenRequest, Parent
from antiphon.domain.measures import MEASURES
from antiphon.domain.reading import PromptReading, Understood
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import STEMS
from antiphon.domain.theory import MODES, QUALITIES, Chord, Key, Meter
from antiphon.domain.wire import (
    candidate_from_json,
    candidate_to_json,
    canonical,
    children_from_json,
    children_to_json,
    parent_from_json,
    parent_to_json,
    request_from_json,
    request_to_json,
)
from antiphon.generation.grammar import draw_genome
from antiphon.jobs.messages import FileReady, Finished, GaveUp, Perform, Ready, Start, Step, Stop, decode, encode

text = st.text(max_size=30)
keys = st.builds(Key, st.integers(0, 11), st.sampled_from(sorted(MODES)))
chords = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(QUALITIES)), st.integers(0, 11))
meters = st.sampled_from([Meter(3, 4), Meter(4, 4), Meter(5, 4), Meter(6, 8), Meter(7, 8), Meter(12, 8)])
levels = st.none() | st.floats(0, 1)
words = st.lists(text, max_size=3).map(tuple)
readings = st.builds(
    PromptReading,
    style=st.none() | text.filter(bool),
    timbres=st.dictionaries(text, text, max_size=3),
    energy=levels,
    density=levels,
    swing=levels,
    tempo_bpm=st.none() | st.tuples(st.floats(20, 400), st.floats(20, 400)),
    key=st.none() | keys,
    mode=st.none() | st.sampled_from(sorted(MODES)),
    meter=st.none() | meters,
    bars=st.none() | st.integers(1, 64),
    stems=st.none() | st.lists(st.sampled_from(STEMS), min_size=1, unique=True).map(tuple),
    sounds=st.dictionaries(text, st.lists(text, min_size=1, max_size=3).map(tuple), max_size=3),
    avoided=words,
    understood=st.lists(st.builds(Understood, text, text, words, st.booleans()), max_size=3).map(tuple),
    ignored=words,
    resolved=words,
)
requests = st.builds(
    GenerateRequest,
    bpm=st.floats(20, 400),
    bars=st.integers(1, 64),
    meter=meters,
    key=st.none() | keys,
    chords=st.none() | st.lists(chords, min_size=1, max_size=8).map(tuple),
    stems=st.lists(st.sampled_from(STEMS), min_size=1, unique=True).map(tuple),
    count=st.integers(1, 16),
    seed=st.integers(0, 2**31 - 1),
    prompt=text,
    energy=st.floats(0, 1),
    preset=st.none() | text,
    steps=st.none() | st.integers(1, 100),
    reading=st.none() | readings,
)
files = st.builds(RenderedFile, text, text, st.integers(0), st.integers(1), st.integers(1, 2), st.floats(-90, 0),
                  st.floats(-90, 0), st.none() | text)  # fmt: skip
candidates = st.builds(
    Candidate, text, text, st.integers(0, 99), st.floats(20, 400), text, st.integers(1), text, st.integers(0), text,
    st.lists(files, max_size=4).map(tuple), files, text, st.integers(0, 9),
    measures=st.dictionaries(text, st.tuples(*[st.floats(-90, 9)] * len(MEASURES)), max_size=3).map(
        lambda found: tuple(sorted(found.items()))
    ),
)  # fmt: skip


@given(requests)
def test_a_request_comes_back_as_it_was(request: GenerateRequest) -> None:
    assert request_from_json(json.loads(canonical(request_to_json(request)))) == request


@given(candidates)
def test_a_candidate_comes_back_as_it_was(candidate: Candidate) -> None:
    assert candidate_from_json(json.loads(canonical(candidate_to_json(candidate)))) == candidate


def test_candidates_and_jobs_from_before_sounds_were_measured_are_read_as_they_were() -> None:
    sounds = (("bass", tuple(float(place) for place in range(len(MEASURES)))),)
    genome = draw_genome(GenerateRequest(bpm=93.0, bars=1), 5)
    parent = Parent("c1", genome, 0.5, 1)
    assert "measures" not in parent_to_json(parent)
    assert parent_from_json(parent_to_json(parent)) == parent
    heard = replace(parent, measures=sounds)
    assert parent_from_json(json.loads(canonical(parent_to_json(heard)))) == heard
    children = ChildrenRequest(Breeding("evolve"), (heard,), hears=True)
    assert children_from_json(json.loads(canonical(children_to_json(children)))) == children
    before = children_to_json(replace(children, hears=False))
    assert "hears" not in before
    assert not children_from_json(before).hears, "who does an old job again makes the same children"
    short = {"bass": {"brightness_oct": 1.0}}
    assert parent_from_json(parent_to_json(parent) | {"measures": short}) == parent, "half a stem is none"


def test_an_older_ledgers_request_takes_the_defaults_and_a_newer_ones_extras_are_ignored() -> None:
    assert request_from_json({"bpm": 93.0, "reverb_of_2031": True}) == GenerateRequest(bpm=93.0)


@given(candidates, files, text)
def test_every_message_comes_back_as_it_was(candidate: Candidate, file: RenderedFile, words: str) -> None:
    messages = (
        Start(words, "cpu", 2, 10, words, 3, 1), Perform(words, 1, "vary", {"prompt": words}, words, words),
        Stop(words, 2), Ready(words, words, "cpu", 1.5), Step(words, 1, 0.25, words), FileReady(words, 1, words, file),
        Finished(words, 3, (candidate, candidate), 2), GaveUp(words, 1, "quality", words, 4),
    )  # fmt: skip
    for message in messages:
        line = encode(message)
        assert line.count(b"\n") == 1
        assert line.endswith(b"\n")
        assert decode(line) == message


@pytest.mark.parametrize(
    "line", [b"", b"hello\n", b"[]\n", b"{}\n", b'{"is": "Nobody"}\n', b'{"is": "Stop"}\n', b"\xff"]
)
def test_anything_else_is_no_message(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode(line)


def test_ids_are_short_safe_and_follow_from_the_job_where_they_must() -> None:
    ids = {new_id() for _ in range(1000)} | {candidate_id_of("job", index) for index in range(1000)}
    assert len(ids) == 2000
    assert all(len(each) == ID_LENGTH and set(each) <= set(ALPHABET) for each in ids)
    assert candidate_id_of("job", 3) == candidate_id_of("job", 3) != candidate_id_of("jab", 3)


def test_a_job_keeps_its_month_whenever_it_is_done(tmp_path_factory: pytest.TempPathFactory) -> None:
    library = tmp_path_factory.getbasetemp()
    assert month_folder(library, 1_700_000_000.0) == library / "2023-11"
