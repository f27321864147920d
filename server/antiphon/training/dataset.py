"""The corpus as files: songs as sound and as pictures, each rendered once, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antiphon.domain.score import Score
from antiphon.domain.timbres import COLOURS, EFFECT_COLUMNS, TOLD_COLUMN
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import log_mel_circle
from antiphon.training.corpus import Edition, Song, render_song

#: What a file of the corpus holds of a song, by its number.
Made = Callable[[int], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class SongFiles:
    """One file a song: `make` renders what it holds, `kind` is part of its name (`wave`, `pictures`)."""

    folder: Path
    kind: str
    make: Made

    def path(self, number: int) -> Path:
        """Where song `number` lies, or would."""
        return self.folder / f"{number}.{self.kind}.npy"

    def render(self, number: int) -> None:
        """Make song `number`, unless it is there. Under another name first: a file that is there is whole."""
        path = self.path(number)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(1)
        partial_path = path.with_suffix(f".{os.getpid()}.partial")
        with partial_path.open("wb") as file:
            np.save(file, self.make(number))
        partial_path.replace(path)

    def render_all(self, numbers: Iterable[int], processes: int) -> None:
        """Make those that are not there yet, on so many processes; may be interrupted and called again."""
        with ProcessPoolExecutor(processes) as pool:
            for _ in pool.map(self.render, numbers, chunksize=4):
                pass

    def read(self, number: int) -> NDArray[Any]:
        """What song `number` holds, in memory."""
        return np.asarray(np.load(self.path(number)))

    def look(self, number: int) -> NDArray[Any]:
        """The same, read from disk as it is looked at."""
        return np.asanyarray(np.load(self.path(number), mmap_mode="r"))


def _wave(edition: Edition, number: int) -> NDArray[np.int16]:
    return np.round(render_song(number, edition).audio * 32767.0).astype(np.int16)


def _pictures(edition: Edition, codec: LinearLatents, number: int) -> NDArray[np.float16]:
    return encode_song(render_song(number, edition), codec)


def waves(corpus: Path, edition: Edition) -> SongFiles:
    """Songs of the folder `corpus` as sound: int16 (stems, frames)."""
    return SongFiles(corpus / f"v{edition.version}", "wave", partial(_wave, edition))


def pictures(corpus: Path, edition: Edition, codec: LinearLatents) -> SongFiles:
    """Songs of the folder `corpus` as pictures only, a fifth of the sound: see `encode_song`."""
    return SongFiles(corpus / f"v{edition.version}", "pictures", partial(_pictures, edition, codec))


def audio_picture(audio: NDArray[np.int16]) -> Tensor:
    """Log-mel picture of every stem: float32 (stems, 2 × time, bands)."""
    return log_mel_circle(torch.from_numpy(audio.astype(np.float32) / 32767.0))


def song_sources(score: Score, colours: Sequence[Mapping[str, float]], frames: int) -> NDArray[np.float32]:
    """The harmonic source of every stem: float32 (stems, frames)."""
    beats, told = float(score.beats), zip(score.stems, colours, strict=True)
    return np.stack([stem_source(stem, beats, frames, colours=said) for stem, said in told])


def _company(song: Song) -> NDArray[np.float32]:
    """For every stem a mix of some of the others, drawn by the song's seed: float32 (stems, frames)."""
    rng = np.random.default_rng((song.score.seed, 3))
    sounding = [index for index, stem in enumerate(song.score.stems) if stem.notes]
    mixes = np.zeros_like(song.audio)
    for index in range(len(song.score.stems)):
        others = [other for other in sounding if other != index]
        if others:
            chosen = rng.choice(others, int(rng.integers(1, len(others) + 1)), replace=False)
            mixes[index] = song.audio[chosen].sum(0)
    return mixes


def encode_song(song: Song, codec: LinearLatents) -> NDArray[np.float16]:
    """What the sound model sees of a song, float16 (3, stems, time, dims): the latents of the stems, of their sources,
    and of the mix of some other stems."""
    heard = (song.audio, song_sources(song.score, song.colours, song.audio.shape[1]), _company(song))
    planes = [codec.encode(log_mel_circle(torch.from_numpy(x))) for x in heard]
    return np.asarray(torch.stack(planes).half().numpy())


def colour_row(colours: Mapping[str, float], columns: int) -> NDArray[np.float32]:
    """Sound colours and effects, told, as a model's columns: float32 (columns,); 52 columns or more."""
    row = np.zeros(columns, dtype=np.float32)
    row[: len(COLOURS)] = [colours.get(colour, 0.0) for colour in COLOURS]
    for effect, column in EFFECT_COLUMNS.items():
        if effect in colours:
            row[column] = colours[effect]
    row[TOLD_COLUMN] = 1.0
    return row
