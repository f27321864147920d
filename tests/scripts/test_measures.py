"""The benchmarks' measures, on sounds whose answer is known."""

from __future__ import annotations

import math
import time
from pathlib import Path

import mido
import numpy as np
import pytest

from antiphon.domain.theory import Key, Meter
from benchmarks.judges import (
    OCTAVES,
    essentia_tempo_bpm,
    find_key,
    for_ears,
    is_tempo,
    librosa_tempo_bpm,
    read_steps,
    steady_tempo_bpm,
    tempo_by_chance,
    tempo_levels,
    true_peak_db,
)
from benchmarks.report import Table, quantile, share, spread
from benchmarks.requests import KEYS, random_requests
from benchmarks.sampler import midi_notes
from benchmarks.seam import seams
from benchmarks.stages import OUR_STAGES, StageClock

RATE = 44100


def test_true_peak_lies_between_the_samples() -> None:
    quarter = np.tile(np.array([1, 1, -1, -1]) * math.sqrt(0.5) * 0.5, 1000).astype(np.float32)[None]
    assert true_peak_db(quarter) == pytest.approx(-6.02, abs=0.02)
    assert 20 * math.log10(np.abs(quarter).max()) == pytest.approx(-9.03, abs=0.01)


def test_true_peak_is_found_across_the_wrap() -> None:
    audio = np.zeros((2, 5000), dtype=np.float32)
    audio[1, [0, -1]] = 0.5
    assert true_peak_db(audio) > 20 * math.log10(0.5) + 1.0


def test_only_24_bit_files_are_read(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    steps = np.array([[1, -1], [8388607, -8388608]])
    soundfile.write(tmp_path / "right.wav", (steps << 8).astype(np.int32), RATE, subtype="PCM_24")
    read, rate = read_steps(tmp_path / "right.wav")
    assert (steps == read.T).all()
    assert rate == RATE
    soundfile.write(tmp_path / "wrong.wav", np.zeros(10), RATE, subtype="PCM_16")
    with pytest.raises(ValueError, match="not 24-bit"):
        read_steps(tmp_path / "wrong.wav")


def clicks(bpm: float, seconds: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    audio = np.zeros(round(seconds * RATE), dtype=np.float32)
    for place in np.arange(0, seconds - 0.1, 60.0 / bpm):
        burst = rng.standard_normal(3000) * np.exp(-np.arange(3000) / 400)
        audio[round(place * RATE) :][:3000] += burst.astype(np.float32) * 0.3
    return audio


@pytest.mark.slow
def test_both_trackers_find_the_tempo_of_clicks() -> None:
    mono = for_ears(clicks(97.0, 12.0 * 60.0 / 97.0)[None], RATE)
    assert len(mono) >= 20 * RATE
    assert is_tempo(essentia_tempo_bpm(mono), 97.0, OCTAVES)
    assert is_tempo(librosa_tempo_bpm(mono), 97.0, OCTAVES)
    assert librosa_tempo_bpm(np.zeros(10 * RATE, dtype=np.float32)) == 0.0


def test_beats_left_out_and_a_tracker_that_still_searches_don_t_bend_the_tempo() -> None:
    searching = np.array([0.0, 0.56, 1.1])
    steady = 1.6 + 0.5 * np.arange(12)
    assert steady_tempo_bpm(np.concatenate([searching, np.delete(steady, 5)])) == pytest.approx(120.0, rel=0.002)
    assert steady_tempo_bpm(np.zeros(0)) == steady_tempo_bpm(np.array([1.0])) == 0.0


def test_tempo_levels_follow_the_meter() -> None:
    assert is_tempo(60.3, 120.0, tempo_levels(Meter(4, 4)))
    assert not is_tempo(80.0, 120.0, tempo_levels(Meter(4, 4)))
    assert is_tempo(80.0, 120.0, tempo_levels(Meter(6, 8)))
    assert is_tempo(160.0, 120.0, tempo_levels(Meter(6, 8)))
    assert not is_tempo(120.0, 120.0, tempo_levels(Meter(6, 8)))
    assert not is_tempo(40.0, 120.0, tempo_levels(Meter(3, 4)))
    assert not is_tempo(118.0, 120.0, tempo_levels(Meter(3, 4)))


def test_guessing_is_rarely_right() -> None:
    for levels in (OCTAVES, tempo_levels(Meter(6, 8))):
        assert 0.01 < tempo_by_chance(100.0, levels) < 0.05


def test_key_is_found_and_its_relative_told_apart() -> None:
    time_s = np.arange(3 * RATE) / RATE
    chords = [(57, 60, 64), (62, 65, 69), (64, 68, 71), (57, 60, 64)]
    audio = np.concatenate([sum(np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * time_s) for p in c) for c in chords])
    mono = (0.1 * audio).astype(np.float32)
    found = find_key(mono, Key(9, "minor"))
    assert (found.name, found.same, found.right) == ("Am", True, True)
    assert find_key(mono, Key(0, "major")).relative
    assert not find_key(mono, Key(1, "major")).right


def test_a_careless_cut_is_seen_and_a_closed_loop_is_not() -> None:
    time_s = np.arange(2 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 100.0 * time_s + 0.3)).astype(np.float32)
    closed = seams(np.stack([tone, tone]), RATE)
    assert closed["step"].wrap <= closed["step"].greatest * 1.0001
    assert closed["click"].wrap <= closed["click"].greatest * 1.01
    # 5 ms are half a turn of 100 Hz: the cut loop jumps.
    assert closed["step"].cut_wrap > 5 * closed["step"].greatest
    assert closed["click"].cut_wrap > 5 * closed["click"].greatest
    assert closed["flux"].cut_wrap > 2 * closed["flux"].greatest


def test_requests_are_repeatable_and_leave_nothing_out() -> None:
    requests = list(random_requests(60, 5))
    assert requests == list(random_requests(60, 5))
    assert requests != list(random_requests(60, 6))
    assert {request.key for request in requests} == set(KEYS)
    assert {request.sample_rate for request in requests} == {44100, 48000, 96000}
    assert {request.meter.name for request in requests} == {"4/4", "3/4", "6/8"}
    assert all(50 <= request.bpm <= 220 and 1 <= request.bars <= 16 for request in requests)
    assert any(request.bpm != round(request.bpm) for request in requests)


def test_midi_is_read_back_in_beats(tmp_path: Path) -> None:
    track = mido.MidiTrack()
    track.append(mido.Message("note_on", note=60, velocity=90, time=0))
    track.append(mido.Message("note_on", note=64, velocity=80, time=240))
    track.append(mido.Message("note_off", note=60, time=240))
    track.append(mido.Message("note_on", note=64, velocity=0, time=480))
    file = mido.MidiFile(ticks_per_beat=480, tracks=[track])
    file.save(tmp_path / "two.mid")
    notes = midi_notes(tmp_path / "two.mid")
    assert [(n.onset_beats, n.duration_beats, n.pitch, n.velocity) for n in notes] == [
        (0.0, 1.0, 60, 90),
        (0.5, 1.5, 64, 80),
    ]


def test_stages_do_not_count_what_they_call() -> None:
    clock = StageClock()
    with clock.stage("outer"):
        time.sleep(0.02)
        with clock.stage("inner"):
            time.sleep(0.05)
    assert 0.015 < clock.seconds["outer"] < 0.045
    assert clock.seconds["inner"] >= 0.045


def test_every_stage_is_still_where_the_benchmark_looks() -> None:
    import antiphon.jobs.take as take

    plain = take.express
    with StageClock().timing(OUR_STAGES):
        assert take.express is not plain
    assert take.express is plain


def test_a_stage_that_is_gone_is_named() -> None:
    gone = pytest.raises(LookupError, match=r"antiphon\.jobs\.take\.no_such")
    with gone, StageClock().timing([("x", "antiphon.jobs.take", "no_such")]):
        pass


def test_figures_read_well() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert math.isnan(quantile([], 0.5))
    assert spread([1.0, 3.0, 2.0]) == "2.00 (1.00–3.00)"
    assert share(1, 8) == "1 of 8 (12.5 %)"
    table = Table("T", ("a", "b"), (("1", "2"),), ("why",)).markdown()
    assert table == "### T\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- why"
