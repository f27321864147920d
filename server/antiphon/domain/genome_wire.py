"""Genomes as JSON-compatible data: for sidecars, for the ledger, for the pipe to the worker.

As in `domain.wire`, what is missing takes its default and what is unknown is ignored.
"""

from __future__ import annotations

from typing import Any

from antiphon.domain.genome import Genome, NoiseRecipe, StemGenes, Stroke, Twist, WrittenPart
from antiphon.domain.given import given_from_json, given_to_json
from antiphon.domain.reference import reference_from_json, reference_to_json
from antiphon.domain.score import ChordSpan
from antiphon.domain.theory import parse_chord, parse_key, parse_meter

Json = dict[str, Any]


def genome_to_json(genome: Genome) -> Json:
    """A genome with its music spelt as musicians type it; chords as [onset in beats, duration in beats, name]."""
    return {
        "bpm": genome.bpm,
        "meter": genome.meter.name,
        "bars": genome.bars,
        "key": genome.key.name,
        "chords": _chords_to_json(genome.chords),
        "style": genome.style,
        "swing": genome.swing,
        "energy": genome.energy,
        "seed": genome.seed,
        "stems": [_stem_to_json(genes) for genes in genome.stems],
        "playing": list(genome.playing),
        "kick": None if genome.kick is None else _stem_to_json(genome.kick),
        "answered": None if genome.answered is None else _stem_to_json(genome.answered),
        "preset": genome.preset,
        "steps": genome.steps,
        "fixed": list(genome.fixed),
        "avoided": list(genome.avoided),
        "references": [reference_to_json(each) for each in genome.references],
    }


def genome_from_json(data: Json) -> Genome:
    """The inverse of `genome_to_json`. Raises OutOfRange for music that does not parse."""
    return Genome(
        bpm=float(data["bpm"]),
        meter=parse_meter(data["meter"]),
        bars=int(data["bars"]),
        key=parse_key(data["key"]),
        chords=_chords_from_json(data["chords"]),
        style=data["style"],
        swing=float(data["swing"]),
        energy=float(data["energy"]),
        seed=int(data["seed"]),
        stems=tuple(_stem_from_json(genes) for genes in data["stems"]),
        playing=tuple(data["playing"]),
        kick=_stem_from_json(data["kick"]) if data.get("kick") else None,
        answered=_stem_from_json(data["answered"]) if data.get("answered") else None,
        preset=data.get("preset"),
        steps=data.get("steps"),
        fixed=tuple(data.get("fixed", ())),
        avoided=tuple(data.get("avoided", ())),
        references=tuple(reference_from_json(each) for each in data.get("references", ())),
    )


def _chords_to_json(chords: tuple[ChordSpan, ...]) -> list[Any]:
    return [[span.onset_beats, span.duration_beats, span.chord.name] for span in chords]


def _chords_from_json(data: list[Any]) -> tuple[ChordSpan, ...]:
    return tuple(ChordSpan(onset, beats, parse_chord(name)) for onset, beats, name in data)


def _stem_to_json(genes: StemGenes) -> Json:
    # What the grammar composes is spelt as it was before there was another composer.
    chosen: Json = {} if genes.composer is None else {"composer": genes.composer}
    if genes.written is not None:
        chosen["written"] = _written_to_json(genes.written)
    if genes.given is not None:
        chosen["given"] = given_to_json(genes.given)
    if genes.glide is not None:
        chosen["glide"] = genes.glide
    return chosen | {
        "stem": genes.stem,
        "seed": genes.seed,
        "style": genes.style,
        "behaviour": genes.behaviour,
        "timbre": genes.timbre,
        "noise": [list(part) for part in genes.noise.parts],
        "density": genes.density,
        "register": genes.register,
        "twists": [[twist.seed, twist.share] for twist in genes.twists],
        "colours": list(genes.colours),
        "engine": genes.engine,
        "level_lu": genes.level_lu,
        "width": genes.width,
    }


def _stem_from_json(data: Json) -> StemGenes:
    return StemGenes(
        stem=data["stem"],
        seed=int(data["seed"]),
        style=data["style"],
        behaviour=data["behaviour"],
        timbre=data["timbre"],
        noise=NoiseRecipe(tuple((_source(source), float(weight)) for source, weight in data["noise"])),
        density=float(data.get("density", 0.0)),
        register=int(data.get("register", 0)),
        twists=tuple(Twist(int(seed), float(share)) for seed, share in data.get("twists", ())),
        colours=tuple(data.get("colours", ())),
        engine=data.get("engine"),
        level_lu=_optional(data.get("level_lu")),
        width=_optional(data.get("width")),
        composer=data.get("composer"),
        written=_written_from_json(data["written"]) if data.get("written") else None,
        given=given_from_json(data["given"]) if data.get("given") else None,
        glide=_optional(data.get("glide")),
    )


def _optional(value: float | None) -> float | None:
    return None if value is None else float(value)


def _written_to_json(part: WrittenPart) -> Json:
    """A part with each note as [step, length in steps, pitch, velocity, drift in beats], and a true behind one that
    glides."""
    return {
        "notes": [list(stroke if stroke.glide else stroke[:-1]) for stroke in part.strokes], "origin": part.origin,
        "chords": _chords_to_json(part.chords), "energy": part.energy, "version": part.version,
    }  # fmt: skip


def _written_from_json(data: Json) -> WrittenPart:
    strokes = tuple(
        Stroke(int(step), float(length), int(pitch), int(velocity), float(drift), bool(glide))
        for step, length, pitch, velocity, drift, *glide in data["notes"]
    )
    chords = _chords_from_json(data["chords"])
    return WrittenPart(strokes, str(data["origin"]), chords, float(data["energy"]), str(data["version"]))


def _source(source: int | str) -> int | str:
    """A seed, or the name of a kept noise."""
    return source if isinstance(source, str) else int(source)
