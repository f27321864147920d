"""Requests and candidates as JSON-compatible data: for the ledger, for the pipe to the worker, and for HTTP.

What is missing from stored data takes its default and what is unknown is ignored, so that a newer server reads an older
one's ledger.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.exposure import Draw
from antiphon.domain.genome_wire import genome_from_json, genome_to_json
from antiphon.domain.given import brought_from_json, brought_to_json
from antiphon.domain.lineage import Breeding, ChildrenRequest, Parent, Verdict
from antiphon.domain.measures import measures_from_json, measures_to_json
from antiphon.domain.reading import reading_from_json, reading_to_json
from antiphon.domain.reference import wish_from_json, wish_to_json
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import parse_chord, parse_key, parse_meter

Json = dict[str, Any]

_REQUEST_FIELDS = frozenset(field.name for field in dataclasses.fields(GenerateRequest))
_FILE_FIELDS = frozenset(field.name for field in dataclasses.fields(RenderedFile))
_CANDIDATE_FIELDS = frozenset(field.name for field in dataclasses.fields(Candidate))
_BREEDING_FIELDS = frozenset(field.name for field in dataclasses.fields(Breeding))


def canonical(data: Json) -> str:
    """The one spelling of `data` as JSON text: equal data gives equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint_of(asked: Json) -> str:
    """What makes two requests the same: all but the seed, which is drawn anew for a request that names none."""
    return canonical({name: value for name, value in asked.items() if name != "seed"})


def request_to_json(request: GenerateRequest) -> Json:
    """A generate request with its music spelt as musicians type it (`Am7`, `F# dorian`, `6/8`)."""
    data = {name: getattr(request, name) for name in sorted(_REQUEST_FIELDS)}
    data["meter"] = request.meter.name
    data["key"] = None if request.key is None else request.key.name
    data["chords"] = None if request.chords is None else [chord.name for chord in request.chords]
    data["stems"] = list(request.stems)
    data["engines"] = [list(pair) for pair in request.engines]
    data["reading"] = None if request.reading is None else reading_to_json(request.reading)
    # A request without songs, given parts or a composer is spelt as it was before there could be any: a repeat of an
    # old one is found again.
    del data["wish"], data["composers"], data["part_wish"], data["brought"]
    if request.brought is not None:
        data["brought"] = brought_to_json(request.brought)
    if request.composers:
        data["composers"] = [list(pair) for pair in request.composers]
    return data if request.wish is None else data | {"wish": wish_to_json(request.wish)}


def request_from_json(data: Json) -> GenerateRequest:
    """The inverse of `request_to_json`. Raises OutOfRange for music that does not parse."""
    known = {name: value for name, value in data.items() if name in _REQUEST_FIELDS}
    if "meter" in known:
        known["meter"] = parse_meter(known["meter"])
    if known.get("key") is not None:
        known["key"] = parse_key(known["key"])
    if known.get("chords") is not None:
        known["chords"] = tuple(parse_chord(name) for name in known["chords"])
    if "stems" in known:
        known["stems"] = tuple(known["stems"])
    if "engines" in known:
        known["engines"] = tuple((stem, engine) for stem, engine in known["engines"])
    if "composers" in known:
        known["composers"] = tuple((stem, composer) for stem, composer in known["composers"])
    if known.get("reading") is not None:
        known["reading"] = reading_from_json(known["reading"])
    if known.get("wish") is not None:
        known["wish"] = wish_from_json(known["wish"])
    if known.get("brought") is not None:
        known["brought"] = brought_from_json(known["brought"])
    return GenerateRequest(**known)


def breeding_to_json(breeding: Breeding) -> Json:
    """What a client asked for, of whom."""
    data = {name: getattr(breeding, name) for name in sorted(_BREEDING_FIELDS)}
    if breeding.composer is None:
        del data["composer"]
    return data | {"candidate_ids": list(breeding.candidate_ids), "stems": list(breeding.stems)}


def parent_to_json(parent: Parent) -> Json:
    """A rated candidate as its children see it, verdicts as [rater, value, weight, context]."""
    data = {
        "candidate_id": parent.candidate_id, "genome": genome_to_json(parent.genome),
        "mean_rating": parent.mean_rating, "ratings": parent.ratings, "rating_sd": parent.rating_sd,
        "verdicts": [[each.rater, each.value, each.weight, each.context] for each in parent.verdicts],
    }  # fmt: skip
    return data | {"measures": measures_to_json(parent.measures)} if parent.measures else data


def parent_from_json(data: Json) -> Parent:
    """The inverse of `parent_to_json`. Raises OutOfRange for music that does not parse."""
    return Parent(
        data["candidate_id"], genome_from_json(data["genome"]), data.get("mean_rating", 0.0), data.get("ratings", 0),
        data.get("rating_sd"), tuple(Verdict(*each) for each in data.get("verdicts", ())),
        measures_from_json(data.get("measures")),
    )  # fmt: skip


def children_to_json(request: ChildrenRequest) -> Json:
    """Children to be made; what was asked for stands beside the parents, as in a generate request."""
    parents = [parent_to_json(parent) for parent in request.parents]
    hears = {"hears": True} if request.hears else {}
    return breeding_to_json(request.breeding) | hears | {
        "parents": parents, "sample_rate": request.sample_rate, "file_format": request.file_format,
        "model": request.model, "reading": None if request.reading is None else reading_to_json(request.reading),
        "baselines": [request_to_json(each) for each in request.baselines],
        "draws": [[draw.arm, draw.probability, draw.model] for draw in request.draws],
    }  # fmt: skip


def children_from_json(data: Json) -> ChildrenRequest:
    """The inverse of `children_to_json`. Raises OutOfRange for music that does not parse."""
    asked = {name: value for name, value in data.items() if name in _BREEDING_FIELDS}
    asked |= {name: tuple(asked[name]) for name in ("candidate_ids", "stems") if name in asked}
    parents = tuple(parent_from_json(parent) for parent in data["parents"])
    made = {name: data[name] for name in ("sample_rate", "file_format", "model", "hears") if name in data}
    reading = reading_from_json(data["reading"]) if data.get("reading") is not None else None
    baselines = tuple(request_from_json(each) for each in data.get("baselines", ()))
    return ChildrenRequest(Breeding(**asked), parents, **made, reading=reading, draws=draws_from_json(data),
                           baselines=baselines)  # fmt: skip


def draws_from_json(data: Json) -> tuple[Draw, ...]:
    """The arms of a job's loops, from its payload; empty where each is what was asked for."""
    return tuple(Draw(*draw) for draw in data.get("draws", ()))


def file_to_json(file: RenderedFile) -> Json:
    return {name: getattr(file, name) for name in sorted(_FILE_FIELDS)}


def file_from_json(data: Json) -> RenderedFile:
    return RenderedFile(**{name: value for name, value in data.items() if name in _FILE_FIELDS})


def candidate_to_json(candidate: Candidate) -> Json:
    data = {name: getattr(candidate, name) for name in sorted(_CANDIDATE_FIELDS)}
    data["stems"] = [file_to_json(file) for file in candidate.stems]
    data["mix"] = file_to_json(candidate.mix)
    data["genome"] = None if candidate.genome is None else genome_to_json(candidate.genome)
    data["parents"] = list(candidate.parents)
    data["measures"] = measures_to_json(candidate.measures)
    return data


def candidate_from_json(data: Json) -> Candidate:
    known = {name: value for name, value in data.items() if name in _CANDIDATE_FIELDS}
    known["stems"] = tuple(file_from_json(file) for file in known["stems"])
    known["mix"] = file_from_json(known["mix"])
    if known.get("genome") is not None:
        known["genome"] = genome_from_json(known["genome"])
    known["parents"] = tuple(known.get("parents", ()))
    known["measures"] = measures_from_json(known.get("measures"))
    return Candidate(**known)
