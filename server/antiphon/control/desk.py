"""The desk between the surfaces and the studio: does work once, answers repeats, and passes events on in order.

A surface (OSC, HTTP) decodes a command, says which client sent it, and sends the answers back in its own form.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from antiphon.control import command_values as c
from antiphon.control.commands import ROW_OF
from antiphon.control.decode import new_request_id
from antiphon.control.events import TERMINAL, Post, mixer_message, post_for
from antiphon.control.exchange import Exchange, ExchangeKey, Exchanges
from antiphon.control.fields import Bounds, Vocabulary
from antiphon.control.messages import Message, error_message, message
from antiphon.control.performing import Performer
from antiphon.control.settling import Settling
from antiphon.domain.event import StudioEvent
from antiphon.errors import AntiphonError, Conflict
from antiphon.settings import Settings
from antiphon.studio import Studio

if TYPE_CHECKING:
    from antiphon.control.midi.surface import MidiSurface

log = logging.getLogger(__name__)

_JOB_ENDS = ("done", "failed", "cancelled")
#: All commands that start a job share one space of ids: events and `/cancel` know a job by its request id alone.
JOB = "job"


class Surface(Protocol):
    """Where messages go out. `client` None: to nobody in particular; `everyone`: to all who watch, each once."""

    def post(self, sent: Message, client: str | None, everyone: bool) -> None: ...


class Desk:
    """Takes commands from all surfaces. Every method runs in the event loop's thread."""

    def __init__(self, studio: Studio, settings: Settings, vocabulary: Vocabulary, base_url: str) -> None:
        self.studio = studio
        self.settings = settings
        self.bounds = Bounds(settings.limits, vocabulary)
        self.base_url = base_url
        self.surfaces: list[Surface] = []
        #: Counts `/current` events, so that whoever caused one by a command and also watches is told once.
        self.current_events = 0
        #: Set by the rig, where MIDI is on.
        self.midi: MidiSurface | None = None
        self._settling = Settling(self._rate_settled)
        self._performer = Performer(studio, settings, self._settling.put, base_url)
        self._exchanges = Exchanges()
        self._jobs: dict[str, Message] = {}
        #: The last word on the server's own player.
        self._player = message("/player", "off", "", "", "")
        self._cancelling: set[ExchangeKey] = set()
        self._stop_listening: Callable[[], None] = studio.listen(self._on_event)

    def add_status(self, name: str, part: Callable[[], object]) -> None:
        """Let the status have a member more: what `part` returns, as JSON has it."""
        self._performer.status_parts[name] = part

    def close(self) -> None:
        """Stop listening; ratings that have not settled yet are let go."""
        self._stop_listening()
        self._settling.close()

    async def perform(self, command: c.AnyCommand, client: str) -> list[Message]:
        """Carry out a command; the direct answers, in order. Raises from `errors`.

        A repeat of a request that does work is given the answers of the first, and what followed them. Messages that
        follow an `/ack` are held until the caller has had one turn of the loop to send it.
        """
        if isinstance(command, c.Cancel):
            return await self._cancel(command, client)
        key = _once_key(command, client)
        if key is None:
            return await self._performer.perform(command, client)
        known = self._exchanges.find(key)
        if known is None:
            return await self._perform_first(key, command, client)
        if known.request != command:
            raise Conflict(
                f"the id {key.request_id} was used for another {_noun(known.request)} before: give each request its own"
            )
        first = await asyncio.shield(known.first)
        return first + known.told

    async def _perform_first(self, key: ExchangeKey, command: c.AnyCommand, client: str) -> list[Message]:
        exchange = self._exchanges.begin(key, command)
        try:
            answers = await self._performer.perform(command, client)
        except BaseException as error:
            # No work was started: the id is free again. Whoever repeated it meanwhile gets the same error.
            self._exchanges.forget(key)
            stopping = AntiphonError("the server is stopping: send this again when it is back")
            exchange.first.set_exception(error if isinstance(error, Exception) else stopping)
            raise
        exchange.first.set_result(answers)
        asyncio.get_running_loop().call_soon(self._release, exchange, client)
        return answers

    async def _cancel(self, command: c.Cancel, client: str) -> list[Message]:
        key = ExchangeKey(client, JOB, command.request_id)
        exchange = self._exchanges.find(key)
        if exchange:
            # The request may still be on its way to the ledger: cancel it once it is there.
            await asyncio.wait([exchange.first])
        self._cancelling.add(key)
        try:
            answers = await self._performer.perform(command, client)
        finally:
            self._cancelling.discard(key)
        if exchange and not exchange.ended:
            exchange.ended = True
            exchange.told += answers
        return answers

    async def _rate_settled(self, client: str, candidate_id: str, value: float) -> None:
        rating = c.Rate("knob-" + new_request_id(), candidate_id, value)
        try:
            answers = await self._performer.rate(rating, client, gesture="knob")
        except AntiphonError as error:
            answers = [error_message("-", error)]
        for answer in answers:
            self._post(Post(answer, client, None, everyone=False))

    async def state(self) -> list[Message]:
        """The whole state between `/update 1` and `/update 0`, for a client that joins or asks for it."""
        return [
            message("/update", 1),
            message("/tempo", self.studio.tempo_bpm),
            *await self._performer.models("-"),
            *await self._current(),
            *(mixer_message(mix) for mix in self.studio.stem_mix),
            self._player,
            *self._jobs.values(),
            message("/update", 0),
        ]

    async def _current(self) -> list[Message]:
        """The candidate being auditioned, and whether it is kept."""
        current = message("/current", *self._performer.current)
        candidate_id = self._performer.current[0]
        if not candidate_id:
            return [current]
        return [current, message("/kept", candidate_id, await self.studio.is_kept(candidate_id))]

    def _on_event(self, event: StudioEvent) -> None:
        post = post_for(event, self.base_url)
        if post is None:
            return
        self._remember_state(post.message)
        if post.client is None or post.request_id is None:
            self._post(post)
            return
        key = ExchangeKey(post.client, JOB, post.request_id)
        exchange = self._exchanges.find(key)
        if post.message.address in TERMINAL and (key in self._cancelling or (exchange and exchange.ended)):
            return  # the client was told, or is about to be told, by the answer to its /cancel
        if exchange and not exchange.released:
            exchange.held.append(post.message)
            return
        self._post(post)
        if exchange:
            _note(exchange, post.message)

    def _remember_state(self, sent: Message) -> None:
        if sent.address == "/current":
            self.current_events += 1
            candidate_id, index, count = sent.values
            self._performer.current = (str(candidate_id), int(index), int(count))
        elif sent.address == "/player":
            self._player = sent
        elif sent.address == "/job":
            job_id, _, state, _ = sent.values
            self._jobs[str(job_id)] = sent
            if state in _JOB_ENDS:
                del self._jobs[str(job_id)]

    def _release(self, exchange: Exchange, client: str) -> None:
        exchange.released = True
        held, exchange.held = exchange.held, []
        for sent in held:
            self._post(Post(sent, client, None, sent.spec.event))
            _note(exchange, sent)

    def _post(self, post: Post) -> None:
        for surface in self.surfaces:
            surface.post(post.message, post.client, post.everyone)


def _note(exchange: Exchange, sent: Message) -> None:
    if sent.address != "/progress":
        exchange.told.append(sent)
    if sent.address in TERMINAL:
        exchange.ended = True


def _once_key(command: c.AnyCommand, client: str) -> ExchangeKey | None:
    """Under what a command's answers are kept; None for those that may be done again."""
    row = ROW_OF.get(type(command))
    if row is None or not row.once:
        return None
    kind = JOB if "/ack" in row.answers else row.name
    return ExchangeKey(client, kind, getattr(command, row.id_name))


def _noun(request: object) -> str:
    row = ROW_OF.get(type(request))
    return row.name if row else "request"
