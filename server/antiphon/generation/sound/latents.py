"""Fixed linear latents: two log-mel frames, projected onto their principal components. Nothing is trained."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from antiphon.generation.sound.spectrum import MEL_BANDS


class LinearLatents(ModelMixin, ConfigMixin):
    """Encodes log-mel pictures (batch, 2 × time, MEL_BANDS) as latents (batch, time, dims), and back.

    The components are scaled by the square root of their standard deviation, between whitening (which would make the
    model work as hard on the faintest component as on the loudest) and none (which would leave the faint to noise).
    """

    @register_to_config
    def __init__(self, dims: int = 64) -> None:
        super().__init__()
        width = 2 * MEL_BANDS
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("components", torch.zeros(width, dims))
        self.register_buffer("scale", torch.ones(dims))

    @classmethod
    def fitted(cls, pictures: Tensor, dims: int = 64) -> LinearLatents:
        """Fit to log-mel pairs, float32 (count, 2 × MEL_BANDS)."""
        latents = cls(dims=dims)
        mean = pictures.mean(0)
        variance, vectors = torch.linalg.eigh(torch.cov((pictures - mean).T.double()))
        deviation = variance.flip(0)[:dims].clamp_min(1e-8).sqrt()
        scale = deviation.sqrt()
        scale = scale * ((deviation / scale).square().mean().sqrt())
        latents.mean = mean
        latents.components = vectors.flip(1)[:, :dims].float().contiguous()
        latents.scale = scale.float()
        return latents

    def encode(self, picture: Tensor) -> Tensor:
        """(batch, 2 × time, MEL_BANDS) → (batch, time, dims), root mean square about one."""
        pairs = picture.reshape(picture.shape[0], -1, 2 * MEL_BANDS)
        return (pairs - self.mean) @ self.components / self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """(batch, time, dims) → (batch, 2 × time, MEL_BANDS)."""
        pairs = (latents * self.scale) @ self.components.T + self.mean
        return pairs.reshape(latents.shape[0], -1, MEL_BANDS)
