"""MusicGen (Copet et al. 2023, arXiv 2306.05284), through transformers: autoregressive, a token at a time."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList

from antiphon.generation.text_to_music.model import Brief, OnPlayed, Played, samples, seeded


class MusicGen:
    """Satisfies `TextToMusic`. Steps mean nothing to it: its work is as long as the music."""

    in_context = False
    shortest_s = 1.0
    longest_s = 30.0

    def __init__(self, model: Any, tokenizer: Any, steps: int, guidance: float) -> None:
        self._model, self._tokenizer, self._guidance = model, tokenizer, guidance
        self.rate_hz = int(model.config.audio_encoder.sampling_rate)
        self.default_steps = max(1, steps)

    def play(self, brief: Brief, on_played: OnPlayed) -> Played:
        decoder, frame_rate_hz = self._model.config.decoder, self._model.config.audio_encoder.frame_rate
        # The codebooks are written one token apart, so the last one ends that much later.
        tokens = math.ceil(brief.duration_s * frame_rate_hz) + int(decoder.num_codebooks)
        words = self._tokenizer([brief.text], padding=True, truncation=True, max_length=256, return_tensors="pt")
        device = self._model.device
        with seeded(_seed_of(brief)):
            audio = self._model.generate(
                input_ids=words["input_ids"].to(device),
                attention_mask=words["attention_mask"].to(device),
                do_sample=True,
                guidance_scale=self._guidance,
                max_new_tokens=tokens,
                stopping_criteria=StoppingCriteriaList([_EachToken(on_played, tokens)]),
            )
        return samples(audio)


def _seed_of(brief: Brief) -> int:
    """It starts from no noise, so other noise can only mean another seed."""
    if len(brief.noise) == 1:
        return brief.seed
    return int.from_bytes(hashlib.blake2b(repr(brief.noise).encode(), digest_size=4).digest(), "big")


class _EachToken(StoppingCriteria):  # type: ignore[misc]
    """Never stops the work by itself: it tells of every token, and whoever is told may raise Cancelled."""

    def __init__(self, on_played: OnPlayed, tokens: int) -> None:
        self._on_played, self._tokens, self._done = on_played, tokens, 0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        self._done = min(self._done + 1, self._tokens)
        self._on_played(self._done, self._tokens)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
