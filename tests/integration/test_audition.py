"""`antiphon serve --play`, recorded: changes on the bar without a click, levels, a device that is pulled out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.audition.judging import FADE, judge, largest_step, sounding, stretches
from tests.audition.served import Served, heard, served
from tests.audition.sound_card import PERIOD_FRAMES, RATE_HZ, Recorder, SoundCard
from tests.integration.server import TONES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400), pytest.mark.needs("jackd")]
#: Two of one length, and two others.
LOOPS = ({"bpm": 200, "bars": 2}, {"bpm": 200, "bars": 2}, {"bpm": 173.3, "bars": 1}, {"bpm": 226, "bars": 1})


@pytest.fixture(scope="module")
def card() -> Iterator[SoundCard]:
    made = SoundCard()
    made.plug()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(card: SoundCard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JACK_DEFAULT_SERVER", "JACK_NO_START_SERVER"):
            patch.setenv(name, card.environ[name])
        with served(tmp_path_factory.mktemp("served")) as running:
            running.make(LOOPS, RATE_HZ)
            running.begin()
            yield running


def test_four_candidates_are_stepped_through_on_the_bar(card: SoundCard, server: Served, tmp_path: Path) -> None:
    names = [server.player["candidate_id"]]
    before = server.player["lost_frames"]
    recorder = Recorder(card, "PortAudio", tmp_path / "heard.npz")
    for _ in LOOPS[1:]:
        time.sleep(1.2)
        names.append(server.step())
    time.sleep(1.2)
    recording, told = recorder.stop(), server.player["lost_frames"] - before
    assert names == list(server.loops)
    verdict = judge(recording, server.loops, server.bar_frames, told)
    assert (verdict.changes, verdict.faults) == (3, []), verdict
    found = stretches(sounding(recording), server.loops)
    assert list(dict.fromkeys(stretch.name for stretch in found)) == names
    for stretch in found:
        # Where a loop comes in, a bar of it begins: its first, or where both are of one length, the one that is due.
        bar_frames = server.bar_frames[stretch.name]
        off = (stretch.first - stretch.start) % bar_frames
        assert stretch.first == 0 or min(off, bar_frames - off) <= FADE


def test_a_swap_of_the_model_is_not_heard(card: SoundCard, server: Served, tmp_path: Path) -> None:
    """Between models that are warm, as a base and its versions are. Loading one anew takes the machine for a while."""
    for model in ("builtin", TONES):
        server.post("model/use", request_id=f"warm {model}", version=model)
    name, before = server.player["candidate_id"], server.player["lost_frames"]
    recorder = Recorder(card, "PortAudio", tmp_path / "heard.npz")
    time.sleep(0.3)
    for number, model in enumerate(("builtin", TONES) * 3):
        server.post("model/use", request_id=f"swap {number}", version=model)
        used = server.get("/api/status")["model"]
        assert used.startswith("builtin-") if model == "builtin" else used == "tone-1"
        time.sleep(0.3)
    time.sleep(0.3)
    recording, told = recorder.stop(), server.player["lost_frames"] - before
    verdict = judge(recording, server.loops, server.bar_frames, told)
    assert (verdict.changes, verdict.faults) == (0, []), verdict
    assert {stretch.name for stretch in stretches(sounding(recording), server.loops)} == {name}


def test_levels_and_mutes_are_heard(card: SoundCard, server: Served, tmp_path: Path) -> None:
    name = server.player["candidate_id"]
    candidate = server.get(f"/api/candidates/{name}")
    stems = [file["stem"] for file in candidate["stems"]]
    factors = {stems[0]: 0.0, stems[1]: 0.25}
    recorder = Recorder(card, "PortAudio", tmp_path / "heard.npz")
    time.sleep(0.5)
    server.post(f"stem/{stems[0]}/mute", muted=1)
    server.post(f"stem/{stems[1]}/level", level=0.25)
    time.sleep(1.0)
    for stem in stems:
        server.post(f"stem/{stem}/mute", muted=1)
    server.until(lambda player: not player["candidate_id"])  # it plays on, but nothing is heard
    assert server.player["state"] == "playing"
    time.sleep(0.5)
    server.post(f"stem/{stems[1]}/level", level=1.0)
    for stem in stems:
        server.post(f"stem/{stem}/mute", muted=0)
    server.until(heard)
    time.sleep(0.5)
    audio = sounding(recorder.stop())
    whole, less = server.loops[name], server.mixed(candidate, factors)
    found = stretches(audio, {"whole": whole, "less": less})
    assert [stretch.name for stretch in found] == ["whole", "less", "whole"]
    # Who mutes and unmutes does not lose the place.
    assert len({stretch.start % len(whole) for stretch in found}) == 1
    silent = audio[found[1].last : found[2].first]
    assert (np.abs(silent).max(axis=1) == 0).sum() > 0.4 * RATE_HZ
    assert largest_step(audio) <= largest_step(whole)


def test_a_device_that_is_pulled_out_is_played_on_in_time_when_it_is_back(
    card: SoundCard, server: Served, tmp_path: Path
) -> None:
    name = server.player["candidate_id"]
    loop = server.loops[name]

    def began_s(file: str) -> float:
        """When frame 0 of the loop was played, on the machine's clock, some turn or other."""
        recorder = Recorder(card, "PortAudio", tmp_path / file)
        time.sleep(0.8)
        recording = recorder.stop()
        *_, last = stretches(recording.audio, {name: loop})
        return recording.time_of(last.start)

    before_s = began_s("before.npz")
    card.pull()
    told = server.until(lambda player: player["state"] == "no_device")
    assert "has gone" in told["message"]
    assert server.get("/api/candidates")["candidates"]  # the server itself serves on
    card.plug()
    server.until(heard)
    after_s = began_s("after.npz")
    turn_s = len(loop) / RATE_HZ
    off_s = (after_s - before_s + turn_s / 2) % turn_s - turn_s / 2
    assert abs(off_s) < PERIOD_FRAMES / RATE_HZ
