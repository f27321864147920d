"""Loops whose notes the score model writes, through real worker processes: labelled, kept, bred from, and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mido
import pytest

from antiphon.domain.candidate import Candidate
from antiphon.domain.composers import composers_of, parse_composers
from antiphon.domain.event import Done
from antiphon.domain.lineage import Breeding
from antiphon.generation.grammar import express
from antiphon.rendering.sidecar import read_sidecar
from tests.jobs.conftest import REQUEST, MakeStudio, Studio

pytestmark = pytest.mark.integration

STEMS = ("drums", "bass", "chords")


async def outcome(studio: Studio, request_id: str) -> Candidate:
    done = await studio.outcome(request_id)
    assert isinstance(done, Done), done
    return done.candidates[0]


async def child(studio: Studio, request_id: str, operator: str, *parents: Candidate, **asked: object) -> Candidate:
    ids = tuple(parent.candidate_id for parent in parents)
    await studio.floor.breed("knobs", request_id, Breeding(operator, ids, **asked))  # type: ignore[arg-type]
    return await outcome(studio, request_id)


def check_is_whole(candidate: Candidate) -> dict[str, str]:
    """Its genome makes its music again, with no model; its MIDI files have the same notes. Returns its composers."""
    sidecar = read_sidecar(Path(candidate.sidecar_path))
    assert candidate.genome is not None
    assert express(candidate.genome) == sidecar.score
    assert sidecar.genome == candidate.genome
    for file in candidate.stems:
        assert file.midi_path is not None
        struck = [
            message for message in mido.MidiFile(file.midi_path) if message.type == "note_on" and message.velocity
        ]
        assert len(struck) == len(sidecar.score.stem(file.stem).notes)
    assert sidecar.data["composers"] == composers_of(candidate.genome)
    return dict(sidecar.data["composers"])


async def test_the_model_writes_loops_and_children_that_last(make_studio: MakeStudio) -> None:
    async with make_studio(composer="model") as studio:
        await studio.floor.generate("knobs", "r1", replace(REQUEST, stems=STEMS))
        parent = await outcome(studio, "r1")
        assert set(check_is_whole(parent).values()) == {"model score-2"}
        assert await studio.floor.candidate(parent.candidate_id) == parent, "the ledger has every note"
        assert parent.genome is not None
        bass = await child(studio, "s1", "restem", parent, stems=("bass",), seed=77)
        before, after = express(parent.genome), express(bass.genome)  # type: ignore[arg-type]
        assert [after.stem(stem) == before.stem(stem) for stem in STEMS] == [True, False, True]
        assert (await child(studio, "s2", "restem", parent, stems=("bass",), seed=77)).genome == bass.genome
        asked = replace(REQUEST, stems=STEMS, composers=parse_composers("grammar"), seed=8)
        await studio.floor.generate("knobs", "r2", asked)
        plain = await outcome(studio, "r2")
        assert set(check_is_whole(plain).values()) == {"grammar"}
        infilled = await child(studio, "s3", "restem", plain, stems=("bass",), composer="model")
        assert check_is_whole(infilled) == {"drums": "grammar", "bass": "model score-2", "chords": "grammar"}
        mixed = await child(studio, "x", "cross", plain, parent, stems=("bass",))
        assert check_is_whole(mixed)["bass"] == "model score-2"
        near = await child(studio, "v1", "vary", parent, amount=0.4)
        far = await child(studio, "v2", "vary", plain, amount=0.4)
        assert [set(check_is_whole(each).values()) for each in (near, far)] == [{"model score-2"}, {"grammar"}]
        for one in (parent, plain):
            await studio.floor.rate(
                "knobs", one.candidate_id, one.candidate_id, 0.8, stem=None, rater="ann", listened_s=None, context=""
            )
        check_is_whole(await child(studio, "e", "evolve", count=1))
