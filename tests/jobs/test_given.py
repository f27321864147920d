"""Parts through a real floor, ledger and worker process: told, delivered note for note, kept by children, replayed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.domain.candidate import Candidate
from antiphon.domain.composers import parse_composers
from antiphon.domain.event import Done, PartsRead
from antiphon.domain.given import DECIDES, PartWish
from antiphon.domain.lineage import Breeding
from antiphon.domain.request import GenerateRequest
from antiphon.errors import Conflict, InvalidRequest
from antiphon.generation.grammar import express
from antiphon.rendering.sidecar import read_sidecar
from tests.jobs.conftest import REQUEST, MakeStudio, Studio, samples
from tests.midi_files import beat, meter, midi, same_notes, tempo, track

DRUMS = midi(track(beat((0, 7, 10), 1), "drums", 9, (tempo(97.0), meter(4, 4))))
#: A riff that no gate would let a composer write: far too low, far too high, late, and in no key.
ODD = midi(
    track([(7 + 160 * n, 120, pitch, 90) for n, pitch in enumerate((24, 97, 25, 98, 26, 99, 27, 100, 61))], "lead")
)
WISH = PartWish((("", "beat.mid"),), DECIDES)


@pytest.fixture
async def studio(make_studio: MakeStudio, tmp_path: Path) -> AsyncIterator[Studio]:
    folder = tmp_path / "references"
    folder.mkdir()
    (folder / "beat.mid").write_bytes(DRUMS)
    (folder / "odd.mid").write_bytes(ODD)
    async with make_studio() as studio:
        yield studio


async def made(studio: Studio, request_id: str, request: GenerateRequest) -> Candidate:
    await studio.floor.generate("pd", request_id, request)
    return await outcome(studio, request_id)


async def outcome(studio: Studio, request_id: str) -> Candidate:
    done = await studio.outcome(request_id)
    assert isinstance(done, Done), done
    return done.candidates[0]


async def child(studio: Studio, request_id: str, operator: str, parent: Candidate, **asked: object) -> Candidate:
    breeding = Breeding(operator, (parent.candidate_id,), **asked)  # type: ignore[arg-type]
    await studio.floor.breed("pd", request_id, breeding)
    return await outcome(studio, request_id)


def midi_of(candidate: Candidate, stem: str) -> Path:
    (path,) = (file.midi_path for file in candidate.stems if file.stem == stem)
    assert path is not None
    return Path(path)


async def test_a_part_is_told_delivered_kept_and_made_again(studio: Studio, tmp_path: Path) -> None:
    asked = replace(REQUEST, stems=(), bpm=120.0, bars=4, part_wish=replace(WISH, licence="my own"))
    first = await made(studio, "r1", asked)
    told = await studio.until(lambda event: isinstance(event, PartsRead))
    assert isinstance(told, PartsRead)
    assert dict(told.brought.used) == {"bpm": 97.0, "meter": "4/4", "bars": 1}
    assert studio.events.index(told) < min(
        place for place, event in enumerate(studio.events) if type(event).__name__ == "Progress"
    )
    assert (first.bpm, first.bars) == (97.0, 1)
    assert [file.stem for file in first.stems] == ["drums", "bass", "chords", "lead"]
    assert same_notes(midi_of(first, "drums"), DRUMS)
    sidecar = read_sidecar(Path(first.sidecar_path))
    assert sidecar.data["composers"]["drums"] == "given beat.mid"
    assert [(each["stem"], each["notes"]) for each in sidecar.data["given"]] == [("drums", 13)]
    assert sidecar.data["references"][0]["licence"] == "my own"
    assert b"notes of beat.mid: my own" in Path(first.mix.path).read_bytes()
    assert sidecar.genome is not None
    assert express(sidecar.genome) == sidecar.score
    # The file is not needed any more, and children have the part, unless it is what shall change.
    (tmp_path / "references" / "beat.mid").unlink()
    bass = await child(studio, "r2", "restem", first, stems=("bass",), seed=8)
    varied = await child(studio, "r3", "vary", first, amount=0.6, seed=9)
    anew = await child(studio, "r4", "restem", first, stems=("drums",), seed=8)
    assert same_notes(midi_of(bass, "drums"), DRUMS)
    assert same_notes(midi_of(varied, "drums"), DRUMS)
    assert not same_notes(midi_of(anew, "drums"), DRUMS)
    assert b"my own" in Path(anew.mix.path).read_bytes()
    await studio.floor.rate("pd", "v1", first.candidate_id, 0.9, stem=None, rater="ann", listened_s=None, context="")
    await studio.floor.breed("pd", "e1", Breeding("evolve", count=2, seed=4))
    evolved = await studio.outcome("e1")
    assert isinstance(evolved, Done)
    for each in evolved.candidates:
        assert same_notes(midi_of(each, "drums"), DRUMS), "the blind baseline has the part as well"
    # What is sent again is told again; the same request sounds the same, bit by bit.
    (tmp_path / "references" / "beat.mid").write_bytes(DRUMS)
    studio.forget()
    await studio.floor.generate("pd", "r1", asked)
    again = await studio.until(lambda event: isinstance(event, PartsRead))
    assert isinstance(again, PartsRead)
    assert again.brought == told.brought
    second = await made(studio, "r5", asked)
    for file in first.stems:
        np.testing.assert_array_equal(samples(first, file.stem), samples(second, file.stem))
    # Another file under a used id is another request.
    (tmp_path / "references" / "beat.mid").write_bytes(ODD)
    with pytest.raises((Conflict, InvalidRequest)):
        await studio.floor.generate("pd", "r1", asked)


async def test_a_stem_alone_knows_drums_that_nobody_hears(studio: Studio) -> None:
    request = replace(REQUEST, stems=("bass",), part_wish=replace(WISH, open=("bars",)))
    alone = await made(studio, "r1", request)
    assert [file.stem for file in alone.stems] == ["bass"]
    assert alone.genome is not None
    assert alone.genome.genes("drums").given is not None
    beside = await made(studio, "r2", replace(request, stems=("drums", "bass")))
    assert midi_of(alone, "bass").read_bytes() == midi_of(beside, "bass").read_bytes()


async def test_the_gate_does_not_judge_notes_that_were_brought(studio: Studio) -> None:
    request = replace(REQUEST, stems=("lead",), part_wish=PartWish((("lead", "odd.mid"),), ("bars", "key", "chords")))
    candidate = await made(studio, "r1", replace(request, key=None))
    assert same_notes(midi_of(candidate, "lead"), ODD)
    assert json.loads(Path(candidate.sidecar_path).read_text())["rejected_attempts"] == []


@pytest.mark.integration
async def test_the_score_model_writes_to_what_is_given(studio: Studio) -> None:
    request = replace(REQUEST, stems=(), composers=parse_composers("model"), part_wish=WISH)
    candidate = await made(studio, "r1", request)
    composers = read_sidecar(Path(candidate.sidecar_path)).data["composers"]
    assert composers == {"drums": "given beat.mid"} | dict.fromkeys(("bass", "chords", "lead"), "model score-2")
    assert same_notes(midi_of(candidate, "drums"), DRUMS)
    assert candidate.genome is not None
    # Heard or not, the model knows them: the bass is the same.
    unheard = await made(studio, "r2", replace(request, stems=("bass", "chords", "lead")))
    assert unheard.genome is not None
    assert express(unheard.genome).stem("bass") == express(candidate.genome).stem("bass")
    varied = await child(studio, "r3", "vary", candidate, amount=0.5, seed=2)
    assert same_notes(midi_of(varied, "drums"), DRUMS)
