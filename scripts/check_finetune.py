"""Check what fine-tuning promises: kills cost at most one checkpoint, and spam promotes no worse version.

    python scripts/check_finetune.py                 # both parts
    python scripts/check_finetune.py gate --runs 50  # simulated raters, a part of whom press at random
    python scripts/check_finetune.py kill --kills 20 # kill -9 in the middle of learning, on a tiny model

Raters are simulated: loops have a true worth, raters a bias and noise, spammers neither. The tiny model has random
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
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "server"), str(ROOT)]

from antiphon.domain.model_version import Heard  # noqa: E402
from antiphon.training.promotion import LAST_LOOK, Look, judge  # noqa: E402

#: By how much a version differs from the one in use, in points of 5.
DIFFERENCES = (-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0)
SPAM = 0.3
CHECKPOINT_STEPS = 5


def rating(rng: random.Random, worth: float) -> float:
    """What one simulated rater says of a loop: three in ten press at random, or always the same."""
    if rng.random() < SPAM:
        return rng.choice((rng.random(), 0.0, 1.0))
    return min(1.0, max(0.0, rng.gauss(worth, 0.15)))


def arm(rng: random.Random, mean: float) -> list[Heard]:
    """Loops of one version, each rated by one to three simulated raters; plain means, nobody judges the raters."""
    loops = []
    for _ in range(LAST_LOOK):
        worth, count = rng.gauss(mean, 0.18), rng.randint(1, 3)
        loops.append(Heard(statistics.fmean(rating(rng, worth) for _ in range(count)), float(count)))
    return loops


def trial(seed: int, difference: float) -> tuple[str, int]:
    """One version's trial, from its first loop to the verdict: state, and how many of its loops were rated."""
    rng = random.Random(f"{seed}/{difference}")
    new, old = arm(rng, 0.5 + difference / 5.0), arm(rng, 0.5)
    looks: tuple[Look, ...] = ()
    for count in range(1, LAST_LOOK + 1):
        verdict = judge(new[:count], old[:count], looks)
        looks = verdict.looks
        if verdict.state != "trial":
            return verdict.state, count
    return "trial", LAST_LOOK


def check_gate(runs: int) -> dict[str, object]:
    """How often versions that are truly worse, alike and better are promoted, with 30 % spam."""
    found = {}
    for difference in DIFFERENCES:
        ends = [trial(seed, difference) for seed in range(runs)]
        states = Counter(state for state, _ in ends)
        found[f"{difference:+.2f}"] = {
            "promoted": states["promoted"], "rejected": states["rejected"],
            "median_loops": statistics.median(count for _, count in ends),
        }  # fmt: skip
        print(f"{difference:+.2f} points of 5: {found[f'{difference:+.2f}']} of {runs}", flush=True)
    return {"runs": runs, "spam": SPAM, "by_difference": found}


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
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, object] = {}
    if asked.part in ("gate", "all"):
        found["gate"] = check_gate(asked.runs)
    if asked.part in ("kill", "all"):
        found["kill"] = check_kills(asked.kills, asked.steps)
        print(found["kill"])
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
