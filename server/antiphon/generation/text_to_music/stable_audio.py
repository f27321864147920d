"""Stable Audio Open and Stable Audio 3 (Evans et al. 2024, arXiv 2407.14358), through diffusers."""

from __future__ import annotations

from typing import Any

from antiphon.generation.text_to_music.model import Brief, OnPlayed, Played, samples, seeded, starting_from, step_end


class StableAudioOpen:
    """Satisfies `TextToMusic`. It always computes its full length (47 s), and is cut to what is asked."""

    in_context = False
    shortest_s = 0.0

    def __init__(self, pipeline: Any, steps: int, guidance: float) -> None:
        self._pipeline, self._guidance = pipeline, guidance
        vae, timing = pipeline.vae, pipeline.projection_model.config
        self.rate_hz = int(vae.config.sampling_rate)
        self.default_steps = steps
        full_s = pipeline.transformer.config.sample_size * vae.hop_length / self.rate_hz
        self.longest_s = min(full_s, float(timing.max_value))

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        def callback(index: int, _: Any, __: Any) -> None:
            on_played(index + 1, brief.steps)

        with seeded(brief.seed) as generator, starting_from(self._pipeline, brief.noise):
            output = self._pipeline(
                brief.text,
                negative_prompt=brief.unwanted if self._guidance > 1.0 else None,
                audio_end_in_s=brief.duration_s,
                num_inference_steps=brief.steps,
                guidance_scale=self._guidance,
                generator=generator,
                callback=callback,
            )
        return samples(output.audios)


class StableAudio3:
    """Satisfies `TextToMusic`. Distilled weights take eight steps without guidance; base weights a hundred with it."""

    in_context = False
    shortest_s = 0.0

    def __init__(self, pipeline: Any, steps: int, guidance: float) -> None:
        self._pipeline, self._guidance = pipeline, guidance
        self.rate_hz = int(pipeline.vae.config.sampling_rate)
        self.longest_s = float(pipeline.duration_embedder.config.max_val)
        distilled = bool(pipeline.scheduler.config.stochastic_sampling)
        self.default_steps = steps or (8 if distilled else 100)

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        with seeded(brief.seed) as generator, starting_from(self._pipeline, brief.noise):
            output = self._pipeline(
                brief.text,
                duration=brief.duration_s,
                num_inference_steps=brief.steps,
                guidance_scale=self._guidance,
                negative_prompt=brief.unwanted if self._guidance > 1.0 else None,
                generator=generator,
                callback_on_step_end=step_end(on_played, brief.steps),
            )
        return samples(output.audios)
