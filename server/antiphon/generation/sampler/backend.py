"""The sampler behind the Backend seam: no weights to load, the same samples on every machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from antiphon.domain.score import STRUCK_STEMS, loop_frames
from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest
from antiphon.generation.sampler.panning import play_placed
from antiphon.generation.sampler.playing import RATE_HZ, play_stem

#: How strongly a colour that is asked for shall hold: the middle of what the corpus has.
COLOUR_STRENGTH = 0.8


class SamplerBackend:
    """Score → synthesis and recordings on the loop's circle → exact length. Satisfies `Backend`."""

    name = "sampler"
    #: Raised whenever a stored candidate would sound different.
    version = "sampler-1"
    device = "cpu"
    default_steps = 1

    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        """Play the loops one after another; every loop counts as one step. Raises BackendFailed."""
        loops = []
        for index, request in enumerate(requests):
            loops.append(self._play(request))
            on_step(index + 1, len(requests))
        return loops

    @staticmethod
    def _play(request: SoundRequest) -> dict[str, LoopAudio]:
        score = request.score
        circle_frames = loop_frames(score.beats, score.bpm, RATE_HZ)
        frames = loop_frames(score.beats, score.bpm, request.sample_rate)
        per_beat = circle_frames / float(score.beats)
        stems: dict[str, LoopAudio] = {}
        for stem in score.stems:
            colours = dict.fromkeys(stem.colours, COLOUR_STRENGTH)
            if stem.stem in STRUCK_STEMS:
                width = request.widths.get(stem.stem, 0.0)
                wave = play_placed(stem, width, per_beat, circle_frames, colours, request.seed)
            else:
                wave = play_stem(stem, per_beat, circle_frames, colours, request.seed)[None]
            stems[stem.stem] = _exactly(wave, frames)
        return stems


def _exactly(wave: LoopAudio, frames: int) -> LoopAudio:
    """A circle (channels, n) on exactly so many frames. Only what is stretched needs torch, which takes a second to
    load where no model has done so."""
    if wave.shape[-1] == frames:
        return wave
    import torch

    from antiphon.generation.circle_rate import to_exact_length

    return np.asarray(to_exact_length(torch.from_numpy(wave), frames))
