"""Jobs through real worker processes: done once whatever is killed, stopped when cancelled, explained when failed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from antiphon.domain.engines import parse_engines
from antiphon.domain.event import (
    CancelledJob,
    CurrentChanged,
    Done,
    Failed,
    JobChanged,
    Progress,
    PromptRead,
    StemReady,
    TempoChanged,
)
from antiphon.domain.reading import PromptReading
from antiphon.errors import BackendFailed, Conflict, LimitExceeded, NotFound
from antiphon.generation.prompts import read_prompt
from antiphon.rendering.sidecar import read_sidecar
from tests.disks import small_disk
from tests.jobs.conftest import REQUEST, TONE, MakeStudio, alive, samples, within

NEURAL = parse_engines("neural")

pytestmark = pytest.mark.integration


async def test_a_request_becomes_files(make_studio: MakeStudio, tmp_path: Path) -> None:
    async with make_studio() as studio:
        submission = await studio.floor.generate("knobs", "r1", replace(REQUEST, count=2))
        assert not submission.repeated
        done = await studio.outcome("r1")
        assert isinstance(done, Done)
        assert [candidate.index for candidate in done.candidates] == [0, 1]
        for candidate in done.candidates:
            assert candidate.job_id == submission.job_id
            assert candidate.model_version == "tone-1"
            for file in (*candidate.stems, candidate.mix):
                info = soundfile.info(file.path)
                assert (info.frames, info.samplerate) == (file.frames, 44100) == (round(4 * 60 / 124 * 44100), 44100)
            assert Path(candidate.sidecar_path).is_file()
            assert await studio.floor.candidate(candidate.candidate_id) == candidate
        assert len({candidate.seed for candidate in done.candidates}) == 2
        stems = [event for event in studio.events if isinstance(event, StemReady)]
        assert [event.file.stem for event in stems] == ["bass", "chords", "mix"] * 2
        assert [event.candidate_id for event in stems][::3] == [each.candidate_id for each in done.candidates]
        fractions = [event.fraction for event in studio.events if isinstance(event, Progress)]
        assert fractions == sorted(fractions)
        states = [event.state for event in studio.events if isinstance(event, JobChanged)]
        assert (states[0], states[-1]) == ("submitted", "done")
        assert [path.parent.parent for path in studio.folders()] == [tmp_path / "library"] * 2
        assert "this line must not reach the pipe" in (tmp_path / "logs" / "worker.log").read_text()
        if sys.platform == "linux":
            mapped = Path(f"/proc/{studio.worker_pid}/maps").read_text()
            assert "libtorch" not in mapped, "it takes seconds to load, and only networks need it"
        status = await studio.floor.status()
        assert (status["queue"], status["jobs"]["done"], status["model"]) == (0, 1, "tone-1")
        assert status["worker"]["state"] == "ready"


async def test_a_repeated_request_gets_the_same_answers_and_is_done_once(
    make_studio: MakeStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_LOG", str(tmp_path / "steps"))
    async with make_studio() as studio:
        first = await studio.floor.generate("knobs", 7, REQUEST)
        again = await studio.floor.generate("knobs", 7, replace(REQUEST, seed=99))
        assert (again.job_id, again.repeated) == (first.job_id, True)
        done = await studio.outcome(7)
        stems = [event for event in studio.events if isinstance(event, StemReady)]
        studio.forget()
        assert (await studio.floor.generate("knobs", 7, REQUEST)).repeated
        assert studio.events == []
        assert await studio.outcome(7) == done
        assert [event for event in studio.events if isinstance(event, StemReady)] == stems
        with pytest.raises(Conflict):
            await studio.floor.generate("knobs", 7, replace(REQUEST, bpm=99.0))
    async with make_studio() as studio:
        assert (await studio.floor.generate("knobs", 7, REQUEST)).repeated
        assert await studio.outcome(7) == done
    assert len((tmp_path / "steps").read_text().splitlines()) == 4


async def test_how_a_prompt_was_read_is_told_again_as_it_was_after_a_restart(make_studio: MakeStudio) -> None:
    asked = replace(REQUEST, prompt="dusty flurbs", reading=read_prompt("dusty flurbs"))
    reworded = replace(asked, reading=PromptReading(ignored=("as a later vocabulary reads it",)))
    async with make_studio() as studio:
        await studio.floor.generate("knobs", 8, asked)
        (first,) = [event for event in studio.events if isinstance(event, PromptRead)]
        assert first.reading == asked.reading
        assert first.reading.ignored == ("flurbs",)
        assert isinstance(await studio.outcome(8), Done)
    async with make_studio() as studio:
        assert (await studio.floor.generate("knobs", 8, reworded)).repeated
        assert isinstance(await studio.outcome(8), Done)
        assert [event for event in studio.events if isinstance(event, PromptRead)] == [first]


async def test_a_killed_worker_is_replaced_and_its_job_done_once(
    make_studio: MakeStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.1")
    async with make_studio(max_attempts=10) as studio:
        submissions = [await studio.floor.generate("knobs", number, REQUEST) for number in range(3)]
        for kill in range(4):
            studio.forget()
            await studio.sounding(min(kill, 2))
            os.kill(studio.worker_pid, signal.SIGKILL)
            await studio.until(lambda e: isinstance(e, Progress) and e.stage == "starting again")
            await within(wait_until_idle_or_sounding(studio))
            if kill < 2:
                await studio.outcome(kill)
        assert isinstance(await studio.outcome(2), Done)
        counts = await studio.ledger.counts()
        assert (counts["done"], counts["failed"], counts["submitted"] + counts["leased"]) == (3, 0, 0)
        assert len(await studio.floor.candidates(99)) == 3
        assert len(studio.folders()) == 3
        assert not list(tmp_path.glob("library/*/*/.*.part"))
        jobs = [await studio.floor.job(submission.job_id) for submission in submissions]
        assert sum(job.attempt for job in jobs) == 3 + 4
        assert studio.supervisor.status()["restarts"] == 4


async def wait_until_idle_or_sounding(studio: object) -> None:
    """Until the next worker is there."""
    while studio.supervisor.status()["state"] not in ("ready", "working"):  # type: ignore[attr-defined]
        await asyncio.sleep(0.02)


async def test_a_job_that_kills_its_worker_each_time_is_set_aside_and_the_next_is_done(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_DIE_ON_BPM", "66.0")
    async with make_studio(max_attempts=2) as studio:
        await studio.floor.generate("knobs", "deadly", replace(REQUEST, bpm=66.0))
        await studio.floor.generate("knobs", "harmless", REQUEST)
        failed = await studio.outcome("deadly")
        assert isinstance(failed, Failed)
        assert failed.code == "worker_lost"
        assert "died 2 times" in failed.message
        assert "SIGKILL" in failed.message
        assert isinstance(await studio.outcome("harmless"), Done)
        assert len(studio.folders()) == 1


async def test_a_worker_that_falls_silent_is_replaced(make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.1")
    async with make_studio(lease_s=2.5) as studio:
        await studio.floor.generate("knobs", "r1", REQUEST)
        await studio.sounding("r1")
        silent = studio.worker_pid
        os.kill(silent, signal.SIGSTOP)
        assert isinstance(await studio.outcome("r1"), Done)
        assert not alive(silent)
        assert len(await studio.floor.candidates(99)) == 1


async def test_cancel_is_obeyed_within_two_steps_and_leaves_nothing(
    make_studio: MakeStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = tmp_path / "steps"
    monkeypatch.setenv("TONE_LOG", str(steps))
    monkeypatch.setenv("TONE_STEP_S", "0.25")
    monkeypatch.setenv("TONE_STEPS", "12")
    async with make_studio() as studio:
        await studio.floor.generate("knobs", "r1", replace(REQUEST, count=3))
        await studio.floor.generate("knobs", "r2", replace(REQUEST, steps=1))
        await studio.sounding("r1", beyond=0.02)
        taken = len(steps.read_text().splitlines())
        await studio.floor.cancel("knobs", "r1")
        assert isinstance(await studio.outcome("r1"), CancelledJob)
        assert isinstance(await studio.outcome("r2"), Done)
        of_cancelled = [line for line in steps.read_text().splitlines() if line.startswith("5 ")]
        assert len(of_cancelled) - 1 - taken <= 2, "the one step of r2 has the same seed"
        assert len(studio.folders()) == 1
        with pytest.raises(Conflict):
            await studio.floor.cancel("knobs", "r1")


async def test_a_waiting_job_is_cancelled_without_being_started(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.1")
    async with make_studio() as studio:
        for number in range(3):
            await studio.floor.generate("knobs", number, REQUEST)
        await studio.floor.cancel("knobs", 1)
        assert isinstance(await studio.outcome(2), Done)
        assert not [e for e in studio.events if isinstance(e, Progress) and e.request_id == 1]
        with pytest.raises(NotFound):
            await studio.floor.cancel("someone else", 2)


async def test_the_queue_has_an_end(make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONE_LOAD_S", "1")
    async with make_studio(ready=False) as studio:
        for number in range(8):
            await studio.floor.generate("knobs", number, REQUEST)
        with pytest.raises(LimitExceeded, match=r"limits\.queue"):
            await studio.floor.generate("knobs", 8, REQUEST)


async def test_a_broken_take_is_made_again_and_counted(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_SILENT_TAKES", "2")
    async with make_studio() as studio:
        await studio.floor.generate("knobs", "r1", replace(REQUEST, engines=NEURAL))
        done = await studio.outcome("r1")
        assert isinstance(done, Done)
        assert done.candidates[0].rejected_attempts == 2
        assert done.candidates[0].seed != REQUEST.seed
        assert (await studio.floor.status())["rejected_takes"] == 2
        fractions = [event.fraction for event in studio.events if isinstance(event, Progress)]
        assert fractions == sorted(fractions), "a bar that people watch does not go back"


async def test_a_loop_that_stays_broken_is_never_delivered(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_SILENT_TAKES", "4")
    async with make_studio(quality_retries=2) as studio:
        await studio.floor.generate("knobs", "r1", replace(REQUEST, count=2, engines=NEURAL))
        done = await studio.outcome("r1")
        assert isinstance(done, Done)
        assert [candidate.index for candidate in done.candidates] == [1]
    monkeypatch.setenv("TONE_SILENT_TAKES", "99")
    async with make_studio(quality_retries=1, engine="neural") as studio:
        await studio.floor.generate("knobs", "r2", REQUEST)
        failed = await studio.outcome("r2")
        assert isinstance(failed, Failed)
        assert failed.code == "quality"
        assert "silent" in failed.message
        assert (await studio.floor.status())["rejected_takes"] == 4 + 2
        assert len(studio.folders()) == 1


async def test_what_the_model_gets_wrong_the_sampler_plays_and_the_loop_is_the_one_asked_for(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_SILENT_TAKES", "1")
    async with make_studio() as studio:
        await studio.floor.generate("knobs", "r1", REQUEST)
        await studio.floor.generate("knobs", "r2", replace(REQUEST, engines=parse_engines("sampler")))
        mended, sampled = [(await studio.outcome(request_id)) for request_id in ("r1", "r2")]
        assert isinstance(mended, Done)
        assert isinstance(sampled, Done)
        (candidate,) = mended.candidates
        assert (candidate.rejected_attempts, candidate.seed) == (0, REQUEST.seed)
        sidecar = read_sidecar(Path(candidate.sidecar_path)).data
        assert {each["stem"]: each["instead"] for each in sidecar["mended"]} == {"bass": "sampler", "chords": "sampler"}
        assert "silent" in sidecar["mended"][0]["fault"]
        assert all(engine.startswith("sampler") for engine in sidecar["engines"].values())
        assert np.array_equal(samples(candidate, "bass"), samples(sampled.candidates[0], "bass")), "its genome says so"


async def test_a_model_that_does_not_load_refuses_requests_until_it_does(
    make_studio: MakeStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unloadable = tmp_path / "unloadable"
    unloadable.touch()
    monkeypatch.setenv("TONE_UNLOADABLE", str(unloadable))
    monkeypatch.setattr("antiphon.jobs.supervisor.RELOAD_S", 0.2)
    async with make_studio(ready=False) as studio:
        with pytest.raises(BackendFailed, match="weights are missing"):
            await within(studio.supervisor.settled())
        with pytest.raises(BackendFailed, match="restore them"):
            await studio.floor.generate("knobs", "r1", REQUEST)
        assert (await studio.floor.status())["worker"]["state"] == "broken"
        unloadable.unlink()
        while studio.supervisor.fault:
            await asyncio.sleep(0.05)
        await studio.floor.generate("knobs", "r1", REQUEST)
        assert isinstance(await studio.outcome("r1"), Done)


async def test_a_model_that_does_not_exist_is_explained_and_the_other_stays(make_studio: MakeStudio) -> None:
    async with make_studio() as studio:
        with pytest.raises(NotFound, match="the models are"):
            await studio.floor.use_model("nowhere")
        with pytest.raises(BackendFailed, match="could not be imported"):
            await studio.floor.use_model("other:load")
        with pytest.raises(Conflict, match="no earlier model"):
            await studio.floor.rollback_model()
        assert await studio.floor.models() == [(TONE, "active", 0.0), ("other:load", "available", 0.0)]
        await studio.floor.use_model(TONE)
        await studio.floor.generate("knobs", "r1", replace(REQUEST, model="other:load"))
        failed = await studio.outcome("r1")
        assert isinstance(failed, Failed)
        assert failed.code == "backend"
        await studio.floor.generate("knobs", "r2", REQUEST)
        assert isinstance(await studio.outcome("r2"), Done)


async def test_a_library_that_cannot_be_written_fails_the_job_and_the_server_goes_on(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    async with make_studio() as studio:
        (tmp_path / "library").rmdir()
        (tmp_path / "library").write_text("in the way")
        await studio.floor.generate("knobs", "r1", REQUEST)
        failed = await studio.outcome("r1")
        assert isinstance(failed, Failed)
        assert failed.code == "storage"
        (tmp_path / "library").unlink()
        await studio.floor.generate("knobs", "r2", REQUEST)
        assert isinstance(await studio.outcome("r2"), Done)


async def test_a_full_disk_fails_the_job_leaves_nothing_and_the_next_one_is_done(
    make_studio: MakeStudio, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", "5m") as disk:
        async with make_studio(data_dir=disk) as studio:
            await studio.floor.generate("knobs", "large", replace(REQUEST, bars=16))
            failed = await studio.outcome("large")
            assert isinstance(failed, Failed)
            assert failed.code == "storage"
            assert "free some space" in failed.message
            assert not list(disk.glob("library/*/*"))
            await studio.floor.generate("knobs", "small", REQUEST)
            assert isinstance(await studio.outcome("small"), Done)


async def test_what_a_dead_server_left_is_taken_up_again(
    make_studio: MakeStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.3")
    async with make_studio() as studio:
        await studio.floor.generate("knobs", "r1", REQUEST)
        await studio.floor.set_tempo(91.0)
        await studio.sounding("r1")
        worker = studio.worker_pid
    assert not alive(worker)
    async with make_studio() as studio:
        assert isinstance(await studio.outcome("r1"), Done)
        (candidate,) = await studio.floor.candidates(9)
        await studio.floor.playing("knobs", candidate.candidate_id)
        assert await studio.floor.rate(
            "knobs", "v1", candidate.candidate_id, 0.7, stem=None, rater="eva", listened_s=3.0, context=""
        ) == 0.7  # fmt: skip
        assert CurrentChanged(candidate.candidate_id, 0, 1) in studio.events
    async with make_studio() as studio:
        studio.forget()
        await studio.floor.announce()
        assert CurrentChanged(candidate.candidate_id, 0, 1) in studio.events
        assert await studio.floor.audition(0) == ("", -1, 1)


async def test_a_hosts_tempo_leads_until_it_goes_and_a_set_one_is_kept(make_studio: MakeStudio) -> None:
    async with make_studio() as studio:
        told: list[float] = []
        studio.floor.listen(lambda event: told.append(event.bpm) if isinstance(event, TempoChanged) else None)
        studio.floor.follow_tempo("midi_clock", 93.0)
        await studio.floor.set_tempo(140.0)
        assert studio.floor.tempo_bpm == 93.0
        status = await studio.floor.status()
        assert (status["tempo_bpm"], status["tempo"]["source"]) == (93.0, "midi_clock")
        studio.floor.follow_tempo("midi_clock", None)
        assert (studio.floor.tempo_bpm, told) == (140.0, [93.0, 140.0])
