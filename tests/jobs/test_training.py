"""Trainings through real worker processes, on a tiny model: from ratings to a version on trial, whatever is killed."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from antiphon.domain.candidate import Candidate
from antiphon.domain.event import Done, Failed, JobChanged, Progress, StudioEvent, VersionMade
from antiphon.domain.lineage import Breeding
from antiphon.errors import Conflict
from antiphon.settings import Training
from tests.jobs.conftest import REQUEST, TONE, MakeStudio, Studio, samples, within

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

TINY = "tests.tiny_backend:load"
#: Few steps, and little to replay and to compare.
QUICK = Training(auto=False, steps=6, replay_songs=1, probes=1)


async def _rated(studio: Studio, loops: int = 6, first: int = 0) -> list[str]:
    """Loops of the sampler's and the model's stems, rated better and better."""
    # A bass of random weights is nearly always late; chords pass.
    request = replace(REQUEST, count=loops, seed=11 + first, engines=(("bass", "sampler"), ("chords", "neural")))
    await studio.floor.generate("ears", f"g{first}", request)
    done = await studio.outcome(f"g{first}")
    assert isinstance(done, Done), done
    ids = [candidate.candidate_id for candidate in done.candidates]
    assert len(ids) >= 4, "as many as the automatic start waits for"
    for place, candidate_id in enumerate(ids):
        await studio.floor.rate(
            "ears", f"v{first}-{place}", candidate_id, (place + 1) / loops, stem=None, rater="me",
            listened_s=None, context="",
        )  # fmt: skip
    return ids


def _exaggerate(adapter: Path) -> None:
    """Make what was learnt plain to hear: whether ratings of random weights move these at all is luck."""
    with safe_open(adapter, framework="np") as file:
        about, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    rng = np.random.default_rng(1)
    moved = {name: (each + 0.2 * rng.standard_normal(each.shape)).astype(each.dtype) for name, each in tensors.items()}
    save_file(moved, adapter, about)


async def _made(studio: Studio, request_id: str) -> VersionMade:
    event = await studio.until(
        lambda e: isinstance(e, VersionMade | Failed) and e.request_id == request_id, timeout_s=100
    )
    assert isinstance(event, VersionMade), event
    return event


def _learning(event: StudioEvent) -> bool:
    return isinstance(event, Progress) and event.stage == "learning"


async def test_ratings_become_a_version_that_can_be_used_and_left_again(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    async with make_studio(TINY, training=QUICK, quality_retries=0) as studio:
        await studio.floor.use_model(TINY)
        with pytest.raises(Conflict, match="nothing has been rated"):
            await studio.floor.train("ears", "t0", None)
        await _rated(studio)
        submission = await studio.floor.train("ears", "t1", 4)
        made = await _made(studio, "t1")
        assert made.version == "tiny-1+1"
        adapter = tmp_path / "models" / made.version / "adapter.safetensors"
        assert adapter.is_file()
        report = (await studio.floor.tuning.describe(made.version)).report
        assert {each["name"] for each in report["findings"]} >= {"faults", "diversity", "copies"}
        assert bool(report["reasons"]) == (made.state == "rejected")
        states = [e.state for e in studio.events if isinstance(e, JobChanged) and e.job_id == submission.job_id]
        assert (states[0], states[-1]) == ("submitted", "done")
        fractions = [e.fraction for e in studio.events if isinstance(e, Progress) and e.request_id == "t1"]
        assert fractions == sorted(fractions)
        # The same request again is told the same version and does no work.
        studio.forget()
        assert (await studio.floor.train("ears", "t1", 4)).repeated
        assert await _made(studio, "t1") == made
        rows = {name: state for name, state, _ in await studio.floor.models()}
        assert rows == {TINY: "active", "other:load": "available", made.version: made.state}
        await within(studio.floor.use_model(made.version))
        await studio.floor.generate("ears", "g9", replace(REQUEST, count=1))
        done = await studio.outcome("g9")
        assert isinstance(done, Done)
        assert done.candidates[0].model_version == made.version
        assert await within(studio.floor.rollback_model()) == TINY


async def test_old_clips_are_made_again_to_the_bit_after_any_number_of_swaps(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    async with make_studio(TINY, training=QUICK, quality_retries=0) as studio:
        await studio.floor.use_model(TINY)
        await _rated(studio)
        await studio.floor.train("ears", "t1", 4)
        version = (await _made(studio, "t1")).version
        _exaggerate(tmp_path / "models" / version / "adapter.safetensors")
        numbers = itertools.count()
        asked = replace(REQUEST, engines=(("bass", "sampler"), ("chords", "neural")))

        async def made(model: str | None = None, of: Candidate | None = None) -> Candidate:
            """A loop by a model, or the child of one: always the same request, under a name of its own."""
            name = f"again-{next(numbers)}"
            if of is None:
                await studio.floor.generate("ears", name, replace(asked, model=model))
            else:
                await studio.floor.breed("ears", name, Breeding("vary", (of.candidate_id,), seed=3))
            done = await studio.outcome(name)
            assert isinstance(done, Done), done
            return done.candidates[0]

        first, tuned = await made(TINY), await made(version)
        children = [await made(of=first), await made(of=tuned)]
        assert [each.model_version for each in (first, tuned, *children)] == ["tiny-1", version] * 2
        assert not np.array_equal(samples(first, "chords"), samples(tuned, "chords")), "the version is another model"
        for swap in ("use version", "roll back", "use version", "use base", "roll back", "restart", "roll back"):
            match swap:
                case "roll back":
                    await within(studio.floor.rollback_model())
                case "restart":
                    os.kill(studio.worker_pid, signal.SIGKILL)
                case _:
                    await within(studio.floor.use_model(version if swap == "use version" else TINY))
            again = [await made(TINY), await made(version), await made(of=first), await made(of=tuned)]
            for before, after in zip((first, tuned, *children), again, strict=True):
                assert (after.genome, after.model_version) == (before.genome, before.model_version), swap
                for stem in ("bass", "chords"):
                    assert np.array_equal(samples(before, stem), samples(after, stem)), (swap, stem)
            studio.forget()


async def test_somebody_who_waits_goes_before_a_training_and_it_goes_on_afterwards(make_studio: MakeStudio) -> None:
    async with make_studio(TINY, training=QUICK, quality_retries=0) as studio:
        await _rated(studio)
        await studio.floor.train("ears", "t1", 60)
        await studio.until(_learning, timeout_s=100)
        await studio.floor.generate("hands", "now", REQUEST)
        assert isinstance(await studio.outcome("now"), Done)
        assert not [e for e in studio.events if isinstance(e, VersionMade)]
        assert [e for e in studio.events if isinstance(e, Progress) and e.stage == "waiting for others"]
        made = await _made(studio, "t1")
        course = (await studio.floor.tuning.describe(made.version)).report["course"]
        assert (course["resumed"], course["step"]) == (0, 60), "it was kept in memory"


async def test_a_killed_training_goes_on_from_its_checkpoint(make_studio: MakeStudio, tmp_path: Path) -> None:
    async with make_studio(TINY, training=QUICK, quality_retries=0, max_attempts=2) as studio:
        await _rated(studio)
        await studio.floor.train("ears", "t1", 60)
        checkpoint = tmp_path / "models" / "tiny-1+1" / "checkpoint.safetensors"
        for _ in range(3):
            async with asyncio.timeout(100):
                while not checkpoint.exists():
                    await asyncio.sleep(0.05)
            studio.forget()
            os.kill(studio.worker_pid, signal.SIGKILL)
            await studio.until(lambda e: isinstance(e, Progress) and e.stage == "starting again")
            # The dead worker's last words came before; what is heard from here on is its successor's.
            studio.forget()
            await studio.until(lambda e: _learning(e) or isinstance(e, VersionMade), timeout_s=100)
        made = await _made(studio, "t1")
        course = (await studio.floor.tuning.describe(made.version)).report["course"]
        assert course["step"] == 60
        assert course["resumed"] >= 1


async def test_a_cancelled_training_leaves_nothing(make_studio: MakeStudio, tmp_path: Path) -> None:
    async with make_studio(TINY, training=QUICK, quality_retries=0) as studio:
        await _rated(studio)
        await studio.floor.train("ears", "t1", 5000)
        await studio.until(_learning, timeout_s=100)
        await studio.floor.cancel("ears", "t1")
        await studio.floor.generate("hands", "after", REQUEST)
        assert isinstance(await studio.outcome("after"), Done)
        assert list((tmp_path / "models").iterdir()) == []
        assert [name for name, _, _ in await studio.floor.models()] == [TINY, "other:load"]


async def test_enough_evidence_starts_a_training_by_itself(make_studio: MakeStudio) -> None:
    settings = Training(auto=True, information=0.01, least_ratings=4, steps=2, replay_songs=1, probes=1)
    async with make_studio(TINY, training=settings, quality_retries=0) as studio:
        await _rated(studio)
        made = await studio.until(lambda e: isinstance(e, VersionMade | Failed), timeout_s=100)
        assert isinstance(made, VersionMade)
        assert made.client == "antiphon"


async def test_another_model_cannot_be_trained(make_studio: MakeStudio) -> None:
    async with make_studio(TONE) as studio:
        await studio.floor.generate("ears", "g", REQUEST)
        done = await studio.outcome("g")
        assert isinstance(done, Done)
        await studio.floor.rate(
            "ears", 1, done.candidates[0].candidate_id, 1.0, stem=None, rater="me", listened_s=None, context=""
        )
        with pytest.raises(Conflict, match="can't be fine-tuned"):
            await studio.floor.train("ears", "t1", None)
