"""Make the built-in model again: corpus, latents, vocoder, sound model, weights folder.

    python scripts/train_base.py                    everything, resuming what is half done
    python scripts/train_base.py --stages sound     one stage (repeat --stages for several)
    python scripts/train_base.py --stages score --score-steps 30000      the score model, and nothing else

Needs the package and, for the acoustic voices, FluidSynth with the FluidR3 sound font (docs/model-card.md).
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from antiphon.training.base import Recipe, available_device, revision, run_stages
from antiphon.training.score_stage import ScoreRecipe, make_score

ROOT = Path(__file__).resolve().parent.parent
STAGES = ["corpus", "vocoder", "polish", "sound", "export", "score"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", action="append", choices=STAGES)
    parser.add_argument("--folder", type=Path, default=ROOT / ".training", help="corpus and checkpoints")
    parser.add_argument("--target", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0: all")
    for field in dataclasses.fields(Recipe):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    for field in dataclasses.fields(ScoreRecipe):
        name = f"--score-{field.name.replace('_', '-')}"
        parser.add_argument(name, type=type(field.default), default=field.default)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = Recipe(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe)})
    stages, device = args.stages or STAGES, available_device(args.device)
    run_stages([stage for stage in stages if stage != "score"], args.folder, recipe, device, args.target)
    if "score" in stages:
        wishes = {field.name: getattr(args, f"score_{field.name}") for field in dataclasses.fields(ScoreRecipe)}
        make_score(args.folder, ScoreRecipe(**wishes), device, args.target / "score", revision())


if __name__ == "__main__":
    main()
