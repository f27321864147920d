"""Draws a genome from a request and a seed: what was asked for stays, the rest is drawn."""

from __future__ import annotations

from dataclasses import replace

from antiphon.domain.composers import Composers
from antiphon.domain.engines import Engines
from antiphon.domain.genome import Genome, StemGenes, noise_of
from antiphon.domain.given import BroughtParts
from antiphon.domain.reading import PromptReading
from antiphon.domain.reference import PART, Reference, united
from antiphon.domain.request import GenerateRequest
from antiphon.domain.score import ONE_VOICE, STEMS, ChordSpan
from antiphon.domain.theory import Key
from antiphon.generation.grammar.draw import Draw
from antiphon.generation.grammar.frame import Frame, make_frame
from antiphon.generation.grammar.given import swing_of
from antiphon.generation.grammar.harmony import compose_harmony, given_harmony, infer_key
from antiphon.generation.grammar.settle import colours_asked, density_of, glide_of, settle, wanted_timbres, width_of
from antiphon.generation.grammar.span import Span
from antiphon.generation.styles import Style, Weights, get_style, style_names


def behaviours_of(style: Style, stem: str) -> Weights:
    """How a style may play a stem, with weights; nothing for the drums, whose ways are the style's grooves."""
    behaviours = {
        "percussion": style.percussion, "bass": style.bass, "chords": style.chords, "lead": style.lead,
        "texture": style.texture,
    }  # fmt: skip
    return behaviours.get(stem, ())


def draw_behaviour(style: Style, stem: str, seed: int) -> str:
    """The behaviour that a stem's seed has in a style: the first draw of the part's stream."""
    options = behaviours_of(style, stem)
    return Draw(seed, stem).weighted(options) if options else ""


def _choose_style(request: GenerateRequest, avoided: tuple[str, ...], draw: Draw) -> Style:
    """The style asked for, else one that is at home at the tempo."""
    if request.style is not None:
        return get_style(request.style)
    styles = [get_style(name) for name in style_names() if name not in avoided or len(avoided) >= len(style_names())]
    return draw.weighted([(style, 6.0 if style.bpm[0] <= request.bpm <= style.bpm[1] else 1.0) for style in styles])


def _choose_key(request: GenerateRequest, mode_asked: str | None, style: Style, draw: Draw) -> Key:
    tonic, mode = draw.index(12), draw.weighted(style.modes)
    if request.key is not None:
        return request.key
    if request.chords:
        return infer_key(request.chords, style)
    return Key(tonic, mode_asked or mode)


def _choose_chords(request: GenerateRequest, key: Key, style: Style, seed: int) -> tuple[ChordSpan, ...]:
    frame = make_frame(request.bpm, request.meter, request.bars, style, style.swing)
    if request.brought is not None and request.brought.harmony:
        return request.brought.harmony
    if request.chords:
        return _in_beats(given_harmony(request.chords, frame), frame)
    return draw_chords(key, frame, style, seed)


def draw_chords(key: Key, frame: Frame, style: Style, seed: int) -> tuple[ChordSpan, ...]:
    """A progression of the style's own in a key."""
    return _in_beats(compose_harmony(key, frame, style, Draw(seed, "harmony")), frame)


def _in_beats(spans: tuple[Span, ...], frame: Frame) -> tuple[ChordSpan, ...]:
    step = frame.step_beats
    return tuple(ChordSpan(span.start * step, (span.end - span.start) * step, span.chord) for span in spans)


def usual_glide(style: Style, stem: str, timbre: str) -> float | None:
    """How likely a note of a part glides in a style, by the part's timbre; None for stems of many voices."""
    return style.glides.get(timbre, 0.0) if stem in ONE_VOICE else None


def _draw_stem(
    stem: str, style: Style, reading: PromptReading, seed: int, engines: Engines = (), composers: Composers = ()
) -> StemGenes:
    drawn = Draw(seed, "timbre", stem).weighted(wanted_timbres(style, stem, reading))
    timbre = reading.timbres.get(stem, drawn)
    return StemGenes(
        stem=stem, seed=seed, style=style.name,
        behaviour=reading.behaviours.get(stem) or draw_behaviour(style, stem, seed),
        # One noise for all stems makes them agree in room and phrasing.
        timbre=timbre, noise=noise_of(seed), density=density_of(stem, reading),
        colours=colours_asked(stem, reading), engine=dict(engines).get(stem),
        level_lu=style.levels_lu[stem], width=width_of(stem, style.widths[stem], reading),
        composer=dict(composers).get(stem), glide=glide_of(stem, usual_glide(style, stem, timbre), reading),
    )  # fmt: skip


def _asked(request: GenerateRequest, reading: PromptReading) -> tuple[str, ...]:
    """The genes that a person has decided, by key or by word."""
    chords = request.chords or (request.brought.harmony or None if request.brought is not None else None)
    values = {"key": request.key, "chords": chords, "preset": request.preset}
    by_key = tuple(name for name, value in values.items() if value is not None)
    by_word = {"timbre": reading.timbres, "behaviour": reading.behaviours}
    return (*by_key, *(f"{gene} {stem}" for gene, said in by_word.items() for stem in STEMS if stem in said))


def with_all_stems(genome: Genome) -> Genome:
    """The genome with genes for every stem there is: one from before some of them came has none for those. They are
    drawn as the genome's own seed would have drawn them, and are silent."""
    own = {genes.stem: genes for genes in genome.stems}
    if own.keys() >= set(STEMS):
        return genome
    style, nothing = get_style(genome.style), PromptReading(avoided=genome.avoided)
    stems = tuple(own.get(stem) or _draw_stem(stem, style, nothing, genome.seed) for stem in STEMS)
    return replace(genome, stems=stems)


def with_levels(genome: Genome) -> Genome:
    """The genome with a level and a width for every stem: one from before there were such genes gets those of its
    style, for its children. (Its own loop is made again without.)"""
    style = get_style(genome.style)

    def levelled(genes: StemGenes) -> StemGenes:
        if genes.level_lu is not None:
            return genes
        return replace(genes, level_lu=style.levels_lu[genes.stem], width=style.widths[genes.stem])

    return replace(genome, stems=tuple(map(levelled, genome.stems)))


def draw_genome(request: GenerateRequest, seed: int) -> Genome:
    """A genome for a request: the same on every machine. Raises OutOfRange for a style that doesn't exist."""
    request = settle(request, seed)
    reading = request.reading or PromptReading()
    style = _choose_style(request, reading.avoided, Draw(seed, "style"))
    key = _choose_key(request, reading.mode, style, Draw(seed, "key"))
    genome = Genome(
        bpm=request.bpm, meter=request.meter, bars=request.bars, key=key,
        chords=_choose_chords(request, key, style, seed), style=style.name,
        swing=style.swing if reading.swing is None else reading.swing, energy=min(1.0, max(0.0, request.energy)),
        seed=seed,
        stems=tuple(_draw_stem(stem, style, reading, seed, request.engines, request.composers) for stem in STEMS),
        playing=tuple(stem for stem in STEMS if stem in request.stems), preset=request.preset, steps=request.steps,
        fixed=_asked(request, reading), avoided=reading.avoided,
    )  # fmt: skip
    return genome if request.brought is None else _with_parts(genome, request.brought, style, reading)


def _with_parts(genome: Genome, brought: BroughtParts, style: Style, reading: PromptReading) -> Genome:
    """The genome with the parts that were brought. The composed stems swing as these do, unless words say how; and
    whoever said by what right they may be used is named with every descendant."""
    parts = {part.stem: part for part in brought.parts}
    stems = tuple(replace(genes, given=parts.get(genes.stem)) for genes in genome.stems)
    beats = float(genome.meter.beats_per_bar * genome.bars)
    swing = swing_of((note for part in brought.parts for note in part.laid(beats)), genome, style)
    if reading.swing is None and swing is not None:
        genome = replace(genome, swing=swing, fixed=(*genome.fixed, "swing"))
    references = tuple(
        Reference(part.name, part.sha256, brought.licence, part.bpm, kind=PART)
        for part in brought.parts if brought.licence
    )  # fmt: skip
    return replace(genome, stems=stems, references=united(references))
