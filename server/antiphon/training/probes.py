"""What a stage sounds like half-way: a held-out song through the weights as they are, measured and kept to hear."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, log_mel_circle
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder
from antiphon.training.corpus import HELD_OUT_SEED, Song, render_song
from antiphon.training.dataset import colour_row
from antiphon.training.report import Probed

#: Natural logarithm of a magnitude to decibels.
_DB = 8.686
_SAMPLER_STEPS = 4


@cache
def _held_out() -> tuple[Song, Tensor]:
    """The first held-out song and its stems' sources."""
    song = render_song(HELD_OUT_SEED)
    beats, frames = float(song.score.beats), song.audio.shape[1]
    told = zip(song.score.stems, song.colours, strict=True)
    return song, torch.from_numpy(np.stack([stem_source(stem, beats, frames, colours=said) for stem, said in told]))


def _told(song: Song, made: Tensor) -> Probed:
    """Mean mel error of every sounding stem in dB, and the mix to hear beside the instruments' own."""
    audio = torch.from_numpy(song.audio)
    errors = (log_mel_circle(made) - log_mel_circle(audio)).abs().mean((1, 2)) * _DB
    named = zip(song.score.stems, errors.tolist(), strict=True)
    measures = {f"{stem.stem} mel error dB": error for stem, error in named if stem.notes}
    return Probed(measures, {"made": (made.sum(0) * 0.5).numpy(), "instruments": (audio.sum(0) * 0.5).numpy()})


def _pipeline(codec: LinearLatents, sound: ScoreTransformer, vocoder: HarmonicVocoder) -> ScoreToStemsPipeline:
    pipeline = ScoreToStemsPipeline(codec, sound, vocoder, FlowMatchEulerDiscreteScheduler(shift=1.0))
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.inference_mode()
def probe_vocoder(codec: LinearLatents, vocoder: HarmonicVocoder) -> Probed:
    """The decoder alone, on the instruments' own pictures."""
    song, source = _held_out()
    latents = codec.encode(log_mel_circle(torch.from_numpy(song.audio)).to(codec.device))
    pipeline = _pipeline(codec, ScoreTransformer(width=20, depth=1, heads=2), vocoder)
    return _told(song, pipeline.decode(latents, source).cpu())


@torch.inference_mode()
def probe_sound(codec: LinearLatents, sound: ScoreTransformer, vocoder: HarmonicVocoder) -> Probed:
    """The whole way from the score to sound, in four steps."""
    song, source = _held_out()
    stems, time = song.score.stems, song.audio.shape[1] // LATENT_HOP_FRAMES
    colours = np.stack([colour_row(said, int(sound.config.colours)) for said in song.colours])
    roll = np.stack([stem_roll(stem, float(song.score.beats), time) for stem in stems])
    output = _pipeline(codec, sound, vocoder)(
        torch.from_numpy(roll), torch.tensor([TIMBRE_INDEX[stem.timbre] for stem in stems]), source,
        torch.from_numpy(colours), num_inference_steps=_SAMPLER_STEPS, generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    assert output.audios is not None
    return _told(song, output.audios.cpu())
