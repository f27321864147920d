"""From log-mel picture to waveform, given the score's harmonic source."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from antiphon.generation.sound.spectrum import FFT_FRAMES, MEL_BANDS, log_mel, mel_pseudo_inverse

BINS = FFT_FRAMES // 2 + 1
#: Source magnitudes below this have no phase worth following.
_SOURCE_FLOOR = 1e-2


class ConvNextBlock(nn.Module):
    """Depthwise convolution in time, then a pointwise network (Liu et al., 2022; in vocoders: Vocos, Siuzdak, 2023)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 3 * width)
        self.narrow = nn.Linear(3 * width, width)
        self.gain = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        h = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        return x + self.gain * self.narrow(F.gelu(self.widen(self.norm(h))))


class HarmonicVocoder(ModelMixin, ConfigMixin):
    """Turns a log-mel picture and a source spectrum into the spectrum of the sound.

    Magnitudes start from the mel filters' pseudo-inverse, sharpened within each band as the source is; the network
    adds a correction. Phases start from the source's own, and the network turns them: so pitch and onset come from the
    score, and only timbre is left to learn.
    """

    @register_to_config
    def __init__(self, width: int = 320, depth: int = 8) -> None:
        super().__init__()
        self.embed_pictures = nn.Conv1d(2 * MEL_BANDS, width, 7, padding=3)
        self.embed_source = nn.Linear(BINS, width)
        self.norm_in = nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(ConvNextBlock(width) for _ in range(depth)))
        self.norm_out = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3 * BINS)
        self.sharpness = nn.Parameter(torch.tensor(0.3))
        with torch.no_grad():
            self.head.weight[:BINS].zero_()
            self.head.weight[BINS:] *= 0.1
            self.head.bias.zero_()
            self.head.bias[BINS : 2 * BINS] = 1.0

    @property
    def context_frames(self) -> int:
        """Mel frames on either side that influence a frame."""
        return 3 * (len(self.blocks) + 1)

    def forward(self, picture: Tensor, source: Tensor) -> Tensor:
        """Spectrum of the sound.

        picture: float32 (batch, time, MEL_BANDS); source: complex64 (batch, time, BINS). Returns complex64 like source.
        """
        strength = source.abs()
        source_picture = log_mel(strength)
        pictures = torch.cat((picture, source_picture), -1) / 4.0
        h = self.embed_pictures(pictures.transpose(1, 2)).transpose(1, 2)
        h = h + self.embed_source(torch.log(strength.clamp_min(3e-2)) / 4.0)
        correction, real, imaginary = self.head(self.norm_out(self.blocks(self.norm_in(h)))).float().chunk(3, -1)
        magnitude = F.linear(torch.exp(picture), mel_pseudo_inverse().to(picture.device)).clamp_min(1e-4)
        correction = correction + self.sharpness * self._fine_structure(strength, source_picture)
        magnitude = magnitude * torch.exp(correction.clamp(-6.0, 3.0))
        direction = torch.where(strength > _SOURCE_FLOOR, source / (strength + 1e-6), torch.ones_like(source))
        turned = direction * torch.complex(real, imaginary)
        return magnitude * turned / (turned.abs() + 1e-4)

    @staticmethod
    def _fine_structure(strength: Tensor, source_picture: Tensor) -> Tensor:
        """Log ratio of the source's bins to their neighbourhood, zero where there is no source."""
        batch, time, bins = strength.shape
        local = F.avg_pool1d(strength.reshape(batch * time, 1, bins), 31, 1, 15).view(batch, time, bins)
        sounding = (source_picture.amax(-1, keepdim=True) > -3.0).float()
        return torch.log((strength + 1e-2) / (local + 1e-2)).clamp(-3.0, 2.0) * sounding
