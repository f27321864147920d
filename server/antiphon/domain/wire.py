"""Requests and candidates as JSON-compatible data: for the ledger, for the pipe to the worker, and for HTTP.

What is missing from stored data takes its default and what is unknown is ignored, so that a newer server reads an older
one's ledger.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.reading import reading_from_json, reading_to_json
from antiphon.domain.request import GenerateRequest
from antiphon.domain.theory import parse_chord, parse_key, parse_meter

Json = dict[str, Any]

_REQUEST_FIELDS = frozenset(field.name for field in dataclasses.fields(GenerateRequest))
_FILE_FIELDS = frozenset(field.name for field in dataclasses.fields(RenderedFile))
_CANDIDATE_FIELDS = frozenset(field.name for field in dataclasses.fields(Candidate))


def canonical(data: Json) -> str:
    """The one spelling of `data` as JSON text: equal data gives equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def request_to_json(request: GenerateRequest) -> Json:
    """A generate request with its music spelt as musicians type it (`Am7`, `F# dorian`, `6/8`)."""
    data = {name: getattr(request, name) for name in sorted(_REQUEST_FIELDS)}
    data["meter"] = request.meter.name
    data["key"] = None if request.key is None else request.key.name
    data["chords"] = None if request.chords is None else [chord.name for chord in request.chords]
    data["stems"] = list(request.stems)
    data["reading"] = None if request.reading is None else reading_to_json(request.reading)
    return data


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
    if known.get("reading") is not None:
        known["reading"] = reading_from_json(known["reading"])
    return GenerateRequest(**known)


def file_to_json(file: RenderedFile) -> Json:
    return {name: getattr(file, name) for name in sorted(_FILE_FIELDS)}


def file_from_json(data: Json) -> RenderedFile:
    return RenderedFile(**{name: value for name, value in data.items() if name in _FILE_FIELDS})


def candidate_to_json(candidate: Candidate) -> Json:
    data = {name: getattr(candidate, name) for name in sorted(_CANDIDATE_FIELDS)}
    data["stems"] = [file_to_json(file) for file in candidate.stems]
    data["mix"] = file_to_json(candidate.mix)
    return data


def candidate_from_json(data: Json) -> Candidate:
    known = {name: value for name, value in data.items() if name in _CANDIDATE_FIELDS}
    known["stems"] = tuple(file_from_json(file) for file in known["stems"])
    known["mix"] = file_from_json(known["mix"])
    return Candidate(**known)
