"""Where a training's songs come from: streaming by, or rendered once and kept, as the recipe says."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from antiphon.generation.sampler.playing import forget_notes
from antiphon.generation.sound.latents import LinearLatents
from antiphon.training.corpus import Edition, Song, render_song, song_colours, song_score
from antiphon.training.dataset import SongFiles, encode_song, pictures, song_sources, waves
from antiphon.training.finetune.known_corpus import KnownCorpus, keep_sketch, kept_sketches, sketch_song, sketched
from antiphon.training.loop import Feed, Kept
from antiphon.training.recipe import Recipe
from antiphon.training.stages import fit_latents, latent_frames
from antiphon.training.streaming import SongStream
from antiphon.training.windows import PicturedSong, SoundedSong, pictured, sounded


def _as_int16(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.round(audio * 32767.0).astype(np.int16)


def _rendered(edition: Edition, number: int) -> Song:
    """The song, and nothing kept of it: a worker renders hundreds."""
    song = render_song(number, edition)
    forget_notes()
    return song


def _latent_frames(edition: Edition, number: int) -> NDArray[np.float32]:
    torch.set_num_threads(1)
    return np.asarray(latent_frames(_as_int16(_rendered(edition, number).audio)).numpy())


def sound_and_source(edition: Edition, number: int) -> NDArray[np.int16]:
    """What the vocoder hears of a song, int16 (2, stems, frames): the sound, and the bits of its source in float16."""
    song = _rendered(edition, number)
    source = song_sources(song.score, song.colours, song.audio.shape[1]).astype(np.float16)
    return np.stack([_as_int16(song.audio), source.view(np.int16)])


def pictured_and_sketched(edition: Edition, codec: LinearLatents, sketches: Path, number: int) -> NDArray[np.float16]:
    planes = encode_song(_rendered(edition, number), codec)
    keep_sketch(sketches / f"{number}.sketch", sketch_song(planes))
    return planes


@dataclass(frozen=True, slots=True)
class TrainingSongs:
    """The songs of a recipe, in the folder of a training. `processes` render.

    Where songs stream, `stream/` holds those of the window, and `sketches/` a kilobyte of every song that came by, for
    the gate that knows copies. Where they are kept, `corpus/` has all of them.
    """

    folder: Path
    recipe: Recipe
    processes: int

    @property
    def codec(self) -> LinearLatents:
        """The latents, fitted to the first songs when they are first asked for."""
        place = self.folder / "codec"
        if not (place / "config.json").exists():
            fit_latents(map(torch.from_numpy, self._fitted_to()), self.recipe.latent_dims).save_pretrained(place)
        codec: LinearLatents = LinearLatents.from_pretrained(place)
        return codec

    def _fitted_to(self) -> list[NDArray[np.float32]]:
        numbers = range(self.recipe.latent_songs)
        if not self.recipe.streams:
            self._waves.render_all(numbers, self.processes)
            return [latent_frames(self._waves.read(number)).numpy() for number in numbers]
        with ProcessPoolExecutor(self.processes) as pool:
            return list(pool.map(partial(_latent_frames, self.recipe.edition), numbers))

    @property
    def _waves(self) -> SongFiles:
        return waves(self.folder / "corpus", self.recipe.edition)

    @property
    def _pictures(self) -> SongFiles:
        return pictures(self.folder / "corpus", self.recipe.edition, self.codec)

    @property
    def _sketches(self) -> Path:
        return self.folder / "sketches" / f"v{self.recipe.corpus}"

    def prepare(self) -> None:
        """What must be there before the first step: the latents; where songs are kept, all of them."""
        if self.recipe.streams:
            _ = self.codec
            return
        self._waves.render_all(range(self.recipe.vocoder_songs), self.processes)
        self._pictures.render_all(range(self.recipe.songs), self.processes)

    def for_vocoder(self, steps: int) -> tuple[Sequence[SoundedSong], Feed]:
        """Songs as the vocoder hears them, for a stage of so many steps."""
        edition = self.recipe.edition
        if not self.recipe.streams:
            return [self._kept_sound(number) for number in range(self.recipe.vocoder_songs)], Kept()

        def load(number: int) -> SoundedSong:
            audio, source = files.read(number)
            return sounded(number, edition, audio, source.view(np.float16))

        files = self._streaming("sound", partial(sound_and_source, edition))
        stream = SongStream(files, load, self.recipe.vocoder_pace(steps), self.processes)
        return stream, stream

    def _kept_sound(self, number: int) -> SoundedSong:
        edition, audio = self.recipe.edition, self._waves.read(number)
        source = song_sources(song_score(number, edition), song_colours(number, edition), audio.shape[1])
        return sounded(number, edition, audio, source.astype(np.float16))

    def for_sound_model(self, columns: int) -> tuple[Sequence[PicturedSong], Feed]:
        """Songs as the sound model sees them; `columns` is the width of its colour table."""
        edition = self.recipe.edition
        if not self.recipe.streams:
            kept = self._pictures
            return [pictured(n, edition, kept.read(n), columns) for n in range(self.recipe.songs)], Kept()
        self._sketches.mkdir(parents=True, exist_ok=True)
        make = partial(pictured_and_sketched, edition, self.codec, self._sketches)
        files = self._streaming("pictures", make)
        stream = SongStream(
            files, lambda n: pictured(n, edition, files.read(n), columns), self.recipe.sound_pace, self.processes
        )
        return stream, stream

    def _streaming(self, kind: str, make: Any) -> SongFiles:
        return SongFiles(self.folder / "stream" / f"v{self.recipe.corpus}", kind, make)

    def known(self) -> KnownCorpus:
        """Sketches of all songs that the sound model has seen. Raises BackendFailed where there are none."""
        if self.recipe.streams:
            return sketched(kept_sketches(self._sketches))
        kept = self._pictures
        return sketched(sketch_song(kept.look(number)) for number in range(self.recipe.songs))
