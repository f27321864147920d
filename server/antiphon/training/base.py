"""The built-in model's training, stage by stage, resumable: corpus, vocoder, polish, sound, export, spread."""

from __future__ import annotations

import json
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

from antiphon.errors import SettingsError
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.spread import SPREAD_FILE
from antiphon.generation.sound.transformer import ScoreTransformer
from antiphon.generation.sound.vocoder import HarmonicVocoder
from antiphon.training.adversary import Adversary
from antiphon.training.checkpoint import averaged_weights, write_about
from antiphon.training.finetune.known_corpus import CORPUS_FILE, write_corpus
from antiphon.training.loop import Schedule, Trained, train_stage
from antiphon.training.probes import probe_sound, probe_vocoder
from antiphon.training.recipe import Recipe
from antiphon.training.report import reporting
from antiphon.training.songs import TrainingSongs
from antiphon.training.spreading import spread_of
from antiphon.training.stages import sound_loss, vocoder_loss
from antiphon.training.windows import SoundWindows, VocoderWindows

Model = TypeVar("Model", bound=nn.Module)
#: What a training folder can't change half-way: songs, latents and checkpoints in it are of these.
_SETTLED = ("corpus", "latent_songs", "latent_dims", "seed")


@dataclass(frozen=True, slots=True)
class Training:
    """One training: where it lies, what it follows, the version that its weights get, where it computes."""

    folder: Path
    recipe: Recipe
    version: str
    device: torch.device

    @property
    def songs(self) -> TrainingSongs:
        return TrainingSongs(self.folder, self.recipe, os.cpu_count() or 1)

    @property
    def about(self) -> dict[str, Any]:
        """What it is made with; heads the report and stands in the weights' metadata."""
        return {
            "version": self.version,
            "corpus_version": self.recipe.corpus,
            "bent_source": True,
            "no_pre_echo": True,
            "own_overtones": True,
            "spread": True,
            "recipe": asdict(self.recipe),
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


def stage_vocoder(training: Training) -> Trained:
    """Train the vocoder on real pictures."""
    torch.manual_seed(training.recipe.seed)
    return _train_vocoder(training, "vocoder", HarmonicVocoder())


def stage_polish(training: Training) -> Trained:
    """Train the vocoder on, from where the distance alone has brought it, against an adversary."""
    torch.manual_seed(training.recipe.seed)
    model = HarmonicVocoder()
    model.load_state_dict(averaged_weights(training.folder / "vocoder.safetensors")[0])
    return _train_vocoder(training, "polish", model, Adversary(training.device))


def _train_vocoder(
    training: Training, stage: str, model: HarmonicVocoder, adversary: Adversary | None = None
) -> Trained:
    recipe, device = training.recipe, training.device
    model, codec = model.to(device), training.songs.codec.to(device)
    polishing = adversary is not None
    steps, rate = (
        (recipe.polish_steps, recipe.polish_rate) if polishing else (recipe.vocoder_steps, recipe.vocoder_rate)
    )
    songs, feed = training.songs.for_vocoder(steps)
    schedule = Schedule(steps, rate, betas=(0.8, 0.99), clip=3.0, cooldown=0.4)
    loss = vocoder_loss(model, codec, VocoderWindows(songs), recipe.vocoder_batch, device, adversary)
    report = reporting(training.folder, training.about, stage, model, lambda copy: probe_vocoder(codec, copy))
    return train_stage(stage, training.folder, model, schedule, loss, recipe.seed, adversary, report, feed)


def stage_sound(training: Training) -> Trained:
    """Train the score-conditioned flow transformer."""
    recipe, device, folder = training.recipe, training.device, training.folder
    torch.manual_seed(recipe.seed)
    model = ScoreTransformer(latent_dims=recipe.latent_dims).to(device)
    songs, feed = training.songs.for_sound_model(int(model.config.colours))
    schedule = Schedule(recipe.sound_steps, recipe.sound_rate)
    loss = sound_loss(model, SoundWindows(songs), recipe.sound_batch, device, recipe.sound_shift)
    codec, vocoder = training.songs.codec.to(device), _vocoder_so_far(folder).to(device)
    report = reporting(folder, training.about, "sound", model, lambda copy: probe_sound(codec, copy, vocoder))
    return train_stage("sound", folder, model, schedule, loss, recipe.seed, on_checkpoint=report, feed=feed)


def _averaged(folder: Path, name: str, model: Model) -> tuple[Model, dict[str, float]]:
    """The stage's averaged weights in `model`, and how long it was trained."""
    weights, training = averaged_weights(folder / f"{name}.safetensors")
    model.load_state_dict(weights, strict=True)
    return model, training


def revision() -> str:
    """The code's git revision, `unknown` outside a checkout."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def export(training: Training, target: Path) -> ScoreToStemsPipeline:
    """Write the pipeline folder: fp16 safetensors, model_index.json, and antiphon.json with the recipe and its cost,
    which stand in the header of every file of weights too."""
    folder, recipe = training.folder, training.recipe
    transformer, sound = _averaged(folder, "sound", ScoreTransformer(latent_dims=recipe.latent_dims))
    polished = (folder / "polish.safetensors").exists()
    vocoder, voiced = _averaged(folder, "polish" if polished else "vocoder", HarmonicVocoder())
    # Few steps, and most of them where there is most to decide: at high noise, as in training.
    scheduler = FlowMatchEulerDiscreteScheduler(shift=recipe.sound_shift)
    fitted = training.songs.codec
    # Made anew, because a loaded model remembers, and would write down, the path that it came from.
    codec = LinearLatents(fitted.config.dims)
    codec.load_state_dict(fitted.state_dict())
    pipeline = ScoreToStemsPipeline(codec, transformer, vocoder, scheduler)
    pipeline.to(torch.float16)
    pipeline.save_pretrained(target, safe_serialization=True)
    write_corpus(target / CORPUS_FILE, training.songs.known(), codec)
    about = training.about | {"trained": {"sound": sound, "vocoder": voiced}}
    write_about(target, pipeline.components, about)
    return pipeline


def stage_spread(training: Training, target: Path) -> None:
    """Measure how the exported model's sounds are to be spread out; a few minutes."""
    pipeline = ScoreToStemsPipeline.from_pretrained(target).to(training.device)
    spread_of(pipeline, training.recipe.edition).write(target / SPREAD_FILE)
    write_about(target, (), json.loads((target / "antiphon.json").read_text()))


def available_device(wanted: str) -> torch.device:
    """`auto` is CUDA where there is one; Apple's MPS lacks complex transforms that training needs."""
    if wanted != "auto":
        return torch.device(wanted)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _settle(training: Training) -> None:
    """Keep the recipe in the training's folder. Raises SettingsError where what is there was made by one that this
    can't go on from; steps, batches and rates may change."""
    path = training.folder / "recipe.json"
    wanted = asdict(training.recipe)
    if path.exists():
        found = json.loads(path.read_text())
        other = [name for name in _SETTLED if found[name] != wanted[name]]
        if other:
            told = ", ".join(f"{name} {found[name]} there, {wanted[name]} asked" for name in other)
            raise SettingsError(
                f"{training.folder} holds a training by another recipe ({told}): ask for that, or name another --folder"
            )
    elif (training.folder / "codec").exists() and training.recipe.streams:
        raise SettingsError(
            f"{training.folder} holds a training of before songs streamed: go on with --recipe builtin-7, or name "
            "another --folder"
        )
    training.folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=1) + "\n")


def run_stages(stages: list[str], training: Training, target: Path) -> None:
    """Run the named stages in order; each resumes where it was. Raises SettingsError where the folder holds a training
    by another recipe."""
    if training.device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
    np.seterr(all="raise", under="ignore")
    actions: dict[str, Callable[[], object]] = {
        "corpus": training.songs.prepare,
        "vocoder": lambda: stage_vocoder(training),
        "polish": lambda: stage_polish(training),
        "sound": lambda: stage_sound(training),
        "export": lambda: export(training, target),
        "spread": lambda: stage_spread(training, target),
    }
    if stages:
        _settle(training)
    for stage in stages:
        actions[stage]()
