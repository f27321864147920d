"""Children through real worker processes: of whom, how near, exactly what was kept, and once whatever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.domain.candidate import Candidate
from antiphon.domain.event import CancelledJob, Done, Failed, GenerationRated, JobChanged, Progress, PromptRead
from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_to_json
from antiphon.domain.ids import new_id
from antiphon.domain.lineage import Breeding, ChildrenRequest, Parent
from antiphon.domain.measures import MEASURES, measures_to_json
from antiphon.domain.score import CORE_STEMS, STEMS
from antiphon.domain.wire import candidate_to_json, canonical, children_to_json
from antiphon.errors import Conflict, LimitExceeded, NotFound, OutOfRange
from antiphon.evolution import distance, propose
from antiphon.generation.grammar import draw_genome, express, with_levels
from antiphon.jobs.drafts import drafts_of
from antiphon.rendering.sidecar import read_sidecar
from antiphon.settings import Learning
from antiphon.storage.database import Database
from tests.jobs.conftest import REQUEST, MakeStudio, Studio, samples

pytestmark = pytest.mark.integration


async def made(studio: Studio, request_id: str, **changes: object) -> tuple[Candidate, ...]:
    """Loops drawn for a request."""
    await studio.floor.generate("knobs", request_id, replace(REQUEST, **changes))  # type: ignore[arg-type]
    return await candidates(studio, request_id)


async def children(studio: Studio, request_id: str, operator: str, *parents: Candidate, **asked: object):  # type: ignore[no-untyped-def]
    """Children of candidates."""
    ids = tuple(parent.candidate_id for parent in parents)
    await studio.floor.breed("knobs", request_id, Breeding(operator, ids, **asked))  # type: ignore[arg-type]
    return await candidates(studio, request_id)


async def candidates(studio: Studio, request_id: str) -> tuple[Candidate, ...]:
    done = await studio.outcome(request_id)
    assert isinstance(done, Done), done
    return done.candidates


async def test_a_loop_has_children_and_says_so_everywhere(make_studio: MakeStudio) -> None:
    async with make_studio() as studio:
        (parent,) = await made(studio, "r1", sample_rate=48000, file_format="flac")
        assert parent.genome is not None
        assert [stem for stem, _ in parent.measures] == sorted(file.stem for file in parent.stems)
        told = read_sidecar(Path(parent.sidecar_path)).data["measured"]["stems"]
        assert told == measures_to_json(parent.measures)
        assert (await studio.records.candidate(parent.candidate_id)).measures == parent.measures
        assert (parent.operator, parent.parents, parent.genome.preset, parent.genome.steps) == (
            "generate", (), "clean", 4
        )  # fmt: skip
        near = await children(studio, "v", "vary", parent, amount=0.1, count=2, seed=1)
        (far,) = await children(studio, "w", "vary", parent, amount=1.0, seed=1)
        assert [child.index for child in near] == [0, 1]
        for child in (*near, far):
            assert (child.operator, child.parents) == ("vary", (parent.candidate_id,))
            assert (child.bpm, child.bars, child.meter) == (parent.bpm, parent.bars, parent.meter)
            assert {file.sample_rate for file in child.stems} == {48000}
            assert all(file.path.endswith(".flac") for file in child.stems)
            assert await studio.floor.candidate(child.candidate_id) == child
            sidecar = read_sidecar(Path(child.sidecar_path))
            assert sidecar.genome == child.genome
            assert child.genome is not None
            assert express(child.genome) == sidecar.score, "the genome makes the clip's music again"
            lineage = sidecar.data["lineage"]
            assert (lineage["operator"], lineage["parents"]) == ("vary", [parent.candidate_id])
            assert lineage["asked"]["amount"] == (1.0 if child is far else 0.1)
            assert (child.seed, child.index) == (child.genome.seed, sidecar.data["index"])
        assert far.genome is not None
        assert near[0].genome is not None
        assert distance(parent.genome, near[0].genome) < distance(parent.genome, far.genome)
        kinds = [(event.kind, event.state) for event in studio.events if isinstance(event, JobChanged)]
        assert ("vary", "submitted") in kinds
        assert ("vary", "done") in kinds
        (grandchild,) = await children(studio, "g", "vary", near[1], amount=0.1, seed=2)
        assert grandchild.parents == (near[1].candidate_id,)


async def test_a_restemmed_loop_keeps_the_other_stems(make_studio: MakeStudio) -> None:
    """Note for note and noise for noise; the files differ by the gain that all stems of a loop share."""
    async with make_studio() as studio:
        (parent,) = await made(studio, "r1", stems=("drums", "bass", "chords"))
        (child,) = await children(studio, "s", "restem", parent, stems=("bass",), seed=77)
        assert child.seed == 77
        assert parent.genome is not None
        assert child.genome is not None
        before, after = express(parent.genome), express(child.genome)
        assert after.stem("bass") != before.stem("bass")
        for stem in ("drums", "chords"):
            assert after.stem(stem) == before.stem(stem)
            was, now = samples(parent, stem), samples(child, stem)
            gain = float((was * now).sum() / (was * was).sum())
            assert np.abs(now - gain * was).max() < 1e-4, stem
        (again,) = await children(studio, "s2", "restem", parent, stems=("bass",), seed=77)
        for stem in ("drums", "bass", "chords"):
            assert np.array_equal(samples(again, stem), samples(child, stem))
        (fuller,) = await children(studio, "s3", "restem", child, stems=("lead",), prompt="soft flute")
        assert [file.stem for file in fuller.stems] == ["drums", "bass", "chords", "lead"]
        sidecar = read_sidecar(Path(fuller.sidecar_path))
        assert sidecar.score.stem("lead").timbre == "lead_flute"
        assert [each["words"] for each in sidecar.data["reading"]["understood"]] == ["soft", "flute"]
        (read,) = [event for event in studio.events if isinstance(event, PromptRead)]
        assert (read.request_id, read.reading.timbres) == ("s3", {"lead": "lead_flute"})


async def test_two_loops_have_children(make_studio: MakeStudio) -> None:
    async with make_studio() as studio:
        (first,) = await made(studio, "r1")
        (second,) = await made(studio, "r2", bpm=90.0, seed=8, style="dub", key=None, bars=2)
        (child,) = await children(studio, "x", "cross", first, second, stems=("bass",))
        assert (child.operator, child.parents) == ("cross", (first.candidate_id, second.candidate_id))
        assert (child.bpm, child.key, child.bars) == (first.bpm, first.key, first.bars)
        assert child.genome is not None
        assert second.genome is not None
        assert child.genome.genes("bass") == second.genome.genes("bass")
        pair = await children(studio, "y", "cross", second, first, mix=0.5, count=2)
        assert len({child.genome for child in pair}) == 2
        assert {child.bpm for child in pair} == {90.0}


async def test_the_next_generation_comes_from_what_was_rated(make_studio: MakeStudio) -> None:
    async with make_studio() as studio:
        with pytest.raises(Conflict, match="/antiphon/rate"):
            await studio.floor.breed("knobs", "early", Breeding("evolve", count=2))
        parents = await made(studio, "r1", count=4)
        for number, parent in enumerate(parents[:3]):
            for rater in ("ann", "bob"):
                await studio.floor.rate(
                    "knobs", f"{rater}{number}", parent.candidate_id, 0.9 - 0.3 * number, stem=None, rater=rater,
                    listened_s=None, context="",
                )  # fmt: skip
        generation = await children(studio, "e", "evolve", count=3, seed=5)
        rated = {parent.candidate_id for parent in parents[:3]}
        assert len(generation) == 3
        for child in generation:
            assert child.operator == "evolve"
            assert set(child.parents) <= rated
            assert bool(child.parents) == ((await studio.arm_of(child)) == "new")
        # A later rating changes the population, and not what a repeated request means.
        await studio.floor.rate(
            "knobs", "late", parents[3].candidate_id, 1.0, stem=None, rater="ann", listened_s=None, context=""
        )
        again = await studio.floor.breed("knobs", "e", Breeding("evolve", count=3, seed=6))
        assert again.repeated
        with pytest.raises(Conflict):
            await studio.floor.breed("knobs", "e", Breeding("evolve", count=2))


async def test_a_part_of_a_generation_is_what_no_taste_has_touched(make_studio: MakeStudio) -> None:
    """Blind, in a random order; the rest goes by the ratings of the context alone."""
    async with make_studio(learning=Learning(baseline_share=0.5)) as studio:
        elsewhere = await made(studio, "r0", seed=3, bpm=90.0)
        parents = await made(studio, "r1", count=2, context="lobby")
        for candidate, context in ((elsewhere[0], "studio"), (parents[0], "lobby")):
            await studio.floor.rate(
                "knobs", context, candidate.candidate_id, 0.9, stem=None, rater="ann", listened_s=None, context=context
            )
        with pytest.raises(Conflict, match=r"in the context 'roof' yet.*one of lobby, studio"):
            await studio.floor.breed("knobs", "x", Breeding("evolve", context="roof"))
        generation = await children(studio, "e", "evolve", count=4, seed=2, context="lobby")
        arms = [await studio.arm_of(child) for child in generation]
        assert sorted(arms) == ["baseline", "baseline", "new", "new"]
        for child, arm in zip(generation, arms, strict=True):
            assert child.bpm == parents[0].bpm
            assert child.parents == ((parents[0].candidate_id,) if arm == "new" else ())
        baseline = generation[arms.index("baseline")]
        seed = baseline.seed
        (asked,) = await made(studio, "r2", seed=seed, context="lobby")
        assert asked.genome == baseline.genome, "a baseline loop is what /generate makes of its seed"
        rated = await studio.until(lambda e: isinstance(e, GenerationRated) and e.number == 1)
        assert rated == GenerationRated(1, 0.0, 0, "lobby")
        everybody = await children(studio, "all", "evolve", count=4, seed=5, context="all")
        assert {child.bpm for child in everybody} <= {90.0, REQUEST.bpm}


async def test_a_killed_worker_makes_the_same_children(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.1")
    async with make_studio(max_attempts=10) as studio:
        (parent,) = await made(studio, "r1")
        breeding = Breeding("vary", (parent.candidate_id,), 3, 11, 0.4)
        undisturbed = await children(studio, "v1", "vary", parent, count=3, seed=11, amount=0.4)
        studio.forget()
        submission = await studio.floor.breed("knobs", "v2", breeding)
        for beyond in (0.0, 0.4):
            await studio.sounding("v2", beyond)
            os.kill(studio.worker_pid, signal.SIGKILL)
            await studio.until(lambda e: isinstance(e, Progress) and e.stage == "starting again")
            studio.forget()
        assert (await studio.floor.breed("knobs", "v2", breeding)).repeated
        found = await candidates(studio, "v2")
        assert [child.genome for child in found] == [child.genome for child in undisturbed]
        for before, after in zip(undisturbed, found, strict=True):
            assert np.array_equal(samples(before, "bass"), samples(after, "bass"))
        assert (await studio.floor.job(submission.job_id)).attempt == 3
        assert len(studio.folders()) == 1 + 3 + 3


async def test_a_broken_take_of_a_child_is_another_child(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent_next = tmp_path / "silent next"
    monkeypatch.setenv("TONE_SILENT_NEXT", str(silent_next))
    async with make_studio() as studio:
        (parent,) = await made(studio, "r1")
        await studio.floor.rate(
            "knobs", "v1", parent.candidate_id, 0.9, stem=None, rater="ann", listened_s=None, context=""
        )
        silent_next.touch()
        (child,) = await children(studio, "mended", "restem", parent, stems=("bass",), seed=3)
        assert child.rejected_attempts == 0
        engines = read_sidecar(Path(child.sidecar_path)).data["engines"]
        assert engines["bass"].startswith("sampler"), "the parent's engine is no choice of the child's"
    async with make_studio(engine="neural") as studio:
        for operator, asked in (("vary", {"amount": 0.3}), ("restem", {"stems": ("bass",)}), ("evolve", {})):
            silent_next.touch()
            named = () if operator == "evolve" else (parent,)
            (child,) = await children(studio, operator, operator, *named, seed=3, **asked)
            assert child.rejected_attempts == 1
            assert child.genome != parent.genome
            (rejected,) = read_sidecar(Path(child.sidecar_path)).data["rejected_attempts"]
            assert rejected["seed"] != child.seed
    silent_next.touch()
    async with make_studio(engine="bass:neural") as studio:
        (child,) = await children(studio, "as set", "restem", parent, stems=("bass",), seed=3)
        assert child.rejected_attempts == 1
        assert read_sidecar(Path(child.sidecar_path)).data["engines"]["bass"].startswith("neural"), (
            "what the settings say is a choice"
        )


async def test_children_are_cancelled_and_limited_like_any_job(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.1")
    async with make_studio() as studio:
        (parent,) = await made(studio, "r1")
        vary = Breeding("vary", (parent.candidate_id,), 4, 1)
        await studio.floor.breed("knobs", "v", vary)
        await studio.sounding("v")
        await studio.floor.cancel("knobs", "v")
        assert isinstance(await studio.outcome("v"), CancelledJob)
        with pytest.raises(LimitExceeded, match=r"limits\.queue"):
            for number in range(12):
                await studio.floor.breed("knobs", number, vary)
        with pytest.raises(Conflict):
            await studio.floor.generate("knobs", 0, REQUEST)


async def test_who_can_not_have_children_is_told_why(make_studio: MakeStudio, tmp_path: Path) -> None:
    async with make_studio() as studio:
        (parent,) = await made(studio, "r1")
        with pytest.raises(NotFound):
            await studio.floor.breed("knobs", "a", Breeding("vary", ("nobody",)))
        with pytest.raises(OutOfRange, match="has no stem drums: it has bass, chords"):
            await studio.floor.breed("knobs", "b", Breeding("vary", (parent.candidate_id,), stems=("drums",)))
    # As a ledger from before loops kept their genome has it.
    with_genome = candidate_to_json(parent)
    without = {name: value for name, value in with_genome.items() if name not in ("genome", "operator", "parents")}
    database = Database(tmp_path / "antiphon.db", tmp_path / "backups")
    try:
        await database.run(lambda c: c.execute("UPDATE candidate SET data = ?", (canonical(without),)))
    finally:
        await asyncio.to_thread(database.close)
    async with make_studio() as studio:
        old = await studio.floor.candidate(parent.candidate_id)
        assert (old.genome, old.operator, old.parents) == (None, "generate", ())
        with pytest.raises(Conflict, match="before loops kept their genome"):
            await studio.floor.breed("knobs", "c", Breeding("vary", (parent.candidate_id,)))
        await studio.floor.rate(
            "knobs", new_id(), parent.candidate_id, 0.9, stem=None, rater="ann", listened_s=None, context=""
        )
        with pytest.raises(Conflict, match="nothing has been rated yet"):
            await studio.floor.breed("knobs", "d", Breeding("evolve"))


async def test_a_genome_that_can_not_be_read_fails_its_job_only(make_studio: MakeStudio) -> None:
    async with make_studio() as studio:
        (parent,) = await made(studio, "r1")
        assert parent.genome is not None
        style = replace(parent.genome, style="a style of last year")
        text = json.dumps(genome_to_json(style))
        database = studio.ledger._database
        await database.run(
            lambda c: c.execute("UPDATE candidate SET data = json_set(data, '$.genome', json(?))", (text,))
        )
        await studio.floor.breed("knobs", "v", Breeding("vary", (parent.candidate_id,)))
        failed = await studio.outcome("v")
        assert isinstance(failed, Failed)
        assert "there is no style 'a style of last year'" in failed.message
        assert await made(studio, "r2")


async def test_six_stems_and_a_loop_of_four_from_before_there_were_more(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    async with make_studio() as studio:
        prompt = "funk with vinyl crackle"
        (six,) = await made(studio, "a", stems=(), style="funk", prompt=prompt)
        assert [file.stem for file in six.stems] == list(STEMS)
        assert all(file.midi_path and Path(file.midi_path).is_file() for file in six.stems)
        sidecar = read_sidecar(Path(six.sidecar_path))
        assert sidecar.score.stem("texture").timbre == "texture_vinyl"
        total = np.sum([samples(six, stem) for stem in STEMS], axis=0)
        np.testing.assert_array_equal(total, soundfile.read(six.mix.path)[0])
        (four,) = await made(studio, "b", stems=CORE_STEMS)
    old = candidate_to_json(four)
    old["genome"]["stems"] = [genes for genes in old["genome"]["stems"] if genes["stem"] in CORE_STEMS]
    del old["genome"]["answered"]
    database = Database(tmp_path / "antiphon.db", tmp_path / "backups")
    try:
        change = "UPDATE candidate SET data = ? WHERE candidate_id = ?"
        await database.run(lambda c: c.execute(change, (canonical(old), four.candidate_id)))
    finally:
        await asyncio.to_thread(database.close)
    async with make_studio() as studio:
        (grown,) = await children(studio, "c", "restem", four, stems=("percussion",))
        assert [file.stem for file in grown.stems] == ["drums", "percussion", "bass", "chords", "lead"]
        assert grown.genome is not None
        assert four.genome is not None
        for stem in CORE_STEMS:
            assert express(grown.genome).stem(stem) == express(four.genome).stem(stem)
        (both,) = await children(studio, "d", "cross", four, six, stems=("texture",))
        assert [file.stem for file in both.stems] == [*CORE_STEMS, "texture"]


def test_a_generation_follows_from_its_payload_and_one_from_before_is_what_it_was() -> None:
    rng = np.random.default_rng(2)
    genomes = [draw_genome(REQUEST, seed) for seed in range(6)]
    sounds = [(("lead", tuple(map(float, rng.normal(size=len(MEASURES))))),) for _ in genomes]
    rated = tuple(
        Parent(str(place), genome, 0.15 * place, 1, measures=heard)
        for place, (genome, heard) in enumerate(zip(genomes, sounds, strict=True))
    )
    asked = ChildrenRequest(Breeding("evolve", count=2, seed=9), rated, hears=True)

    def made_of(request: ChildrenRequest) -> list[Genome]:
        drafts = drafts_of("evolve", json.loads(canonical(children_to_json(request))))
        return [drafts.draft(index, 0).genome for index in range(2)]

    assert made_of(asked) == made_of(asked)
    before = replace(asked, hears=False, parents=tuple(replace(parent, measures=()) for parent in rated))
    deaf = made_of(before)
    assert deaf == [with_levels(child.genome) for child in propose(rated, 2, np.random.default_rng(9), hears=False)]
    assert deaf != made_of(asked)
