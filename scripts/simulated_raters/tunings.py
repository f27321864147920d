"""Fine-tunings for simulated listeners: the server's own job on their ratings, and the paper's plain epoch."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Generator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from antiphon.domain.genome import Genome
from antiphon.domain.genome_wire import genome_to_json
from antiphon.generation.builtin import BuiltinBackend
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.training.finetune.job import TuningJob
from antiphon.training.finetune.objectives import any_start, cut, flow_errors, noised
from antiphon.training.finetune.pictures import Sight, rated_sight, replay_sight, save_sight
from simulated_raters.ear import PITCHED

_SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class RatedSound:
    """A loop as it was rated: what is believed of it (`value`, 0 to 1), how far (`weight`, 0 to 1), and the version
    that sounded it."""

    genome: Genome
    value: float
    weight: float
    made_by: str


@dataclass(frozen=True, slots=True)
class Tuned:
    """A fine-tuning that has ended: its state by the gate's measures (`trial` or `rejected`) and why, how long it took,
    and the version."""

    state: str
    reasons: tuple[str, ...]
    seconds: float
    version: BuiltinBackend


def payload(loops: Sequence[RatedSound], base_version: str, version: str, recipe: dict[str, Any]) -> dict[str, Any]:
    """A training job, as the ledger would hold it."""
    rated = [
        {"candidate_id": f"c{index}", "genome": genome_to_json(loop.genome), "model_version": loop.made_by,
         "group": loop.genome.style, "value": loop.value, "weight": loop.weight}
        for index, loop in enumerate(loops)
    ]  # fmt: skip
    return {
        "version": version, "base_model": "builtin", "base_version": base_version, "loops": rated,
        "recipe": recipe, "ratings": len(rated),
    }  # fmt: skip


def fine_tune(job: dict[str, Any], base: BuiltinBackend, folder: Path) -> Tuned:
    """Fine-tune as the server does, and ask the gate's measures. What has been done already in `folder` is not done
    again."""
    began_s = time.monotonic()
    work = TuningJob(job, base, lambda _: base, folder, "benchmark")
    for _ in work.run():
        pass
    own = folder / str(job["version"])
    if not (own / _SECONDS).exists():
        (own / _SECONDS).write_text(f"{time.monotonic() - began_s:.1f}")
    version = base.fine_tuned(own / "adapter.safetensors")
    outcome = work.outcome
    return Tuned(outcome["state"], tuple(outcome["reasons"]), float((own / _SECONDS).read_text()), version)


def lend_etudes(base: BuiltinBackend, songs: int, kept: Path, folder: Path) -> None:
    """Put the études that every fine-tuning replays into `folder`, where it looks for them: they are the same for all,
    so they are played once and kept in `kept`."""
    for each in (kept, folder):
        each.mkdir(parents=True, exist_ok=True)
    for song in range(songs):
        name = f"replay-{song}.picture.safetensors"
        if not (kept / name).exists():
            columns = int(base.pipeline.transformer.config.colours)
            save_sight(kept / name, _drained(replay_sight(song, base.pipeline.codec, columns)))
        shutil.copy(kept / name, folder / name)


def _drained(pieces: Generator[None, None, Sight]) -> Sight:
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            sight: Sight = end.value
            return sight


def one_epoch(
    model: BuiltinBackend, loops: Sequence[RatedSound], made: Callable[[str], BuiltinBackend], rate: float,
    batch: int, seed: int, name: str,
) -> BuiltinBackend:  # fmt: skip
    """The paper's fine-tuning as far as it is known (Singh et al., 2025): every window of what was kept once, flow
    matching weighted by the plain rating, at a constant learning rate, without a pull or a gate. All weights learn, as
    in the latent diffusion that it builds on. Gives a new version, `name`."""
    seen = [(rated_sight(loop.genome, PITCHED, made(loop.made_by)), loop.value) for loop in loops]
    rng = np.random.default_rng(seed)
    transformer = deepcopy(model.pipeline.transformer).requires_grad_(True)
    window = int(transformer.config.window)
    cuts = [
        ((sight, stem, any_start(sight, rng) + first), value)
        for sight, value in seen if sight is not None
        for stem in range(len(sight.stems)) for first in range(0, sight.roll.shape[1], window)
    ]  # fmt: skip
    mean = float(np.mean([value for _, value in cuts])) or 1.0
    optimiser = torch.optim.AdamW(transformer.parameters(), rate)
    order = rng.permutation(len(cuts))
    for step, first in enumerate(range(0, len(order), batch)):
        some = [cuts[place] for place in order[first : first + batch]]
        windows = cut([place for place, _ in some], window)
        weights = torch.tensor([value / mean for _, value in some])
        loss = (weights * flow_errors(transformer, windows, *noised(windows.latents, seed * 1_000 + step))).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return _sounding(model, transformer.requires_grad_(False), name)


def _sounding(model: BuiltinBackend, transformer: torch.nn.Module, name: str) -> BuiltinBackend:
    parts = dict(model.pipeline.components)
    scheduler = type(parts["scheduler"]).from_config(parts["scheduler"].config)
    parts |= {"transformer": transformer, "scheduler": scheduler}
    return BuiltinBackend(ScoreToStemsPipeline(**parts), name, model.default_steps, model.base)
