"""Replies and events over HTTP: server-sent events and WebSocket, each with a bounded queue of its own."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from antiphon.control.commands import COMMANDS
from antiphon.control.decode import NO_ID, NoSuchAddress, decode_values
from antiphon.control.desk import Desk
from antiphon.control.events import Mailbox
from antiphon.control.http_json import client_of_request
from antiphon.control.messages import Message, error_message
from antiphon.errors import AntiphonError, InvalidRequest, LimitExceeded

HEARTBEAT_S = 15.0
MAX_STREAMS = 64
MAX_WS_MESSAGE_BYTES = 65_536
_MAX_WS_PENDING = 64


def event_json(sent: Message) -> dict[str, Any]:
    """A message as JSON: `type` is its address without the slash; JSON that a message carries as text is unpacked."""
    values = sent.named()
    if "json" in values:
        values[sent.json_name] = json.loads(values.pop("json"))
    return {"type": sent.address.removeprefix("/"), **values}


class EventStreams:
    """All open streams. Each gets the replies to its client's requests, and every event."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._mailboxes: set[Mailbox[Message]] = set()

    def post(self, sent: Message, client: str | None, everyone: bool) -> None:
        for mailbox in self._mailboxes:
            if everyone or mailbox.client == client:
                mailbox.put(sent)

    def close(self) -> None:
        """End all streams."""
        for mailbox in self._mailboxes:
            mailbox.close()

    async def sse(self, request: web.Request) -> web.StreamResponse:
        """GET /api/events: the state first, then what happens, until the client goes or falls behind."""
        mailbox = await self._open(request)
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        try:
            await response.prepare(request)
            while True:
                try:
                    sent = await mailbox.get(HEARTBEAT_S)
                except TimeoutError:
                    await response.write(b": still here\n\n")
                    continue
                if sent is None:
                    return response
                event = event_json(sent)
                await response.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        except ConnectionError:
            return response
        finally:
            self._mailboxes.discard(mailbox)

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        """GET /api/ws: the same as JSON text frames; `{"command": …, keys}` sent here is carried out too."""
        mailbox = await self._open(request)
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_WS_MESSAGE_BYTES)
        try:
            await socket.prepare(request)
            sender = asyncio.create_task(self._send_all(socket, mailbox))
            try:
                await self._receive_all(socket, mailbox)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
        finally:
            self._mailboxes.discard(mailbox)
        return socket

    async def _open(self, request: web.Request) -> Mailbox[Message]:
        if len(self._mailboxes) >= MAX_STREAMS:
            raise LimitExceeded(f"{MAX_STREAMS} event streams are open already: close one")

        def cut_off() -> None:
            # Ending it politely would mean to wait for the very reader that does not read.
            if request.transport is not None:
                request.transport.abort()

        mailbox: Mailbox[Message] = Mailbox(client_of_request(request), cut_off)
        self._mailboxes.add(mailbox)
        try:
            for sent in await self._desk.state():
                mailbox.put(sent)
        except BaseException:
            self._mailboxes.discard(mailbox)
            raise
        return mailbox

    async def _send_all(self, socket: web.WebSocketResponse, mailbox: Mailbox[Message]) -> None:
        while True:
            try:
                sent = await mailbox.get(60.0)
            except TimeoutError:
                continue
            if sent is None:
                await socket.close(message=b"the stream ended, or was not read fast enough")
                return
            await socket.send_json(event_json(sent))

    async def _receive_all(self, socket: web.WebSocketResponse, mailbox: Mailbox[Message]) -> None:
        """Carry out commands, each in its own task so that a slow one holds up none; at most 64 at once."""
        slots = asyncio.Semaphore(_MAX_WS_PENDING)
        async with asyncio.TaskGroup() as tasks:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    continue
                await slots.acquire()
                task = tasks.create_task(self._perform(frame.data, mailbox))
                task.add_done_callback(lambda _: slots.release())

    async def _perform(self, text: str, mailbox: Mailbox[Message]) -> None:
        body: dict[str, Any] = {}
        id_name = "request_id"
        try:
            body = _command_body(text)
            name = str(body.pop("command", ""))
            row = COMMANDS.get(name)
            if row is None or row.osc_only:
                raise NoSuchAddress(name, [name for name, row in COMMANDS.items() if not row.osc_only])
            id_name = row.id_name or id_name
            command = decode_values(row, body, self._desk.bounds)
            answers = await self._desk.perform(command, mailbox.client)
        except AntiphonError as error:
            request_id = body.get(id_name, NO_ID)
            answers = [error_message(request_id if isinstance(request_id, (str, int)) else NO_ID, error)]
        for answer in answers:
            mailbox.put(answer)


def _command_body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"not JSON: {str(error)[:200]}") from error
    if not isinstance(body, dict):
        raise InvalidRequest('send a JSON object, as {"command": "generate", "bpm": 93}')
    return body
