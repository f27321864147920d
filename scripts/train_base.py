"""Make the built-in model again: corpus, latents, vocoder, sound model, weights folder, spread, score model.

    python scripts/train_base.py                    everything, resuming what is half done
    python scripts/train_base.py --stages sound     one stage (repeat --stages for several)
    python scripts/train_base.py --recipe builtin-7 as the shipped weights: 1,600 songs, rendered first and kept
    python scripts/train_base.py --stages score --score-steps 30000      the score model, and nothing else
    python scripts/train_base.py --stages score --score-start WEIGHTS --folder .training/on --target weights
                                                    the score model, trained on from weights that there are

Songs are composed and rendered by worker processes while the model learns, and leave once they were used; nothing but
the last few hundred is ever on disk. Stop it whenever you like: called again, it goes on, and sees the same songs as
if it had never stopped. `report.html` in the folder shows how it goes.

Needs the package and, for the acoustic voices, FluidSynth with the FluidR3 sound font (docs/model-card.md).
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch

from antiphon.errors import AntiphonError
from antiphon.training.base import Training, available_device, revision, run_stages
from antiphon.training.recipe import NEWEST, RECIPES, Recipe
from antiphon.training.score_stage import ScoreRecipe, make_score

ROOT = Path(__file__).resolve().parent.parent
STAGES = ["corpus", "vocoder", "polish", "sound", "export", "spread", "score"]
ABOUT = {
    "corpus": "edition of the corpus: 3 has effects and 50 to 220 bpm, 2 neither",
    "window": "songs at hand of the sound model; 0: songs are rendered first and kept",
    "vocoder_window": "the same of the vocoder",
    "uses": "excerpts that are cut of a song, on average, before it leaves the window",
    "songs": "songs in all, where they are kept",
    "vocoder_songs": "songs that the vocoder hears, where they are kept",
    "latent_songs": "songs that the latents are fitted to",
    "sound_shift": "how far noise levels are shifted up",
}


def _options(group: argparse._ArgumentGroup, recipe: type[Any], prefix: str = "") -> None:
    for field in dataclasses.fields(recipe):
        about = ABOUT.get(field.name, "") if not prefix else ""
        group.add_argument(f"--{prefix}{field.name.replace('_', '-')}", type=type(field.default), help=about)


def _wished(asked: argparse.Namespace, of: Any, prefix: str = "") -> dict[str, Any]:
    """What was named on the command line."""
    wishes = {field.name: getattr(asked, prefix + field.name) for field in dataclasses.fields(of)}
    return {name: value for name, value in wishes.items() if value is not None}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stages", action="append", choices=STAGES, help="default: all, in this order")
    parser.add_argument("--recipe", choices=RECIPES, default=NEWEST, help=f"what to follow (default: {NEWEST})")
    parser.add_argument("--folder", type=Path, default=ROOT / ".training", help="songs, checkpoints, report")
    target = ROOT / "presets" / "models" / "builtin"
    parser.add_argument("--target", type=Path, default=target, help="where the weights go")
    parser.add_argument("--device", default="auto", help="auto (CUDA where there is a GPU), cpu, cuda")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0: all")
    _options(parser.add_argument_group("the sound model's recipe, where it shall differ"), Recipe)
    _options(parser.add_argument_group("the score model's recipe, where it shall differ"), ScoreRecipe, "score-")
    return parser.parse_args()


def main() -> None:
    asked = parsed()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    stages, device = asked.stages or STAGES, available_device(asked.device)
    try:
        recipe = dataclasses.replace(RECIPES[asked.recipe], **_wished(asked, Recipe))
        training = Training(asked.folder, recipe, asked.recipe, device)
        run_stages([stage for stage in stages if stage != "score"], training, asked.target)
        if "score" in stages:
            wished = ScoreRecipe(**_wished(asked, ScoreRecipe, "score_"))
            make_score(asked.folder, wished, device, asked.target / "score", revision())
    except AntiphonError as error:
        sys.exit(error.message)


if __name__ == "__main__":
    main()
