"""Does the sound model sound like the instruments it learnt from? All its measures in one run, over held-out études.

    python scripts/eval_fidelity.py                                the built-in model, 24 songs, 200 for the key
    python scripts/eval_fidelity.py --songs 8 --steps 4 8 20 --shifts 8 --json fidelity.json
    python scripts/eval_fidelity.py --models new=weights/new builtin-1=old/presets/models/builtin

Arms, all of the same songs: the real renders (synthesis and sound font: the reference), the sampler engine, the decoder
alone, Griffin-Lim on their uncompressed pictures, the first model as it is delivered by default (with the sampler's
drums, percussion and textures), the first model alone with every number of steps, further models with the fewest. The
goals are for what is delivered and for the model alone with the first number of steps. As many other songs give the
real-to-real floor. The key, which is only right or wrong, is judged on more songs (--keys 200, the first of them those
above), since on 24 the difference between two arms is mostly chance. There only bass, chords and lead are heard, of
the real renders, the sampler engine, the decoder alone and the model with the first number of steps. What is heard of a
song is kept under --folder: a run may be broken off, made longer, or repeated with new weights, which then cost only
their own arms.

Weights of an older version come out of the history into a folder of their own:
    git archive 04b8cec^ presets/models/builtin | tar -x -C old        (builtin-1)
They are sounded by today's code: inputs that they don't have count nothing, and builtin-1's decoder hears onset clicks
in its source that it was not trained with. It knows 22 of the 51 timbres, no colours, no percussion and no textures.

The Fréchet distance needs the package musicnn for its weights (`pip install --no-deps musicnn==0.1.0`); --no-listeners
leaves it out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.progress import track

from antiphon.training.corpus import HELD_OUT_SEED
from benchmarks.fidelity.arms import REAL, SoundModel, all_arms
from benchmarks.fidelity.hearing import Hearings
from benchmarks.fidelity.keys import key_arms, key_figures, keys_table, song_keys
from benchmarks.fidelity.listeners import Listener, Musicnn, Vgg, musicnn_folder
from benchmarks.fidelity.tables import Results, frechet_table, goals_table, lessons, worst_tables
from benchmarks.fidelity.timbre_ears import TimbreEars
from benchmarks.report import Report

ROOT = Path(__file__).resolve().parent.parent
#: Songs for the floor, and songs that the classifier learns from: neither was ever trained on.
AGAIN_SEED, LESSONS_SEED = HELD_OUT_SEED + 10_000, 500_000


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--keys", type=int, default=200, help="songs to find the key of; 0: judge it on --songs")
    parser.add_argument("--lessons", type=int, default=720, help="real songs to learn words from; 0: no words")
    parser.add_argument("--steps", type=int, nargs="+", default=[4, 8, 20])
    parser.add_argument("--shifts", type=float, nargs="*", default=[], help="noise shifts to try with the fewest steps")
    parser.add_argument("--models", nargs="+", default=[f"builtin={ROOT / 'presets' / 'models' / 'builtin'}"],
                        metavar="NAME=FOLDER")  # fmt: skip
    parser.add_argument("--musicnn", type=Path, help="folder of the package musicnn, where it is not installed")
    parser.add_argument("--no-listeners", action="store_true", help="leave out the Fréchet distance")
    parser.add_argument("--folder", type=Path, default=Path("fidelity"), help="where what was heard is kept")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if not all("=" in model for model in options.models):
        parser.error("--models wants NAME=FOLDER, for example new=weights/new")
    return options


def listeners_of(options: argparse.Namespace) -> dict[str, Listener]:
    if options.no_listeners:
        return {}
    folder = options.musicnn or musicnn_folder()
    return {"musicnn": Musicnn(folder), "VGG": Vgg(folder)}


def shown(first: int, count: int, about: str) -> Iterable[int]:
    """So many seeds, with a bar on the terminal for how far it has come."""
    return track(range(first, first + count), about, console=Console(stderr=True))


def results_of(options: argparse.Namespace, models: list[SoundModel], hearings: Hearings) -> Results:
    """Every arm on the same songs, and the real renders of others."""
    arms = all_arms(models, options.steps, options.shifts)
    heard = {seed: hearings.song(seed, arms) for seed in shown(HELD_OUT_SEED, options.songs, "songs")}
    again = {seed: hearings.song(seed, [REAL])[REAL.name] for seed in shown(AGAIN_SEED, options.songs, "floor")}
    by_arm = {arm.name: {seed: song[arm.name] for seed, song in heard.items()} for arm in arms}
    first, steps = models[0], options.steps[0]
    judged = (first.delivered(steps).name, first.steps(steps).name)
    return Results(by_arm, again, judged, REAL.name, first.decoder().name)


def main() -> int:
    options = parse()
    report = Report.begin("eval_fidelity", vars(options))
    models = [SoundModel(name, Path(folder)) for name, _, folder in (each.partition("=") for each in options.models)]
    listeners = listeners_of(options)
    hearings = Hearings(options.folder, listeners)
    results = results_of(options, models, hearings)
    asked = key_arms(models[0], options.steps[0])
    keys = {seed: song_keys(options.folder, seed, asked) for seed in shown(HELD_OUT_SEED, options.keys, "keys")}
    taught = {seed: hearings.lesson(seed) for seed in shown(LESSONS_SEED, options.lessons, "lessons")}
    for listener in listeners:
        report.add(frechet_table(results, listener))
    report.add(goals_table(results, TimbreEars(lessons(taught)) if taught else None, options.keys))
    if keys:
        report.add(keys_table(keys, results.main))
    for table in worst_tables(results):
        report.add(table)
    figures = {arm: {seed: song.figures for seed, song in songs.items()} for arm, songs in results.arms.items()}
    names = {model.name: model.key for model in models}
    report.figures = {"models": names, "arms": figures, "keys": key_figures(keys)}
    report.end(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
