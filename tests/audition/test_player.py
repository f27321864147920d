"""The player as a process, on a sound card that runs by the clock: what is recorded is what should have been played."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from antiphon.audition.messages import Follow, Hush, Order, Play, Report, Setup, Transport, decode, encode
from antiphon.audition.mixer import FADE_S
from tests.audition.loops import write_stems
from tests.audition.sound_card import SoundCard
from tests.conftest import REPOSITORY
from tests.jack import RATE_HZ

pytestmark = [pytest.mark.integration, pytest.mark.needs("jackd")]

FADE = round(FADE_S * RATE_HZ)
SOON_S = 60.0
#: In which pieces a recording is looked at.
WINDOW = 2048


class PlayerProcess:
    """`python -m antiphon.audition.player`, spoken to as the keeper does."""

    def __init__(self, card: SoundCard, device: str = "auto", change: str = "bar") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "antiphon.audition.player"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=card.environ, cwd=REPOSITORY,
        )  # fmt: skip
        self._heard: queue.Queue[Report | None] = queue.Queue()
        self.last = Report("starting")
        threading.Thread(target=self._read, daemon=True).start()
        self.tell(Setup(device, 1, 0.0, 0.0, change))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            report = decode(line)
            assert isinstance(report, Report)
            self._heard.put(report)
        self._heard.put(None)

    def tell(self, order: Order) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(encode(order))
        self._process.stdin.flush()

    def until(self, met: Callable[[Report], bool], timeout_s: float = SOON_S) -> Report:
        """The first report from now on that meets a condition."""
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                report = self._heard.get(timeout=max(0.01, until_s - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"not within {timeout_s:.0f} s; the last report was {self.last}")
            assert report is not None, "the player has ended"
            self.last = report
            if met(report):
                return report

    def hears(self, candidate_id: str, timeout_s: float = SOON_S) -> Report:
        return self.until(lambda report: report.candidate_id == candidate_id, timeout_s)

    def close(self) -> str:
        """End it; what it logged."""
        _, logged = self._process.communicate(timeout=20)
        return logged.decode()


@pytest.fixture
def card() -> Iterator[SoundCard]:
    made = SoundCard()
    made.plug()
    yield made
    made.close()


@pytest.fixture
def player(card: SoundCard) -> Iterator[PlayerProcess]:
    made = PlayerProcess(card)
    yield made
    made.close()


def candidate(folder: Path, name: str, seed: int, bpm: float = 120.0, bars: int = 2) -> Play:
    return Play(name, bpm, bars, "4/4", write_stems(folder / name, seed, bpm, bars, RATE_HZ))


def test_it_follows_the_sessions_tempo(player: PlayerProcess, tmp_path: Path) -> None:
    player.tell(candidate(tmp_path, "a", 1))
    assert (player.hears("a").tempo, player.last.bpm) == ("own", 120.0)
    for session, how, bpm in ((120.2, "speed", 120.2), (126.0, "stretch", 126.0), (150.0, "own", 120.0)):
        player.tell(Follow(session))
        report = player.until(lambda report, bpm=bpm: report.bpm == bpm)  # type: ignore[misc]
        assert (report.tempo, report.candidate_id) == (how, "a")


def test_it_starts_and_stops_with_the_host(player: PlayerProcess, tmp_path: Path) -> None:
    player.tell(Follow(120.0))
    player.tell(candidate(tmp_path, "a", 1))
    player.hears("a")
    player.tell(Transport(False, 17.0, time.monotonic()))
    player.until(lambda report: report.state == "waiting")
    started_s = time.monotonic()
    player.tell(Transport(True, 5.0, started_s))
    report = player.hears("a")
    assert report.began_s is not None
    # The host's beat 5 of a loop of 8 beats: its first frame would have been heard 2.5 s before.
    assert abs((report.began_s - (started_s - 2.5) + 2.0) % 4.0 - 2.0) < 0.005
    player.tell(Transport(False, 9.0, time.monotonic()))
    player.until(lambda report: report.state == "waiting")
    player.tell(candidate(tmp_path, "b", 2))  # who chooses a loop wants to hear it
    player.hears("b")
    player.tell(Hush())
    player.until(lambda report: report.state == "silent")


def test_a_player_that_takes_over_goes_on_in_time(card: SoundCard, tmp_path: Path) -> None:
    take = candidate(tmp_path, "a", 1)
    began_s = time.monotonic() - 123.4
    player = PlayerProcess(card)
    player.tell(Play(take.candidate_id, take.bpm, take.bars, take.meter, take.stems, began_s))
    report = player.hears("a")
    assert report.began_s is not None
    assert abs((report.began_s - began_s + 2.0) % 4.0 - 2.0) < 0.005
    player.close()


def test_without_any_device_it_says_so_and_waits_for_one(tmp_path: Path) -> None:
    card = SoundCard()
    player = PlayerProcess(card)
    try:
        player.tell(candidate(tmp_path, "a", 1))
        report = player.until(lambda report: report.state == "no_device" and bool(report.message))
        assert "connect one" in report.message
        card.plug()
        player.hears("a")
    finally:
        player.close()
        card.close()


def test_a_device_of_that_name_is_waited_for(card: SoundCard, tmp_path: Path) -> None:
    player = PlayerProcess(card, device="Scarlett")
    player.tell(candidate(tmp_path, "a", 1))
    report = player.until(lambda report: report.state == "no_device" and bool(report.message))
    assert "no audio output is called 'Scarlett': there are system" in report.message
    player.close()


def test_a_damaged_file_is_told_and_the_next_candidate_plays(player: PlayerProcess, tmp_path: Path) -> None:
    bad, good = candidate(tmp_path, "bad", 1), candidate(tmp_path, "good", 2)
    Path(bad.stems[0][1]).write_bytes(b"nonsense")
    player.tell(bad)
    assert "drums.wav" in player.until(lambda report: bool(report.message)).message
    player.tell(good)
    assert player.hears("good").message == ""
