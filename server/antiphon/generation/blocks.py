"""The block that both diffusion transformers are built of: the sound model's in time, the score model's on a circle."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Cosines and sines of rotary position embedding (Su et al., 2021), float32 (tokens, width / 2) each.
Rotary = tuple[Tensor, Tensor]


def _rotate(x: Tensor, rotary: Rotary) -> Tensor:
    cos, sin = (part.to(x.dtype) for part in rotary)
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


class ModulatedBlock(nn.Module, ABC):
    """Attention, a short convolution over neighbouring tokens and a feed-forward layer, modulated as in DiT (Peebles
    and Xie, 2023). What a neighbour is, the two models see differently: see `add_neighbours` and `with_neighbours`.

    The modulation comes from one table shared by all blocks plus a learned offset per block, which saves a third of
    the parameters at no loss (as PixArt-α does).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width, elementwise_affine=False)
        self.norm_feed = nn.LayerNorm(width, elementwise_affine=False)
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)
        # Here and not in the subclass: checkpoints keep the optimiser's state in the order of the parameters.
        self.add_neighbours(width)
        self.feed_in = nn.Linear(width, 3 * width)
        self.feed_out = nn.Linear(3 * width, width)
        self.modulation = nn.Parameter(torch.randn(6, width) * 0.02)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.feed_out.weight)

    @abstractmethod
    def add_neighbours(self, width: int) -> None:
        """Make the parameters of the convolution."""

    @abstractmethod
    def with_neighbours(self, h: Tensor) -> Tensor:
        """The tokens, float (batch, tokens, width), and what the convolution adds to them."""

    def forward(self, x: Tensor, table: Tensor, rotary: Rotary) -> Tensor:
        scale_a, shift_a, gate_a, scale_f, shift_f, gate_f = (table + self.modulation).unsqueeze(2).unbind(1)
        batch, tokens, width = x.shape
        qkv = self.to_qkv(self.norm_attention(x) * (1 + scale_a) + shift_a)
        query, key, value = qkv.view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(_rotate(query, rotary), _rotate(key, rotary), value)
        x = x + (1 + gate_a) * self.to_out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        h = self.with_neighbours(self.norm_feed(x) * (1 + scale_f) + shift_f)
        fed: Tensor = self.feed_out(F.gelu(self.feed_in(h)))
        return x + (1 + gate_f) * fed
