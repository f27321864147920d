"""The corpus: études rendered by synthesis, recorded strokes and sound font, deterministic by seed.

Every song is rendered on its circle (tails wrap round to the start), at a tempo nudged by less than half a per cent so
that the circle is a whole number of latent frames; so a training window may begin anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Note, Score
from antiphon.generation.sampler.colours import draw_colours
from antiphon.generation.sampler.playing import play, play_stem
from antiphon.generation.sound.roll import circle_latent_frames
from antiphon.generation.sound.source import add_on_circle
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ
from antiphon.training import soundfont
from antiphon.training.etudes import ETUDE_STEMS, etude

#: Raised whenever a song of the same seed would sound different; stored in the weights' metadata.
CORPUS_VERSION = 2
#: Songs from this seed on are never trained on.
HELD_OUT_SEED = 1_000_000


@dataclass(frozen=True, slots=True)
class Song:
    """A score and its stems: float32 (stems, frames) at MODEL_RATE_HZ, frames a multiple of LATENT_HOP_FRAMES; and the
    colours of each stem, with how strongly each holds."""

    score: Score
    audio: NDArray[np.float32]
    colours: tuple[Mapping[str, float], ...]


def song_score(seed: int) -> Score:
    """The score of song number `seed`, its tempo nudged so that the circle is a whole number of latent frames."""
    score = etude(seed)
    exact_bpm = float(score.beats) * 60.0 * MODEL_RATE_HZ / (circle_latent_frames(score) * LATENT_HOP_FRAMES)
    return replace(score, bpm=exact_bpm)


def _studio(timbre: str, notes: tuple[Note, ...], frames_per_beat: float, circle_frames: int) -> NDArray[np.float32]:
    """As the sampler plays, but the sound font's own instruments where it has them: every velocity is another sound."""
    if timbre not in soundfont.PROGRAMS:
        return play(timbre, notes, frames_per_beat, circle_frames)
    circle = np.zeros(circle_frames, dtype=np.float32)
    add_on_circle(circle, soundfont.render_notes(timbre, notes, frames_per_beat).astype(np.float32), 0)
    return circle


def song_colours(seed: int) -> tuple[Mapping[str, float], ...]:
    """The colours of every stem of song number `seed`."""
    rng = np.random.default_rng((seed, 5))
    return tuple(draw_colours(rng) for _ in ETUDE_STEMS)


def render_song(seed: int) -> Song:
    """Compose and render song number `seed`."""
    score = song_score(seed)
    frames = circle_latent_frames(score) * LATENT_HOP_FRAMES
    per_beat = frames / float(score.beats)
    colours = song_colours(seed)
    stems = [
        play_stem(stem, per_beat, frames, said, seed, _studio) for stem, said in zip(score.stems, colours, strict=True)
    ]
    return Song(score, np.stack(stems), colours)
