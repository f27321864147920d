"""Simulated audiences: a hidden taste with several peaks, and raters who share it only in part and press a knob badly.

A taste is a sum of five terms: peaks over a few descriptors each (liking rises and falls again: Berlyne, "Aesthetics
and psychobiology", 1971), interactions of pairs of descriptors, a liking for each timbre and for each genre (Rentfrow &
Gosling, "The do re mi's of everyday life", 2003), and a charm that a half bar of a part has by chance and hands on
where a child keeps it. The server's taste model knows neither the descriptors nor the terms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from antiphon.domain.genome import Genome
from antiphon.domain.score import StemScore
from antiphon.domain.timbres import TIMBRE_INDEX, TIMBRES
from antiphon.generation.grammar import express
from antiphon.generation.styles import style_names
from simulated_raters.descriptors import NAMES, describe

Vector = NDArray[np.float64]
#: What people read: ratings from 0 to 5.
TOP = 5.0


@dataclass(frozen=True, slots=True)
class World:
    """How large everything is, on the scale of 0 to 5; shares of variance over unselected loops sum to 1."""

    base_mean: float = 2.3
    base_sd: float = 0.8
    peaks: int = 3
    descriptors_per_peak: int = 3
    peak_share: float = 0.3
    interaction_share: float = 0.15
    timbre_share: float = 0.2
    genre_share: float = 0.2
    charm_share: float = 0.15
    noise_sd: float = 0.7
    bias_sd: float = 0.5
    #: How far one rater's own taste lies from the audience's.
    personal_sd: float = 0.4
    ratings_per_session: int = 12
    #: The share of sessions whose rater presses at random.
    inattentive: float = 0.0


@dataclass(frozen=True, slots=True)
class Impression:
    """What an audience takes from a loop, whatever it likes: `descriptors` (16,), `timbres` and `styles` (stems, by
    number), and the half bars of every part as names of patterns."""

    descriptors: Vector
    timbres: tuple[int, ...]
    styles: tuple[int, ...]
    patterns: tuple[int, ...]


@lru_cache(maxsize=200_000)
def _cached(genome: Genome) -> Impression:
    score = express(genome)
    half = float(score.meter.beats_per_bar) / 2
    patterns = tuple(name for stem in score.stems for name in _patterns(stem, half, score.key.tonic))
    timbres = tuple(TIMBRE_INDEX[stem.timbre] for stem in score.stems)
    styles = tuple(style_names().index(genome.genes(stem.stem).style) for stem in score.stems)
    return Impression(describe(score), timbres, styles, patterns)


def impression(genome: Genome) -> Impression:
    """Listen to a loop (once: the outcome is remembered by what decides the notes)."""
    stems = tuple(replace(genes, noise=genome.stems[0].noise) for genes in genome.stems)
    return _cached(replace(genome, seed=0, preset=None, stems=stems))


def _patterns(stem: StemScore, half: float, tonic: int) -> list[int]:
    bars: dict[int, list[tuple[int, int]]] = {}
    for note in stem.notes:
        pitch = note.pitch if stem.stem in ("drums", "percussion") else (note.pitch - tonic) % 12
        bars.setdefault(int(note.onset_beats // half), []).append((round((note.onset_beats % half) * 4), pitch))
    texts = [f"{stem.stem} {sorted(notes)}" for notes in bars.values()]
    return [int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") for text in texts]


@dataclass(frozen=True, slots=True)
class _Terms:
    """A taste's draws: peaks' axes (peaks, per peak), centres and widths likewise, heights (peaks,), pairs, likings."""

    axes: NDArray[np.intp]
    centres: Vector
    widths: Vector
    heights: Vector
    pairs: NDArray[np.intp]
    pair_weights: Vector
    timbres: Vector
    genres: Vector
    charm_seed: int

    def table(self, heard: Sequence[Impression], mean: Vector, sd: Vector) -> Vector:
        """The five terms for some loops, (loops, 5), not yet scaled."""
        z = np.clip((np.array([each.descriptors for each in heard]) - mean) / sd, -4.0, 4.0)
        far = (((z[:, self.axes] - self.centres) / self.widths) ** 2).mean(2)
        peaks = (np.exp(-0.5 * far * self.axes.shape[1]) * self.heights).max(1)
        pairs = (np.tanh(z[:, self.pairs[:, 0]]) * np.tanh(z[:, self.pairs[:, 1]])) @ self.pair_weights
        timbres = np.array([self.timbres[list(each.timbres)].mean() for each in heard])
        genres = np.array([self.genres[list(each.styles)].mean() for each in heard])
        charm = np.array([np.mean([_charm(name, self.charm_seed) for name in each.patterns]) for each in heard])
        return np.column_stack([peaks, pairs, timbres, genres, charm])


def _charm(pattern: int, seed: int) -> float:
    """A number that looks normal, by pattern and taste."""
    mixed = (pattern * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & 0xFFFFFFFFFFFFFFFF
    parts = [(mixed >> shift & 0xFFFF) / 65535 - 0.5 for shift in (0, 16, 32, 48)]
    return float(np.sqrt(3.0) * sum(parts))


@dataclass(frozen=True, slots=True)
class Taste:
    """What an audience likes, 0 to 5."""

    terms: _Terms
    mean: Vector
    sd: Vector
    offset: Vector
    scale: Vector
    centre: float
    slope: float

    def raw(self, genomes: Sequence[Genome]) -> Vector:
        table = (self.terms.table([impression(g) for g in genomes], self.mean, self.sd) - self.offset) * self.scale
        return np.asarray(table.sum(1))

    def liking(self, genomes: Sequence[Genome]) -> Vector:
        """True liking of loops by the audience, 0 to 5, (loops,)."""
        return TOP / (1.0 + np.exp(-(self.centre + self.slope * self.raw(genomes))))

    def descriptors(self, genomes: Sequence[Genome]) -> Vector:
        """The loops' descriptors in standard deviations of unselected loops, (loops, 16)."""
        return np.asarray((np.array([impression(g).descriptors for g in genomes]) - self.mean) / self.sd)


def draw_taste(world: World, base: Sequence[Genome], rng: np.random.Generator) -> Taste:
    """An audience, calibrated on unselected loops: their mean liking and its spread are the world's."""
    heard = [impression(genome) for genome in base]
    described = np.array([each.descriptors for each in heard])
    mean, sd = described.mean(0), described.std(0) + 1e-9
    terms = _draw_terms(world, len(NAMES), rng)
    table = terms.table(heard, mean, sd)
    shares = np.array(
        [world.peak_share, world.interaction_share, world.timbre_share, world.genre_share, world.charm_share]
    )
    offset, scale = table.mean(0), np.sqrt(shares) / (table.std(0) + 1e-9)
    raw = ((table - offset) * scale).sum(1)
    centre, slope = calibrated(raw, world)
    return Taste(terms, mean, sd, offset, scale, centre, slope)


def _draw_terms(world: World, count: int, rng: np.random.Generator) -> _Terms:
    shape = (world.peaks, world.descriptors_per_peak)
    axes = np.array([rng.permutation(count)[: shape[1]] for _ in range(shape[0])])
    pairs = np.array([rng.permutation(count)[:2] for _ in range(5)])
    return _Terms(
        axes, rng.normal(0.0, 1.2, shape), rng.uniform(1.0, 2.0, shape), rng.uniform(0.6, 1.0, shape[0]), pairs,
        rng.standard_normal(5), rng.standard_normal(len(TIMBRES)), rng.standard_normal(len(style_names())),
        int(rng.integers(2**31)),
    )  # fmt: skip


def calibrated(raw: Vector, world: World) -> tuple[float, float]:
    """Centre and slope of the logistic curve that gives unselected loops the world's mean and spread."""

    def centre_for(slope: float) -> float:
        return float(brentq(lambda c: (TOP / (1 + np.exp(-(c + slope * raw)))).mean() - world.base_mean, -20, 20))

    def spread(slope: float) -> float:
        return float((TOP / (1 + np.exp(-(centre_for(slope) + slope * raw)))).std() - world.base_sd)

    slope = float(brentq(spread, 0.01, 10.0))
    return centre_for(slope), slope


@dataclass(frozen=True, slots=True)
class Rated:
    """One simulated rating, 0 to 5."""

    place: int
    rater: str
    value: float


class Sessions:
    """Simulated raters come one after another and rate a few loops each."""

    def __init__(self, world: World, taste: Taste, rng: np.random.Generator) -> None:
        self._world, self._taste, self._rng = world, taste, rng
        self._given = 0
        self._bias, self._weights, self._asleep = 0.0, np.zeros(len(NAMES)), False

    def rate(self, genomes: Sequence[Genome]) -> list[Rated]:
        """One rating of each loop, in an order of chance."""
        return self.rate_as(self._taste.liking(genomes), self._taste.descriptors(genomes))

    def rate_as(self, liking: Vector, descriptors: Vector) -> list[Rated]:
        """The same where the audience's liking (loops,), 0 to 5, is known; descriptors (loops, 16) are what a rater's
        own taste is about."""
        described, found = np.clip(descriptors, -3, 3), []
        for place in self._rng.permutation(len(liking)):
            if self._given % self._world.ratings_per_session == 0:
                self._next_rater()
            rater = f"simulated-{self._given // self._world.ratings_per_session}"
            own = self._world.personal_sd * float(described[place] @ self._weights)
            noise = self._world.noise_sd * self._rng.standard_normal()
            value = liking[place] + own + self._bias + noise
            value = self._rng.uniform(0, TOP) if self._asleep else value
            found.append(Rated(int(place), rater, float(np.clip(value, 0.0, TOP))))
            self._given += 1
        return found

    def _next_rater(self) -> None:
        self._bias = self._world.bias_sd * self._rng.standard_normal()
        self._weights = self._rng.standard_normal(len(NAMES)) / np.sqrt(len(NAMES))
        self._asleep = bool(self._rng.random() < self._world.inattentive)
