"""What the studio reports, as the messages that clients get."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Generic, TypeVar
from urllib.parse import quote

from antiphon.control.messages import Message, message
from antiphon.domain.candidate import RenderedFile
from antiphon.domain.event import (
    CancelledJob,
    CurrentChanged,
    Done,
    Event,
    Failed,
    GenerationRated,
    JobChanged,
    KeptChanged,
    PartsRead,
    PlayerChanged,
    Progress,
    PromptRead,
    SongsHeard,
    StemMixChanged,
    StemReady,
    StudioEvent,
    TempoChanged,
    TransportChanged,
    VersionMade,
)
from antiphon.domain.given import BroughtParts
from antiphon.domain.mixer import StemMix
from antiphon.domain.reading import reading_to_json
from antiphon.domain.reference import Reference

T = TypeVar("T")

#: Messages after which a request is over.
TERMINAL = ("/done", "/error", "/cancelled")


@dataclass(frozen=True, slots=True)
class Post:
    """A message and whom it is for: the client that asked (None: nobody in particular), and everyone who watches."""

    message: Message
    client: str | None
    request_id: str | int | None
    everyone: bool


def file_url(base_url: str, candidate_id: str, file: RenderedFile) -> str:
    """Where a file is served over HTTP: by the candidate's id and the file's own name."""
    return f"{base_url}/files/{quote(candidate_id)}/{quote(PurePath(file.path).name)}"


def file_message(request_id: str | int, candidate_id: str, file: RenderedFile, base_url: str) -> Message:
    """`/stem` or `/mix`: where a file lies, here and over HTTP, and how long it is."""
    return message(
        "/mix" if file.stem == "mix" else "/stem", request_id, candidate_id, file.stem, file.path,
        file_url(base_url, candidate_id, file), file.frames, file.sample_rate,
    )  # fmt: skip


def post_for(event: StudioEvent, base_url: str) -> Post | None:
    """The message for an event; None for events that clients do not see."""
    if isinstance(event, Event):
        sent = _reply_for(event, base_url)
        return Post(sent, event.client, event.request_id, sent.spec.event) if sent else None
    if isinstance(event, JobChanged):
        return Post(message("/job", event.job_id, event.kind, event.state, event.fraction), None, None, True)
    if isinstance(event, CurrentChanged):
        return Post(message("/current", event.candidate_id, event.index, event.count), None, None, True)
    if isinstance(event, TempoChanged):
        return Post(message("/tempo", event.bpm), None, None, True)
    if isinstance(event, TransportChanged):
        return Post(message("/transport", event.source, event.playing, event.beats), None, None, True)
    if isinstance(event, KeptChanged):
        return Post(message("/kept", event.candidate_id, event.kept), None, None, True)
    if isinstance(event, StemMixChanged):
        return Post(mixer_message(event.mix), None, None, True)
    if isinstance(event, GenerationRated):
        rated = message("/generation", event.number, event.mean, event.ratings, event.context)
        return Post(rated, None, None, True)
    if isinstance(event, PlayerChanged):
        values = (event.state, event.candidate_id, event.device, event.message)
        return Post(message("/player", *values), None, None, True)
    return Post(message("/model/changed", event.version), None, None, True)


def mixer_message(mix: StemMix) -> Message:
    return message("/mixer", mix.stem, mix.level, mix.muted)


def _reply_for(event: Event, base_url: str) -> Message | None:
    request_id = event.request_id
    if isinstance(event, PromptRead):
        text = json.dumps(reading_to_json(event.reading), ensure_ascii=False, separators=(",", ":"))
        return message("/understood", request_id, text)
    if isinstance(event, PartsRead):
        return message(
            "/given", request_id, json.dumps(given_json(event.brought), ensure_ascii=False, separators=(",", ":"))
        )
    if isinstance(event, SongsHeard):
        heard = {"songs": [_song(each) for each in event.references], "used": dict(event.used)}
        return message("/heard", request_id, json.dumps(heard, ensure_ascii=False, separators=(",", ":")))
    if isinstance(event, Progress):
        return message("/progress", request_id, event.fraction, event.stage)
    if isinstance(event, StemReady):
        return file_message(request_id, event.candidate_id, event.file, base_url)
    if isinstance(event, Done):
        return message("/done", request_id, *(candidate.candidate_id for candidate in event.candidates))
    if isinstance(event, VersionMade):
        return message("/done", request_id, event.version)
    if isinstance(event, Failed):
        return message("/error", request_id, event.code, event.message)
    if isinstance(event, CancelledJob):
        return message("/cancelled", request_id)
    return None


def _song(reference: Reference) -> dict[str, object]:
    """What was found in a song, short enough for eight of them to fit one datagram."""
    return {"name": reference.name[:40], "bpm": reference.bpm, "key": reference.key, "start_s": reference.start_s}


def given_json(brought: BroughtParts) -> dict[str, object]:
    """What was read of MIDI files, short enough for one datagram."""
    parts = [
        {
            "stem": part.stem, "name": part.name[:40], "notes": len(part.notes), "beats": part.beats, "bpm": part.bpm,
            "meter": part.meter, "fit": fit,
        }
        for part, fit in zip(brought.parts, brought.fits, strict=True)
    ]  # fmt: skip
    return {"parts": parts, "used": dict(brought.used), "ignored": [each[:80] for each in brought.ignored[:8]]}


class Mailbox(Generic[T]):
    """A bounded queue for one event stream. Where it is not read it overflows: then `cut_off` is called
    once, to end the stream, so that a slow reader costs nothing and knows that it has missed something."""

    def __init__(self, client: str, cut_off: Callable[[], None], size: int = 512) -> None:
        self.client = client
        self.overflowed = False
        self._cut_off = cut_off
        self._queue: asyncio.Queue[T | None] = asyncio.Queue(size)

    def put(self, sent: T) -> None:
        if not self.overflowed:
            try:
                self._queue.put_nowait(sent)
            except asyncio.QueueFull:
                self.overflowed = True
                self._cut_off()

    def close(self) -> None:
        """Wake the reader with None; one that is too far behind is cut off."""
        if self._queue.full():
            self.overflowed = True
            self._cut_off()
        else:
            self._queue.put_nowait(None)

    async def get(self, timeout_s: float) -> T | None:
        """The next message; None once closed or overflowed. Raises TimeoutError."""
        if self.overflowed and self._queue.empty():
            return None
        return await asyncio.wait_for(self._queue.get(), timeout_s)
