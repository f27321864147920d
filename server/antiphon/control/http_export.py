"""Projects over HTTP: one candidate, some, or everything of an evening, packed for a DAW and sent.

The project is packed into a file that has no name on the disk and is gone when it has been sent, or when the server
dies. One export is packed at a time: it keeps the disk busy, and loops that are being made come first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO

from aiohttp import web

from antiphon.control.desk import Desk
from antiphon.control.fields import ID_PATTERN, Field
from antiphon.domain.candidate import Candidate
from antiphon.errors import LimitExceeded, NotFound, OutOfRange
from antiphon.export.layout import whole
from antiphon.export.project import FORMATS, Format, export

EVENING_HOURS = 12.0
MOST_CANDIDATES = 500
BLOCK_BYTES = 1 << 18
_HOURS = Field("hours", "float", "how far back", "hours", 0, 24 * 366)


class ExportRoute:
    """`/api/export/{kind}`, with `?candidates=id,id` or `?hours=12`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._one_at_a_time = asyncio.Lock()

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Pack and send. Raises NotFound, InvalidRequest, OutOfRange, LimitExceeded, StorageFailed."""
        kind = request.match_info["kind"]
        form = FORMATS.get(kind)
        if form is None:
            raise NotFound(f"there is no project format {kind[:40]!r}: there are {', '.join(FORMATS)}")
        candidates = await self._chosen(request)
        title = _title(candidates)
        async with self._packed(candidates, kind, title) as file:
            return await _send(request, file, form, title)

    @asynccontextmanager
    async def _packed(self, candidates: list[Candidate], kind: str, title: str) -> AsyncIterator[BinaryIO]:
        async with self._one_at_a_time:
            file = await asyncio.to_thread(export, candidates, kind, title, self._desk.settings.data_dir)
        try:
            yield file
        finally:
            file.close()

    async def _chosen(self, request: web.Request) -> list[Candidate]:
        """The candidates named in the query, in that order; else those of the last hours, oldest first."""
        named = request.query.get("candidates", "")
        if named:
            ids = named.split(",")
            if len(ids) > MOST_CANDIDATES:
                raise LimitExceeded(f"at most {MOST_CANDIDATES} candidates go into one project: export the rest apart")
            if not all(map(ID_PATTERN.fullmatch, ids)):
                raise OutOfRange("candidates takes ids parted by commas, as /done or /mix gave them")
            # A candidate that is named twice would need two files of one name.
            return [await self._desk.studio.candidate(each) for each in dict.fromkeys(ids)]
        hours = _hours(request.query.get("hours"), self._desk)
        found = await self._desk.studio.candidates(MOST_CANDIDATES, time.time() - hours * 3600)
        # Of an evening, what has been deleted since is left out; who names an id is told instead.
        return await asyncio.to_thread(lambda: [each for each in reversed(found) if whole(each)])


def _hours(text: str | None, desk: Desk) -> float:
    if text is None:
        return EVENING_HOURS
    try:
        value = float(text)
    except ValueError:
        raise OutOfRange("hours takes a number, as in hours=12") from None
    return float(_HOURS.parse(value, desk.bounds))


def _title(candidates: list[Candidate]) -> str:
    if len(candidates) == 1:
        return f"antiphon-{candidates[0].candidate_id}"
    return time.strftime("antiphon-%Y-%m-%d")


async def _send(request: web.Request, file: BinaryIO, form: Format, title: str) -> web.StreamResponse:
    size = await asyncio.to_thread(lambda: file.seek(0, 2))
    await asyncio.to_thread(file.seek, 0)
    disposition = f'attachment; filename="{title}{form.ending}"'
    response = web.StreamResponse(headers={"Content-Disposition": disposition, "Cache-Control": "no-store"})
    response.content_type = form.media_type
    response.content_length = size
    await response.prepare(request)
    while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
        await response.write(block)
    await response.write_eof()
    return response
