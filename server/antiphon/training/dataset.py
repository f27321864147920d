"""The corpus on disk and in memory: songs as files, windows of them as batches."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antiphon.domain.score import STEMS, Score
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.sound.latents import LinearLatents
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, log_mel_circle
from antiphon.training.corpus import CORPUS_VERSION, render_song, song_score


def _song_path(folder: Path, seed: int) -> Path:
    return folder / f"v{CORPUS_VERSION}" / f"{seed}.npy"


def _render_to_file(folder: Path, seed: int) -> None:
    path = _song_path(folder, seed)
    if not path.exists():
        audio = np.round(render_song(seed).audio * 32767.0).astype(np.int16)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.save(file, audio)
        partial.replace(path)


def render_corpus(folder: Path, seeds: range, processes: int) -> None:
    """Render all songs that are not there yet, on all cores; may be interrupted and called again."""
    _song_path(folder, 0).parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(_render_to_file, [folder] * len(seeds), seeds, chunksize=4):
            pass


def load_audio(folder: Path, seed: int) -> NDArray[np.int16]:
    """Stems of a song, int16 (stems, frames)."""
    return np.asarray(np.load(_song_path(folder, seed)))


def audio_picture(audio: NDArray[np.int16]) -> Tensor:
    """Log-mel picture of every stem: float32 (stems, 2 × time, bands)."""
    return log_mel_circle(torch.from_numpy(audio.astype(np.float32) / 32767.0))


@dataclass(frozen=True, slots=True)
class EncodedSong:
    """What the sound model sees of a song: latents float16 (stems, time, dims), rolls uint8 (stems, time, channels)."""

    latents: Tensor
    rolls: NDArray[np.uint8]
    timbres: tuple[int, ...]


def encode_song(score: Score, audio: NDArray[np.int16], codec: LinearLatents) -> EncodedSong:
    """Latents and rolls of one song. Rolls are kept as bytes: 1/200 of full velocity is finer than anyone plays."""
    time = audio.shape[1] // LATENT_HOP_FRAMES
    beats = float(score.beats)
    rolls = np.stack([stem_roll(stem, beats, time) for stem in score.stems])
    return EncodedSong(
        codec.encode(audio_picture(audio)).half(),
        np.clip(np.round(rolls * 200.0), 0, 255).astype(np.uint8),
        tuple(TIMBRE_INDEX[stem.timbre] for stem in score.stems),
    )


class SoundWindows:
    """Random windows of encoded songs, for the sound model."""

    def __init__(self, folder: Path, seeds: range, codec: LinearLatents) -> None:
        self.songs = [encode_song(song_score(seed), load_audio(folder, seed), codec) for seed in seeds]
        self.weights = np.array([song.latents.shape[1] for song in self.songs], dtype=np.float64)
        self.weights /= self.weights.sum()

    def batch(self, rng: np.random.Generator, size: int, window: int) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (size, window, dims), rolls (size, window, channels) float32, timbres int64 (size,)."""
        latents, rolls, timbres = [], [], []
        for index in rng.choice(len(self.songs), size, p=self.weights):
            song, stem = self.songs[index], int(rng.integers(len(STEMS)))
            time = song.latents.shape[1]
            frames = (int(rng.integers(time)) + np.arange(window)) % time
            latents.append(song.latents[stem, torch.from_numpy(frames)].float())
            rolls.append(torch.from_numpy(song.rolls[stem][frames]).float() / 200.0)
            timbres.append(song.timbres[stem])
        return torch.stack(latents), torch.stack(rolls), torch.tensor(timbres)


class VocoderWindows:
    """Random windows of audio with their source, for the vocoder."""

    def __init__(self, folder: Path, seeds: range) -> None:
        self.songs = []
        for seed in seeds:
            score, audio = song_score(seed), load_audio(folder, seed)
            beats = float(score.beats)
            sources = np.stack([stem_source(stem, beats, audio.shape[1]) for stem in score.stems])
            self.songs.append((audio, sources.astype(np.float16)))

    def batch(self, rng: np.random.Generator, size: int, frames: int) -> tuple[Tensor, Tensor]:
        """Audio and source, float32 (size, frames) each; silent windows are drawn again, levels vary by 12 dB."""
        audios: list[NDArray[np.float32]] = []
        sources: list[NDArray[np.float32]] = []
        while len(audios) < size:
            audio, source = self.songs[int(rng.integers(len(self.songs)))]
            # Drums have the hardest phases: they come twice as often.
            stem = int(rng.choice(len(STEMS), p=(0.4, 0.2, 0.2, 0.2)))
            index = (int(rng.integers(audio.shape[1])) + np.arange(frames)) % audio.shape[1]
            window = audio[stem, index].astype(np.float32) / 32767.0
            if np.abs(window).max() > 0.01:
                gain = np.float32(10.0 ** (rng.uniform(-9.0, 3.0) / 20.0))
                audios.append(window * gain)
                sources.append(source[stem, index].astype(np.float32))
        return torch.from_numpy(np.stack(audios)), torch.from_numpy(np.stack(sources))
