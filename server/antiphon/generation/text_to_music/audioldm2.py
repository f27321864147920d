"""AudioLDM 2 (Liu et al. 2024, arXiv 2308.05734), through diffusers."""

from __future__ import annotations

from typing import Any

import torch

from antiphon.generation.text_to_music.model import Brief, OnPlayed, Played, samples, seeded, starting_from


class AudioLdm2:
    """Satisfies `TextToMusic`. Mono at 16 kHz, made for ten seconds."""

    in_context = False
    shortest_s = 1.0
    longest_s = 10.24

    def __init__(self, pipeline: Any, steps: int, guidance: float) -> None:
        self._pipeline, self._guidance = pipeline, guidance
        self.rate_hz = int(pipeline.vocoder.config.sampling_rate)
        self.default_steps = steps

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        def callback(index: int, _: Any, __: Any) -> None:
            on_played(index + 1, brief.steps)

        with seeded(brief.seed) as generator, starting_from(self._pipeline, brief.noise):
            output = self._pipeline(
                brief.text,
                negative_prompt=brief.unwanted if self._guidance > 1.0 else None,
                audio_length_in_s=brief.duration_s,
                num_inference_steps=brief.steps,
                guidance_scale=self._guidance,
                generator=generator,
                callback=callback,
                output_type="pt",
            )
        return samples(torch.as_tensor(output.audios))
