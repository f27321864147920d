"""Stable Audio Open 1.0's transformer (Evans et al., arXiv 2407.14358) at its published size, with random weights.

Its configuration is the default of diffusers' StableAudioDiTModel: 24 layers, width 1536, 1024 latent frames at 21.5 a
second. diffusers' pipeline always computes all 1024 of them and cuts the audio afterwards, whatever length was asked
for; by default it takes 100 steps, each with and without the prompt (guidance).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

SAMPLE_FRAMES = 1024
#: 2048 samples of 44.1 kHz to a latent frame.
LATENTS_PER_S = 44100 / 2048
STEPS = 100
#: 128 tokens of text, and one each for start and end.
_CONDITION_TOKENS = 130


@dataclass(frozen=True, slots=True)
class Peer:
    """The built transformer."""

    transformer: Any
    parameters: int


def build(**configuration: Any) -> Peer:
    """Build it with random weights, at the published size unless `configuration` says otherwise."""
    from diffusers import StableAudioDiTModel

    transformer = StableAudioDiTModel(**configuration).eval()
    return Peer(transformer, sum(parameter.numel() for parameter in transformer.parameters()))


def forward_s(peer: Peer, latent_frames: int, dtype: torch.dtype) -> float:
    """Seconds of one step: one forward pass over a batch of two (with and without the prompt)."""
    from diffusers.models.embeddings import get_1d_rotary_pos_embed

    config = peer.transformer.config
    transformer = peer.transformer.to(dtype)
    rotary_width = config.attention_head_dim // 2
    rotary = get_1d_rotary_pos_embed(rotary_width, latent_frames + 1, use_real=True, repeat_interleave_real=False)
    latents = torch.randn(2, config.in_channels, latent_frames, dtype=dtype)
    condition = torch.randn(2, _CONDITION_TOKENS, config.cross_attention_input_dim, dtype=dtype)
    length = torch.randn(2, 1, config.global_states_input_dim, dtype=dtype)
    with torch.inference_mode():
        began_s = time.perf_counter()
        transformer(
            latents, torch.tensor([0.5, 0.5], dtype=dtype), encoder_hidden_states=condition,
            global_hidden_states=length, rotary_embedding=rotary, return_dict=False,
        )  # fmt: skip
        return time.perf_counter() - began_s
