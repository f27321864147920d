"""Trainings through real worker processes, on a tiny model: from ratings to a version on trial, whatever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from antiphon.domain.event import Done, Failed, JobChanged, Progress, StudioEvent, VersionMade
from antiphon.errors import Conflict
from antiphon.settings import Training
from tests.jobs.conftest import REQUEST, TONE, MakeStudio, Studio, within

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
