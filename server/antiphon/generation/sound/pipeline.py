"""The built-in model as a diffusers pipeline: folders, scheduler, `callback_on_step_end`, generators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.utils import BaseOutput
from torch import Tensor

from antiphon.generation.sound.circle import Windows
from antiphon.generation.sound.inversion import invert
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.levelling import held_to_picture
from antiphon.generation.sound.spectrum import istft_circle, log_mel, log_mel_circle, stft_circle, wrap_frames
from antiphon.generation.sound.spread import spread_out
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder

#: Called as diffusers does: (pipeline, step index, timestep, {"latents": …}) → the dict, perhaps with new latents.
StepCallback = Callable[["ScoreToStemsPipeline", int, Tensor, dict[str, Tensor]], dict[str, Tensor]]


@dataclass
class StemsOutput(BaseOutput):
    """`audios`: float32 (stems, time × 1024) on the loop's circle; `latents`: (stems, time, dims); `expected`: like
    `latents`, what the first step foretold."""

    audios: Tensor | None
    latents: Tensor
    expected: Tensor


class ScoreToStemsPipeline(DiffusionPipeline):
    """Sounds the stems of one loop together. All stems start from the same noise (as Stemphonic does), which makes
    them agree in room and phrasing; the score keeps them apart."""

    model_cpu_offload_seq = "transformer->vocoder"

    def __init__(
        self,
        codec: LinearLatents,
        transformer: ScoreTransformer,
        vocoder: HarmonicVocoder,
        scheduler: FlowMatchEulerDiscreteScheduler,
    ) -> None:
        super().__init__()
        self.register_modules(codec=codec, transformer=transformer, vocoder=vocoder, scheduler=scheduler)

    @classmethod
    def from_pretrained(cls, folder: str | Path, torch_dtype: torch.dtype = torch.float32) -> ScoreToStemsPipeline:
        """Load a folder that `save_pretrained` wrote. Only safetensors are read."""
        place = Path(folder)
        kinds = {"codec": LinearLatents, "transformer": ScoreTransformer, "vocoder": HarmonicVocoder}
        models = {
            name: kind.from_pretrained(place / name, torch_dtype=torch_dtype, use_safetensors=True)
            for name, kind in kinds.items()
        }
        return cls(**models, scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(place / "scheduler"))

    def initial_noise(self, stems: int, time: int, generator: torch.Generator | None) -> Tensor:
        """Unit normal noise, the same for every stem: (stems, time, dims)."""
        dims = int(self.transformer.config.latent_dims)
        noise = torch.randn(1, time, dims, generator=generator, dtype=torch.float32)
        return noise.to(self.device).expand(stems, time, dims).contiguous()

    @torch.inference_mode()
    def __call__(
        self,
        roll: Tensor,
        timbre: Tensor,
        source: Tensor,
        colours: Tensor | None = None,
        company: Sequence[Tensor | None] | None = None,
        num_inference_steps: int = 8,
        generator: torch.Generator | None = None,
        latents: Tensor | None = None,
        callback_on_step_end: StepCallback | None = None,
        gain: Tensor | None = None,
        output_type: str = "audio",
    ) -> StemsOutput:
        """Sound one loop.

        roll: float32 (stems, time, 256), see `roll.stem_roll`; timbre: int64 (stems,); source: float32
        (stems, time × 1024), see `source.stem_source`; colours: float32 (stems, columns), see `timbres.COLOURS`, or
        None; company: for each stem float32 (time × 1024,), the mix of those that sound beside it and are there
        already, or None where it shall not hear them; latents: initial noise, drawn from `generator` if None. The
        circle's `time` must be even. gain: float32 (stems, dims), see `spread.spread_out`; None leaves what the steps
        have made.
        output_type "latent" leaves the pictures undecoded.
        """
        spectra = [stft_circle(wave) for wave in source.to(self.device).split(1)]
        if latents is None:
            latents = self.initial_noise(roll.shape[0], roll.shape[1], generator)
        state = expected = latents.to(self.device)
        sigmas = np.linspace(1.0, 1.0 / num_inference_steps, num_inference_steps)
        self.scheduler.set_timesteps(sigmas=sigmas, device=self.device)
        velocity = self._velocity(roll, timbre, spectra, colours, company)
        for index, timestep in enumerate(self.progress_bar(self.scheduler.timesteps)):
            speed = velocity(state, self.scheduler.sigmas[index])
            if index == 0:
                expected = state - self.scheduler.sigmas[0] * speed
            state = self.scheduler.step(speed, timestep, state, return_dict=False)[0]
            if callback_on_step_end is not None:
                state = callback_on_step_end(self, index, timestep, {"latents": state}).get("latents", state)
        if gain is not None:
            state = spread_out(state, expected, gain, self.codec)
        audios = None if output_type == "latent" else self._decode(state, spectra)
        return StemsOutput(audios=audios, latents=state, expected=expected)

    @torch.inference_mode()
    def invert(
        self, roll: Tensor, timbre: Tensor, source: Tensor, colours: Tensor | None, pictures: Tensor,
        on_step: Callable[[int, int], None],
    ) -> Tensor:  # fmt: skip
        """The noise that pictures of stems would be made of, under a score (see `inversion`).

        The score as in `__call__`; pictures: float32 (stems, 2 × time, MEL_BANDS). Returns float32 (stems, time, dims).
        """
        spectra = [stft_circle(wave) for wave in source.to(self.device).split(1)]
        velocity = self._velocity(roll, timbre, spectra, colours, None)
        latents = self.codec.encode(pictures.to(self.device))
        return invert(lambda state, sigma: velocity(state, torch.tensor(sigma)), latents, on_step=on_step)

    def _velocity(
        self,
        roll: Tensor,
        timbre: Tensor,
        spectra: list[Tensor],
        colours: Tensor | None,
        company: Sequence[Tensor | None] | None,
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """The flow's velocity under a score, as a function of the circle's latents and the noise level."""
        roll, timbre = roll.to(self.device), timbre.to(self.device)
        if colours is None:
            colours = torch.zeros(roll.shape[0], int(self.transformer.config.colours))
        windows = Windows(roll.shape[1], int(self.transformer.config.window), self.device)
        # Stem by stem: a matrix product may round a row otherwise in another batch, and a stem that is kept must sound
        # as it did, whoever plays beside it.
        score = torch.cat([
            self._embed_stem(windows, roll[index : index + 1], spectrum, None if company is None else company[index])
            for index, spectrum in enumerate(spectra)
        ])  # fmt: skip
        timbres = timbre.repeat_interleave(windows.count)
        coloured = colours.to(self.device).repeat_interleave(windows.count, 0)

        def velocity(state: Tensor, sigma: Tensor) -> Tensor:
            levels = sigma.to(self.device).expand(timbres.shape[0])
            pieces = self.transformer.velocity(windows.cut(state), levels, score, timbres, coloured)
            return windows.blend(pieces.float())

        return velocity

    def _embed_stem(self, windows: Windows, roll: Tensor, spectrum: Tensor, company: Tensor | None) -> Tensor:
        """What the transformer sees of one stem's score, source and company: (windows, tokens, width)."""
        shown = windows.cut(self.codec.encode(log_mel(spectrum.abs())))
        if company is None:
            return self.transformer.embed_score(windows.cut(roll), shown)
        beside = self.codec.encode(log_mel_circle(company[None].to(self.device)))
        return self.transformer.embed_score(windows.cut(roll), shown, windows.cut(beside))

    def decode(self, latents: Tensor, source: Tensor) -> Tensor:
        """Latents and source waveforms on the circle → audio float32 (stems, time × 1024)."""
        return self._decode(latents, [stft_circle(wave.to(self.device)) for wave in source.split(1)])

    def _decode(self, latents: Tensor, spectra: list[Tensor]) -> Tensor:
        # Stem by stem: one stem's spectrum stays in the processor's cache, four do not.
        return torch.cat([self._decode_stem(z, spec) for z, spec in zip(latents.split(1), spectra, strict=True)])

    def _decode_stem(self, latents: Tensor, spectrum: Tensor) -> Tensor:
        margin = self.vocoder.context_frames
        picture = self.codec.decode(latents)
        decoded = self.vocoder(wrap_frames(picture, margin), wrap_frames(spectrum, margin))
        return held_to_picture(istft_circle(decoded[:, margin:-margin]), picture)
