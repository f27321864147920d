"""The songs of a request, in the worker: listened to once, then brought onto each loop that is drawn.

What was found fills what the request left open. The noise from which a loop comes near to the songs is found under the
loop's own score, kept, and mixed by SLERP with the loop's own noise, as far as `strength` says. Each take that is found
broken comes less near: where songs and score don't agree, the score is what must be heard.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from antiphon.domain.genome import Genome, NoiseRecipe
from antiphon.domain.reference import Reference, Wish, united
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import Meter
from antiphon.evolution.noise import slerp
from antiphon.generation.backend import OnStep, SoundRequest
from antiphon.generation.engines import TwoEngines
from antiphon.generation.songs.decode import Song, read_song
from antiphon.generation.songs.excerpt import Excerpt, cut
from antiphon.generation.songs.hearing import Heard, hear
from antiphon.jobs.kept_noise import KeptNoise, Noise
from antiphon.references.folders import Allowed, shown_name

#: How much of its strength a take keeps of the one before it that was found broken.
YIELDS = 0.7


@dataclass(frozen=True, slots=True)
class Listened:
    """A song, what was heard in it, and what of it is kept."""

    song: Song
    heard: Heard
    reference: Reference


@dataclass(frozen=True, slots=True)
class Songs:
    """Songs that were listened to."""

    wish: Wish
    listened: tuple[Listened, ...]
    noises: KeptNoise
    #: Those that were cut so far, by song, length in beats and tempo.
    excerpts: dict[tuple[str, int, float], Excerpt] = field(default_factory=dict)

    @property
    def references(self) -> tuple[Reference, ...]:
        return tuple(each.reference for each in self.listened)

    @property
    def used(self) -> dict[str, float | str]:
        """What the songs decide, of `bpm` and `key`: what the first of them has, in which it was found."""
        found: dict[str, float | str] = {}
        for name in self.wish.open:
            value = next((getattr(each, name) for each in self.references if getattr(each, name) is not None), None)
            if value is not None:
                found[name] = value
        return found

    def fill(self, request: GenerateRequest) -> GenerateRequest:
        """The request with what the songs decide."""
        keys = [each.heard.key for each in self.listened if each.heard.key is not None]
        used = self.used
        return dataclasses.replace(
            request, bpm=float(used.get("bpm", request.bpm)), key=keys[0] if "key" in used else request.key
        )

    def onto(
        self, genome: Genome, sound: Callable[[Genome], SoundRequest], backend: TwoEngines, take: int, on_step: OnStep
    ) -> Genome:
        """The genome with its songs, and noise on the way to them; `sound` makes the request that sounds it."""
        strength = self.wish.strength * YIELDS**take
        excerpts = [self._excerpt(each, genome) for each in self.listened]
        taken = tuple(
            dataclasses.replace(each.reference, start_s=excerpt.start_s)
            for each, excerpt in zip(self.listened, excerpts, strict=True)
        )
        found = backend.invert(sound(genome), excerpts, on_step) if strength > 0 else {}
        changed = [
            dataclasses.replace(genes, noise=slerp(genes.noise, self._recipe(noise), strength))
            for genes, noise in ((genome.genes(stem), noise) for stem, noise in found.items())
        ]
        return dataclasses.replace(genome.with_genes(*changed), references=united(genome.references, taken))

    def _recipe(self, noise: Noise) -> NoiseRecipe:
        return NoiseRecipe(((self.noises.keep(noise), 1.0),))

    def _excerpt(self, listened: Listened, genome: Genome) -> Excerpt:
        """The song's bars for a loop of this length and tempo; loops of one request mostly have both in common."""
        beats = math.ceil(float(genome.bars * genome.meter.beats_per_bar))
        place = (listened.song.sha256, beats, genome.bpm)
        if place not in self.excerpts:
            self.excerpts[place] = cut(listened.song, listened.heard, beats, genome.bpm, _bar(genome.meter))
        return self.excerpts[place]


def listen(
    wish: Wish, meter: Meter, allowed: Allowed, longest_s: float, noises: KeptNoise, check: Callable[[float], None]
) -> Songs:
    """Decode and hear the songs of a wish, whose paths the studio has found. `check(fraction)` may stop it.

    Raises what `Allowed.open` and `read_song` raise: a file can change between the request and the work.
    """
    listened: list[Listened] = []
    for index, path in enumerate(map(Path, wish.songs)):
        check(index / len(wish.songs))
        with allowed.open(path) as file:
            song = read_song(file, shown_name(path), longest_s)
        check((index + 0.5) / len(wish.songs))
        heard = hear(song.audio, _bar(meter))
        reference = Reference(song.name, song.sha256, wish.licence, heard.bpm, heard.key.name if heard.key else None)
        listened.append(Listened(song, heard, reference))
    return Songs(wish, tuple(listened), noises)


def _bar(meter: Meter) -> int:
    """Beats after which a bar of a song of this meter begins anew, at least one."""
    return max(1, round(float(meter.beats_per_bar)))
