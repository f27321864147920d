"""A small real backend for tests: one decaying tone per note, a noise burst per drum, on the loop's circle.

Chosen by `model = "tests.tone_backend:load"`. The environment tells it how to behave:
TONE_STEP_S (seconds per sampler step), TONE_STEPS (default steps), TONE_LOAD_S (seconds to load), TONE_LOG (a file that
gets a line per step: what was really computed), TONE_DIE_ON_BPM (kills its own process on loops of that tempo),
TONE_SILENT_TAKES (so many first takes of this process are silent), TONE_SILENT_NEXT (a file: where it is there, the
next take is silent, and takes it away), TONE_UNLOADABLE (a file: while it is there, the backend cannot be loaded).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from antiphon.domain.genome import seed_of
from antiphon.domain.score import STRUCK_STEMS, Note, Score, loop_frames
from antiphon.errors import BackendFailed
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest, StemNoise

if TYPE_CHECKING:
    from antiphon.generation.songs.excerpt import Excerpt


class ToneBackend:
    name = "tone"
    version = "tone-1"
    device = "cpu"

    def __init__(self) -> None:
        self.default_steps = int(os.environ.get("TONE_STEPS", "4"))
        self._silent_takes = int(os.environ.get("TONE_SILENT_TAKES", "0"))

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        for request in requests:
            if str(request.score.bpm) == os.environ.get("TONE_DIE_ON_BPM"):
                os.kill(os.getpid(), signal.SIGKILL)
        steps = requests[0].steps
        for step in range(1, steps + 1):
            time.sleep(float(os.environ.get("TONE_STEP_S", "0")))
            if log := os.environ.get("TONE_LOG"):
                with Path(log).open("a") as file:
                    file.write(f"{requests[0].seed} {step}\n")
            on_step(step, steps)
        print("this line must not reach the pipe")
        return [self._loop(request) for request in requests]

    def invert(self, request: SoundRequest, excerpts: Sequence[Excerpt], on_step: OnStep) -> StemNoise:
        """What stands for noise here: each stem's part of the first song, in rows of eight samples."""
        on_step(1, 1)
        parts = excerpts[0].parts
        return {stem.stem: parts[stem.stem][: 8 * 40].reshape(40, 8).copy() for stem in request.score.stems}

    def _loop(self, request: SoundRequest) -> dict[str, LoopAudio]:
        silent, self._silent_takes = self._silent_takes > 0, self._silent_takes - 1
        if (asked := Path(os.environ.get("TONE_SILENT_NEXT", "/nonexistent"))).exists():
            asked.unlink()
            silent = True
        return {
            stem.stem: self._stem(request.score, stem.notes if not silent else (), stem.stem in STRUCK_STEMS, request)
            for stem in request.score.stems
        }

    @staticmethod
    def _stem(score: Score, notes: Sequence[Note], drums: bool, request: SoundRequest) -> LoopAudio:
        rate = request.sample_rate
        frames = loop_frames(score.beats, score.bpm, rate)
        audio = np.zeros(frames)
        noise = request.noise_of("drums").parts
        rngs = [(weight, np.random.default_rng(seed_of(source))) for source, weight in noise]
        for note in notes:
            seconds = max(0.08, note.duration_beats * 60 / score.bpm)
            time_s = np.arange(int(min(seconds, score.duration_s) * rate)) / rate
            if drums:
                sound = np.sum([w * rng.standard_normal(len(time_s)) for w, rng in rngs], axis=0) * np.exp(-time_s * 30)
            else:
                hertz = 440 * 2 ** ((note.pitch - 69) / 12)
                sound = np.sin(2 * np.pi * hertz * time_s) * np.exp(-time_s * 3)
                sound *= np.minimum(1, np.minimum(time_s, time_s[::-1]) / 0.004)
            places = (round(note.onset_beats * 60 / score.bpm * rate) + np.arange(len(sound))) % frames
            np.add.at(audio, places, 0.2 * note.velocity / 127 * sound)
        return audio[None].astype(np.float32)


def load(device: str) -> ToneBackend:
    if Path(os.environ.get("TONE_UNLOADABLE", "/nonexistent")).exists():
        raise BackendFailed("the tone backend's weights are missing: restore them")
    time.sleep(float(os.environ.get("TONE_LOAD_S", "0")))
    return ToneBackend()
