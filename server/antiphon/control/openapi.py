"""The OpenAPI 3.1 document, made from the command table. Nothing about a command is written here a second time."""

from __future__ import annotations

from typing import Any

import antiphon
from antiphon.control.command_row import Command
from antiphon.control.commands import COMMANDS
from antiphon.control.fields import Bounds, Field
from antiphon.control.http_export import EVENING_HOURS
from antiphon.control.http_learning import DEFAULT_LIMIT
from antiphon.control.messages import MESSAGES
from antiphon.export.project import FORMATS

Schema = dict[str, Any]
_ID_SCHEMA: Schema = {
    "oneOf": [{"type": "string", "minLength": 1, "maxLength": 64}, {"type": "integer", "format": "int32"}]
}
_OSC_TYPES: dict[str, Schema] = {
    "s": {"type": "string"},
    "i": {"type": "integer", "format": "int32"},
    "f": {"type": "number"},
    "id": _ID_SCHEMA,
}


def openapi(bounds: Bounds, server_name: str) -> Schema:
    """The whole document, with this server's limits and names in it."""
    paths: Schema = {}
    for row in COMMANDS.values():
        if not row.osc_only:
            paths[row.http_path] = {"post": _operation(row, bounds)}
    for path, operation in _reading_routes().items():
        paths.setdefault(path, {})["get"] = operation
    paths |= _midi_routes() | _learning_routes() | _reference_routes()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": server_name,
            "version": antiphon.__version__,
            "description": "The commands of the OSC surface, over HTTP. Send X-Antiphon-Client with a name of your own "
            "to have the replies to your requests on your event stream (/api/events?client=NAME).",
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Error": _error_schema()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def field_schema(f: Field, bounds: Bounds) -> Schema:
    """JSON Schema of one argument."""
    unit = f" ({f.unit})" if f.unit else ""
    text = f"{f.description}{unit}" + (f". Default: {f.default}" if f.default else "")
    schema: Schema = {"description": text}
    if f.kind == "choice":
        return schema | {"type": "integer" if f.takes_number else "string", "enum": list(f.choices)}
    if f.takes_number:
        schema["type"] = "integer" if f.kind == "int" else "number"
        maximum = f.maximum_in(bounds)
        schema |= {"minimum": f.minimum} if f.minimum is not None else {}
        return schema | ({"maximum": maximum} if maximum is not None else {})
    if f.kind == "name":
        return schema | {"type": "string", "enum": list(getattr(bounds.vocabulary, f.vocabulary))}
    schema |= {"type": "string", "maxLength": f.max_length}
    if f.repeats:
        one = {"type": "string", "maxLength": f.max_length}
        return {"description": text, "oneOf": [one, {"type": "array", "items": one, "maxItems": f.most}]}
    return schema | ({"pattern": "^[A-Za-z0-9_-]{1,64}$"} if f.kind == "id" else {})


def _operation(row: Command, bounds: Bounds) -> Schema:
    body_fields = row.positional + row.keys
    properties = {f.name: field_schema(f, bounds) for f in body_fields}
    required = [f.name for f in body_fields if f.required]
    if row.id_name:
        note = "the id of the request to be cancelled" if row.name == "cancel" else "your own id; made where left out"
        properties = {row.id_name: {"description": note, **_ID_SCHEMA}, **properties}
        required = [row.id_name, *required] if row.name == "cancel" else required
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return {
        "operationId": row.name.replace("/", "_"),
        "summary": row.description.partition(".")[0] + ".",
        "description": row.description,
        "parameters": [_path_parameter(f.name, f.description) for f in row.path_fields],
        "requestBody": {"required": bool(required), "content": {"application/json": {"schema": schema}}},
        "responses": _answers(row) | {"default": _error_response()},
    }


def _answers(row: Command) -> Schema:
    if not row.answers:
        return {"204": {"description": "done; there is nothing to say"}}
    answer = message_schema(row.answers[0])
    if row.name == "model/list":
        answer = {
            "type": "object",
            "properties": {"models": {"type": "array", "items": answer}},
            "required": ["models"],
        }
    status, text = ("202", "accepted: it will be done") if row.answers == ("/ack",) else ("200", "done")
    return {status: {"description": text, "content": {"application/json": {"schema": answer}}}}


def message_schema(address: str) -> Schema:
    """JSON Schema of an outgoing message."""
    properties: Schema = {}
    for name, kind in MESSAGES[address].arguments:
        schema = _OSC_TYPES[kind]
        if name == "json":
            properties["status"] = {"type": "object"}
        elif name.endswith("..."):
            properties[name.removesuffix("...") + "s"] = {"type": "array", "items": schema}
        else:
            properties[name] = schema
    return {"type": "object", "properties": properties, "required": list(properties)}


def _midi_routes() -> Schema:
    port = {"type": "string", "description": "the beginning of a port's name"}
    timeout_s = {"type": "number", "minimum": 0.1, "maximum": 60, "default": 10}
    question = {"type": "string", "description": "of one of the questions that `GET /api/midi` lists"}
    asked = {"port": port, "timeout_s": timeout_s, "do": question, "stem": question}
    learn = {"type": "object", "properties": asked, "required": ["port"]}
    write = {"type": "object", "required": ["name", "title", "controls"], "description": "a map, as its TOML has it"}
    return {
        "/api/midi": {"get": _reading("MIDI ports, connected controllers, their maps, the clock.")},
        "/api/midi/learn": {"post": _sending("Wait until a control was moved; answers with its source.", learn)},
        "/api/midi/maps": {"post": _sending("Check a controller's map, write it, and use it at once.", write)},
    }


def _learning_routes() -> Schema:
    limit = _query("limit", "how many", {"type": "integer", "minimum": 1, "maximum": 5000, "default": DEFAULT_LIMIT})
    people = _query("context", "whose taste; `all`: everybody's; without it, the setting's", {"type": "string"})
    rated = _query("candidate", "ratings of this candidate only", {"type": "string"})
    candidate = _path_parameter("candidate_id", "as `/done` or `/mix` gave it")
    return {
        "/api/ratings": {"get": _reading("The ratings that count, newest first, with weights and why.", limit, rated)},
        "/api/beliefs": {"get": _reading("What is believed of contexts, raters and the best clips.", limit)},
        "/api/beliefs/{candidate_id}": {"get": _reading("What is believed of one candidate, and why.", candidate)},
        "/api/taste": {
            "get": _reading("What people of a context like, group by group, and why of some loops.", people)
        },
        "/api/generations": {"get": _reading("After the fact: how well each generation and each arm was liked.")},
        "/api/exposures": {"get": _reading("After the fact: what was shown to whom, and from which arm.", limit)},
    }


def _reference_routes() -> Schema:
    song = {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}, "required": ["file"]}
    body = {"required": True, "content": {"multipart/form-data": {"schema": song}}}
    said = "Bring a song, or a MIDI file; the answer's `reference` is what to give `generate` as `reference` or `part`."
    return {
        "/api/references": {
            "get": _reading("The songs and MIDI files that were brought, newest first."),
            "post": _reading(said, status="201") | {"requestBody": body},
        },
        "/api/references/{upload_id}": {
            "delete": _reading(
                "Delete a song or MIDI file; loops made after it stay.",
                _path_parameter("upload_id", "as the answer to the upload gave it"),
                status="204",
            ),
        },
    }


def _sending(summary: str, body: Schema) -> Schema:
    return _reading(summary) | {"requestBody": {"required": True, "content": {"application/json": {"schema": body}}}}


def _reading_routes() -> Schema:
    candidate = _path_parameter("candidate_id", "as `/done` or `/mix` gave it")
    limit = {
        "name": "limit",
        "in": "query",
        "description": "how many, newest first",
        "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
    }
    export = [
        _query("candidates", "ids, parted by commas, in the order in which they shall stand", {"type": "string"}),
        _query("hours", "without ids: everything made in the last hours", {"type": "number", "default": EVENING_HOURS}),
    ]
    client = {"name": "client", "in": "query", "description": "your own name", "schema": {"type": "string"}}
    name = _path_parameter("name", "a file's name, or a stem's, or `mix` or `sidecar`")
    return {
        "/api/status": _reading("What the server is doing."),
        "/api/candidates": _reading("The newest candidates.", limit),
        "/api/candidates/{candidate_id}": _reading("One candidate and its files.", candidate),
        "/api/jobs/{job_id}": _reading(
            "A job's state; with `reading`, how its prompt was read.",
            _path_parameter("job_id", "as the answer to generate gave it"),
        ),
        "/api/events": _reading("Replies and events, as server-sent events.", client, content="text/event-stream"),
        "/api/ws": _reading("Replies and events as JSON over a WebSocket, which takes commands too.", client),
        "/api/export/{kind}": _reading(
            "Candidates, one after the other, as a project that DAWs open.",
            _path_parameter("kind", f"one of {', '.join(FORMATS)}"),
            *export,
            content="application/zip",
        ),
        "/files/{candidate_id}/{name}": _reading("A file, with ranges.", candidate, name, content="audio/*"),
    }


def _reading(summary: str, *parameters: Schema, content: str = "application/json", status: str = "200") -> Schema:
    ok: Schema = (
        {"description": "done"} if status == "204" else {"description": "what was asked for", "content": {content: {}}}
    )
    responses = {status: ok, "default": _error_response()}
    return {"summary": summary, "parameters": list(parameters), "responses": responses}


def _query(name: str, description: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _path_parameter(name: str, description: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": {"type": "string"}}


def _error_response() -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": "what was wrong, and what to do", "content": {"application/json": {"schema": schema}}}


def _error_schema() -> Schema:
    parts = {"code": {"type": "string"}, "message": {"type": "string"}, "request_id": _ID_SCHEMA}
    error = {"type": "object", "properties": parts, "required": list(parts)}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}
