"""Training of the score model: pictures of loops, cut from their circles, at all levels of noise."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from numpy.typing import NDArray
from torch import Tensor

from antiphon.generation.scoring.conditions import LOOP_FEATURES, STEP_FEATURES, thinned, unguided, without_chords
from antiphon.generation.scoring.grid import CHANNELS, GLIDING, LANES, LENGTHS, PLACES, THRESHOLD, WRITTEN, channels_of
from antiphon.generation.scoring.model import NotesTransformer, error_scale, wound
from antiphon.generation.scoring.sampling import NotesPipeline
from antiphon.training.checkpoint import averaged_weights, write_about
from antiphon.training.loop import Schedule, Trained, train_stage
from antiphon.training.report import Probed, reporting
from antiphon.training.score_corpus import HELD_OUT, SCORE_CORPUS_VERSION, ScoreLoops, compose_corpus

SCORE_MODEL_VERSION = "score-2"
#: Held-out loops that the report's loss is measured on, and batches of them.
_HELD_LOOPS, _HELD_BATCHES = 64, 8


@dataclass(frozen=True, slots=True)
class ScoreRecipe:
    """Everything that decides what comes out. Stored with the weights. Unless told, as for the shipped ones."""

    loops: int = 16000
    steps: int = 5200
    #: Quarter notes in a batch.
    tokens: int = 512
    rate: float = 8e-4
    #: Above 1, training and sampling see more of the high noise, where the piece is decided.
    shift: float = 3.0
    seed: int = 1
    #: A folder with weights to train on from, those of a version before this one too; "": from the beginning.
    start: str = ""


@dataclass(frozen=True, slots=True)
class ScoreBatch:
    """What one step learns from; shapes as `NotesTransformer.forward` takes them, `weight` like the picture."""

    picture: Tensor
    given: Tensor
    known: Tensor
    steps: Tensor
    loop: Tensor
    weight: Tensor


def first_model(recipe: ScoreRecipe) -> NotesTransformer:
    """The model as the training finds it: untrained, or as the recipe's weights have it, enlarged where they are older.
    Raises OSError where these aren't there."""
    if recipe.start:
        return NotesPipeline.from_pretrained(recipe.start).transformer
    return new_model()


def new_model() -> NotesTransformer:
    """The model, untrained."""
    lanes = LANES["lead"].stop
    return NotesTransformer(CHANNELS, lanes, step_features=STEP_FEATURES, loop_features=LOOP_FEATURES)


def _weights(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each number counts: lengths, places and glides next to nothing where nothing begins. Glides, which are
    one channel beside dozens of lanes, count for more where something does."""
    weight = np.ones_like(picture)
    for stem in WRITTEN:
        begins = (picture[:, LANES[stem]] > THRESHOLD).any(axis=1)
        for channel, counts in ((PLACES[stem], 0.5), (LENGTHS.get(stem), 0.5), (GLIDING.get(stem), 2.0)):
            if channel is not None:
                weight[:, channel] = np.where(begins, counts, 0.01)
    return weight


def _known_stems(rng: np.random.Generator) -> list[str]:
    """Nothing is given half of the time, else any stems but all."""
    if rng.random() < 0.5:
        return []
    given = [stem for stem in WRITTEN if rng.random() < 0.55]
    return given if len(given) < len(WRITTEN) else []


def draw_batch(data: ScoreLoops, tokens: int, patch: int, rng: np.random.Generator) -> ScoreBatch:
    """Loops of one length, `tokens` tokens in all, each turned to a start of its own, with some wishes left out and
    some stems given."""
    total = data.draw_length(rng)
    circle = wound(total, patch)
    batch = max(1, min(tokens * patch // len(circle), 4 * tokens // patch))
    rows: list[tuple[NDArray[np.float32], ...]] = []
    for index in data.draw_of_length(total, batch, rng):
        example = data[int(index)]
        # Tokens mostly begin on quarter notes, as they do when a loop is made.
        at = (circle + (patch * int(rng.integers(total // patch + 1)))) % total
        picture, steps = example.picture[at], example.steps[at]
        loop = thinned(example.loop, rng)
        chance = rng.random()
        if chance < 0.1:
            loop, steps = unguided(example.loop), without_chords(steps)
        elif chance < 0.14:
            steps = without_chords(steps)
        weight, given = _weights(picture), np.zeros_like(picture)
        known = np.zeros((len(at), len(WRITTEN)), dtype=np.float32)
        for stem in _known_stems(rng):
            channels = channels_of(stem)
            given[:, channels], weight[:, channels], known[:, WRITTEN.index(stem)] = picture[:, channels], 0.0, 1.0
        rows.append((picture, given, known, steps, loop, weight))
    return ScoreBatch(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))


def score_loss(
    model: NotesTransformer, data: ScoreLoops, recipe: ScoreRecipe, device: torch.device
) -> Callable[[np.random.Generator], Tensor]:
    """The flow's loss: the error of the clean picture, at each noise level in units of a blind guess's."""
    patch = int(model.config.patch)

    def loss_of(rng: np.random.Generator) -> Tensor:
        drawn = draw_batch(data, recipe.tokens, patch, rng)
        picture, given, known, steps, loop, weight = (getattr(drawn, n).to(device) for n in ScoreBatch.__slots__)
        even = torch.from_numpy(rng.random(len(picture), dtype=np.float32)).to(device)
        sigma = (recipe.shift * even / (1.0 + (recipe.shift - 1.0) * even)).clamp(0.02)
        noise = torch.from_numpy(rng.standard_normal(picture.shape, dtype=np.float32)).to(device)
        level = sigma[:, None, None]
        noisy = torch.lerp(picture, noise, level)
        # Half precision pays on a GPU; many processors are slower with it.
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            clean = model(noisy, sigma, given, known, steps, loop)
        error = (clean.float() - picture) / error_scale(level)
        return (weight * error.square()).sum() / weight.sum()

    return loss_of


def _named(start: str) -> str:
    """The version of the weights in a folder; "" for none."""
    return str(json.loads((Path(start) / "antiphon.json").read_text())["version"]) if start else ""


def _about(recipe: ScoreRecipe, revision: str) -> dict[str, Any]:
    """What a training is made with; heads the report and stands in the weights' metadata."""
    return {
        "version": SCORE_MODEL_VERSION,
        "corpus_version": SCORE_CORPUS_VERSION,
        "recipe": asdict(recipe) | {"start": _named(recipe.start)},
        "revision": revision,
        "torch": torch.__version__,
    }


@torch.inference_mode()
def probe_score(model: NotesTransformer, held: ScoreLoops, recipe: ScoreRecipe, device: torch.device) -> Probed:
    """The loss on loops that no training sees: the same batches with the same noise at every checkpoint."""
    loss = score_loss(model.eval(), held, recipe, device)
    losses = [float(loss(np.random.default_rng((HELD_OUT, batch)))) for batch in range(_HELD_BATCHES)]
    return Probed({"held-out loss": float(np.mean(losses))})


def stage_score(folder: Path, recipe: ScoreRecipe, processes: int, device: torch.device, revision: str) -> Trained:
    """Compose the corpus and train on it, both from where they were; the report tells of every checkpoint."""
    compose_corpus(folder / "score_corpus", recipe.loops, processes)
    compose_corpus(folder / "score_held_out", _HELD_LOOPS, processes, HELD_OUT)
    torch.manual_seed(recipe.seed)
    model = first_model(recipe).to(device)
    data = ScoreLoops(folder / "score_corpus", recipe.loops)
    schedule = Schedule(recipe.steps, recipe.rate, average_decay=0.998)
    held = ScoreLoops(folder / "score_held_out", _HELD_LOOPS, HELD_OUT)
    probe = partial(probe_score, held=held, recipe=recipe, device=device)
    report = reporting(folder, _about(recipe, revision), "score", model, probe)
    loss = score_loss(model, data, recipe, device)
    return train_stage("score", folder, model, schedule, loss, recipe.seed, on_checkpoint=report)


def averaged_model(folder: Path) -> tuple[NotesTransformer, dict[str, float]]:
    """The model with the averaged weights of the checkpoint in `folder`, and {"step": …, "seconds": …}."""
    model = new_model()
    weights, trained = averaged_weights(folder / "score.safetensors")
    model.load_state_dict(weights)
    return model, trained


def export_score(folder: Path, recipe: ScoreRecipe, target: Path, revision: str) -> NotesPipeline:
    """Write the score model as a diffusers folder: fp16 safetensors, and antiphon.json with the recipe and its cost,
    which stand in the weights' header too."""
    model, trained = averaged_model(folder)
    pipeline = NotesPipeline(model, FlowMatchEulerDiscreteScheduler(shift=recipe.shift))
    pipeline.to(torch.float16)
    pipeline.save_pretrained(target, safe_serialization=True)
    write_about(target, pipeline.components, _about(recipe, revision) | {"trained": trained})
    return pipeline


def make_score(folder: Path, recipe: ScoreRecipe, device: torch.device, target: Path, revision: str) -> None:
    """Corpus, training, export: all of the score model."""
    stage_score(folder, recipe, os.cpu_count() or 1, device, revision)
    export_score(folder, recipe, target, revision)
