"""The built-in backend with a few thousand random weights: for what does not depend on how it sounds.

Chosen by `model = "tests.tiny_backend:load"`. TINY_STEP_S: how long each sampler step takes at least, in seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from antiphon.generation.backend import LoopAudio, OnStep, SoundRequest
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder


def tiny_pipeline() -> ScoreToStemsPipeline:
    """The same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformer = ScoreTransformer(latent_dims=8, width=20, depth=2, heads=2, window=32)
        torch.nn.init.normal_(transformer.out.weight, std=0.1)
        torch.nn.init.normal_(transformer.modulation.weight, std=0.1)
        codec = LinearLatents.fitted(torch.randn(600, 256), dims=8)
        vocoder = HarmonicVocoder(width=16, depth=2)
    return ScoreToStemsPipeline(codec, transformer, vocoder, FlowMatchEulerDiscreteScheduler(shift=1.0))


class TinyBackend(BuiltinBackend):
    def generate(self, requests: Sequence[SoundRequest], on_step: OnStep) -> list[dict[str, LoopAudio]]:
        def slowly(done: int, total: int) -> None:
            time.sleep(float(os.environ.get("TINY_STEP_S", "0")))
            on_step(done, total)

        return super().generate(requests, slowly)


def load(device: str = "cpu") -> TinyBackend:
    return TinyBackend(tiny_pipeline(), "tiny-1")
