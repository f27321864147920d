"""The pipeline that the paper builds on: latent diffusion of 256 × 256 mel pictures, DDIM, Griffin-Lim.

Singh et al., "Improving AI-generated music with user-guided training" (arXiv 2506.04852), work on such pictures. The
sizes are those of teticio/latent-audio-diffusion-256: its autoencoder's published configuration, and the UNet of the
training script in teticio/audio-diffusion (scripts/train_unet.py). Weights are random: speed does not depend on them.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

#: AutoencoderKL as published: 256 × 256 pictures become 32 × 32 latents of one channel.
AUTOENCODER: dict[str, Any] = {
    "in_channels": 1, "out_channels": 1, "latent_channels": 1, "layers_per_block": 2, "sample_size": 256,
    "block_out_channels": (128, 256, 512, 512), "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4, "scaling_factor": 0.18215,
}  # fmt: skip
UNET: dict[str, Any] = {
    "sample_size": 32, "in_channels": 1, "out_channels": 1, "layers_per_block": 2,
    "block_out_channels": (128, 128, 256, 256, 512, 512),
    "down_block_types": ("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4,
}  # fmt: skip
STEPS = 50
GRIFFIN_LIM_ITERATIONS = 32
PICTURE = 256


@dataclass(frozen=True, slots=True)
class Peer:
    """The built pipeline."""

    pipeline: Any
    steps: int
    parameters: int
    #: Seconds of audio in one picture.
    picture_s: float


@dataclass(frozen=True, slots=True)
class Pass:
    """Seconds of one pass over a batch of pictures, by stage, and of audio in each."""

    audio_s: float
    unet_s: float
    decoder_s: float
    griffin_lim_s: float

    @property
    def wall_s(self) -> float:
        return self.unet_s + self.decoder_s + self.griffin_lim_s


def build(
    unet: dict[str, Any] | None = None, autoencoder: dict[str, Any] | None = None, picture: int = PICTURE,
    steps: int = STEPS, iterations: int = GRIFFIN_LIM_ITERATIONS,
) -> Peer:  # fmt: skip
    """Build diffusers' own pipeline with random weights, at the published size unless told otherwise."""
    from diffusers import AudioDiffusionPipeline, AutoencoderKL, DDIMScheduler, Mel, UNet2DModel

    with warnings.catch_warnings():
        # The pipeline is deprecated in diffusers; it is what the paper's line of work runs on all the same.
        warnings.simplefilter("ignore")
        pipeline = AudioDiffusionPipeline(
            vqvae=AutoencoderKL(**(autoencoder or AUTOENCODER)).eval(),
            unet=UNet2DModel(**(unet or UNET)).eval(),
            mel=Mel(x_res=picture, y_res=picture, n_iter=iterations),
            scheduler=DDIMScheduler(),
        )
    pipeline.set_progress_bar_config(disable=True)
    parameters = sum(p.numel() for part in (pipeline.unet, pipeline.vqvae) for p in part.parameters())
    mel = pipeline.mel
    return Peer(pipeline, steps, parameters, picture * mel.hop_length / mel.get_sample_rate())


def sound(peer: Peer, pictures: int) -> Pass:
    """Make `pictures` pieces of audio in one batch, as the pipeline does."""
    pipeline, spent = peer.pipeline, {"unet": 0.0, "decode": 0.0, "mel": 0.0}

    def timed(name: str, function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            began_s = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                spent[name] += time.perf_counter() - began_s

        return call

    plain = pipeline.unet.forward, pipeline.vqvae.decode, pipeline.mel.image_to_audio
    pipeline.unet.forward = timed("unet", plain[0])
    pipeline.vqvae.decode = timed("decode", plain[1])
    pipeline.mel.image_to_audio = timed("mel", plain[2])
    try:
        _, (rate, audios) = pipeline(batch_size=pictures, steps=peer.steps, return_dict=False)
    finally:
        pipeline.unet.forward, pipeline.vqvae.decode, pipeline.mel.image_to_audio = plain
    return Pass(float(np.mean([len(audio) for audio in audios])) / rate, spent["unet"], spent["decode"], spent["mel"])
