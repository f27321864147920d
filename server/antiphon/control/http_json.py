"""JSON bodies in and out: commands, candidates, jobs, and every error in one form."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from aiohttp import web

from antiphon.control.decode import NO_ID
from antiphon.control.events import file_url, given_json
from antiphon.control.osc_routes import named_client, plain_host
from antiphon.domain.candidate import Candidate, RenderedFile
from antiphon.domain.composers import composers_of
from antiphon.domain.given import brought_from_json
from antiphon.domain.job import Job
from antiphon.domain.reference import reference_to_json
from antiphon.errors import AntiphonError, InvalidRequest, OutOfRange

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CLIENT_HEADER = "X-Antiphon-Client"
#: Codes of errors that HTTP itself raises; the others are `invalid`.
#: The id that the body of the request in hand named, for its error.
request_id: ContextVar[str | int] = ContextVar("request_id", default=NO_ID)
_HTTP_CODES = {404: "unknown_address", 405: "method", 413: "limit", 401: "unauthorized", 403: "forbidden"}


def error_response(code: str, text: str, status: int) -> web.Response:
    """`{"error": {code, message, request_id}}`."""
    return web.json_response({"error": {"code": code, "message": text, "request_id": request_id.get()}}, status=status)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong, the answer is JSON in one form."""
    request_id.set(NO_ID)
    try:
        return await handler(request)
    except AntiphonError as error:
        return error_response(error.code, error.message, error.http_status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        text = {
            404: "there is nothing at this address: /docs lists what there is",
            405: f"this address does not take {request.method}: /docs lists what it takes",
            413: "the body is too large: at most 1 MiB is read",
        }.get(error.status, error.reason or "the request was not understood")
        response = error_response(_HTTP_CODES.get(error.status, "invalid"), text, error.status)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except ConnectionError:
        raise
    except Exception:
        # The outermost boundary: one request's bug must not show its insides.
        log.exception("a request failed")
        text = "something went wrong in the server: its log says what"
        return error_response("internal", text, 500)


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object in the body; an empty body is an empty object. Raises InvalidRequest."""
    raw = await request.read()
    if not raw:
        return {}
    if request.content_type != "application/json":
        raise InvalidRequest("send the body as JSON, with Content-Type: application/json")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the body is not JSON: {str(error)[:200]}") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object with the command's keys")
    return body


def client_of_request(request: web.Request) -> str:
    """Who asks: the name in the X-Antiphon-Client header, or `client` in the query (event streams have no headers).

    The same name in an OSC `/hello` from the same machine is the same client.
    """
    host = plain_host(request.remote or "")
    name = request.query.get("client") or request.headers.get(CLIENT_HEADER, "")
    if not name:
        return named_client("http", host)
    if len(name) > 64 or not name.isprintable():
        raise OutOfRange("the client's name must be at most 64 printable characters")
    return named_client(name, host)


def candidate_json(candidate: Candidate, base_url: str) -> dict[str, Any]:
    """A candidate with the URL of each of its files. Its genome is in its sidecar.

    What `evolve` made is to be rated blind: what would tell baseline from new is not said.
    """
    data = {field.name: getattr(candidate, field.name) for field in dataclasses.fields(candidate)}
    del data["genome"]
    if candidate.operator == "evolve":
        data |= {"parents": (), "model_version": ""}
    elif candidate.genome is not None:
        data["composers"] = composers_of(candidate.genome)
    if candidate.genome is not None and candidate.genome.references:
        data["references"] = [reference_to_json(each) for each in candidate.genome.references]
    return data | {
        "stems": [_file_json(candidate, file, base_url) for file in candidate.stems],
        "mix": _file_json(candidate, candidate.mix, base_url),
    }


def _file_json(candidate: Candidate, file: RenderedFile, base_url: str) -> dict[str, Any]:
    return {**dataclasses.asdict(file), "url": file_url(base_url, candidate.candidate_id, file)}


def job_json(job: Job) -> dict[str, Any]:
    """A job without who asked and under what lease; with `reading`, how its prompt was read, and `given`, how its MIDI
    files were."""
    hidden = ("client", "payload", "lease_expires_at_s")
    shown = {name: value for name, value in dataclasses.asdict(job).items() if name not in hidden}
    shown |= {"reading": job.payload["reading"]} if job.payload.get("reading") else {}
    brought = job.payload.get("brought")
    return shown | ({"given": given_json(brought_from_json(brought))} if brought else {})
