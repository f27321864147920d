"""The score transformer: pictures of noise in, pictures of scores out, all stems together, on a circle.

The whole loop is one circle of tokens: positions turn a whole number of times on the way round, and convolutions wrap.
There is no first and no last token, so that a loop leads back to its start like any bar leads to the next.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from numpy.typing import NDArray
from torch import Tensor, nn

from antiphon.generation.blocks import ModulatedBlock, Rotary


def circular_rotary(tokens: int, width: int, device: torch.device) -> Rotary:
    """Rotary position embedding (Su et al., 2021) on a circle of `tokens`: each frequency is rounded to whole turns, so
    that the last token is as near to the first as to the one before it. Returns cosines and sines, float32
    (tokens, width / 2)."""
    rates = math.pi * torch.exp(-math.log(256.0) * torch.arange(0, width, 2, device=device) / width)
    turns = torch.round(rates * tokens / (2.0 * math.pi))
    angles = torch.arange(tokens, device=device).float()[:, None] * (2.0 * math.pi / tokens) * turns
    return angles.cos(), angles.sin()


#: Mean and spread of pictures: lanes are mostly silent.
_LANE_MEAN, _SPREAD = -0.93, 0.35
#: How often something begins in a lane, and the mean and spread of what does.
_STRUCK, _STROKE, _STROKE_SPREAD = 0.04, 0.75, 0.2
#: Noise level below which silence and strokes can be told apart one by one.
_CLEAR_LEVEL = 0.32


def error_scale(level: Tensor) -> Tensor:
    """About how large the error of a guess of the clean picture is that knows nothing of music, at a noise level."""
    return _SPREAD * level / _spread(level)


def _spread(level: Tensor) -> Tensor:
    """How widely noisy pictures spread."""
    return ((1.0 - level).square() * _SPREAD**2 + level.square()).sqrt()


def lane_guess(noisy: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """The clean value of each number of the lanes, guessed from itself alone: silence at -1 or a stroke, as likely as
    the noisy value makes either (the posterior mean of a mixture of two); in much noise: silence. Beside it how likely
    a stroke is, 0 to 1."""
    share = 1.0 - level
    variance = level.square() + (share * _STROKE_SPREAD).square()
    off = noisy - share * _STROKE
    stroke = _STROKE + share * _STROKE_SPREAD**2 / variance * off
    likelier = -0.5 * off.square() / variance + 0.5 * ((noisy + share) / level).square()
    struck = torch.sigmoid(likelier + math.log(_STRUCK / (1.0 - _STRUCK)) + level.log() - 0.5 * variance.log())
    # Where noise alone can look like a stroke, a lane says next to nothing by itself: there the network decides.
    clear = torch.sigmoid((_CLEAR_LEVEL - level) / 0.03)
    return torch.lerp(torch.full_like(noisy, _LANE_MEAN), struck * stroke - (1.0 - struck), clear), struck


def wound(total: int, patch: int) -> NDArray[np.int64]:
    """The steps of a circle in order, wound round until they fill whole tokens."""
    turns = next(turns for turns in range(1, patch + 1) if turns * total % patch == 0)
    return np.tile(np.arange(total), turns)


class CircleBlock(ModulatedBlock):
    """Neighbours round the circle, one on either side."""

    def add_neighbours(self, width: int) -> None:
        self.neighbours = nn.Parameter(torch.zeros(3, width))

    def with_neighbours(self, h: Tensor) -> Tensor:
        # A convolution of width 3 with a kernel per channel, written as shifts: on a circle they need no padding.
        return h + sum(self.neighbours[place] * h.roll(place - 1, dims=1) for place in range(3))


class NotesTransformer(ModelMixin, ConfigMixin):
    """Predicts the clean picture of a loop from a noisy one (flow matching; Lipman et al., 2023).

    The network predicts the clean picture itself rather than the velocity, because pictures of scores lie on a thin
    manifold and noise would not fit through its narrow tokens (Li and He, "Back to basics: let denoising generative
    models denoise", 2025). In little noise it only corrects what each number tells by itself (as in the preconditioning
    of Karras et al., 2022). Four steps, a quarter note as it is felt, make one token. What is given (stems to play
    along with) comes in clean beside the noise, with a mask. The first `lanes` channels rest at -1, the others at 0.
    """

    @register_to_config
    def __init__(
        self,
        channels: int,
        lanes: int,
        step_features: int,
        loop_features: int,
        stems: int = 4,
        patch: int = 4,
        width: int = 256,
        depth: int = 6,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.embed_picture = nn.Linear(channels * patch, width)
        self.embed_given = nn.Linear((channels + stems) * patch, width, bias=False)
        self.embed_steps = nn.Sequential(nn.Linear(step_features * patch, width), nn.GELU(), nn.Linear(width, width))
        self.embed_loop = nn.Sequential(nn.Linear(loop_features, width), nn.SiLU(), nn.Linear(width, width))
        self.embed_time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(CircleBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, channels * patch)
        self.embed_strokes = nn.Linear(lanes * patch, width, bias=False)
        for layer in (self.modulation, self.out, self.embed_strokes):
            nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def _tokens(self, rows: Tensor) -> Tensor:
        return rows.reshape(rows.shape[0], rows.shape[1] // self.patch, -1)

    def forward(
        self, picture: Tensor, sigma: Tensor, given: Tensor, known: Tensor, steps: Tensor, loop: Tensor
    ) -> Tensor:
        """The clean picture, as far as it can be told at noise level `sigma`.

        picture: float (batch, steps, channels), whole circles; sigma: float (batch,), 0 clean to 1 noise; given: float
        (batch, steps, channels), the picture of what is known, 0 elsewhere; known: float (batch, steps, stems), 1 where
        a stem is given; steps: float (batch, steps, step_features); loop: float (batch, loop_features). Returns the
        shape of `picture`. The number of steps must be a multiple of `patch`: wind a circle that isn't round twice.
        """
        rates = torch.exp(-math.log(10000.0) * torch.arange(64, device=sigma.device) / 64)
        angle = sigma.float()[:, None] * 1000.0 * rates
        state = self.embed_time(torch.cat((angle.cos(), angle.sin()), -1).to(picture.dtype)) + self.embed_loop(loop)
        table = self.modulation(F.silu(state)).view(picture.shape[0], 6, -1)
        level, rest = sigma.float()[:, None, None], self._rest(picture.device)
        off_rest = picture - (1.0 - level) * rest
        x = self.embed_picture(self._tokens(off_rest / _spread(level)))
        guess, strokes = self._guess(picture, level)
        # Candidates for strokes stand out here; in the picture itself they drown in the noise of all silent lanes.
        x = x + self.embed_strokes(self._tokens(4.0 * (strokes - _STRUCK)))
        x = x + self.embed_given(self._tokens(torch.cat((given, known), -1)))
        x = x + self.embed_steps(self._tokens(steps)) + state[:, None]
        rotary = circular_rotary(x.shape[1], x.shape[-1] // self.blocks[0].heads, x.device)
        for block in self.blocks:
            x = block(x, table, rotary)
        correction: Tensor = self.out(self.norm(x))
        return guess + error_scale(level) * correction.view(picture.shape)

    def _guess(self, picture: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
        """The clean picture, guessed number by number, lanes as lanes and the rest linearly; how likely strokes are."""
        lanes, rest = picture[..., : self.config.lanes], picture[..., self.config.lanes :]
        linear = (1.0 - level) * _SPREAD**2 / _spread(level).square()
        guess, strokes = lane_guess(lanes, level)
        return torch.cat((guess, linear * rest), -1), strokes

    def _rest(self, device: torch.device) -> Tensor:
        """The mean picture, nearly: lanes are silent."""
        rest = torch.zeros(int(self.config.channels), device=device)
        rest[: int(self.config.lanes)] = _LANE_MEAN
        return rest
