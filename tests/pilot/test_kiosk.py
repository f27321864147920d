"""The kiosk over real HTTP: whole sessions, bad input, and that nothing tells an arm or a generation."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from antiphon.errors import StartupError
from antiphon.pilot.experiment import Experiment, Plan
from antiphon.pilot.kiosk import serving
from antiphon.pilot.people import FORGOTTEN_S, PeoplePanel
from antiphon.pilot.showing import SESSION, Loop, Said
from tests.clock import Clock
from tests.pilot.house import MemoryHouse, tone


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def panel(clock: Clock) -> PeoplePanel:
    return PeoplePanel(1, clock=clock)


@pytest.fixture
async def http(panel: PeoplePanel) -> AsyncIterator[ClientSession]:
    async with serving(panel, "127.0.0.1", 0) as address, ClientSession(address) as session:
        yield session


class Rating:
    """A generation that is being rated, and what was said of it."""

    def __init__(self, panel: PeoplePanel, count: int, generation: int = 0) -> None:
        loops = [Loop(f"c{n}", tone(200.0, 0.1), 0.1, ()) for n in range(count)]
        self.said: list[Said] = []
        self.task = asyncio.ensure_future(panel.rate(generation, loops, self._note))

    async def _note(self, said: Said) -> None:
        await asyncio.sleep(0)
        self.said.append(said)

    async def __aenter__(self) -> Rating:
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def post(http: ClientSession, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    async with http.post(path, json=body) as answer:
        return answer.status, await answer.json()


async def visitor(http: ClientSession) -> str:
    status, told = await post(http, "/session", {})
    assert (status, set(told)) == (200, {"session"})
    return str(told["session"])


async def test_a_whole_session_and_that_it_tells_nothing(http: ClientSession, panel: PeoplePanel) -> None:
    async with Rating(panel, 40, generation=1) as rating:
        session = await visitor(http)
        for place in range(1, SESSION + 1):
            status, told = await post(http, "/next", {"session": session})
            assert (status, told["state"], told["place"], told["of"]) == (200, "loop", place, SESSION)
            assert set(told) == {"state", "candidate", "audio", "place", "of"}
            assert (await post(http, "/next", {"session": session}))[1] == told, "asked again, the same"
            async with http.get(told["audio"]) as audio:
                assert (audio.status, audio.content_type) == (200, "audio/wav")
                assert (await audio.read()).startswith(b"RIFF")
            body = {"session": session, "candidate": told["candidate"], "value": 2.5, "listened_s": 3.2}
            assert await post(http, "/rate", body) == (200, {"taken": True})
        assert (await post(http, "/next", {"session": session}))[1] == {"state": "thanks"}
    assert [said.order for said in rating.said] == list(range(SESSION))
    assert {(said.value, said.listened_s) for said in rating.said} == {(0.5, 3.2)}
    (rater,) = {said.rater for said in rating.said}
    assert rater.startswith("visitor-")
    assert session not in rater, "the published name is no key"
    assert len({said.candidate_id for said in rating.said if not said.again}) == SESSION - sum(
        said.again for said in rating.said
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"value": 5.1}, "from 0 to 5"),
        ({"value": -1}, "from 0 to 5"),
        ({"value": "5"}, "from 0 to 5"),
        ({"value": True}, "from 0 to 5"),
        ({"value": None}, "from 0 to 5"),
        ({"value": float("nan")}, "from 0 to 5"),
        ({"value": 10**400}, "from 0 to 5"),
        ({"candidate": "c999"}, "not the loop"),
        ({"candidate": 5}, "candidate has to be"),
        ({"session": "nobody"}, "no such session"),
        ({"session": ["a"]}, "session has to be"),
        ({"listened_s": -1}, "listened_s"),
    ],
)
async def test_bad_ratings_are_answered_and_disturb_nothing(
    http: ClientSession, panel: PeoplePanel, change: dict[str, Any], told: str
) -> None:
    async with Rating(panel, 4) as rating:
        session = await visitor(http)
        candidate = (await post(http, "/next", {"session": session}))[1]["candidate"]
        good = {"session": session, "candidate": candidate, "value": 4}
        status, answer = await post(http, "/rate", good | change)
        assert (status, told in answer["error"]["message"]) == (400, True)
        assert not rating.said
        assert (await post(http, "/rate", good))[0] == 200
        # A second touch is no second rating.
        assert (await post(http, "/rate", good))[0] == 400
        assert len(rating.said) == 1


async def test_what_is_no_json_is_refused(http: ClientSession, panel: PeoplePanel) -> None:
    async with Rating(panel, 4):
        for data, kind in ((b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")):
            for path in ("/rate", "/next", "/session"):
                async with http.post(path, data=data, headers={"Content-Type": kind}) as answer:
                    assert answer.status == 400
                    assert (await answer.json())["error"]["message"]
        async with http.post("/rate", data=b"[" * 4000, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
        async with http.post("/rate", data=b" " * 9000, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 413
        async with http.get("/audio/c99") as answer:
            assert answer.status == 404


async def test_the_page_is_served_and_names_no_other_machine(http: ClientSession) -> None:
    async with http.get("/") as answer:
        page = await answer.text()
    assert answer.content_type == "text/html"
    assert "http://" not in page
    assert "https://" not in page
    assert not any(word in page for word in ("baseline", "generation", "arm "))


async def test_visitors_are_given_different_loops_until_all_are_rated(http: ClientSession, panel: PeoplePanel) -> None:
    async with Rating(panel, 8) as rating:
        sessions = [await visitor(http) for _ in range(8)]
        given = [(await post(http, "/next", {"session": each}))[1]["candidate"] for each in sessions]
        assert len(set(given)) == 8
        for session, candidate in zip(sessions, given, strict=True):
            assert not rating.task.done()
            await post(http, "/rate", {"session": session, "candidate": candidate, "value": 3})
        await asyncio.wait_for(rating.task, 5)
        assert (await post(http, "/next", {"session": sessions[0]}))[1] == {"state": "making"}
    assert len({said.rater for said in rating.said}) == 8


async def test_a_loop_whose_visitor_left_goes_to_another(http: ClientSession, panel: PeoplePanel, clock: Clock) -> None:
    async with Rating(panel, 1) as rating:
        await post(http, "/next", {"session": await visitor(http)})
        clock.now_s += 100
        session = await visitor(http)
        told = (await post(http, "/next", {"session": session}))[1]
        await post(http, "/rate", {"session": session, "candidate": told["candidate"], "value": 0})
        await asyncio.wait_for(rating.task, 5)


async def test_sessions_are_forgotten(http: ClientSession, panel: PeoplePanel, clock: Clock) -> None:
    session = await visitor(http)
    clock.now_s += FORGOTTEN_S + 1
    await visitor(http)
    assert (await post(http, "/next", {"session": session}))[0] == 400


async def test_a_rating_of_the_last_generation_comes_too_late(http: ClientSession, panel: PeoplePanel) -> None:
    session = await visitor(http)
    async with Rating(panel, 2):
        candidate = (await post(http, "/next", {"session": session}))[1]["candidate"]
    async with Rating(panel, 2, generation=1) as rating:
        body = {"session": session, "candidate": candidate, "value": 3}
        assert (await post(http, "/rate", body))[0] == 400
        assert not rating.said
        assert (await post(http, "/next", {"session": session}))[1]["place"] == 1


async def test_a_taken_port_is_told(http: ClientSession, panel: PeoplePanel) -> None:
    port = http._base_url.port  # type: ignore[union-attr]
    with pytest.raises(StartupError, match="--kiosk-port"):
        async with serving(panel, "127.0.0.1", port):
            pass


async def test_a_pilot_with_people_from_begin_to_end(http: ClientSession, panel: PeoplePanel) -> None:
    house = MemoryHouse()
    experiment = Experiment(house, panel, Plan("pilot-people", 1, 1, 9))
    run = asyncio.ensure_future(experiment.run())
    async with asyncio.timeout(30):
        while not run.done():
            session = await visitor(http)
            while (told := (await post(http, "/next", {"session": session}))[1])["state"] == "loop":
                value = 5 * house.height[told["candidate"]]
                await post(http, "/rate", {"session": session, "candidate": told["candidate"], "value": value})
            await asyncio.sleep(0.01)
    await run
    pilot = experiment.pilot()
    assert not pilot.simulated
    assert pilot.true_liking == ()
    counts = Counter(each.generation for each in pilot.rated if not each.again)
    assert (counts[0], counts[1]) == (9, 9)
