"""Mutation: a loop that resembles its parent, by a step from a detail to another part.

Every kind of gene has a mutation that makes musical sense (Biles, "GenJam", 1994): bars are told differently, a part
gets another manner, register, timbre or style, chords give way to relatives. Children must resemble their parents, or
selection has nothing to hold on to (MacCallum et al., "Evolution of music by public choice", PNAS 2012).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from antiphon.domain.genome import Genome, StemGenes, Twist, noise_of
from antiphon.evolution.chance import chance, fresh_seed, nudged, pick, weighted
from antiphon.evolution.harmony import mutate_harmony
from antiphon.evolution.noise import slerp
from antiphon.evolution.scores import score_of
from antiphon.generation.grammar.genesis import behaviours_of, draw_behaviour, usual_glide
from antiphon.generation.styles import Style, get_style, style_names

#: How far a part may be moved, in semitones, so that it stays in its range.
REGISTERS = {"bass": (-1, 7), "chords": (-5, 5), "lead": (-7, 7), "texture": (-5, 5)}
#: How loud a part may come to be against the loop.
LEVELS_LU = (-22.0, -3.0)
MOST_TWISTS = 3
#: How often a step that changes no note is taken again.
_TRIES = 6


def mutate(parent: Genome, amount: float, rng: np.random.Generator, stems: tuple[str, ...] = ()) -> Genome:
    """A child by a step of `amount`: near 0 a few details, at 1 every part anew, in the same tempo, meter and length.

    With `stems` only these change, and what all stems share (harmony, swing, energy, preset) stays as it is. Tempo,
    meter and bars always stay: they belong to the session that the loop lies in.
    """
    child = parent
    for _ in range(_TRIES):
        child = _step(parent, amount, rng, stems)
        if _notes(child) != _notes(parent):
            break
    return child


def _notes(genome: Genome) -> object:
    return [(stem.notes, stem.timbre) for stem in score_of(genome).stems]


def _step(parent: Genome, amount: float, rng: np.random.Generator, stems: tuple[str, ...]) -> Genome:
    genome = parent if stems else _mutate_shared(parent, amount, rng)
    touched = [stem for stem in parent.playing if (stem in stems if stems else chance(rng, 0.35 + 0.65 * amount))]
    # One fresh noise for all stems: those that shared one go on to share one.
    noise = noise_of(fresh_seed(rng))
    changed = []
    for stem in touched or [pick(rng, parent.playing)]:
        genes = genome.genes(stem)
        # Notes that somebody brought stay, unless it is they that shall change.
        mutated = _mutate_stem if genes.given is None or stems else _mutate_sound
        genes = mutated(genes, genome, amount, rng)
        changed.append(replace(genes, noise=slerp(genes.noise, noise, amount)))
    return genome.with_only(*changed) if stems else genome.with_genes(*changed)


def _mutate_shared(genome: Genome, amount: float, rng: np.random.Generator) -> Genome:
    """Swing, energy, harmony and preset."""
    genome = mutate_harmony(genome, amount, rng)
    if chance(rng, amount):
        swing = nudged(rng, genome.swing, 0.3 * amount, 0.0, 1.0)
        genome = genome if "swing" in genome.fixed else replace(genome, swing=swing)
    if "preset" not in genome.fixed and chance(rng, 0.4 * amount**2):
        genome = replace(genome, preset=get_style(pick(rng, style_names())).preset)
    return replace(genome, energy=nudged(rng, genome.energy, 0.2 * amount, 0.0, 1.0))


def _mutate_stem(genes: StemGenes, genome: Genome, amount: float, rng: np.random.Generator) -> StemGenes:
    """One part: its notes always, its manner, place and sound the likelier the larger the step."""
    if chance(rng, 0.25 * amount**2):
        genes = _in_other_style(genes, genome, rng)
    style = get_style(genes.style)
    former = genes.behaviour
    genes = _other_notes(genes, style, amount, rng)
    behaviours = behaviours_of(style, genes.stem)
    if behaviours and chance(rng, 0.4 * amount**2):
        genes = replace(genes, behaviour=weighted(rng, behaviours))
    if f"behaviour {genes.stem}" in genome.fixed:
        genes = replace(genes, behaviour=former)
    if genes.stem in REGISTERS and chance(rng, 0.5 * amount):
        low, high = REGISTERS[genes.stem]
        genes = replace(genes, register=max(low, min(high, genes.register + pick(rng, (-5, -3, -2, 2, 3, 5)))))
    if f"timbre {genes.stem}" not in genome.fixed and chance(rng, 0.6 * amount):
        genes = _with_other_timbre(genes, style, genome.avoided, rng)
    return _elsewhere(replace(genes, density=nudged(rng, genes.density, 0.25 * amount, -0.75, 0.75)), amount, rng)


def _mutate_sound(genes: StemGenes, genome: Genome, amount: float, rng: np.random.Generator) -> StemGenes:
    """The same notes, maybe with another timbre, at another place."""
    if f"timbre {genes.stem}" not in genome.fixed and chance(rng, 0.6 * amount):
        genes = _with_other_timbre(genes, get_style(genes.style), genome.avoided, rng)
    return _elsewhere(genes, amount, rng)


def _elsewhere(genes: StemGenes, amount: float, rng: np.random.Generator) -> StemGenes:
    """A little louder or fainter, wider or narrower, gliding more or less. The bass stays in the middle."""
    if genes.level_lu is None or genes.width is None:
        return genes
    # Draws of its own, so that what a child plays does not hang on where its stems stand.
    (rng,) = rng.spawn(1)
    level_lu = round(nudged(rng, genes.level_lu, 3.0 * amount, *LEVELS_LU), 2)
    width = genes.width if genes.stem == "bass" else round(nudged(rng, genes.width, 0.3 * amount, 0.0, 1.0), 3)
    return replace(_gliding_otherwise(genes, amount, rng), level_lu=level_lu, width=width)


def _gliding_otherwise(genes: StemGenes, amount: float, rng: np.random.Generator) -> StemGenes:
    """A little more or less gliding, of a part that glides: what its style strikes stays struck."""
    if not genes.glide:
        return genes
    return replace(genes, glide=round(nudged(rng, genes.glide, 0.3 * amount, 0.0, 1.0), 3))


def _other_notes(genes: StemGenes, style: Style, amount: float, rng: np.random.Generator) -> StemGenes:
    """Some half bars told differently, or, with a large step, another part altogether."""
    seed = fresh_seed(rng)
    if chance(rng, amount**3):
        glide = usual_glide(style, genes.stem, genes.timbre)
        behaviour = draw_behaviour(style, genes.stem, seed)
        return replace(genes, seed=seed, behaviour=behaviour, twists=(), given=None, glide=glide)
    return replace(genes, twists=(*genes.twists, Twist(seed, 0.9 * amount))[-MOST_TWISTS:])


def _with_other_timbre(genes: StemGenes, style: Style, avoided: tuple[str, ...], rng: np.random.Generator) -> StemGenes:
    besides = {genes.timbre, *avoided}
    others = [option for option in style.timbres[genes.stem] if option[0] not in besides and option[1] > 0]
    if not others:
        return genes
    timbre = weighted(rng, others)
    # A part from before there were glides has none, whatever it is played with.
    glide = None if genes.glide is None else usual_glide(style, genes.stem, timbre)
    return replace(genes, timbre=timbre, glide=glide)


def _in_other_style(genes: StemGenes, genome: Genome, rng: np.random.Generator) -> StemGenes:
    """The part as another style would play it, one that is at home at a tempo near this one."""
    home = get_style(genes.style)
    others = [get_style(name) for name in style_names() if name not in (genes.style, *genome.avoided)]
    near = [other for other in others if other.bpm[0] <= home.bpm[1] and other.bpm[1] >= home.bpm[0]]
    if not near:
        return genes
    style = pick(rng, near)
    return replace(genes, style=style.name, behaviour=draw_behaviour(style, genes.stem, genes.seed))
