"""The judge of recordings itself: it passes what is right, and finds each fault that we listen for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from antiphon.audition.mixer import Mixer
from tests.audition.judging import judge
from tests.audition.loops import Audio, made_loop
from tests.audition.sound_card import PERIOD_FRAMES, Recording
from tests.jack import RATE_HZ

BLOCKS, TURN_BLOCK = 300, 110


def recorded(lose_at: int | None = None) -> tuple[Recording, dict[str, Audio], dict[str, float]]:
    """Two loops as the mixer plays them, after a moment of silence as recordings begin."""
    loops = [made_loop("a", 1), made_loop("b", 2, bpm=97.3)]
    mixer, blocks = Mixer(RATE_HZ), [np.zeros((PERIOD_FRAMES, 2), dtype=np.float32)]
    mixer.play(loops[0])
    for number in range(BLOCKS - 1):
        if number == TURN_BLOCK:
            mixer.play(loops[1])
        if number == lose_at:
            mixer.lose(3 * PERIOD_FRAMES)
        blocks.append(np.empty((PERIOD_FRAMES, 2), dtype=np.float32))
        mixer.fill(blocks[-1])
    frames = np.arange(BLOCKS, dtype=np.float64) * PERIOD_FRAMES
    heard = Recording(np.concatenate(blocks), frames, frames / RATE_HZ)
    audio = {loop.candidate_id: np.asarray(loop.audio.sum(axis=0), dtype=np.float32) for loop in loops}
    return heard, audio, {name: len(each) / 2 for name, each in audio.items()}


def with_click(audio: Audio) -> None:
    audio[200 * PERIOD_FRAMES + 17] += 0.01


def with_gap(audio: Audio) -> None:
    audio[200 * PERIOD_FRAMES : 202 * PERIOD_FRAMES] = 0.0


def with_late_change(audio: Audio) -> None:
    audio[TURN_BLOCK * PERIOD_FRAMES :] = np.roll(audio[TURN_BLOCK * PERIOD_FRAMES :], 40, axis=0)


def test_what_is_right_has_no_faults() -> None:
    recording, loops, bars = recorded()
    verdict = judge(recording, loops, bars, 0)
    assert (verdict.faults, verdict.changes, verdict.latest_turn_frames) == ([], 1, 0)
    assert abs(verdict.drift_frames) < 1


@pytest.mark.parametrize("spoil", [with_click, with_gap, with_late_change])
def test_what_is_wrong_is_found(spoil: Callable[[Audio], None]) -> None:
    recording, loops, bars = recorded()
    spoil(recording.audio)
    assert judge(recording, loops, bars, 0).faults


def test_lost_frames_are_no_fault_where_the_music_keeps_its_time() -> None:
    recording, loops, bars = recorded(lose_at=60)
    frames_late = np.where(np.arange(BLOCKS) > 60, 3 * PERIOD_FRAMES, 0)
    late = replace(recording, times_s=recording.times_s + frames_late / RATE_HZ)
    verdict = judge(late, loops, bars, 3 * PERIOD_FRAMES)
    assert (verdict.faults, verdict.jumps) == ([], 1)
    assert judge(recording, loops, bars, 3 * PERIOD_FRAMES).faults == ["drift"]
    assert "a jump that the player did not tell" in judge(late, loops, bars, 0).faults
