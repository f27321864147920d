"""The stages of the built-in model's training: latents, vocoder, sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.roll import PITCHES
from antiphon.generation.sound.spectrum import HOP_FRAMES, MEL_BANDS, istft_circle, log_mel, stft_circle
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder
from antiphon.training.adversary import Adversary
from antiphon.training.dataset import audio_picture
from antiphon.training.noise_levels import SHIFT, noise_levels
from antiphon.training.windows import SoundWindows, VocoderWindows

#: Mel frames of a vocoder window; its edges are left out of the loss, for they lack their neighbours.
VOCODER_WINDOW = 88
_EDGE_FRAMES = 12 * HOP_FRAMES
#: How much more the frames of an attack count than the others.
_ATTACK_EMPHASIS = 2.0


def latent_frames(audio: NDArray[np.int16]) -> Tensor:
    """What latents are fitted to, of one song's stems (stems, frames): every third frame of their pictures, float32
    (n, 2 × bands)."""
    return audio_picture(audio).reshape(-1, 2 * MEL_BANDS)[::3]


def fit_latents(songs: Iterable[Tensor], dims: int = 64) -> LinearLatents:
    """Principal components of the songs' `latent_frames`."""
    return LinearLatents.fitted(torch.cat(list(songs)), dims)


@cache
def _hann(frames: int, device: torch.device) -> Tensor:
    return torch.hann_window(frames, device=device)


def spectral_distance(made: Tensor, real: Tensor, resolutions: Sequence[int]) -> Tensor:
    """Multi-resolution spectral loss (Yamamoto et al., 2020) with a complex term that rewards the right phase."""
    total = made.new_zeros(())
    for size in resolutions:
        window = _hann(size, made.device)
        a = torch.stft(made, size, size // 4, window=window, return_complex=True)
        b = torch.stft(real, size, size // 4, window=window, return_complex=True)
        size_a, size_b = (a.real.square() + a.imag.square() + 1e-10).sqrt(), b.abs()
        total = total + (torch.log(size_a + 1e-3) - torch.log(size_b + 1e-3)).abs().mean()
        total = total + 2.0 * ((size_a + 1e-5).sqrt() - (size_b + 1e-5).sqrt()).abs().mean()
        total = total + 0.25 * (a - b).abs().mean() / (size_b.mean() + 1e-2)
    return total / len(resolutions)


def vocoder_loss(
    model: HarmonicVocoder,
    codec: LinearLatents,
    data: VocoderWindows,
    batch: int,
    device: torch.device,
    adversary: Adversary | None = None,
) -> Callable[[np.random.Generator], Tensor]:
    """Loss on real windows seen through the latents, blurred a little as the sound model will blur them. With an
    adversary, its critics learn at every step, and their judgement counts."""

    def loss(rng: np.random.Generator) -> Tensor:
        audio, source = (x.to(device) for x in data.batch(rng, batch, VOCODER_WINDOW * HOP_FRAMES))
        with torch.no_grad():
            latents = codec.encode(log_mel(stft_circle(audio).abs()))
            blur = 0.25 * torch.rand(batch, 1, 1, device=device).square()
            picture = codec.decode(latents + blur * torch.randn_like(latents))
            spectrum = stft_circle(source)
        made = istft_circle(model(picture, spectrum))
        inner = slice(_EDGE_FRAMES, -_EDGE_FRAMES)
        resolutions = (2048, int(rng.choice((256, 512, 1024))))
        distance = spectral_distance(made[:, inner], audio[:, inner], resolutions)
        if adversary is None:
            return distance
        adversary.learn(made[:, inner], audio[:, inner])
        return distance + adversary.penalty(made[:, inner], audio[:, inner])

    return loss


def onset_weights(roll: Tensor) -> Tensor:
    """How much each frame counts, float32 (batch, time, 1), 1 at the mean: frames in which a note begins, and those
    beside them, count more. Where in a stem that is, the model is told, so that what it learns to make stays the same;
    but an attack is short, and what is heard of it is more than its share of the frames.
    """
    begins = F.max_pool1d(roll[..., :PITCHES].sum(-1)[:, None], 3, 1, 1)[:, 0] > 0.0
    weights = 1.0 + _ATTACK_EMPHASIS * begins.float()
    return (weights / weights.mean())[..., None]


def sound_loss(
    model: ScoreTransformer, data: SoundWindows, batch: int, device: torch.device, shift: float = SHIFT
) -> Callable[[np.random.Generator], Tensor]:
    """Flow matching (Lipman et al., 2023); see `noise_levels` for which levels of noise are seen."""
    window = int(model.config.window)

    def loss(rng: np.random.Generator) -> Tensor:
        seen = data.batch(rng, batch, window).to(device)
        latents = seen.latents
        sigma = noise_levels(batch, shift=shift).to(device)
        noise = torch.randn_like(latents)
        mixed = torch.lerp(latents, noise, sigma[:, None, None])
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            velocity = model(mixed, sigma, seen.roll, seen.source, seen.timbre, seen.colours, seen.company)
        error = (velocity.float() - (noise - latents)).square()
        return (onset_weights(seen.roll) * error).mean()

    return loss
