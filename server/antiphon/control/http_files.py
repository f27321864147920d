"""Rendered files over HTTP: found by candidate id and name, sent by the kernel with ranges, HEAD and ETag.

What the client sends is only ever compared with names that we made; no path is built from it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePath

from aiohttp import web

from antiphon.control.desk import Desk
from antiphon.control.fields import ID_PATTERN
from antiphon.domain.candidate import Candidate
from antiphon.errors import NotFound

_CONTENT_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".mid": "audio/midi", ".json": "application/json"}
_MISSING = "there is no such file: /api/candidates names those there are"


class FileRoutes:
    """`/files/{candidate_id}/{name}`, where name is a file's own name, or a stem's (`drums`, `mix`, `sidecar`)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Send one file. Whatever does not name one gets the same 404."""
        parts = request.match_info["tail"].split("/")
        if len(parts) != 2 or not ID_PATTERN.fullmatch(parts[0]):
            raise NotFound(_MISSING)
        try:
            candidate = await self._desk.studio.candidate(parts[0])
        except NotFound:
            raise NotFound(_MISSING) from None
        path = _named_files(candidate).get(parts[1])
        if path is None or not await asyncio.to_thread(Path(path).is_file):
            raise NotFound(_MISSING)
        response = web.FileResponse(path)
        response.content_type = _CONTENT_TYPES.get(PurePath(path).suffix.lower(), "application/octet-stream")
        # The files of a candidate never change.
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        if "download" in request.query:
            response.headers["Content-Disposition"] = f'attachment; filename="{PurePath(path).name}"'
        return response


def _named_files(candidate: Candidate) -> dict[str, str]:
    """All names of a candidate's files, and where each lies."""
    named = {PurePath(candidate.sidecar_path).name: candidate.sidecar_path, "sidecar": candidate.sidecar_path}
    for file in (*candidate.stems, candidate.mix):
        named |= {PurePath(file.path).name: file.path, file.stem: file.path}
        if file.midi_path:
            named |= {PurePath(file.midi_path).name: file.midi_path, file.stem + ".mid": file.midi_path}
    return named
