"""MIDI clock: the tempo behind jitter, whose clock counts, start and stop; and the real clock of JACK."""

from __future__ import annotations

import asyncio
import itertools
import random
import subprocess
from collections.abc import Iterator

import pytest

from antiphon.control.command_values import Generate
from antiphon.control.desk import Desk
from antiphon.control.fields import Vocabulary
from antiphon.control.midi.clock import ClockFollower
from antiphon.control.midi.tempo_filter import LEAST_TICKS, MEMORY_TICKS, PULSES_PER_BEAT, TempoFilter
from antiphon.control.midi.wire import Received
from antiphon.control.transport import TransportFollower
from antiphon.domain.event import TransportChanged
from antiphon.settings import Midi, Settings
from tests.control.memory_studio import MemoryStudio
from tests.control.midi.conftest import Playing
from tests.jack import JackServer, jack_server

CLOCK = Received("clock", 0, 0, 0)
FOUR_BEATS = 4 * PULSES_PER_BEAT + 1


def ticks(bpm: float, jitter_s: float, seed: int) -> Iterator[float]:
    """Times of clock ticks, each early or late by up to half of `jitter_s`."""
    random_ = random.Random(seed)
    for number in itertools.count():
        yield number * 60 / (bpm * PULSES_PER_BEAT) + random_.uniform(-jitter_s / 2, jitter_s / 2)


@pytest.mark.parametrize("jitter_s", [0.005, 0.010])
@pytest.mark.parametrize("bpm", [*range(50, 201, 10), 93, 124, 174])
def test_four_beats_with_5_ms_of_jitter_give_the_tempo(bpm: int, jitter_s: float) -> None:
    """Of 5 ms in all, and of 5 ms either way."""
    for seed in range(20):
        filter_ = TempoFilter()
        for at_s in itertools.islice(ticks(bpm, jitter_s, seed), FOUR_BEATS):
            filter_.tick(at_s)
        assert filter_.bpm == pytest.approx(bpm, abs=0.1), seed


@pytest.mark.parametrize("bpm", [61.5, 93.1, 120.25, 174.6])
def test_tempos_that_are_not_round_are_found_in_sixteen_beats(bpm: float) -> None:
    for seed in range(10):
        filter_ = TempoFilter()
        for at_s in itertools.islice(ticks(bpm, 0.005, seed), 4 * FOUR_BEATS):
            filter_.tick(at_s)
        assert filter_.bpm == pytest.approx(bpm, abs=0.1), seed
        assert filter_.estimate_bpm == pytest.approx(bpm, abs=0.03), seed


def test_the_reported_tempo_does_not_flutter() -> None:
    filter_ = TempoFilter()
    reported = []
    for at_s in itertools.islice(ticks(124, 0.005, 3), 60 * PULSES_PER_BEAT):
        filter_.tick(at_s)
        reported.append(filter_.bpm)
    assert set(reported[FOUR_BEATS:]) == {124.0}
    assert reported[: LEAST_TICKS - 1] == [None] * (LEAST_TICKS - 1)


def test_a_change_of_tempo_is_followed_within_four_beats() -> None:
    filter_ = TempoFilter()
    at_s = 0.0
    for at_s in itertools.islice(ticks(120, 0.002, 1), 2 * MEMORY_TICKS):
        filter_.tick(at_s)
    assert filter_.bpm == 120
    for later_s in itertools.islice(ticks(126, 0.002, 2), 1, FOUR_BEATS + 24):
        filter_.tick(at_s + later_s)
    assert filter_.bpm == pytest.approx(126, abs=0.1)


def test_a_pause_begins_anew_and_nonsense_is_no_tempo() -> None:
    filter_ = TempoFilter()
    for at_s in itertools.islice(ticks(120, 0, 0), FOUR_BEATS):
        filter_.tick(at_s)
    filter_.tick(1000.0)
    assert filter_.estimate_bpm is None
    for number in range(200):
        filter_.tick(1000 + number * 0.0001)
    assert filter_.bpm is None, "25,000 bpm is a fault, not a tempo"


def test_the_first_clock_leads_until_it_falls_silent() -> None:
    studio = MemoryStudio.__new__(MemoryStudio)
    told: list[tuple[str, float | None, bool]] = []
    studio.follow_tempo = lambda source, bpm, live=True: told.append((source, bpm, live))  # type: ignore[method-assign]
    moved: list[tuple[bool, float]] = []
    studio.follow_transport = lambda source, playing, beats: moved.append((playing, beats))  # type: ignore[method-assign]
    clock = ClockFollower(studio)
    clock.receive("a", Received("position", 0, 0, 32), 0.0)
    clock.receive("a", Received("continue", 0, 0, 0), 0.0)
    last_s = 0.0
    for at_s in itertools.islice(ticks(120, 0, 0), FOUR_BEATS):
        clock.receive("a", CLOCK, at_s)
        clock.receive("b", CLOCK, at_s * 1.1)
        last_s = at_s
    assert told[-1] == ("midi_clock", 120.0, True)
    assert moved == [(True, 8.0)]
    assert clock.status()["beats"] == pytest.approx(8 + FOUR_BEATS / PULSES_PER_BEAT, abs=1e-3)
    clock.look(last_s + 2)
    assert told[-1] == ("midi_clock", 120.0, False)
    assert moved[-1][0] is False
    for at_s in itertools.islice(ticks(90, 0, 0), FOUR_BEATS):
        clock.receive("b", CLOCK, last_s + 3 + at_s)
    assert told[-1] == ("midi_clock", 90.0, True)
    clock.forget("b")
    assert told[-1] == ("midi_clock", None, True)


@pytest.fixture(scope="module")
def jack() -> Iterator[JackServer]:
    """Long periods, as hosts have: 21 ms, so that one or two ticks come at once."""
    with jack_server("clock", period_frames=1024) as server:
        yield server


@pytest.fixture
def midi_settings() -> Midi:
    return Midi(api="jack", virtual_ports=True)


@pytest.mark.needs("jackd", "jack_lsp", "jack_midi_clock", "jack_transport")
@pytest.mark.integration
async def test_jacks_own_clock_leads_the_session(playing: Playing, jack: JackServer) -> None:
    """jack_midi_clock into our virtual port: tempo and transport of a real host."""
    moved: list[TransportChanged] = []
    playing.studio.listen(lambda event: moved.append(event) if isinstance(event, TransportChanged) else None)
    await playing.until(lambda: playing.midi.status()["system"] == "jack", "finding JACK")
    listed = ""
    while "Antiphon:in" not in listed:
        listed = await asyncio.to_thread(_lines, "jack_lsp")
    clock = subprocess.Popen(["jack_midi_clock", "Antiphon:in"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    host = subprocess.Popen(["jack_transport"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert host.stdin is not None
    try:
        host.stdin.write("master\ntempo 124\nplay\n")
        host.stdin.flush()
        await playing.until(lambda: playing.studio.tempo.source == "midi_clock", "the clock")
        # A machine that is busy holds the dummy driver up, and the clock with it: what counts is that it is found.
        await playing.until(lambda: abs(playing.studio.tempo_bpm - 124) <= 0.1, "the tempo of the clock")
        assert moved
        assert moved[-1].playing
        host.stdin.write("stop\n")
        host.stdin.flush()
        await playing.until(lambda: not moved[-1].playing, "stopping")
    finally:
        for process in (clock, host):
            process.terminate()
            await asyncio.to_thread(process.wait)
        host.stdin.close()


def _lines(program: str) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=False).stdout


async def test_listening_time_follows_the_hosts_transport(studio: MemoryStudio) -> None:
    desk = Desk(studio, Settings(), Vocabulary(), "http://x")
    follower = TransportFollower(desk)
    for name in ("r1", "r2"):
        await studio.generate("x", name, Generate(name).to_request(120.0, Settings()))
    await studio.audition(1)
    studio.follow_transport("link", True, 0.0)
    await asyncio.sleep(0.01)
    await studio.audition(1)
    await asyncio.sleep(0.01)
    studio.follow_transport("link", False, 8.0)
    await asyncio.sleep(0.01)
    assert studio.heard == [
        ("host:link", "playing", "c1"),
        ("host:link", "playing", "c2"),
        ("host:link", "stopped", "c2"),
    ]
    studio.follow_transport("link", True, 0.0)
    await follower.close()
    assert studio.heard[-1] == ("host:link", "stopped", "c2")
    desk.close()
