"""Rated loops and replayed études as the sound model sees them, kept in files so that a kill loses one at most.

Rated loops are made again from genome and seeds rather than encoded from their files: it gives the very latents that
the model made, without the vocoder's and the effects' traces, it needs no audio that may have been moved or deleted,
and it costs a few steps of the sampler. A version that made a loop is loaded for it. What is replayed are études played
by the sampler: the very material that the base was trained on, with no corpus on the user's machine.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from antiphon.domain.genome import Genome
from antiphon.domain.score import Score
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.backend import SoundRequest
from antiphon.generation.builtin import BuiltinBackend, Pictures
from antiphon.generation.grammar import express
from antiphon.generation.sampler.colours import draw_colours
from antiphon.generation.sampler.playing import play_stem
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.roll import circle_latent_frames, stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ, log_mel_circle
from antiphon.training.dataset import colour_row
from antiphon.training.etudes import etude

#: Études from this seed on are replayed; neither trained on by the base nor used to judge it.
REPLAY_SEED = 3_000_000


@dataclass(frozen=True, slots=True)
class Sight:
    """Stems of one loop on its circle: latents and source float32 (stems, time, dims), roll float32 (stems, time, 256),
    timbre int64 (stems,), colours float32 (stems, columns)."""

    stems: tuple[str, ...]
    latents: Tensor
    roll: Tensor
    source: Tensor
    timbre: Tensor
    colours: Tensor

    def of(self, stems: Sequence[str]) -> Sight:
        """The same with these stems only."""
        rows = [index for index, stem in enumerate(self.stems) if stem in stems]
        tensors = (self.latents, self.roll, self.source, self.timbre, self.colours)
        return Sight(tuple(self.stems[row] for row in rows), *(tensor[rows] for tensor in tensors))


def sound_request(genome: Genome, backend: BuiltinBackend, stems: Sequence[str] | None = None) -> SoundRequest:
    """The request that made a loop, or the named stems of it."""
    score = express(genome)
    if stems is not None:
        score = replace(score, stems=tuple(stem for stem in score.stems if stem.stem in stems))
    noise = {genes.stem: genes.noise for genes in genome.stems}
    return SoundRequest(score, genome.seed, genome.steps or backend.default_steps, round(MODEL_RATE_HZ), noise)


def as_sight(pictures: Pictures, codec: LinearLatents) -> Sight:
    """Pictures of a backend, with the source as latents."""
    with torch.inference_mode():
        source = codec.encode(log_mel_circle(pictures.source.to(codec.device))).cpu()
    latents, roll = pictures.latents.float(), pictures.roll.float()
    # Inference tensors can't be trained with.
    return Sight(pictures.stems, latents.clone(), roll.clone(), source.clone(), pictures.timbre, pictures.colours)


def rated_sight(genome: Genome, stems: Sequence[str], backend: BuiltinBackend) -> Sight | None:
    """The named stems of a loop, made again by the version that made it; None where they play nothing."""
    pictures = backend.pictures(sound_request(genome, backend, stems))
    return None if pictures is None else as_sight(pictures, backend.pipeline.codec)


def replay_sight(seed: int, codec: LinearLatents, columns: int) -> Generator[None, None, Sight]:
    """Étude number `seed` as the sampler plays it, in colours. Stops after each stem: a whole étude takes seconds, and
    somebody may wait."""
    score = _nudged(etude(REPLAY_SEED + seed))
    frames = circle_latent_frames(score) * LATENT_HOP_FRAMES
    rng = np.random.default_rng((REPLAY_SEED + seed, 5))
    playing = [stem for stem in score.stems if stem.notes]
    said = [draw_colours(rng) for _ in playing]
    beats = float(score.beats)
    waves, sources = [], []
    for stem, told in zip(playing, said, strict=True):
        waves.append(play_stem(stem, frames / beats, frames, told, seed))
        yield
        sources.append(stem_source(stem, beats, frames, colours=told))
    latents, source = (_encoded(codec, np.stack(each)) for each in (waves, sources))
    roll = np.stack([stem_roll(stem, beats, latents.shape[1]) for stem in playing])
    colours = np.stack([colour_row(told, columns) for told in said])
    timbre = torch.tensor([TIMBRE_INDEX[stem.timbre] for stem in playing])
    names = tuple(stem.stem for stem in playing)
    return Sight(names, latents, torch.from_numpy(roll), source, timbre, torch.from_numpy(colours))


def _nudged(score: Score) -> Score:
    """The score at a tempo at which its circle is a whole number of latent frames."""
    frames = circle_latent_frames(score) * LATENT_HOP_FRAMES
    return replace(score, bpm=float(score.beats) * 60.0 * MODEL_RATE_HZ / frames)


def _encoded(codec: LinearLatents, waves: NDArray[np.float32]) -> Tensor:
    with torch.inference_mode():
        return codec.encode(log_mel_circle(torch.from_numpy(waves).to(codec.device))).cpu().clone()


def save_sight(path: Path, sight: Sight) -> None:
    """Write it whole or not at all; the roll as bytes, at 1/200 of full velocity."""
    tensors = {
        "latents": sight.latents, "source": sight.source, "timbre": sight.timbre, "colours": sight.colours,
        "roll": (sight.roll * 200.0).round().clamp(0, 255).to(torch.uint8),
    }  # fmt: skip
    partial = path.with_suffix(".part")
    save_file({name: t.contiguous() for name, t in tensors.items()}, partial, {"stems": json.dumps(sight.stems)})
    partial.replace(path)


def load_sight(path: Path) -> Sight:
    """Read what `save_sight` wrote."""
    with safe_open(path, framework="pt") as file:
        stems = tuple(json.loads(file.metadata()["stems"]))
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    roll = found["roll"].float() / 200.0
    return Sight(stems, found["latents"], roll, found["source"], found["timbre"], found["colours"])
