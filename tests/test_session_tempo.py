"""Whose tempo counts: Link before MIDI clock before what was set, and back again when a source falls silent."""

from __future__ import annotations

from antiphon.session_tempo import PRECEDENCE, SessionTempo


def test_the_strongest_source_that_speaks_leads() -> None:
    tempo = SessionTempo(120.0)
    assert (tempo.bpm, tempo.source) == (120.0, "set")
    assert tempo.offer("midi_clock", 93.0)
    assert (tempo.bpm, tempo.source) == (93.0, "midi_clock")
    assert not tempo.offer("set", 140.0), "a figure that was typed waits while a clock runs"
    assert tempo.offer("link", 124.0)
    assert not tempo.offer("midi_clock", 94.0)
    assert tempo.offer("link", None)
    assert (tempo.bpm, tempo.source) == (94.0, "midi_clock")
    assert tempo.offer("midi_clock", None)
    assert (tempo.bpm, tempo.source) == (140.0, "set")
    assert not tempo.offer("set", None), "there is always a tempo"


def test_the_status_says_who_leads_and_what_the_others_say() -> None:
    tempo = SessionTempo(120.0)
    tempo.offer("midi_clock", 93.0)
    assert tempo.status() == {
        "bpm": 93.0, "source": "midi_clock", "precedence": list(PRECEDENCE),
        "offers": {"link": None, "midi_clock": 93.0, "set": 120.0}, "silent": [],
    }  # fmt: skip


def test_a_clock_that_fell_silent_counts_until_a_tempo_is_set() -> None:
    tempo = SessionTempo(120.0)
    tempo.offer("midi_clock", 93.0)
    assert not tempo.offer("midi_clock", 93.0, live=False)
    assert (tempo.bpm, tempo.status()["silent"]) == (93.0, ["midi_clock"])
    assert tempo.offer("set", 140.0)
    assert (tempo.bpm, tempo.source, tempo.status()["silent"]) == (140.0, "set", [])
    tempo.offer("midi_clock", 93.0, live=False)
    tempo.offer("midi_clock", 94.0)
    assert not tempo.offer("set", 150.0), "it ticks again, so it leads again"
    assert (tempo.bpm, tempo.source) == (94.0, "midi_clock")
