"""Training windows: random excerpts of the songs at hand, as batches. Which songs those are is for who holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from antiphon.domain.score import StemScore
from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.sound.roll import stem_roll
from antiphon.training.corpus import Edition, song_colours, song_score
from antiphon.training.dataset import colour_row
from antiphon.training.etudes import ETUDE_STEMS

#: How often a training window is told of the other stems, and of its colours: otherwise it does without, so that
#: both may be left open later.
_COMPANY_SHARE, _COLOURS_SHARE = 0.4, 0.8
#: Drums have the hardest phases: the vocoder hears them oftener.
_VOCODER_SHARES = {"drums": 0.26, "bass": 0.17, "chords": 0.17, "lead": 0.17, "percussion": 0.13, "texture": 0.10}
#: Chords hold the most of what a sound model gets wrong, and with bass and lead are what it plays by default: it hears
#: them oftener than drums, percussion and textures.
_SOUND_SHARES = {"drums": 0.13, "bass": 0.18, "chords": 0.30, "lead": 0.21, "percussion": 0.09, "texture": 0.09}


def _shares(stems: Sequence[StemScore], of: Mapping[str, float]) -> NDArray[np.float64]:
    """How often each stem of a song is looked at, float64 (stems,), of all 1: never one that is silent."""
    shares = np.array([of[stem.stem] * bool(stem.notes) for stem in stems])
    return np.asarray(shares / shares.sum())


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
class PicturedSong:
    """A song as the sound model sees it: planes float16 (3, stems, time, dims), rolls uint8 (stems, time, channels) in
    two-hundredths, colours float32 (stems, columns)."""

    planes: NDArray[np.float16]
    rolls: NDArray[np.uint8]
    timbres: tuple[int, ...]
    colours: NDArray[np.float32]
    shares: NDArray[np.float64]


def pictured(number: int, edition: Edition, planes: NDArray[np.float16], columns: int) -> PicturedSong:
    """Song `number` with the planes that `encode_song` made of it; `columns` is the width of the colour table."""
    score = song_score(number, edition)
    rolls = np.stack([stem_roll(stem, float(score.beats), planes.shape[2]) for stem in score.stems])
    return PicturedSong(
        planes,
        # As bytes: 1/200 of full velocity is finer than anyone plays.
        np.clip(np.round(rolls * 200.0), 0, 255).astype(np.uint8),
        tuple(TIMBRE_INDEX[stem.timbre] for stem in score.stems),
        np.stack([colour_row(colours, columns) for colours in song_colours(number, edition)]),
        _shares(score.stems, _SOUND_SHARES),
    )


class SoundWindows:
    """Random windows of pictured songs, for the sound model: of longer songs more."""

    def __init__(self, songs: Sequence[PicturedSong]) -> None:
        self._songs = songs

    def batch(self, rng: np.random.Generator, size: int, window: int) -> SoundBatch:
        """`size` windows of sounding stems."""
        lengths = np.array([song.planes.shape[2] for song in self._songs], dtype=np.float64)
        drawn = rng.choice(len(self._songs), size, p=lengths / lengths.sum())
        rows = [self._window(rng, self._songs[int(index)], window) for index in drawn]
        stacked = [np.stack(list(map(np.asarray, column))) for column in zip(*rows, strict=True)]
        latents, roll, source, company, timbre, colours = (torch.from_numpy(column) for column in stacked)
        return SoundBatch(latents.float(), roll.float() / 200.0, source.float(), company.float(), timbre, colours)

    def _window(self, rng: np.random.Generator, song: PicturedSong, window: int) -> tuple[object, ...]:
        stem, time = int(rng.choice(len(song.shares), p=song.shares)), song.planes.shape[2]
        frames = (int(rng.integers(time)) + np.arange(window)) % time
        latents, source, company = song.planes[:, stem, frames]
        colours = song.colours[stem]
        if rng.random() >= _COLOURS_SHARE:
            colours = np.zeros_like(colours)
        if rng.random() >= _COMPANY_SHARE:
            company = np.zeros_like(company)
        return latents, song.rolls[stem][frames], source, company, np.int64(song.timbres[stem]), colours


@dataclass(frozen=True, slots=True)
class SoundedSong:
    """A song as the vocoder hears it: audio int16 and source float16, (stems, frames) each."""

    audio: NDArray[np.int16]
    source: NDArray[np.float16]
    shares: NDArray[np.float64]


def sounded(number: int, edition: Edition, audio: NDArray[np.int16], source: NDArray[np.float16]) -> SoundedSong:
    """Song `number` with its sound and its source."""
    return SoundedSong(audio, source, _shares(song_score(number, edition).stems, _VOCODER_SHARES))


class VocoderWindows:
    """Random windows of audio with their source, for the vocoder."""

    def __init__(self, songs: Sequence[SoundedSong]) -> None:
        self._songs = songs

    def batch(self, rng: np.random.Generator, size: int, frames: int) -> tuple[Tensor, Tensor]:
        """Audio and source, float32 (size, frames) each; silent windows are drawn again, levels vary by 12 dB."""
        audios: list[NDArray[np.float32]] = []
        sources: list[NDArray[np.float32]] = []
        while len(audios) < size:
            song = self._songs[int(rng.integers(len(self._songs)))]
            stem = int(rng.choice(len(ETUDE_STEMS), p=song.shares))
            index = (int(rng.integers(song.audio.shape[1])) + np.arange(frames)) % song.audio.shape[1]
            window = song.audio[stem, index].astype(np.float32) / 32767.0
            if np.abs(window).max() > 0.01:
                gain = np.float32(10.0 ** (rng.uniform(-9.0, 3.0) / 20.0))
                audios.append(window * gain)
                sources.append(song.source[stem, index].astype(np.float32))
        return torch.from_numpy(np.stack(audios)), torch.from_numpy(np.stack(sources))
