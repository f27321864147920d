"""Who keeps the player: a sound card that is pulled out is missed, and played on in time when it is back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from antiphon.audition.keeper import Audition
from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.event import CurrentChanged, PlayerChanged, StudioEvent
from antiphon.domain.mixer import StemMix
from antiphon.settings import Playing
from tests.audition.loops import write_stems
from tests.audition.sound_card import PERIOD_FRAMES, SoundCard
from tests.jack import RATE_HZ

pytestmark = [pytest.mark.integration, pytest.mark.needs("jackd")]


class OneCandidate:
    """A studio with one candidate; it notes who listened to what."""

    stem_mix: tuple[StemMix, ...] = ()

    def __init__(self, folder: Path) -> None:
        stems = write_stems(folder, 1, 120.0, 2, RATE_HZ)
        self._files = tuple(RenderedFile(stem, path, 192_000, RATE_HZ, 2, -1.0, -18.0) for stem, path in stems)
        self.noted: list[tuple[str, str]] = []
        self.tell: Callable[[StudioEvent], None] = lambda _: None

    async def candidate(self, candidate_id: str) -> Candidate:
        files = self._files
        return Candidate(candidate_id, "j", 0, 120.0, "Am", 2, "4/4", 1, "m", files, files[0], "")

    async def listening(self, client: str, candidate_id: str) -> None:
        self.noted.append(("listening", candidate_id))

    async def stopped(self, client: str, candidate_id: str) -> None:
        self.noted.append(("stopped", candidate_id))

    def listen(self, listener: Callable[[StudioEvent], None]) -> Callable[[], None]:
        self.tell = listener
        return lambda: None


async def test_a_device_that_comes_back_is_played_on_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card, floor, told = SoundCard(), OneCandidate(tmp_path), asyncio.Queue[StudioEvent]()
    for name, value in card.environ.items():
        monkeypatch.setitem(os.environ, name, value)
    card.plug()
    audition = Audition(floor, Playing(enabled=True), tmp_path / "player.log", told.put_nowait)
    running = asyncio.create_task(audition.run())

    async def until(state: str) -> None:
        async with asyncio.timeout(60):
            while not (isinstance(event := await told.get(), PlayerChanged) and event.state == state):
                pass

    try:
        floor.tell(CurrentChanged("c1", 0, 1))
        await until("playing")
        await asyncio.sleep(2.0)
        began_s = audition._report.began_s
        card.pull()
        await until("no_device")
        await asyncio.to_thread(card.plug)
        await until("playing")
        await asyncio.sleep(1.0)
        again_s = audition._report.began_s
        assert began_s is not None
        assert again_s is not None
        assert abs((again_s - began_s + 2.0) % 4.0 - 2.0) < PERIOD_FRAMES / RATE_HZ
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        card.close()
    assert floor.noted == [("listening", "c1"), ("stopped", "c1"), ("listening", "c1"), ("stopped", "c1")]
