"""What the base was trained on, as sketches small enough to ship: is anything that a version makes a copy of it?

Windows of three seconds of every stem of the corpus, a second and a half apart, are kept as the signs of random
projections of its picture (SimHash: Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002).
The share of signs in which two sketches differ is the angle between the pictures, whatever they hold: 128 signs tell a
correlation of 0.97 from one of 0.8. What is looked at is sketched at every frame, so that a copy is found wherever it
begins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from antiphon.errors import BackendFailed
from antiphon.generation.sound.latents import LinearLatents
from antiphon.training.etudes import ETUDE_STEMS

#: In the base's folder.
CORPUS_FILE = "corpus.safetensors"
#: Frames of a sketched window: three seconds of latents.
WINDOW = 128
#: Frames between two sketched windows: of any copy that is a window and a half long, one lies within.
HOP = 64
BITS = 128
#: Windows whose picture moves less than this in all are next to silence, and alike.
QUIET = 5.0
_SEED = 20260101
#: Windows that are compared at once, so that memory stays small.
_AT_ONCE = 256

Picture = NDArray[np.float32]
Sketches = NDArray[np.uint64]


@cache
def _signs(dims: int) -> NDArray[np.float32]:
    """The projections. `RandomState`'s stream is frozen, so a file of sketches stays readable with every numpy."""
    return np.random.RandomState(_SEED).standard_normal((WINDOW * dims, BITS)).astype(np.float32)


def sketch(picture: Picture, starts: Sequence[int]) -> Sketches:
    """Sketches, uint64 (n, 2), of the windows of a circle (time, dims) that begin at `starts`, but not of silence."""
    frames = (np.asarray(starts, dtype=np.intp)[:, None] + np.arange(WINDOW)) % len(picture)
    seen = picture[frames].astype(np.float32)
    seen = (seen - seen.mean(1, keepdims=True)).reshape(len(frames), -1)
    moving = seen[np.linalg.norm(seen, axis=1) > QUIET]
    return np.packbits(moving @ _signs(picture.shape[1]) > 0.0, axis=1).view(np.uint64)


def likeness_of(sketches: Sketches, known: Sketches) -> float:
    """The greatest correlation, as far as sketches tell, of any window with any known one; 0 where there is none."""
    if not len(sketches) or not len(known):
        return 0.0
    fewest = BITS
    for first in range(0, len(sketches), _AT_ONCE):
        differ = sketches[first : first + _AT_ONCE, None] ^ known[None]
        fewest = min(fewest, int(np.bitwise_count(differ).sum(axis=2, dtype=np.int64).min()))
    return float(np.cos(np.pi * fewest / BITS))


@dataclass(frozen=True, slots=True, eq=False)
class KnownCorpus:
    """Sketches (n, 2) of the corpus's windows by stem; `songs` they are from."""

    stems: Mapping[str, Sketches]
    songs: int

    def closest(self, loops: Iterable[Mapping[str, Picture]]) -> float:
        """The greatest likeness of any stem of the loops to the same stem of the corpus, 0 to 1."""
        found = [
            likeness_of(sketch(picture, range(len(picture))), self.stems[stem])
            for loop in loops for stem, picture in loop.items() if stem in self.stems
        ]  # fmt: skip
        return max(found, default=0.0)


def song_pictures(planes: NDArray[np.float16]) -> dict[str, Picture]:
    """Latents of every stem of a pictured song of the corpus (`encode_song`), float32 (time, dims) each."""
    return {stem: planes[0, row].astype(np.float32) for row, stem in enumerate(ETUDE_STEMS)}


def sketch_song(planes: NDArray[np.float16]) -> dict[str, Sketches]:
    """What is kept of a pictured song, by stem."""
    return {stem: sketch(each, range(0, len(each), HOP)) for stem, each in song_pictures(planes).items()}


def sketched(songs: Iterable[Mapping[str, Sketches]]) -> KnownCorpus:
    """The corpus of the songs that were sketched, in their order. Raises BackendFailed where there is none."""
    each = list(songs)
    if not each:
        raise BackendFailed("no song of the corpus was sketched: train first, in this folder")
    return KnownCorpus({stem: np.concatenate([song[stem] for song in each]) for stem in ETUDE_STEMS}, len(each))


def keep_sketch(path: Path, song: Mapping[str, Sketches]) -> None:
    """Write what is kept of a song that streams by: about a kilobyte, whole or not at all."""
    partial = path.with_suffix(".part")
    save_file({stem: found.view(np.uint8) for stem, found in song.items()}, partial)
    partial.replace(path)


def kept_sketches(folder: Path) -> list[dict[str, Sketches]]:
    """What `keep_sketch` wrote into the folder, by the songs' numbers."""
    paths = sorted(folder.glob("*.sketch"), key=lambda path: int(path.stem))
    return [{stem: found.view(np.uint64) for stem, found in load_file(path).items()} for path in paths]


def _fit(codec: LinearLatents) -> NDArray[np.float32]:
    """What latents mean, in short: another codec makes other latents of the same sound."""
    return np.asarray(codec.components[:, :2].detach().float().cpu().numpy())


def write_corpus(path: Path, corpus: KnownCorpus, codec: LinearLatents) -> None:
    """Write it whole or not at all."""
    tensors = {f"stem.{stem}": found.view(np.uint8) for stem, found in corpus.stems.items()}
    partial = path.with_suffix(".part")
    save_file(tensors | {"codec": _fit(codec).astype(np.float16)}, partial, {"songs": str(corpus.songs)})
    partial.chmod(0o644)
    partial.replace(path)


def read_corpus(path: Path, codec: LinearLatents) -> KnownCorpus | None:
    """What `write_corpus` wrote; None where there is no such file, or it belongs to another codec."""
    if not path.exists():
        return None
    with safe_open(path, framework="numpy") as file:
        fit = file.get_tensor("codec").astype(np.float32)
        stems = {
            name.removeprefix("stem."): file.get_tensor(name).view(np.uint64)
            for name in file.keys() if name.startswith("stem.")  # noqa: SIM118 - not a dict
        }  # fmt: skip
        songs = int(file.metadata()["songs"])
    own = _fit(codec)
    return KnownCorpus(stems, songs) if fit.shape == own.shape and np.allclose(fit, own, atol=0.01) else None
