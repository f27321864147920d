"""Sketch the built-in model's corpus, so that the gate can tell copies of it: corpus.safetensors in its folder.

    python scripts/sketch_corpus.py --folder .training/corpus     songs that are pictured there are taken as they are

scripts/train_base.py does the same when it exports; this is for looking at how well it tells. Songs that are not
pictured yet are rendered, which takes hours for all. Prints how like the corpus songs are that it does not hold, and
copies of its own with noise over them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from antiphon.generation.sound.latents import LinearLatents
from antiphon.training.dataset import SongFiles, pictures
from antiphon.training.finetune.known_corpus import (
    CORPUS_FILE,
    KnownCorpus,
    sketch_song,
    sketched,
    song_pictures,
    write_corpus,
)
from antiphon.training.recipe import recipe_of

ROOT = Path(__file__).resolve().parent.parent


def check(corpus: KnownCorpus, songs: SongFiles, strangers: list[int]) -> None:
    """How well copies and strangers are told apart."""
    rng = np.random.default_rng(0)
    for name, seeds, noise in (("not in it", strangers, 0.0), ("copies", [3, 99, 500], 0.25), ("copies", [3, 99], 0.6)):
        told = []
        for seed in seeds:
            shifted = {
                stem: np.roll(p + noise * p.std() * rng.standard_normal(p.shape, dtype=np.float32), 37, axis=0)
                for stem, p in song_pictures(songs.look(seed)).items()
            }
            told.append(corpus.closest([shifted]))
        print(f"{name}, noise {noise}: closest likeness {', '.join(f'{each:.2f}' for each in told)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / ".training" / "corpus")
    parser.add_argument("--model", type=Path, default=ROOT / "presets" / "models" / "builtin")
    parser.add_argument("--strangers", type=int, nargs="*", default=[], help="numbers of songs beyond the corpus")
    asked = parser.parse_args()
    recipe = recipe_of(json.loads((asked.model / "antiphon.json").read_text()))
    songs = recipe.sound_pace.songs if recipe.streams else recipe.songs
    codec = LinearLatents.from_pretrained(asked.model / "codec")
    files = pictures(asked.folder, recipe.edition, codec)
    files.render_all((*range(songs), *asked.strangers), 1)
    corpus = sketched(sketch_song(files.look(number)) for number in range(songs))
    write_corpus(asked.model / CORPUS_FILE, corpus, codec)
    size = (asked.model / CORPUS_FILE).stat().st_size
    windows = {stem: len(found) for stem, found in corpus.stems.items()}
    print(f"{songs} songs, {size / 1000:.0f} kB, windows by stem: {windows}")
    check(corpus, files, asked.strangers)


if __name__ == "__main__":
    main()
