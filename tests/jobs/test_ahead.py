"""The next generation is there before anybody asks for it, and nobody pays for that: through real worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from antiphon.ahead import Ahead as Keeper
from antiphon.domain.event import Done, JobChanged, StemReady
from antiphon.domain.lineage import Breeding, ChildrenRequest, Parent
from antiphon.domain.preparation import Preparation
from antiphon.domain.request import GenerateRequest
from antiphon.errors import NotFound
from antiphon.settings import Ahead, Settings
from tests.evolution.genomes import loops
from tests.jobs.conftest import REQUEST, MakeStudio, Studio

pytestmark = [pytest.mark.integration, pytest.mark.timeout(200)]

ON = Ahead(enabled=True)


async def rated(studio: Studio, loops: int = 3) -> list[str]:
    """Loops that were asked for, each rated once."""
    await studio.floor.generate("ears", "g", replace(REQUEST, count=loops, seed=11))
    done = await studio.outcome("g")
    assert isinstance(done, Done), done
    for place, candidate in enumerate(done.candidates):
        await rate(studio, candidate.candidate_id, place)
    return [candidate.candidate_id for candidate in done.candidates]


async def rate(studio: Studio, candidate_id: str, number: int) -> None:
    await studio.floor.rate(
        "ears", f"r{number}", candidate_id, 0.2 + number / 10, stem=None, rater="me", listened_s=None, context=""
    )


async def ahead(studio: Studio, state: str) -> dict[str, Any]:
    """The status, as soon as it tells that state."""
    async with asyncio.timeout(60):
        while (status := (await studio.floor.status())["ahead"])["state"] != state:
            await asyncio.sleep(0.02)
    return dict(status)


async def working(studio: Studio) -> None:
    """Wait until the worker prepares."""
    async with asyncio.timeout(60):
        while studio.supervisor.holding.aside() is None or studio.supervisor.holding.stage != "sounding":
            await asyncio.sleep(0.01)


async def evolved(studio: Studio, request_id: str, count: int = 4) -> Done:
    await studio.floor.breed("knobs", request_id, Breeding("evolve", count=count, seed=7, context="studio"))
    done = await studio.outcome(request_id)
    assert isinstance(done, Done), done
    return done


async def test_what_is_prepared_follows_the_ratings_and_is_nobodys_until_somebody_asks(make_studio: MakeStudio) -> None:
    async with make_studio(ahead=replace(ON, lag_share=0.4)) as studio:
        heard = await rated(studio)
        status = await ahead(studio, "ready")
        assert status["generations"] == [{"context": "studio", "count": 4, "ready": True, "ratings": 3}]
        first, folders = status, set(studio.folders())
        await rate(studio, heard[0], 4)  # one of three is within the share
        await asyncio.sleep(1.5)
        assert set(studio.folders()) == folders
        await rate(studio, heard[1], 5)
        async with asyncio.timeout(60):
            while (status := await ahead(studio, "ready"))["generations"] == first["generations"]:
                await asyncio.sleep(0.05)
        assert status["generations"] == [{"context": "studio", "count": 4, "ready": True, "ratings": 5}]
        assert status["dropped"] == 1
        assert len(studio.folders()) == len(folders)
        assert len(set(studio.folders()) & folders) == len(heard)
        on_disk = {folder.name for folder in studio.folders()} - set(heard)
        assert len(on_disk) == 4
        assert status["disk_bytes"] > 1e5
        # Nothing of it can be seen, shown, rated, counted or cancelled.
        assert {each.candidate_id for each in await studio.floor.candidates(50)} == set(heard)
        with pytest.raises(NotFound):
            await rate(studio, next(iter(on_disk)), 9)
        assert (await studio.floor.status())["queue"] == 0
        jobs = {event.job_id for event in studio.events if isinstance(event, JobChanged)}
        assert len(jobs) == 1
        assert await studio.records.exposures(9) == []

        done = await evolved(studio, "e")
        assert {child.candidate_id for child in done.candidates} == on_disk
        arms = sorted([await studio.arm_of(child) for child in done.candidates])
        assert arms == ["baseline", "new", "new", "new"]
        assert [each.number for each in await studio.records.generations()][-1:] == [1]
        told = [e.file.path for e in studio.events if isinstance(e, StemReady) and e.request_id == "e"]
        assert sorted(told) == sorted(f.path for c in done.candidates for f in (*c.stems, c.mix))
        assert all(Path(path).is_file() for path in told)
        assert await studio.records.exposures(9) == []  # made is not shown
        # The same id is the same request; another one finds nothing prepared, and gets its own.
        again = await studio.floor.breed("knobs", "e", Breeding("evolve", count=4, seed=8, context="studio"))
        assert (again.repeated, again.job_id) == (True, done.job_id)
        fresh = await evolved(studio, "f")
        assert not {child.candidate_id for child in fresh.candidates} & on_disk
        assert (await studio.floor.status())["ahead"]["used"] == 1


async def test_it_yields_to_whoever_asks_goes_on_where_it_was_and_is_told_whole_when_asked_for(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    log = tmp_path / "steps.log"
    monkeypatch.setenv("TONE_LOG", str(log))
    monkeypatch.setenv("TONE_STEP_S", "0.03")
    async with make_studio(ahead=ON) as studio:
        await rated(studio)
        await working(studio)
        while len(studio.folders()) < 4:  # one of the prepared loops is there
            await asyncio.sleep(0.01)
        await studio.floor.generate("ears", "now", replace(REQUEST, seed=99))
        assert isinstance(await studio.outcome("now"), Done)
        assert (await studio.floor.status())["ahead"]["state"] == "preparing"
        await working(studio)
        done = await evolved(studio, "e")  # in the making
        assert (await studio.floor.status())["ahead"]["used"] == 1
        told = {e.file.path for e in studio.events if isinstance(e, StemReady) and e.request_id == "e"}
        assert told == {f.path for c in done.candidates for f in (*c.stems, c.mix)}
        steps = [line.split() for line in log.read_text().splitlines()]
        finished = [seed for seed, step in steps if step == "4"]
        assert len(finished) == len(set(finished)), "a loop was sounded twice"


async def test_a_killed_worker_and_a_new_server_lose_nothing_of_it(
    make_studio: MakeStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONE_STEP_S", "0.03")
    async with make_studio(ahead=ON) as studio:
        heard = await rated(studio)
        await working(studio)
        os.kill(studio.worker_pid, signal.SIGKILL)
        await ahead(studio, "preparing")
        assert await studio.floor.rating_of(heard[0], "me") == pytest.approx(0.2)
    # The server is gone with it still to be made: the next one makes it, and it is there for whoever asks.
    async with make_studio(ahead=ON) as studio:
        await ahead(studio, "ready")
        await evolved(studio, "e")
        assert (await studio.floor.status())["ahead"]["used"] == 1


class Bare:
    """A shelf, records and a supervisor that have nothing but three ratings, and a generation of a megabyte."""

    ready = type("Ready", (), {"version": "tone-1"})
    fault, model, spent_s = "", "tone", 1.0

    def __init__(self) -> None:
        self.holding, self.prepared = self, 0

    def spent_ahead_s(self) -> float:
        return self.spent_s

    def wake(self) -> None: ...

    async def preparations(self) -> list[Preparation]:
        return []

    async def newest_asked(self) -> tuple[str, int] | None:
        return ("elsewhere", 9)

    async def said(self, context: str | None) -> int:
        return 3

    async def prepare(self, payload: dict[str, Any]) -> None:
        assert (payload["count"], payload["context"], payload["ahead"]["known"]) == (4, "studio", 3)
        assert payload["ahead"]["bytes"] == pytest.approx(4 * 5 * 44100 * 3 * 2 * 16 * 60 / loops(1)[0].bpm, rel=0.01)
        self.prepared += 1

    async def requests(self, limit: int, context: str | None = None) -> list[GenerateRequest]:
        return []

    async def children(self, breeding: Breeding) -> ChildrenRequest:
        return ChildrenRequest(breeding, (Parent("c1", loops(1)[0], 0.8, 3),))

    async def models(self) -> tuple[str, str]:
        return "", ""


@pytest.mark.parametrize(
    ("bound", "state", "notice"),
    [
        (Ahead(), "nothing", ""),
        (Ahead(enabled=False), "off", ""),
        (Ahead(disk_mb=5), "nothing", "ahead.disk_mb"),
        (Ahead(minutes_per_hour=0.01), "nothing", "ahead.minutes_per_hour"),
    ],
)
async def test_it_can_be_turned_off_and_bounded(
    bound: Ahead, state: str, notice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("antiphon.ahead.QUIET_S", 0.0)
    bare: Any = Bare()
    keeper = Keeper(Settings(ahead=bound), bare, bare, bare, bare.children, bare.models)
    keeper.rated("studio")
    await asyncio.sleep(0.1)
    status = await keeper.status()
    assert (status["state"], bare.prepared) == (state, int(bound == Ahead()))
    assert notice in status["notice"]
    assert bool(status["notice"]) == bool(notice)
    await keeper.close()
