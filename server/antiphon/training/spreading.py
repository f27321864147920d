"""By how much what a sound model makes is to be spread out: measured, beside real renders of songs it never heard.

For every timbre and latent dimension, with several numbers of steps: how far real renders lie from what the model
expects of their score, over how far what it makes lies from it (`generation/sound/spread.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from antiphon.domain.timbres import TIMBRE_INDEX
from antiphon.generation.sound.pipeline import ScoreToStemsPipeline
from antiphon.generation.sound.roll import stem_roll
from antiphon.generation.sound.source import stem_source
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, log_mel_circle
from antiphon.generation.sound.spread import Spread, fast_part
from antiphon.training.corpus import Edition, Song, render_song
from antiphon.training.dataset import colour_row

#: Strokes, crackle and rain are chance for the most part. What has a pitch stays near the expected: further from it
#: chords are livelier and their pitch is less firm (chroma .956 before, .945 after; the least that counts is .95).
SPREAD_STEMS = frozenset({"drums", "percussion", "texture"})
STEPS = (2, 4, 8, 20)
#: Songs that no training and no classifier hears.
FIRST_SONG, SONGS = 300_000, 120
#: More would be noise on what hardly ever moves.
_MOST = 4.0


def measured_spread(pipeline: ScoreToStemsPipeline, songs: Iterable[Song], steps: Sequence[int] = STEPS) -> Spread:
    """The gains that bring what `pipeline` makes as far from the expected as the songs' own sound is."""
    table = (len(steps), pipeline.transformer.config.timbres, pipeline.transformer.config.latent_dims)
    real, made = torch.zeros(table), torch.zeros(table)
    for song in songs:
        rows = [row for row, stem in enumerate(song.score.stems) if stem.stem in SPREAD_STEMS and stem.notes]
        if rows:
            _add_song(pipeline, song, rows, steps, real, made)
    gain = (real / made.clamp_min(1e-9)).sqrt().clamp(1.0, _MOST)
    return Spread(tuple(steps), torch.where(made > 0.0, gain, 1.0))


@torch.inference_mode()
def _add_song(
    pipeline: ScoreToStemsPipeline, song: Song, rows: list[int], steps: Sequence[int], real: Tensor, made: Tensor
) -> None:
    """Add a song's squared distances from the expected to the tables (steps, timbres, dims)."""
    stems, beats, frames = [song.score.stems[row] for row in rows], float(song.score.beats), song.audio.shape[1]
    colours = [song.colours[row] for row in rows]
    columns, time = int(pipeline.transformer.config.colours), frames // LATENT_HOP_FRAMES
    sources = [stem_source(stem, beats, frames, colours=said) for stem, said in zip(stems, colours, strict=True)]
    told = (
        torch.from_numpy(np.stack([stem_roll(stem, beats, time) for stem in stems])),
        torch.tensor([TIMBRE_INDEX[stem.timbre] for stem in stems]),
        torch.from_numpy(np.stack(sources)),
        torch.from_numpy(np.stack([colour_row(said, columns) for said in colours])),
    )
    own = pipeline.codec.encode(log_mel_circle(torch.from_numpy(song.audio[rows])).to(pipeline.device))
    for index, count in enumerate(steps):
        generator = torch.Generator().manual_seed(song.score.seed)
        output = pipeline(*told, num_inference_steps=count, generator=generator, output_type="latent")
        for row, timbre in enumerate(told[1]):
            for table, latents in ((real, own), (made, output.latents)):
                beyond = fast_part(latents[row] - output.expected[row])
                table[index, timbre] += beyond.square().sum(0).cpu()


def spread_of(pipeline: ScoreToStemsPipeline, edition: Edition) -> Spread:
    """Measured on SONGS songs of an edition of the corpus, the same for the same weights; tells how far it is."""
    pipeline.set_progress_bar_config(disable=True)
    return measured_spread(pipeline, _rendered(edition))


def _rendered(edition: Edition) -> Iterator[Song]:
    for number in range(SONGS):
        yield render_song(FIRST_SONG + number, edition)
        print(f"spread {number + 1}/{SONGS}", flush=True)
