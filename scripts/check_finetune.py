"""Check what fine-tuning promises: kills cost at most one checkpoint, and spam promotes no worse version.

    python scripts/check_finetune.py                 # both parts
    python scripts/check_finetune.py gate --runs 50  # simulated raters, three in ten of whom don't listen
    python scripts/check_finetune.py gate --plain    # the same while the learner is away: nobody judges the raters
    python scripts/check_finetune.py gate --apart    # without twins, as in a generation whose takes are made again
    python scripts/check_finetune.py kill --kills 20 # kill -9 in the middle of learning, on a tiny model

Raters are simulated (benchmarks/trials.py). The tiny model has random
weights: what is checked is that learning goes on where it was, not how anything sounds. Kills need a system with fork.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT)]

from benchmarks.trials import SPAM, trial  # noqa: E402

#: By how much a version differs from the one in use, in points of 5.
DIFFERENCES = (-1.0, -0.5, -0.25, -0.1, 0.0, 0.25, 0.5, 1.0)
CHECKPOINT_STEPS = 5


def check_gate(runs: int, seed: int, judged: bool, twins: bool) -> dict[str, object]:
    """How often versions that are truly worse, alike and better are promoted, with 30 % spam."""
    found = {}
    how = "judged as the learner does" if judged else "not judged: plain means"
    print(f"raters {how}, {runs} trials each, {'twins' if twins else 'no twins'}")
    for difference in DIFFERENCES:
        ends = [trial((seed, number), difference, judged, twins=twins) for number in range(runs)]
        promoted = [end.ratings for end in ends if end.state == "promoted"]
        found[f"{difference:+.2f}"] = row = {
            "promoted": len(promoted), "of": runs,
            "median_loops": statistics.median(end.loops for end in ends),
            "median_ratings": statistics.median(end.ratings for end in ends),
            "ratings_of_promoted": (statistics.median(promoted), max(promoted)) if promoted else None,
        }  # fmt: skip
        print(f"{difference:+.2f} points of 5: {row}", flush=True)
    return {"runs": runs, "seed": seed, "spam": SPAM, "judged": judged, "twins": twins, "by_difference": found}


def _learn(folder: Path, steps: int) -> None:
    """A fine-tuning of the tiny model in `folder`, from where it is to its end."""
    from tests.tiny_backend import load

    from antiphon.domain.request import GenerateRequest
    from antiphon.generation.grammar import draw_genome
    from antiphon.training.finetune.material import RatedLoop, Recipe, Task
    from antiphon.training.finetune.session import LEARNING, LOOKING, FineTuning

    loops = []
    for number in range(12):
        genome = draw_genome(GenerateRequest(bpm=170.0, bars=1, stems=("bass",), seed=number), number)
        loops.append(RatedLoop(f"c{number}", genome, "tiny-1", "all", number / 11, 0.8))
    recipe = Recipe(steps=steps, replay_songs=1, checkpoint_steps=CHECKPOINT_STEPS, check_steps=10, patience=99)
    task = Task("tiny-1+1", "tiny", "tiny-1", "", recipe, tuple(loops))
    base = load()
    for stage in FineTuning(task, base, lambda version: base, folder, "check").run():
        if stage.stage == "learning":
            (folder / "reached").write_text(str(round((stage.fraction - LOOKING) / LEARNING * steps)))


def _steps(folder: Path) -> int:
    path = folder / "reached"
    text = path.read_text() if path.exists() else ""
    return int(text) if text else 0


def _checkpoint_step(folder: Path) -> int:
    from safetensors import safe_open

    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0
    with safe_open(path, framework="pt") as file:
        return int(json.loads(file.metadata()["course"])["step"])


def _child(folder: Path, steps: int) -> int:
    """Learn in a process of its own, which has everything loaded already."""
    child = os.fork()
    if child == 0:
        _learn(folder, steps)
        os._exit(0)
    return child


def check_kills(kills: int, steps: int) -> dict[str, object]:
    """Kill the learner at random moments; compare what comes out with a learning that nobody disturbed."""
    # Loaded before the children are forked, so that they begin at once.
    import peft  # noqa: F401
    import tests.tiny_backend  # noqa: F401
    import torch

    from antiphon.generation.sound.adapter import ADAPTER_FILE, read_adapter
    from antiphon.training.finetune import session  # noqa: F401

    torch.set_num_threads(1)
    rng, done, most_lost = random.Random(1), 0, 0
    with tempfile.TemporaryDirectory() as place:
        calm, killed = Path(place) / "calm", Path(place) / "killed"
        calm.mkdir(), killed.mkdir()
        os.waitpid(_child(calm, steps), 0)
        while done < kills and not (killed / ADAPTER_FILE).exists():
            before, child = _checkpoint_step(killed), _child(killed, steps)
            # Beyond the next checkpoint by some steps, so that something is there to be lost.
            target = before + CHECKPOINT_STEPS + rng.randint(0, CHECKPOINT_STEPS - 1)
            (killed / "reached").unlink(missing_ok=True)
            while _steps(killed) < target and os.waitpid(child, os.WNOHANG) == (0, 0):
                time.sleep(0.005)
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                done += 1
            except (ProcessLookupError, ChildProcessError):
                break
            reached, kept = _steps(killed), _checkpoint_step(killed)
            most_lost = max(most_lost, reached - kept)
            print(f"kill {done}: at step {reached}, of which {kept} are kept", flush=True)
        os.waitpid(_child(killed, steps), 0)
        first, second = read_adapter(calm / ADAPTER_FILE), read_adapter(killed / ADAPTER_FILE)
    furthest = max(float((first.tensors[name] - second.tensors[name]).abs().max()) for name in first.tensors)
    course = second.about["course"]
    return {
        "kills": done, "steps": course["step"], "resumed": course["resumed"], "checkpoint_steps": CHECKPOINT_STEPS,
        "most_steps_lost": most_lost, "largest_difference_of_weights": furthest,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("gate", "kill", "all"), default="all")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--plain", action="store_true", help="plain means, as while the learner is away")
    parser.add_argument("--apart", action="store_true", help="no twins: each version has loops of its own")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, object] = {}
    if asked.part in ("gate", "all"):
        found["gate"] = check_gate(asked.runs, asked.seed, not asked.plain, not asked.apart)
    if asked.part in ("kill", "all"):
        found["kill"] = check_kills(asked.kills, asked.steps)
        print(found["kill"])
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
