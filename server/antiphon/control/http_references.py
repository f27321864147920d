"""Songs and MIDI files over HTTP: brought up, listed, deleted. What is sent is written to the disk as it comes, not
decoded."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from antiphon.control.desk import Desk
from antiphon.domain.given import MOST_MIDI_BYTES
from antiphon.domain.reference import UPLOAD
from antiphon.errors import InvalidRequest, LimitExceeded
from antiphon.references.folders import looks_like_audio, too_large_midi
from antiphon.references.midi_file import looks_like_midi
from antiphon.references.uploads import Arrival, Upload, Uploads

PATH = "/api/references"
BLOCK_BYTES = 1 << 18
#: Songs that arrive at the same time; who comes later is asked to wait.
MOST_AT_ONCE = 4
#: So long nothing may come before an upload is given up.
SILENCE_S = 30.0


class ReferenceRoutes:
    """`POST`, `GET /api/references` and `DELETE /api/references/{id}`."""

    def __init__(self, desk: Desk) -> None:
        limits = desk.settings.limits
        self._most_bytes = limits.reference_mb * 2**20
        self._uploads = Uploads(desk.settings.data_dir / "references", limits.references)
        self._arriving = 0

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post(PATH, self.post)
        router.add_get(PATH, self.get)
        router.add_delete(PATH + "/{upload_id}", self.delete)

    async def get(self, request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(self._uploads.all)
        return web.json_response({"references": [_as_json(each) for each in found]})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        await asyncio.to_thread(self._uploads.delete, request.match_info["upload_id"])
        return web.Response(status=204)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Take the part `file` of a form. Raises InvalidRequest, LimitExceeded, StorageFailed; then nothing is left."""
        if request.content_type != "multipart/form-data":
            raise InvalidRequest("send the song as the part `file` of a form: curl -F file=@song.flac")
        if request.content_length is not None and request.content_length > self._most_bytes + BLOCK_BYTES:
            raise self._too_large()
        if self._arriving >= MOST_AT_ONCE:
            raise LimitExceeded(f"{MOST_AT_ONCE} songs are arriving already: send this one again in a moment")
        self._arriving += 1
        try:
            return web.json_response(_as_json(await self._take(await _song_part(request))), status=201)
        except TimeoutError:
            raise InvalidRequest(f"the song stopped coming for {SILENCE_S:g} s: send it again") from None
        except (ValueError, HttpProcessingError) as error:
            raise InvalidRequest("the form is malformed: send the song as its part `file`") from error
        finally:
            self._arriving -= 1

    async def _take(self, part: BodyPartReader) -> Upload:
        block = await _block(part)
        if not block:
            raise InvalidRequest("the song is empty: send a file with something in it")
        if not (midi := looks_like_midi(block)) and not looks_like_audio(block):
            raise InvalidRequest(
                "that is no audio file that can be read here, and no MIDI file: send WAV, FLAC, Ogg, AIFF, MP3 or .mid"
            )
        name = unquote(part.filename or "song")
        arrival = await asyncio.to_thread(self._uploads.begin, name)
        most_bytes, refusal = (MOST_MIDI_BYTES, too_large_midi(name)) if midi else (self._most_bytes, self._too_large())
        try:
            return await self._receive(part, block, arrival, most_bytes, refusal)
        finally:
            # Not awaited: it must happen also where the client has gone and this task is being cancelled.
            arrival.abandon()

    @staticmethod
    async def _receive(
        part: BodyPartReader, block: bytes, arrival: Arrival, most_bytes: int, refusal: LimitExceeded
    ) -> Upload:
        received = 0
        while block:
            received += len(block)
            if received > most_bytes:
                raise refusal
            await asyncio.to_thread(arrival.write, block)
            block = await _block(part)
        if not part.at_eof():
            raise InvalidRequest("the song broke off: send it again")
        return await asyncio.to_thread(arrival.finish)

    def _too_large(self) -> LimitExceeded:
        return LimitExceeded(
            f"songs may have up to {self._most_bytes / 2**20:.0f} MiB here (setting limits.reference_mb): send a part "
            "of it, or MP3 or FLAC"
        )


async def _song_part(request: web.Request) -> BodyPartReader:
    """The form's part `file`, which must be its first."""
    form = await request.multipart()
    part = await _in_time(form.next)
    if not isinstance(part, BodyPartReader) or part.name != "file":
        raise InvalidRequest("the form has no part `file`, or not as its first: curl -F file=@song.flac")
    return part


async def _block(part: BodyPartReader) -> bytes:
    block: bytes = await _in_time(lambda: part.read_chunk(BLOCK_BYTES))
    return block


async def _in_time(read: Callable[[], Any]) -> Any:
    async with asyncio.timeout(SILENCE_S):
        return await read()


def _as_json(upload: Upload) -> dict[str, Any]:
    """A song, with what to say as `reference` to have it."""
    return dataclasses.asdict(upload) | {"reference": UPLOAD + upload.id}
