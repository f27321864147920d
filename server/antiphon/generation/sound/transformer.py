"""The score-conditioned flow transformer: noise in, latents of one stem out, frame by frame with the score."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from antiphon.generation.blocks import ModulatedBlock, Rotary


def _rotary(time: int, width: int, device: torch.device) -> Rotary:
    """Cosines and sines of rotary position embedding (Su et al., 2021), float32 (time, width / 2)."""
    rates = torch.exp(-math.log(1000.0) * torch.arange(0, width, 2, device=device) / width)
    angles = torch.arange(time, device=device).float()[:, None] * rates
    return angles.cos(), angles.sin()


def _row_by_row(function: Callable[[list[Tensor]], Tensor], *inputs: Tensor) -> Tensor:
    """`function` over a batch, one row at a time where nothing is learnt: a product of a few rows may round otherwise
    with one row more, and a stem that is kept must sound as it did, whoever plays beside it."""
    if torch.is_grad_enabled():
        return function(list(inputs))
    rows = zip(*(each.split(1) for each in inputs), strict=True)
    return torch.cat([function(list(row)) for row in rows])


class Block(ModulatedBlock):
    """Neighbours in time, two on either side."""

    def add_neighbours(self, width: int) -> None:
        self.convolution = nn.Conv1d(width, width, 5, padding=2, groups=width)

    def with_neighbours(self, h: Tensor) -> Tensor:
        return h + self.convolution(h.transpose(1, 2)).transpose(1, 2)


class ScoreTransformer(ModelMixin, ConfigMixin):
    """Predicts the flow's velocity (noise − latents) of one stem's latents, given its score.

    Two latent frames make one token (21.5 tokens a second), as two neighbouring pixels make a patch in image
    transformers: half the attention, and the score still arrives at full resolution.
    """

    @register_to_config
    def __init__(
        self,
        latent_dims: int = 64,
        patch: int = 2,
        roll_channels: int = 256,
        timbres: int = 64,
        colours: int = 64,
        width: int = 320,
        depth: int = 10,
        heads: int = 5,
        window: int = 192,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.embed_latents = nn.Linear(latent_dims * patch, width)
        self.embed_roll = nn.Sequential(nn.Linear(roll_channels * patch, width), nn.GELU(), nn.Linear(width, width))
        self.spread_roll = nn.Conv1d(width, width, 7, padding=3)
        self.embed_source = nn.Linear(latent_dims * patch, width, bias=False)
        self.embed_company = nn.Linear(latent_dims * patch, width, bias=False)
        self.embed_timbre = nn.Embedding(timbres, width)
        self.embed_colours = nn.Linear(colours, width, bias=False)
        self.embed_time = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, latent_dims * patch)
        for layer in (self.modulation, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # At first these say nothing: weights that were trained without them go on from where they were.
        for layer in (self.embed_source, self.embed_company, self.embed_colours):
            nn.init.zeros_(layer.weight)

    def forward(
        self,
        latents: Tensor,
        sigma: Tensor,
        roll: Tensor,
        source: Tensor,
        timbre: Tensor,
        colours: Tensor,
        company: Tensor | None = None,
    ) -> Tensor:
        """Velocity at noise level `sigma`.

        latents: float (batch, time, latent_dims), time a multiple of `patch`; sigma: float (batch,), 0 clean to
        1 noise; roll: float (batch, time, roll_channels); source: the latents of the score's source waveform, like
        `latents`; timbre: int64 (batch,); colours: float (batch, columns), how far each colour holds; company: latents
        of the mix of the loop's other stems, None where there are none. Returns the shape of `latents`.
        """
        return self.velocity(latents, sigma, self.embed_score(roll, source, company), timbre, colours)

    def _tokens(self, frames: Tensor) -> Tensor:
        return frames.reshape(frames.shape[0], frames.shape[1] // self.patch, -1)

    def embed_score(self, roll: Tensor, source: Tensor, company: Tensor | None = None) -> Tensor:
        """What the blocks see of the score and of the other stems, the same at every noise level: (batch, time, …) →
        (batch, tokens, width).

        The source shows where on the picture the score's harmonics lie, so that pitch need not be learnt by heart
        (the idea of NSF vocoders, offered to the sound model too).
        """
        score = self.embed_roll(self._tokens(roll)) + self.embed_source(self._tokens(source))
        if company is not None:
            score = score + self.embed_company(self._tokens(company))
        return score + self.spread_roll(score.transpose(1, 2)).transpose(1, 2)

    def _modulate(self, waves: Tensor, timbre: Tensor, colours: Tensor) -> Tensor:
        """The blocks' modulation, (batch, 6, width), from the noise level's waves, timbre and colours."""
        state = self.embed_time(waves) + self.embed_timbre(timbre) + self.embed_colours(colours)
        return cast("Tensor", self.modulation(F.silu(state)).view(waves.shape[0], 6, -1))

    def velocity(self, latents: Tensor, sigma: Tensor, score: Tensor, timbre: Tensor, colours: Tensor) -> Tensor:
        """As `forward`, with the score embedded once for all steps of a sampling."""
        rates = torch.exp(-math.log(10000.0) * torch.arange(128, device=sigma.device) / 128)
        angle = sigma.float()[:, None] * 1000.0 * rates
        waves = torch.cat((angle.cos(), angle.sin()), -1).to(latents.dtype)
        table = _row_by_row(lambda rows: self._modulate(*rows), waves, timbre, colours)
        x = self.embed_latents(self._tokens(latents)) + score
        rotary = _rotary(x.shape[1], x.shape[-1] // self.blocks[0].heads, x.device)
        for block in self.blocks:
            x = block(x, table, rotary)
        return self.out(self.norm(x)).view(latents.shape)
