"""Make the built-in model again: corpus, latents, vocoder, sound model, weights folder.

    python scripts/train_base.py                    everything, resuming what is half done
    python scripts/train_base.py --stages sound     one stage (repeat --stages for several)

Needs the package and, for the acoustic voices, FluidSynth with the FluidR3 sound font (docs/model-card.md).
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

from antiphon.training.base import Recipe, available_device, run_stages

ROOT = Path(__file__).resolve().parent.parent
STAGES = ["corpus", "vocoder", "polish", "sound", "export"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", action="append", choices=STAGES)
    parser.add_argument("--folder", type=Path, default=ROOT / ".training", help="corpus and checkpoints")
    parser.add_argument("--target", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0: all")
    for field in dataclasses.fields(Recipe):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = Recipe(**{field.name: getattr(args, field.name) for field in dataclasses.fields(Recipe)})
    run_stages(args.stages or STAGES, args.folder, recipe, available_device(args.device), args.target)


if __name__ == "__main__":
    main()
