"""The corpus: études rendered by synthesis, recorded strokes and sound font, deterministic by seed.

Every song is rendered on its circle (tails wrap round to the start), at a tempo nudged by less than half a per cent so
that the circle is a whole number of latent frames; so a training window may begin anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from antiphon.domain.score import Note, Score
from antiphon.generation.sampler.colours import draw_colours
from antiphon.generation.sampler.playing import Player, play, play_stem
from antiphon.generation.sound.roll import circle_latent_frames
from antiphon.generation.sound.source import add_on_circle
from antiphon.generation.sound.spectrum import LATENT_HOP_FRAMES, MODEL_RATE_HZ
from antiphon.rendering.circle import Loop
from antiphon.training import soundfont
from antiphon.training.effects import chain_of, draw_effects, through
from antiphon.training.etudes import ETUDE_STEMS, etude

#: Songs from this seed on are never trained on.
HELD_OUT_SEED = 1_000_000


@dataclass(frozen=True, slots=True)
class Edition:
    """What the songs of a corpus are drawn from: lowest and highest tempo, whether stems run through effects, and
    whether the sound font plays the same bits whatever it played before. The version is stored in the weights'
    metadata: a song of the same seed sounds different in another."""

    version: int
    tempi_bpm: tuple[float, float]
    effects: bool
    repeatable: bool


EDITIONS: Mapping[int, Edition] = MappingProxyType(
    {made.version: made for made in (Edition(2, (56.0, 200.0), False, False), Edition(3, (50.0, 220.0), True, True))}
)
#: What a new training learns from.
CORPUS_VERSION = 3
#: What is measured on: held-out songs stay the same, so that figures of different weights can be compared.
MEASURED = EDITIONS[2]


@dataclass(frozen=True, slots=True)
class Song:
    """A score and its stems: float32 (stems, frames) at MODEL_RATE_HZ, frames a multiple of LATENT_HOP_FRAMES; and the
    colours and effects of each stem, with how strongly each holds."""

    score: Score
    audio: NDArray[np.float32]
    colours: tuple[Mapping[str, float], ...]


def song_score(seed: int, edition: Edition = MEASURED) -> Score:
    """The score of song number `seed`, its tempo nudged so that the circle is a whole number of latent frames."""
    score = etude(seed, edition.tempi_bpm)
    exact_bpm = float(score.beats) * 60.0 * MODEL_RATE_HZ / (circle_latent_frames(score) * LATENT_HOP_FRAMES)
    return replace(score, bpm=exact_bpm)


@cache
def _studio(repeatable: bool) -> Player:
    """As the sampler plays, but the sound font's own instruments where it has them: every velocity is another sound."""

    def played(timbre: str, notes: tuple[Note, ...], frames_per_beat: float, frames: int) -> NDArray[np.float32]:
        if timbre not in soundfont.PROGRAMS:
            return play(timbre, notes, frames_per_beat, frames)
        circle = np.zeros(frames, dtype=np.float32)
        wave = soundfont.render_notes(timbre, notes, frames_per_beat, repeatable)
        add_on_circle(circle, wave.astype(np.float32), 0)
        return circle

    return played


def _treatments(seed: int) -> tuple[dict[str, float], ...]:
    rng = np.random.default_rng((seed, 5))
    return tuple(draw_colours(rng) for _ in ETUDE_STEMS)


def song_effects(seed: int, edition: Edition) -> tuple[dict[str, float], ...]:
    """The effects of every stem of song number `seed`, with how strongly each holds; none where it has none."""
    if not edition.effects:
        return tuple({} for _ in ETUDE_STEMS)
    rng = np.random.default_rng((seed, 9))
    told = zip(ETUDE_STEMS, _treatments(seed), strict=True)
    return tuple(draw_effects(rng, stem, colours) for stem, colours in told)


def song_colours(seed: int, edition: Edition = MEASURED) -> tuple[Mapping[str, float], ...]:
    """What is true of the sound of every stem of song number `seed`: colours, whatever made them, and effects."""
    both = zip(_treatments(seed), song_effects(seed, edition), strict=True)
    return tuple(colours | effects for colours, effects in both)


def render_song(seed: int, edition: Edition = MEASURED) -> Song:
    """Compose and render song number `seed`. Of the third edition on, the same bits whatever was rendered before."""
    score = song_score(seed, edition)
    frames = circle_latent_frames(score) * LATENT_HOP_FRAMES
    beats = float(score.beats)
    loop = Loop(frames, round(MODEL_RATE_HZ), score.bpm, beats)
    rng, studio = np.random.default_rng((seed, 11)), _studio(edition.repeatable)
    stems = []
    for stem, colours, effects in zip(score.stems, _treatments(seed), song_effects(seed, edition), strict=True):
        wave = play_stem(stem, frames / beats, frames, colours, seed, studio)
        stems.append(through(wave, chain_of(effects, rng), loop))
    return Song(score, np.stack(stems), song_colours(seed, edition))
