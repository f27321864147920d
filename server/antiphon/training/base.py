"""The built-in model's training, stage by stage, resumable: corpus → latents → vocoder, polish, sound → folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import nn

from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder
from antiphon.training.adversary import Adversary
from antiphon.training.checkpoint import averaged_weights, write_about
from antiphon.training.corpus import CORPUS_VERSION
from antiphon.training.dataset import SoundWindows, VocoderWindows, render_audio, render_pictures
from antiphon.training.finetune.known_corpus import CORPUS_FILE, sketched, write_corpus
from antiphon.training.loop import Schedule, Trained, train_stage
from antiphon.training.noise_levels import SHIFT
from antiphon.training.probes import probe_sound, probe_vocoder
from antiphon.training.report import reporting
from antiphon.training.stages import fit_latents, sound_loss, vocoder_loss

MODEL_VERSION = "builtin-6"
Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what comes out. Stored with the weights. Unless told, as for the shipped ones."""

    songs: int = 1600
    latent_songs: int = 60
    vocoder_songs: int = 160
    latent_dims: int = 64
    vocoder_steps: int = 4800
    vocoder_batch: int = 12
    vocoder_rate: float = 6e-4
    polish_steps: int = 600
    polish_rate: float = 2e-4
    sound_steps: int = 18600
    sound_batch: int = 16
    sound_rate: float = 7e-4
    sound_shift: float = SHIFT
    seed: int = 1


def _codec(folder: Path, recipe: Recipe) -> LinearLatents:
    place = folder / "codec"
    if not (place / "config.json").exists():
        fit_latents(folder / "corpus", range(recipe.latent_songs), recipe.latent_dims).save_pretrained(place)
    codec: LinearLatents = LinearLatents.from_pretrained(place)
    return codec


def stage_corpus(folder: Path, recipe: Recipe, processes: int) -> None:
    """Render the songs that are kept as sound, fit the latents, render all songs as pictures."""
    render_audio(folder / "corpus", range(recipe.vocoder_songs), processes)
    render_pictures(folder / "corpus", range(recipe.songs), _codec(folder, recipe), processes)


def _about(recipe: Recipe) -> dict[str, Any]:
    """What a training is made with; heads the report and stands in the weights' metadata."""
    return {
        "version": MODEL_VERSION,
        "corpus_version": CORPUS_VERSION,
        "bent_source": True,
        "no_pre_echo": True,
        "own_overtones": True,
        "recipe": asdict(recipe),
        "revision": revision(),
        "torch": torch.__version__,
    }


def _vocoder_so_far(folder: Path) -> HarmonicVocoder:
    """The best decoder there is in the folder, else an untrained one."""
    vocoder = HarmonicVocoder()
    found = next((path for name in ("polish", "vocoder") if (path := folder / f"{name}.safetensors").exists()), None)
    if found is not None:
        vocoder.load_state_dict(averaged_weights(found)[0])
    return vocoder


def stage_vocoder(folder: Path, recipe: Recipe, device: torch.device) -> Trained:
    """Train the vocoder on real pictures."""
    torch.manual_seed(recipe.seed)
    model, codec = HarmonicVocoder().to(device), _codec(folder, recipe).to(device)
    data = VocoderWindows(folder / "corpus", range(recipe.vocoder_songs))
    schedule = Schedule(recipe.vocoder_steps, recipe.vocoder_rate, betas=(0.8, 0.99), clip=3.0, cooldown=0.4)
    loss = vocoder_loss(model, codec, data, recipe.vocoder_batch, device)
    report = reporting(folder, _about(recipe), "vocoder", model, lambda copy: probe_vocoder(codec, copy))
    return train_stage("vocoder", folder, model, schedule, loss, recipe.seed, on_checkpoint=report)


def stage_polish(folder: Path, recipe: Recipe, device: torch.device) -> Trained:
    """Train the vocoder on, from where the distance alone has brought it, against an adversary."""
    torch.manual_seed(recipe.seed)
    model, codec = HarmonicVocoder().to(device), _codec(folder, recipe).to(device)
    model.load_state_dict(averaged_weights(folder / "vocoder.safetensors")[0])
    adversary = Adversary(device)
    data = VocoderWindows(folder / "corpus", range(recipe.vocoder_songs))
    schedule = Schedule(recipe.polish_steps, recipe.polish_rate, betas=(0.8, 0.99), clip=3.0, cooldown=0.4)
    loss = vocoder_loss(model, codec, data, recipe.vocoder_batch, device, adversary)
    report = reporting(folder, _about(recipe), "polish", model, lambda copy: probe_vocoder(codec, copy))
    return train_stage("polish", folder, model, schedule, loss, recipe.seed, adversary, report)


def stage_sound(folder: Path, recipe: Recipe, device: torch.device) -> Trained:
    """Train the score-conditioned flow transformer."""
    torch.manual_seed(recipe.seed)
    model = ScoreTransformer(latent_dims=recipe.latent_dims).to(device)
    data = SoundWindows(folder / "corpus", range(recipe.songs), int(model.config.colours))
    schedule = Schedule(recipe.sound_steps, recipe.sound_rate)
    loss = sound_loss(model, data, recipe.sound_batch, device, recipe.sound_shift)
    codec, vocoder = _codec(folder, recipe).to(device), _vocoder_so_far(folder).to(device)
    report = reporting(folder, _about(recipe), "sound", model, lambda copy: probe_sound(codec, copy, vocoder))
    return train_stage("sound", folder, model, schedule, loss, recipe.seed, on_checkpoint=report)


def _averaged(folder: Path, name: str, model: Model) -> tuple[Model, dict[str, float]]:
    """The stage's averaged weights in `model`, and how long it was trained."""
    weights, training = averaged_weights(folder / f"{name}.safetensors")
    model.load_state_dict(weights, strict=True)
    return model, training


def revision() -> str:
    """The code's git revision, `unknown` outside a checkout."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def export(folder: Path, recipe: Recipe, target: Path) -> ScoreToStemsPipeline:
    """Write the pipeline folder: fp16 safetensors, model_index.json, and antiphon.json with the recipe and its cost,
    which stand in the header of every file of weights too."""
    transformer, sound = _averaged(folder, "sound", ScoreTransformer(latent_dims=recipe.latent_dims))
    polished = (folder / "polish.safetensors").exists()
    vocoder, voiced = _averaged(folder, "polish" if polished else "vocoder", HarmonicVocoder())
    # Few steps, and most of them where there is most to decide: at high noise, as in training.
    scheduler = FlowMatchEulerDiscreteScheduler(shift=recipe.sound_shift)
    fitted = _codec(folder, recipe)
    # Made anew, because a loaded model remembers, and would write down, the path that it came from.
    codec = LinearLatents(fitted.config.dims)
    codec.load_state_dict(fitted.state_dict())
    pipeline = ScoreToStemsPipeline(codec, transformer, vocoder, scheduler)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(target, safe_serialization=True)
    write_corpus(target / CORPUS_FILE, sketched(folder / "corpus", recipe.songs), codec)
    about = _about(recipe) | {"trained": {"sound": sound, "vocoder": voiced}}
    write_about(target, pipeline.components, about)
    return pipeline


def available_device(wanted: str) -> torch.device:
    """`auto` is CUDA where there is one; Apple's MPS lacks complex transforms that training needs."""
    if wanted != "auto":
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def run_stages(stages: list[str], folder: Path, recipe: Recipe, device: torch.device, target: Path) -> None:
    """Run the named stages in order; each resumes where it was."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    np.seterr(all="raise", under="ignore")
    actions: dict[str, Callable[[], object]] = {
        "corpus": lambda: stage_corpus(folder, recipe, os.cpu_count() or 1),
        "vocoder": lambda: stage_vocoder(folder, recipe, device),
        "polish": lambda: stage_polish(folder, recipe, device),
        "sound": lambda: stage_sound(folder, recipe, device),
        "export": lambda: export(folder, recipe, target),
    }
    for stage in stages:
        actions[stage]()
