"""The kiosk's page in a real browser, touched as a visitor touches it: its script does what the routes are for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from antiphon.errors import StartupError
from antiphon.pilot.kiosk import serving
from antiphon.pilot.people import PeoplePanel
from antiphon.pilot.showing import Loop, Said
from tests.browser import Page, browsing
from tests.pilot.house import tone

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow, pytest.mark.integration]

#: What is sounding now, at its loudest, 0 to 1: heard by a meter of the test's own beside the loudspeaker.
LEVEL = """(async () => {
  const meter = sound.createAnalyser(), wave = new Float32Array(meter.fftSize);
  source.connect(meter);
  await new Promise(done => setTimeout(done, 200));
  meter.getFloatTimeDomainData(wave);
  return Math.max(...wave);
})()"""
PLAYS = "document.querySelector('#play').ariaPressed === 'true' && sound.state === 'running'"
TITLE = "document.querySelector('#title').textContent"
FAULT = "document.querySelector('#fault').textContent"


class Visit:
    """A page at the kiosk, and the experiment behind it: `said` is what arrived; the next `refused` ratings fail."""

    def __init__(self, page: Page, panel: PeoplePanel) -> None:
        self.page, self.panel = page, panel
        self.said: list[Said] = []
        self.refused = 0

    async def note(self, said: Said) -> None:
        if self.refused:
            self.refused -= 1
            raise StartupError("the server does not answer: is it running?")
        self.said.append(said)

    def generation(self, number: int, *names: str) -> asyncio.Task[None]:
        loops = [Loop(name, tone(200.0, 0.4), 0.4, ()) for name in names]
        return asyncio.ensure_future(self.panel.rate(number, loops, self.note))


@pytest.fixture
async def visit(tmp_path: Path) -> AsyncIterator[Visit]:
    panel = PeoplePanel(1)
    async with serving(panel, "127.0.0.1", 0) as address, browsing(address, tmp_path / "profile") as page:
        yield Visit(page, panel)


async def test_a_visitor_hears_and_rates_two_generations(visit: Visit) -> None:
    page = visit.page
    await page.until(f"{TITLE}.startsWith('The next loops')")
    first = visit.generation(0, "a", "b")
    await page.until("data !== null")
    assert await page.value("document.querySelectorAll('#scale button:enabled').length") == 0, "rate what you heard"
    await page.touch("#play")
    await page.until(PLAYS)
    assert await page.value(LEVEL) == pytest.approx(0.3, abs=0.05)
    heard = await page.value("loop.candidate")
    await page.touch("#scale button:nth-child(5)")
    # From the first touch on, loops play by themselves.
    await page.until(f"loop && loop.candidate !== '{heard}' && {PLAYS}")
    assert await page.value("document.querySelector('#place').textContent") == "2 of 12"
    await page.touch("#scale button:nth-child(1)")
    await asyncio.wait_for(first, 30)
    await page.until(f"{TITLE}.startsWith('The next loops')")
    second = visit.generation(1, "c")
    await page.until(f"loop && loop.candidate === 'c' && {PLAYS}")
    await page.touch("#scale button:nth-child(6)")
    await asyncio.wait_for(second, 30)
    assert [said.value for said in visit.said] == [0.8, 0.0, 1.0]
    assert [said.candidate_id for said in visit.said] == [heard, *({"a", "b"} - {heard}), "c"]
    assert all(said.listened_s and 0.0 < said.listened_s < 60.0 for said in visit.said)
    assert len({said.rater for said in visit.said}) == 1


async def test_bad_answers_are_told_and_the_visitor_goes_on(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    page = visit.page
    task = visit.generation(0, "a", "b")
    await page.until("data !== null")
    await page.touch("#play")
    await page.until(PLAYS)
    heard = await page.value("loop.candidate")
    visit.refused = 1
    await page.touch("#scale button:nth-child(4)")
    told = await page.until(f"{PLAYS} && {FAULT}")
    assert told == "Your 3 was not taken: the server does not answer: is it running?"
    assert await page.value("loop.candidate") == heard
    await page.touch("#scale button:nth-child(4)")
    await page.until(f"{PLAYS} && loop.candidate !== '{heard}'")
    assert await page.value(FAULT) == ""
    # A kiosk that has no answer at all: the page says so, and the same visitor goes on.
    with monkeypatch.context() as broken:
        broken.setattr(visit.panel, "next_for", lambda _session: 1 / 0)
        await page.value("next().catch(wrong)")
        assert await page.until(f"{TITLE}.startsWith('One moment') && {FAULT}") == "Internal Server Error"
    await page.until(f"{PLAYS} && {FAULT} === ''")
    await page.touch("#scale button:nth-child(2)")
    await asyncio.wait_for(task, 30)
    assert [said.value for said in visit.said] == [0.6, 0.2]
    assert len({said.rater for said in visit.said}) == 1


async def test_a_forgotten_visitor_is_a_new_one(visit: Visit) -> None:
    page = visit.page
    task = visit.generation(0, "a")
    await page.until("data !== null")
    await page.touch("#play")
    await page.until(PLAYS)
    visit.panel._visitors.clear()
    await page.touch("#scale button:nth-child(4)")
    await page.until(f"{FAULT}.includes('no such session')")
    await page.until("session !== null && data !== null && sound === null")
    await page.touch("#play")
    await page.until(PLAYS)
    await page.touch("#scale button:nth-child(4)")
    await asyncio.wait_for(task, 30)
    await page.until(f"{TITLE}.startsWith('The next loops')")
