"""The corpus on disk and in memory: songs as pictures and as sound, windows of them as batches."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antiphon.domain.score import StemScore
from antiphon.domain.timbres import COLOURS, TIMBRE_INDEX, TOLD_COLUMN
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import log_mel_circle
from antiphon.training.corpus import CORPUS_VERSION, Song, render_song, song_colours, song_score
from antiphon.training.etudes import ETUDE_STEMS

#: How often a training window is told of the other stems, and of its colours: otherwise it does without, so that
#: both may be left open later.
_COMPANY_SHARE, _COLOURS_SHARE = 0.4, 0.8
#: Drums have the hardest phases: the vocoder hears them oftener.
_VOCODER_SHARES = {"drums": 0.26, "bass": 0.17, "chords": 0.17, "lead": 0.17, "percussion": 0.13, "texture": 0.10}
#: Chords hold the most of what a sound model gets wrong, and with bass and lead are what it plays by default: it hears
#: them oftener than drums, percussion and textures.
_SOUND_SHARES = {"drums": 0.13, "bass": 0.18, "chords": 0.30, "lead": 0.21, "percussion": 0.09, "texture": 0.09}


def _path(folder: Path, seed: int, suffix: str) -> Path:
    return folder / f"v{CORPUS_VERSION}" / f"{seed}.{suffix}"


def _save(path: Path, array: NDArray[np.generic]) -> None:
    """Under another name first: a file that is there is whole."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, array)
    partial.replace(path)


def _audio_file(job: tuple[Path, int]) -> None:
    folder, seed = job
    path = _path(folder, seed, "wave.npy")
    if not path.exists():
        _save(path, np.round(render_song(seed).audio * 32767.0).astype(np.int16))


def _pictures_file(job: tuple[Path, int, LinearLatents]) -> None:
    folder, seed, codec = job
    path = _path(folder, seed, "pictures.npy")
    if not path.exists():
        torch.set_num_threads(1)
        _save(path, encode_song(render_song(seed), codec))


def render_audio(folder: Path, seeds: range, processes: int) -> None:
    """Render songs as sound, those that are not there yet; may be interrupted and called again."""
    _path(folder, 0, "npy").parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(_audio_file, [(folder, seed) for seed in seeds], chunksize=4):
            pass


def render_pictures(folder: Path, seeds: range, codec: LinearLatents, processes: int) -> None:
    """Render songs and keep only their pictures, a fifth of the sound; may be interrupted and called again."""
    _path(folder, 0, "npy").parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(_pictures_file, [(folder, seed, codec) for seed in seeds], chunksize=4):
            pass


def load_audio(folder: Path, seed: int) -> NDArray[np.int16]:
    """Stems of a song, int16 (stems, frames)."""
    return np.asarray(np.load(_path(folder, seed, "wave.npy")))


def load_pictures(folder: Path, seed: int) -> NDArray[np.float16]:
    """The planes of a pictured song (see `encode_song`), read from disk as they are looked at."""
    return np.asanyarray(np.load(_path(folder, seed, "pictures.npy"), mmap_mode="r"))


def audio_picture(audio: NDArray[np.int16]) -> Tensor:
    """Log-mel picture of every stem: float32 (stems, 2 × time, bands)."""
    return log_mel_circle(torch.from_numpy(audio.astype(np.float32) / 32767.0))


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
    beats, frames = float(song.score.beats), song.audio.shape[1]
    told = zip(song.score.stems, song.colours, strict=True)
    sources = np.stack([stem_source(stem, beats, frames, colours=colours) for stem, colours in told])
    planes = [codec.encode(log_mel_circle(torch.from_numpy(x))) for x in (song.audio, sources, _company(song))]
    return np.asarray(torch.stack(planes).half().numpy())


def _shares(stems: Sequence[StemScore], of: Mapping[str, float]) -> NDArray[np.float64]:
    """How often each stem of a song is looked at, float64 (stems,), of all 1: never one that is silent."""
    shares = np.array([of[stem.stem] * bool(stem.notes) for stem in stems])
    return np.asarray(shares / shares.sum())


def colour_row(colours: Mapping[str, float], columns: int) -> NDArray[np.float32]:
    """Sound colours, told, as a model's columns: float32 (columns,), more columns than there are colours."""
    row = np.zeros(columns, dtype=np.float32)
    row[: len(COLOURS)] = [colours.get(colour, 0.0) for colour in COLOURS]
    row[TOLD_COLUMN] = 1.0
    return row


@dataclass(frozen=True, slots=True)
class SoundBatch:
    """Windows for the sound model: latents, source, company float32 (size, window, dims); roll float32 (size, window,
    channels); timbre int64 (size,); colours float32 (size, columns)."""

    latents: Tensor
    roll: Tensor
    source: Tensor
    company: Tensor
    timbre: Tensor
    colours: Tensor

    def to(self, device: torch.device) -> SoundBatch:
        return SoundBatch(*(getattr(self, name).to(device) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class _Pictured:
    planes: NDArray[np.float16]
    rolls: NDArray[np.uint8]
    timbres: tuple[int, ...]
    colours: NDArray[np.float32]
    shares: NDArray[np.float64]


class SoundWindows:
    """Random windows of pictured songs, for the sound model. `columns` is the width of the model's colour table."""

    def __init__(self, folder: Path, seeds: range, columns: int) -> None:
        self._songs = [self._load(folder, seed, columns) for seed in seeds]
        lengths = np.array([song.planes.shape[2] for song in self._songs], dtype=np.float64)
        self._weights = lengths / lengths.sum()

    @staticmethod
    def _load(folder: Path, seed: int, columns: int) -> _Pictured:
        planes, score = np.load(_path(folder, seed, "pictures.npy")), song_score(seed)
        rolls = np.stack([stem_roll(stem, float(score.beats), planes.shape[2]) for stem in score.stems])
        return _Pictured(
            planes,
            # As bytes: 1/200 of full velocity is finer than anyone plays.
            np.clip(np.round(rolls * 200.0), 0, 255).astype(np.uint8),
            tuple(TIMBRE_INDEX[stem.timbre] for stem in score.stems),
            np.stack([colour_row(colours, columns) for colours in song_colours(seed)]),
            _shares(score.stems, _SOUND_SHARES),
        )

    def batch(self, rng: np.random.Generator, size: int, window: int) -> SoundBatch:
        """`size` windows of sounding stems."""
        rows = [self._window(rng, song, window) for song in rng.choice(len(self._songs), size, p=self._weights)]
        stacked = [np.stack(list(map(np.asarray, column))) for column in zip(*rows, strict=True)]
        latents, roll, source, company, timbre, colours = (torch.from_numpy(column) for column in stacked)
        return SoundBatch(latents.float(), roll.float() / 200.0, source.float(), company.float(), timbre, colours)

    def _window(self, rng: np.random.Generator, index: int, window: int) -> tuple[object, ...]:
        song = self._songs[index]
        stem, time = int(rng.choice(len(song.shares), p=song.shares)), song.planes.shape[2]
        frames = (int(rng.integers(time)) + np.arange(window)) % time
        latents, source, company = song.planes[:, stem, frames]
        colours = song.colours[stem]
        if rng.random() >= _COLOURS_SHARE:
            colours = np.zeros_like(colours)
        if rng.random() >= _COMPANY_SHARE:
            company = np.zeros_like(company)
        return latents, song.rolls[stem][frames], source, company, np.int64(song.timbres[stem]), colours


class VocoderWindows:
    """Random windows of audio with their source, for the vocoder."""

    def __init__(self, folder: Path, seeds: range) -> None:
        self._songs = []
        self._sounding = []
        for seed in seeds:
            score, audio = song_score(seed), load_audio(folder, seed)
            beats, told = float(score.beats), zip(score.stems, song_colours(seed), strict=True)
            sources = [stem_source(stem, beats, audio.shape[1], colours=colours) for stem, colours in told]
            self._songs.append((audio, np.stack(sources).astype(np.float16)))
            self._sounding.append(_shares(score.stems, _VOCODER_SHARES))

    def batch(self, rng: np.random.Generator, size: int, frames: int) -> tuple[Tensor, Tensor]:
        """Audio and source, float32 (size, frames) each; silent windows are drawn again, levels vary by 12 dB."""
        audios: list[NDArray[np.float32]] = []
        sources: list[NDArray[np.float32]] = []
        while len(audios) < size:
            song = int(rng.integers(len(self._songs)))
            audio, source = self._songs[song]
            stem = int(rng.choice(len(ETUDE_STEMS), p=self._sounding[song]))
            index = (int(rng.integers(audio.shape[1])) + np.arange(frames)) % audio.shape[1]
            window = audio[stem, index].astype(np.float32) / 32767.0
            if np.abs(window).max() > 0.01:
                gain = np.float32(10.0 ** (rng.uniform(-9.0, 3.0) / 20.0))
                audios.append(window * gain)
                sources.append(source[stem, index].astype(np.float32))
        return torch.from_numpy(np.stack(audios)), torch.from_numpy(np.stack(sources))
