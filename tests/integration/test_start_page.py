"""The start page in a real browser: somebody brings drums from their own disk, and hears what was read of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import browsing
from tests.integration.server import RunningServer
from tests.midi_files import beat, meter, midi, same_notes, tempo, track

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.slow, pytest.mark.integration]

DRUMS = midi(track(beat((0, 7, 10), 2), "Beat", 9, (tempo(97.0), meter(4, 4))))
GIVEN = "document.querySelector('#given').textContent"


async def test_drums_from_ones_own_disk(quick_server: RunningServer, tmp_path: Path) -> None:
    mine = tmp_path / "mine.mid"
    mine.write_bytes(DRUMS)
    async with browsing(f"{quick_server.http_url}/", tmp_path / "profile") as page:
        await page.until("document.querySelector('#link').classList.contains('up')")
        root = (await page.call("DOM.getDocument"))["root"]["nodeId"]
        found = (await page.call("DOM.querySelector", nodeId=root, selector="#part"))["nodeId"]
        await page.call("DOM.setFileInputFiles", nodeId=found, files=[str(mine)])
        await page.touch("#generate")
        told = await page.until(GIVEN, 60.0)
        assert told == "drums: mine.mid, 26 notes in 8 beats · of it: bpm 97, meter 4/4, bars 2"
        await page.until("document.querySelector('#stage').textContent === 'done'", 100.0)
        listed = await page.value("fetch('/api/candidates?limit=1').then((answer) => answer.json())")
    [candidate] = listed["candidates"]
    (drums,) = (file for file in candidate["stems"] if file["stem"] == "drums")
    assert same_notes(Path(drums["midi_path"]), DRUMS)
    assert not list((quick_server.data_dir / "references").iterdir()), "nothing is left behind"
