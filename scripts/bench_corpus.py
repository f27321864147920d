"""How fast songs of the corpus come, on one core, and what a training step needs of them.

    python scripts/bench_corpus.py                 24 songs of each edition
    python scripts/bench_corpus.py --songs 100 --step-s 2.1

Processor time, so that a busy machine does not matter: of rendering alone, of what the sound model's stream makes of a
song (pictures and a sketch) and of what the vocoder's makes (sound and source). Beside it stands what the newest recipe
asks for: a step that takes `--step-s` seconds keeps so much of a core busy with songs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from antiphon.generation.sound.latents import LinearLatents
from antiphon.training.corpus import EDITIONS, render_song, song_effects
from antiphon.training.recipe import NEWEST, RECIPES
from antiphon.training.songs import pictured_and_sketched, sound_and_source

#: Songs that are rendered first and not counted: recordings and sound font are read once a process.
WARM_UP = 3


def _seconds(work: Callable[[int], object], songs: int) -> float:
    """Processor seconds that one song takes."""
    for number in range(WARM_UP):
        work(number)
    began = time.process_time()
    for number in range(WARM_UP, WARM_UP + songs):
        work(number)
    return (time.process_time() - began) / songs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", type=int, default=24)
    parser.add_argument("--step-s", type=float, default=1.7, help="seconds that a step of the sound model takes")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    table = Table("edition", "stems with effects", "render, s", "sound model's, s", "songs a second", "vocoder's, s")
    recipe, newest_s = RECIPES[NEWEST], 0.0
    with tempfile.TemporaryDirectory() as folder:
        for edition in EDITIONS.values():
            worn = [bool(effects) for n in range(asked.songs) for effects in song_effects(n, edition)]
            render_s = _seconds(partial(render_song, edition=edition), asked.songs)
            newest_s = _seconds(partial(pictured_and_sketched, edition, LinearLatents(), Path(folder)), asked.songs)
            vocoder_s = _seconds(partial(sound_and_source, edition), asked.songs)
            table.add_row(
                str(edition.version), f"{sum(worn) / len(worn):.0%}", f"{render_s:.2f}", f"{newest_s:.2f}",
                f"{1.0 / newest_s:.2f}", f"{vocoder_s:.2f}",
            )  # fmt: skip
    Console().print(table)
    songs_a_step = recipe.sound_batch / recipe.uses
    print(f"{NEWEST}: {songs_a_step:.2f} songs a step, {songs_a_step * newest_s / asked.step_s:.0%} of a core's time "
          f"at {asked.step_s:g} s a step; {recipe.sound_pace.songs} songs in all, {recipe.window} at hand")  # fmt: skip


if __name__ == "__main__":
    main()
