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
#: Bins on either side that count as the neighbourhood of a bin.
_NEIGHBOURS = 15


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
        real, imaginary = source.real, source.imag
        strength = (real.square() + imaginary.square()).sqrt()
        source_picture = log_mel(strength)
        pictures = torch.cat((picture, source_picture), -1) / 4.0
        h = self.embed_pictures(pictures.transpose(1, 2)).transpose(1, 2)
        h = h + self.embed_source(torch.log(strength.clamp_min(3e-2)) / 4.0)
        correction, cosine, sine = self.head(self.norm_out(self.blocks(self.norm_in(h)))).float().chunk(3, -1)
        correction = correction + self.sharpness * self._fine_structure(strength, source_picture)
        magnitude = F.linear(torch.exp(picture), mel_pseudo_inverse().to(picture.device)).clamp_min(1e-4)
        magnitude = magnitude * torch.exp(correction.clamp(-6.0, 3.0))
        # In real numbers, because complex division costs several times as much: the source's direction × the turn.
        scale = magnitude / ((cosine.square() + sine.square() + 1e-12).sqrt() + 1e-4)
        heard = strength > _SOURCE_FLOOR
        inverse = torch.where(heard, 1.0 / (strength + 1e-6), 0.0)
        along, across = real * inverse + (~heard).float(), imaginary * inverse
        return torch.complex((along * cosine - across * sine) * scale, (along * sine + across * cosine) * scale)

    @staticmethod
    def _fine_structure(strength: Tensor, source_picture: Tensor) -> Tensor:
        """Log ratio of the source's bins to their neighbourhood, zero where there is no source."""
        sums = F.pad(strength, (_NEIGHBOURS + 1, _NEIGHBOURS)).cumsum(-1)
        local = (sums[..., 2 * _NEIGHBOURS + 1 :] - sums[..., : strength.shape[-1]]) / (2 * _NEIGHBOURS + 1)
        sounding = (source_picture.amax(-1, keepdim=True) > -3.0).float()
        return torch.log((strength + 1e-2) / (local + 1e-2)).clamp(-3.0, 2.0) * sounding
